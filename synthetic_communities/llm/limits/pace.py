"""The pace of calls that a server takes without telling: learnt from what it refuses, and from what it does not.

The arithmetic, and why it is so, stands in docs/design/limits.md.
"""

from .bucket import Bucket
from .served import Served

OPENING_SECONDS = 1.0
"""How long the opening lasts, in which nothing is known of a server."""

OPENING_RATE, OPENING_DOUBLING_SECONDS = 800.0, 0.1
"""Calls a second at its beginning: few enough that a refusal is heard before many more have gone; and in what time
they double, as it gets less likely that one comes."""

LOWEST_RATE, HIGHEST_RATE = 1 / 60, 2_000.0
"""Calls a second, whatever is refused; and how many no pace is above, as nobody here sends more."""

SEARCH_GROWTHS = (1 / 16, 1 / 256)
"""What a pace grows by for every call that waited for it: while it is a guess, and once it was measured roughly."""

GROPING_GROWTH, FEWEST_CALLS = 1 / 2, 5
"""The same while not even a guess can be made, as fewer calls than that had gone through."""

DIP = 0.03
"""How far below a measured rate its pace begins."""

FLAT_PAUSES, FLAT_SECONDS, FLAT_CALLS = 10.0, 10.0, 20.0
"""How long a pace takes up to the rate measured: so many pauses, seconds or calls, whichever is the longest."""

SAVED_UP_SECONDS, SAVED_UP_SHARE = 0.25, 0.25
"""How much of a pace may be saved up: what comes in so long, or that share of what went through at once."""

MEASURED_ANEW, LEFT_ALONE = 2, 20
"""Of refusals below the rate measured, so many make it be measured anew, and then so many do not."""


class Pace:
    """How many calls a second are sent to a server, as far as its refusals tell.

    Attributes:
        measured: the rate it was measured to take, calls a second; None: nothing was measured yet.
    """

    def __init__(self, opening_rate: float = OPENING_RATE) -> None:
        """Begin with nothing known.

        Args:
            opening_rate: calls a second when the opening begins.
        """
        self.measured: float | None = None
        self._bucket: Bucket | None = None
        self._opening_rate = opening_rate
        self._served = Served()
        self._saved_up = 1.0
        self._pause_until = 0.0
        self._opened_at: float | None = None
        self._is_learnt = False
        self._is_groping = False
        self._searches = 0
        self._flat_seconds = FLAT_SECONDS
        self._is_pressed = False
        self._pressed_calls = 0
        self._contradictions = 0
        self._measured_before = 0.0

    @property
    def rate(self) -> float | None:
        """Calls a second, as learnt from refusals; None: nothing was learnt."""
        return self._bucket.rate if self._bucket is not None and self._is_learnt else None

    def wait_for(self, now: float) -> float:
        """Return how long until a call may be sent, in seconds; 0: at once."""
        if self._bucket is None:
            return 0.0
        if not self._is_learnt and self._opened_at is not None and now - self._opened_at >= OPENING_SECONDS:
            self._bucket = None
            return 0.0
        seconds = self._bucket.wait_for(1.0, now)
        self._is_pressed = self._is_pressed or seconds > 0
        return seconds

    def take(self, now: float) -> None:
        """Note that a call is sent."""
        if self._opened_at is None:
            self._opened_at = now
            self._bucket = Bucket(self._opening_rate, 1.0, level=1.0, at=now)
        self._served.note(now, self._pause_until, self.rate)
        if self._bucket is not None:
            self._bucket.take(1.0, now)
            if not self._is_learnt:
                self._bucket.rate = self._opening_rate * 2 ** ((now - self._opened_at) / OPENING_DOUBLING_SECONDS)
            elif self._is_pressed:
                self._grow(self._bucket.rate)
        self._is_pressed = False

    def refuse(self, sent_at: float, now: float, pause_seconds: float) -> bool:
        """Take in a refusal, the first of those that came together.

        Args:
            sent_at: when the call was sent.
            now: when it was refused.
            pause_seconds: how long nothing is sent now.

        Returns:
            Whether a rate explains it; if not, the server was pressed no harder than it had been measured to bear.
        """
        self._served.forget(sent_at)
        was = self.rate
        is_explained = was is None or self._searches < len(SEARCH_GROWTHS) or was > (self.measured or 0.0)
        if was is None:
            through, rate = self._served.guess(sent_at, pause_seconds)
            self._is_learnt, self._is_groping = True, through < FEWEST_CALLS
            self._saved_up = SAVED_UP_SHARE * through
        else:
            self.measured = self._measure(sent_at, was) if is_explained else self._contradict(sent_at)
            rate = self.measured * (1 - DIP)
        self._flat_seconds = max(FLAT_SECONDS, FLAT_PAUSES * pause_seconds)
        self._pressed_calls = 0
        self._pause_until = now + pause_seconds
        # Nothing is left now; but when the pause is over one call may go, as the server itself said.
        self._bucket = Bucket(1.0, 1.0, level=max(0.0, 1 - rate * pause_seconds), at=now)
        self._set(rate)
        return is_explained

    def refuse_again(self, sent_at: float) -> None:
        """Note that a call was refused together with one that was told of before."""
        if not self._served.forget(sent_at) and self._searches == 0:
            self._served.burst = max(1.0, self._served.burst - 1)

    def _grow(self, rate: float) -> None:
        """Raise the pace by what one more call that waited for it, and was not refused so far, allows."""
        self._pressed_calls += 1
        if self.measured is None or self._searches < len(SEARCH_GROWTHS):
            self._set(rate * (1 + (GROPING_GROWTH if self._is_groping else SEARCH_GROWTHS[self._searches])))
            return
        way = self._pressed_calls / max(FLAT_CALLS, self.measured * self._flat_seconds)
        self._set(self.measured * (1 + DIP * (way - 1) ** 3))

    def _set(self, rate: float) -> None:
        assert self._bucket is not None
        rate = max(LOWEST_RATE, min(HIGHEST_RATE, rate))
        self._bucket.rate = rate
        self._bucket.size = max(1.0, min(1 + SAVED_UP_SECONDS * rate, self._saved_up))

    def _measure(self, sent_at: float, rate: float) -> float:
        """Return the rate that a refusal above the one measured, or in search of one, tells."""
        _, measured = self._served.measure(sent_at)
        flow = self._served.measure_flow(sent_at)
        self._served.count_anew(sent_at)
        self._contradictions = 0
        self._searches += 1
        self._is_groping = False
        return max(measured, min(rate, flow))

    def _contradict(self, sent_at: float) -> float:
        """Return the rate to go by after a refusal below the one measured: a new one, unless that did not help."""
        assert self.measured is not None
        self._saved_up /= 2  # perhaps the server bears less at once than was thought
        through, measured = self._served.measure(sent_at)
        if through < FEWEST_CALLS:
            return self.measured
        self._served.count_anew(sent_at)
        if self._contradictions in (0, MEASURED_ANEW + LEFT_ALONE):
            self._contradictions = 0
            self._measured_before = self.measured
        self._contradictions += 1
        return min(self.measured, measured) if self._contradictions <= MEASURED_ANEW else self._measured_before
