"""When calls were sent that a server did not refuse, and at what rate it let them through."""

from collections import deque

REMEMBERED_CALLS = 512
"""Of how many calls it is remembered when they were sent."""

WINDOW_SECONDS = 60.0
"""How far back a first guess looks: limits are told by the minute."""

SHORTEST_SECONDS = 0.05
"""Over less no rate is measured."""


class Served:
    """The calls of late that were let through, or may yet be.

    Attributes:
        burst: how many went through before the first refusal: what the server may have saved up, at most.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.burst = 1.0
        self._sent: deque[float] = deque(maxlen=REMEMBERED_CALLS)
        self._counted_from: float | None = None
        self._counted = 0

    def note(self, now: float, idle_since: float, rate: float | None) -> None:
        """Note that a call is sent.

        Args:
            now: when.
            idle_since: from when on one might have been sent, had there been one. That time does not count where the
                store was full, as nothing flowed in.
            rate: how many go a second; None: any number.
        """
        if rate is not None and self._sent and self._counted_from is not None:
            last = self._sent[-1]
            self._counted_from += max(0.0, min(now - max(last, idle_since), now - last - self.burst / rate))
        self._sent.append(now)
        self._counted += 1

    def forget(self, sent_at: float) -> bool:
        """Note that a call was refused, so that it counts as not sent; return whether it is among those counted."""
        if sent_at in self._sent:
            self._sent.remove(sent_at)
        is_counted = self._counted_from is None or sent_at > self._counted_from
        self._counted -= is_counted
        return is_counted

    def guess(self, sent_at: float, pause_seconds: float) -> tuple[int, float]:
        """Return how many calls went through up to a first refusal, and a guess at a rate.

        It is what went through, spread over the time up to when the server wants to be asked again; exact where it
        counts by the minute and says when that is over. Counting begins here.
        """
        window = [sent for sent in self._sent if sent_at - WINDOW_SECONDS <= sent <= sent_at]
        self.burst = max(1.0, float(len(window)))
        self.count_anew(sent_at)
        seconds = (sent_at - window[0] if window else 0.0) + pause_seconds
        return len(window), max(1, len(window)) / max(SHORTEST_SECONDS, seconds)

    def measure(self, sent_at: float) -> tuple[int, float]:
        """Return how many calls went through since counting began, and the rate that makes.

        It is exact between two refusals, as there was nothing left at either; and too low if the server's store was
        full in between though calls went.
        """
        assert self._counted_from is not None
        through = self._counted - sum(sent > sent_at for sent in self._sent)
        return through, max(1, through) / max(SHORTEST_SECONDS, sent_at - self._counted_from)

    def measure_flow(self, sent_at: float) -> float:
        """Return the rate from what went through in any stretch up to now, less what may have been saved up before it.

        It is exact if the store was full when one of the stretches began, and else too low.
        """
        window = [sent for sent in self._sent if sent <= sent_at]
        found = (
            (len(window) - index - self.burst) / (sent_at - sent)
            for index, sent in enumerate(window)
            if sent_at - sent >= SHORTEST_SECONDS
        )
        return max(found, default=0.0)

    def count_anew(self, sent_at: float) -> None:
        """Begin to count at a refusal, of a call sent then."""
        self._counted_from = sent_at
        self._counted = sum(sent > sent_at for sent in self._sent)
