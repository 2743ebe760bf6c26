"""What leads to what in a plan, small enough for plans of millions of tasks."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate


class Links:
    """For each place in a plan the places it is linked to, in two flat arrays: four bytes a link, four a place."""

    def __init__(self, linked: Iterable[Iterable[int]]) -> None:
        """Take the places that each place is linked to, place by place."""
        self._links = array("i")
        self._ends = array("i", [0])
        for places in linked:
            self._links.extend(places)
            self._ends.append(len(self._links))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, place: int) -> Sequence[int]:
        """Return what a place is linked to."""
        return self._links[self._ends[place] : self._ends[place + 1]]

    def count(self, place: int) -> int:
        """Return how many links a place has."""
        return self._ends[place + 1] - self._ends[place]

    def turned_round(self) -> "Links":
        """Return the same links the other way: for each place those that are linked to it, in order."""
        numbers = array("i", bytes(4 * len(self)))
        for place in self._links:
            numbers[place] += 1
        turned = Links(())
        turned._ends.extend(accumulate(numbers))
        turned._links.frombytes(bytes(4 * len(self._links)))
        free = turned._ends[:-1]
        for place in range(len(self)):
            for linked in self[place]:
                turned._links[free[linked]] = place
                free[linked] += 1
        return turned
