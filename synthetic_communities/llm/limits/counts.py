"""Limits that somebody tells of: the server in its headers, or the user in the configuration."""

from ..model import Usage
from .allowance import Allowance, Reckoning
from .bucket import Bucket
from .headers import Counted, RateFact
from .ticket import Ending, Ticket

CHARACTERS_PER_TOKEN = 4.0
"""What a token is taken for until replies tell."""

MOST_TOKENS_PER_CHARACTER, UNSEEN_TOKENS = 4, 40_000
"""What is believed of a count at most, so that a wrong one stops nothing for long: a token is a byte at least, and what
is not in the texts (a schema, a template, thinking) has so many tokens at most."""

SMOOTHING = 0.1
"""What one reply counts for in what tokens are expected of the next request."""

SAVED_UP_SECONDS, SAVED_UP_REQUESTS = 0.25, 10.0
"""How much of what the user allows a minute may be saved up: what comes in so long, and of requests at most so many.

Less than a server is likely to save up; enough for what comes late out of a busy loop.
"""

RESERVED_REQUESTS = 2.0
"""What is left unused of requests: one as servers differ in whether they count the call they answer, one for chance."""


class Counts:
    """Everything that is counted, and what a call is expected to take of it."""

    def __init__(self) -> None:
        """Begin with nothing told."""
        self._given: dict[Counted, tuple[float, Bucket]] = {}
        self._told: dict[Counted, Allowance] = {}
        self._first_position: dict[Counted, int] = {}
        self._input_ratio = self._output_ratio = 1.0

    def give(self, counted: Counted, per_minute: float, now: float) -> bool:
        """Hold to so much a minute from here on, and return whether that is another limit than before."""
        if counted in self._given and self._given[counted][0] == per_minute:
            return False
        size = measure_saved_up(counted, per_minute)
        self._given[counted] = per_minute, Bucket(per_minute / 60, size, level=size, at=now)
        return True

    def wait_for(self, ticket: Ticket, now: float) -> float:
        """Return how long until all of them let a call go, in seconds; 0: at once."""
        if not self._given and not self._told:
            return 0.0
        self._expect(ticket)
        waits = [bucket.wait_for(ticket.cost(counted), now) for counted, (_, bucket) in self._given.items()]
        waits += [allowance.wait_for(ticket.cost(counted), now) for counted, allowance in self._told.items()]
        return max(waits)

    def take(self, ticket: Ticket, now: float) -> None:
        """Note that a call goes, for which `wait_for` has just said that it may."""
        for counted, (_, bucket) in self._given.items():
            bucket.take(ticket.cost(counted), now)
        if self._told:
            ticket.reckonings = {
                counted: allowance.take(ticket.cost(counted), now) for counted, allowance in self._told.items()
            }

    def settle(self, ticket: Ticket, usage: Usage, now: float) -> None:
        """Put right what was expected of a call, and learn from it what to expect."""
        if usage.prompt_tokens is None or usage.output_tokens is None:
            return
        read = min(usage.prompt_tokens, ticket.characters * MOST_TOKENS_PER_CHARACTER + UNSEEN_TOKENS)
        written = min(usage.output_tokens, ticket.room_tokens + UNSEEN_TOKENS)
        if "tokens" in self._given:
            self._given["tokens"][1].take(read + written - ticket.cost("tokens"), now)
        if ticket.characters:
            ratio = read * CHARACTERS_PER_TOKEN / ticket.characters
            self._input_ratio += SMOOTHING * (ratio - self._input_ratio)
        if ticket.room_tokens:
            self._output_ratio += SMOOTHING * (written / ticket.room_tokens - self._output_ratio)

    def hear(self, ticket: Ticket, fact: RateFact, position: int, now: float, *, is_refused: bool) -> str:
        """Take in what an answer told, and return what is new with that, in words; else nothing.

        Args:
            ticket: the call it answered.
            fact: what it told.
            position: how many calls have been let go by now.
            now: when it came.
            is_refused: whether it is a refusal.
        """
        if fact.counted not in self._told:
            reserve = RESERVED_REQUESTS if fact.counted == "requests" else 0.0
            self._told[fact.counted] = Allowance(reserve=reserve)
            self._first_position[fact.counted] = position
        told = self._told[fact.counted]
        was_disproved = told.is_disproved
        is_new = told.tell(
            fact,
            self._reckoning(ticket, fact.counted),
            position=ticket.position,
            sent_at=ticket.granted_at,
            now=now,
            is_refused=is_refused,
        )
        if told.is_disproved and not was_disproved:
            return f"calls are served although the server tells that no {fact.counted} are left"
        return f"the server tells of a limit of {fact.limit:,} {fact.counted}" if is_new else ""

    def _reckoning(self, ticket: Ticket, counted: Counted) -> Reckoning:
        """Return what was reckoned when a call went; of one that went before anything was told, what was used since."""
        found = ticket.reckonings.get(counted) if ticket.reckonings else None
        if found is not None:
            return found
        self._expect(ticket)
        return Reckoning((ticket.position - self._first_position[counted]) * ticket.cost(counted), None, 0.0)

    def _expect(self, ticket: Ticket) -> None:
        ticket.input_tokens = ticket.characters / CHARACTERS_PER_TOKEN * self._input_ratio
        ticket.output_tokens = ticket.room_tokens * self._output_ratio


def measure_saved_up(counted: Counted, per_minute: float) -> float:
    """Return how much of what the user allows a minute may go at once: it is there from the beginning."""
    size = max(1.0, per_minute / 60 * SAVED_UP_SECONDS)
    return min(size, SAVED_UP_REQUESTS) if counted == "requests" else size


def is_explained(ticket: Ticket, ending: Ending) -> bool:
    """Say whether the headers of a refusal explain it: less was left of something than the call takes."""
    return any(fact.remaining < ticket.cost(fact.counted) for fact in ending.rates)
