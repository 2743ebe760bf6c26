"""How long a server has refused everything: some do so for the rest of a day, and ask for half a minute each time."""

import math

LONGEST_REFUSED_SECONDS = 900.0
"""How long everything may be refused before nobody asks any more; longer than a call usually takes in all, so that
what was under way when it began has been served by then, if it is at all."""

FORGOTTEN_SECONDS = 300.0
"""After how long without a refusal the next one begins anew: meanwhile nobody may have asked."""


class Refused:
    """Times refusals between which nothing was served."""

    __slots__ = ("_last_at", "_since")

    def __init__(self) -> None:
        """Begin with none."""
        self._since = self._last_at = -math.inf

    @property
    def seconds(self) -> float:
        """How long everything was refused, up to the last refusal."""
        return self._last_at - self._since if self._since > -math.inf else 0.0

    def refuse(self, now: float) -> None:
        """Note a refusal."""
        if self._since == -math.inf or now - self._last_at > FORGOTTEN_SECONDS:
            self._since = now
        self._last_at = now

    def serve(self) -> None:
        """Note that something was served."""
        self._since = -math.inf
