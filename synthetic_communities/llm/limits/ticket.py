"""A call as a limiter sees it: what it needs, and how it ended."""

import math
from dataclasses import dataclass, field
from typing import Literal

from ..model import Usage
from .allowance import Reckoning
from .headers import Counted, RateFact


@dataclass(slots=True, eq=False)
class Ticket:
    """One call: what it needs, and, once it may go, since when it is under way.

    Attributes:
        characters: of its prompt.
        room_tokens: of its reply, at most.
        granted_at: when it was let go, in seconds on the limiter's clock.
        position: how many calls had been let go with it.
        input_tokens: what its prompt was expected to come to.
        output_tokens: what its reply was expected to come to.
        reckonings: what was taken to be left of each limit that was told of.
    """

    characters: int = 0
    room_tokens: int = 0
    granted_at: float = -math.inf
    position: int = 0
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    reckonings: dict[Counted, Reckoning] | None = None

    def cost(self, counted: Counted) -> float:
        """Return what it takes of what is counted."""
        match counted:
            case "requests":
                return 1.0
            case "input tokens":
                return self.input_tokens
            case "output tokens":
                return self.output_tokens
        return self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended, as far as limits are concerned.

    Attributes:
        kind: `served`; `refused`, as too many came in a time; `crowded`, as too many came at once; or `other`, which
            tells nothing.
        reason: what the server said, in a few words.
        retry_after_seconds: how long it asked to wait; None: it did not say.
        rates: what it told of its limits.
        usage: tokens; None: not counted.
    """

    kind: Literal["served", "refused", "crowded", "other"]
    reason: str = ""
    retry_after_seconds: float | None = field(default=None, kw_only=True)
    rates: tuple[RateFact, ...] = field(default=(), kw_only=True)
    usage: Usage | None = field(default=None, kw_only=True)

    @property
    def is_refusal(self) -> bool:
        """Whether the call was refused for a limit."""
        return self.kind in ("refused", "crowded")


OTHER = Ending("other")
