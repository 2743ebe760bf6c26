"""The pictures of one run."""

from typing import TYPE_CHECKING

from ..record import Record
from ..roster import find_person
from .beliefs import draw_beliefs
from .person import draw_person
from .sheet import require_matplotlib
from .votes import draw_votes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Plots:
    """The pictures of one run, each a new `matplotlib.figure.Figure`, made for paper: nothing is told by colour.

    A notebook shows them as they are; `figure.savefig(path)` writes them in any format that matplotlib knows.
    """

    def __init__(self, record: Record) -> None:
        self._record = record

    def __repr__(self) -> str:
        return "<pictures: beliefs(), votes(), person(id)>"

    def beliefs(self) -> "Figure":
        """Return how the stances on every topic are distributed at the opening and at the ends of the epochs.

        Raises:
            UsageError: matplotlib is not installed.
        """
        require_matplotlib()
        return draw_beliefs(self._record)

    def votes(self) -> "Figure":
        """Return how first choices flow from the opening through the epochs into the ballots.

        The heights of each column are numbers of people, and sum to everybody.

        Raises:
            UsageError: matplotlib is not installed.
        """
        require_matplotlib()
        return draw_votes(self._record)

    def person(self, person_id: str) -> "Figure":
        """Return the way one person went: its stances and its first choice after every step, and its ballot.

        Args:
            person_id: the id, or a name that only one of the people has.

        Raises:
            UsageError: matplotlib is not installed; nobody is meant, or several are.
        """
        require_matplotlib()
        return draw_person(self._record, find_person(self._record.people, person_id))
