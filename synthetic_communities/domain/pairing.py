"""Who talks with whom, for how long, and who posts: drawn, before anything happens."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from .chance import Chance


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation to be had.

    Attributes:
        first: id of who speaks first.
        second: id of who answers.
        rounds: how many times each of the two speaks, at least once.
    """

    first: str
    second: str
    rounds: int

    @property
    def turns(self) -> tuple[tuple[str, str], ...]:
        """Speaker and listener of every turn, in order."""
        return ((self.first, self.second), (self.second, self.first)) * self.rounds


def draw_conversations(
    ids: Iterable[str], chance: Chance, rounds_mean: int, rounds_half_range: int
) -> tuple[Conversation, ...]:
    """Return pairs in which everybody talks with one other, but for one person of an odd number.

    The number of rounds is drawn evenly from the whole numbers in `rounds_mean` plus or minus `rounds_half_range`
    that are at least 1.
    """
    order = chance.shuffle("pairs", ids)
    stream = chance.stream("rounds")
    fewest, most = max(1, rounds_mean - rounds_half_range), max(1, rounds_mean + rounds_half_range)
    pairs = zip(order[::2], order[1::2], strict=False)
    return tuple(Conversation(first, second, stream.randint(fewest, most)) for first, second in pairs)


def draw_posters(ids: Iterable[str], chance: Chance, post_probability: float) -> tuple[str, ...]:
    """Return the ids of who posts, in the order given; each one's draw is from its own stream `post`."""
    return tuple(who for who in ids if replace(chance, who=who).draw("post") < post_probability)


def draw_sample(count: int, size: int, chance: Chance) -> Sequence[int]:
    """Return `size` of the places 0 to `count` - 1, drawn without replacement from the stream `sample`, in order."""
    return sorted(chance.stream("sample").sample(range(count), size))
