"""When an act takes place: inside a run by its task, outside by counting calls."""

from dataclasses import dataclass

from ..domain.key import key_part


@dataclass(frozen=True, slots=True)
class Occasion:
    """When an act takes place.

    Attributes:
        key: the task's key.
        epoch: from 0; outside a run the number of the call of the verb, from 0.
    """

    key: str
    epoch: int = 0


class Calls:
    """How often each verb of one agent was called by hand: the n-th call takes n - 1 for the epoch."""

    __slots__ = ("_counts", "_who")

    def __init__(self, who: str) -> None:
        self._who = who
        self._counts: dict[str, int] = {}

    def next(self, verb: str) -> Occasion:
        """Return the occasion of the next call of a verb."""
        number = self._counts.get(verb, 0)
        self._counts[verb] = number + 1
        return Occasion(f"own{number}/{verb}/{key_part(self._who)}", number)
