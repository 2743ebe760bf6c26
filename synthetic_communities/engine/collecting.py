"""How often Python looks for rubbish while acts are under way."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 10_000
"""After so many new objects, less those that are gone, it is looked whether some are kept by each other only."""


class _Apart:
    """Who builds what is kept, from any thread, and whether Python was looking for rubbish before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._builders = 0
        self._was_enabled = False

    def begin(self) -> None:
        """Have it not looked any more, from the first who wants that on."""
        with self._lock:
            self._builders += 1
            if self._builders == 1:
                self._was_enabled = gc.isenabled()
                gc.disable()

    def end(self) -> None:
        """Have it looked again when the last has left, if it was before the first came."""
        with self._lock:
            self._builders -= 1
            if not self._builders and self._was_enabled:
                gc.enable()


_apart = _Apart()


@contextmanager
def not_collecting() -> Iterator[None]:
    """Have Python not look for rubbish in here, where much is built and all of it is kept, such as people or a plan.

    Each time it would look through everything there is by then, which grows faster than what is built.
    """
    _apart.begin()
    try:
        yield
    finally:
        _apart.end()


class _Rarely:
    """Who wants it to be looked rarely, from any thread, and how often it was before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted_by = 0
        self._before = (0, 0, 0)
        self._has_set_aside = False

    def begin(self) -> None:
        """Have it looked rarely, and what there is passed over, from the first who wants that on."""
        with self._lock:
            self._wanted_by += 1
            if self._wanted_by == 1:
                self._before = gc.get_threshold()
                if 0 < self._before[0] < NEW_OBJECTS:  # 0 is never, and more is rarer still
                    gc.set_threshold(NEW_OBJECTS, *self._before[1:])
                self._set_aside()

    def end(self) -> None:
        """Have all as it was before the first when the last has left, unless somebody else has set it meanwhile."""
        with self._lock:
            self._wanted_by -= 1
            if not self._wanted_by and gc.get_threshold()[0] == NEW_OBJECTS:  # else somebody has set it meanwhile
                gc.set_threshold(*self._before)
            if not self._wanted_by and self._has_set_aside:
                gc.unfreeze()

    def _set_aside(self) -> None:
        """Have what there is already passed over, unless somebody has done so and may count on it."""
        self._has_set_aside = gc.isenabled() and not gc.get_freeze_count()
        if self._has_set_aside:
            gc.freeze()


_rarely = _Rarely()


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Have Python look for rubbish rarely in here, and as often as before when the last who wants that has left.

    What hundreds of calls under way hold is all in use. With CPython's own setting it is looked through so often that
    this takes a fifth of the processor time of a run. What there was before, the people and the plan, is not looked
    through at all meanwhile: of a large community that is most of what there is. Objects that nothing refers to go at
    once, as ever.
    """
    _rarely.begin()
    try:
        yield
    finally:
        _rarely.end()
