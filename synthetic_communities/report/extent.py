"""How far a run came."""

from dataclasses import dataclass, field

from .text import count_of


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a run came.

    Attributes:
        status: `complete`, `interrupted`, `stopped` or `failed`; None: the run goes on, or was killed.
        epochs: number of epochs asked for.
        epochs_ended: number of epochs in the record.
        has_ballots: whether there was a ballot.
        damaged: number of places that could not be read and were passed over.
    """

    status: str | None
    epochs: int = field(kw_only=True)
    epochs_ended: int = field(kw_only=True)
    has_ballots: bool = field(kw_only=True)
    damaged: int = field(default=0, kw_only=True)

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        return self.status == "complete"

    def __str__(self) -> str:
        """Return why a run is partial, and how far it came; that it is complete, if it is."""
        ended = f"{self.epochs_ended:,} of {count_of(self.epochs, 'epochs')} ended"
        ballots = "the ballots are in" if self.has_ballots else "no ballot was held"
        if self.is_complete:
            return f"Complete: {ended}, {ballots}."
        why = self.status if self.status in ("interrupted", "failed", "stopped") else "still running, or killed"
        return f"Partial ({why}): {ended}, {ballots}."


def spell_damaged(number: int, what: str) -> str:
    """Return how many places could not be read, and of what the rest is; empty if there are none.

    Args:
        number: how many places.
        what: what is shown, in the plural: `the figures`.
    """
    return f"Damaged: {count_of(number, 'places')} could not be read; {what} are of what could." if number else ""
