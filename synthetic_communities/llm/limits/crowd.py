"""How many calls at once a server bears, where it says that they are too many."""

SHRINK = 0.7
"""What is left of the calls at once when the server says that they are too many."""

FEW = 8
"""So many at once are taken to have been borne so far, even if there were fewer: one busy moment is no measure."""

GROWTH = 0.05
"""The share by which they grow again, at least one call, whenever as many as there may be were answered."""


class Crowd:
    """How many calls there may be at once: shrinks by a factor, grows by steps.

    Attributes:
        limit: how many there may be at once, at least 1.
        most: how many there may ever be.
    """

    def __init__(self, most: int) -> None:
        """Begin with as many as there may ever be."""
        self.limit = most
        self.most = most
        self._answered = 0
        self._is_pressed = False
        self._peak = 0

    @property
    def is_limited(self) -> bool:
        """Whether the server has said that as many as there may ever be are too many, and they have not grown back."""
        return self.limit < self.most

    def has_room(self, under_way: int) -> bool:
        """Say whether one more may be under way."""
        if under_way < self.limit:
            return True
        self._is_pressed = True
        return False

    def allow(self, most: int) -> None:
        """Let there be more, if this is more than there might be so far."""
        if most > self.most:
            if self.limit == self.most:
                self.limit = most
            self.most = most

    def enter(self, under_way: int) -> None:
        """Note that one more is under way, and how many that makes."""
        if under_way > self._peak:
            self._peak = under_way

    def shrink(self) -> None:
        """Shrink to a share of the most that were under way since the last time."""
        self.limit = max(1, int(SHRINK * min(self.limit, max(self._peak, FEW))))
        self._answered = self._peak = 0
        self._is_pressed = False

    def answer(self) -> bool:
        """Note that a call was answered, and return whether there may be more of them now."""
        if self.limit >= self.most:
            return False
        self._answered += 1
        if self._answered < self.limit:
            return False
        has_grown, self._answered = self._is_pressed, 0
        if has_grown:
            self.limit = min(self.most, self.limit + max(1, int(GROWTH * self.limit)))
            self._is_pressed = False
        return has_grown
