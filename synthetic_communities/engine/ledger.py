"""What may start next: a pure state machine over tasks and what they wait for."""

import heapq
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from .links import Links

State = Literal["waiting", "ready", "executing", "done", "not_asked", "failed", "skipped"]
EndState = Literal["done", "not_asked", "failed", "skipped"]
ENDED: tuple[EndState, ...] = get_args(EndState)


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work and what it waits for.

    Attributes:
        key: unique in a plan, readable, made of ids.
        step: what is to be done; the engine does not look at it.
        about: whom and what it is about; the engine does not look at it either.
        epoch: the epoch it belongs to.
        waits_for: keys that must have ended, done or not, before this may start.
        needs: keys that must have ended well, else this is skipped.
        needs_any: keys of which one must have ended well, else this is skipped; empty: no such need.
        is_act: True if an agent is asked, which takes a place under the limit; False for bookkeeping between acts.
    """

    key: str
    step: str
    about: Any = field(default=None, kw_only=True)
    epoch: int = field(default=0, kw_only=True)
    waits_for: tuple[str, ...] = field(default=(), kw_only=True)
    needs: tuple[str, ...] = field(default=(), kw_only=True)
    needs_any: tuple[str, ...] = field(default=(), kw_only=True)
    is_act: bool = field(default=True, kw_only=True)


@dataclass(frozen=True, slots=True)
class TaskStory:
    """What is known of one task.

    Attributes:
        task: the task.
        state: how far it is.
        waits_for: everything it waits for, or waited for, and how far that is.
        followers: keys of what waits for it.
        path_ahead: acts on the longest path from here to the end of the plan, itself among them.
        cause: key of the task at the root of why it was skipped; empty if it was not.
    """

    task: Task
    state: State
    waits_for: Mapping[str, State] = field(kw_only=True)
    followers: tuple[str, ...] = field(kw_only=True)
    path_ahead: int = field(kw_only=True)
    cause: str = field(kw_only=True)


class Ledger:
    """The state of every task of a plan: no clock, no I/O, no randomness.

    Of the tasks that are ready, the one with the longest path still ahead of it goes first: the end of the run waits
    for that path. Equal ones go in the order of the plan. A task whose needs are not met is handed out like any
    other; `missing_need` then names why it cannot be tried.
    """

    def __init__(self, tasks: Iterable[Task]) -> None:
        """Take a plan.

        Raises:
            ValueError: a key given twice, or a wait for a key that is not in the plan.
        """
        self.tasks: Sequence[Task] = tuple(tasks)
        self._order = {task.key: place for place, task in enumerate(self.tasks)}
        if len(self._order) != len(self.tasks):
            raise ValueError(f"a plan holds a key twice: {_first_repeated(self.tasks)}")
        self._states: list[State] = ["waiting"] * len(self.tasks)
        self._causes: dict[int, str] = {}
        awaited = Links(self._awaited(task) for task in self.tasks)
        self._open_waits = array("i", map(awaited.count, range(len(awaited))))
        self._followers = awaited.turned_round()
        self._ready_acts: list[tuple[int, int]] = []
        self._ready_bookkeeping: list[int] = []
        self.unfinished = len(self.tasks)
        self._paths_ahead = measure_paths_ahead([task.is_act for task in self.tasks], awaited, self._followers)
        for place, waits in enumerate(self._open_waits):
            if not waits:
                self._make_ready(place)

    def _awaited(self, task: Task) -> set[int]:
        return {self._place(key, task) for key in (*task.waits_for, *task.needs, *task.needs_any)}

    def _place(self, key: str, waiting: Task) -> int:
        try:
            return self._order[key]
        except KeyError:
            raise ValueError(f"{waiting.key} waits for {key}, which is not in the plan") from None

    def order(self, key: str) -> int:
        """Return the place of a task in the plan, from 0: the key order of the record."""
        return self._order[key]

    def state(self, key: str) -> State:
        """Return the state of a task."""
        return self._states[self._order[key]]

    def path_ahead(self, key: str) -> int:
        """Return the acts on the longest path from a task to the end of the plan, itself among them."""
        return self._paths_ahead[self._order[key]]

    def story(self, key: str) -> TaskStory:
        """Return what is known of a task, for messages and for whoever wonders what it waits for."""
        place = self._order[key]
        task = self.tasks[place]
        return TaskStory(
            task,
            self._states[place],
            waits_for={self.tasks[earlier].key: self._states[earlier] for earlier in sorted(self._awaited(task))},
            followers=tuple(self.tasks[later].key for later in self._followers[place]),
            path_ahead=self._paths_ahead[place],
            cause=self._causes.get(place, ""),
        )

    def count_states(self) -> Counter[State]:
        """Return how many tasks are in which state."""
        return Counter(self._states)

    def validate(self) -> None:
        """Check that what the ledger keeps agrees with itself.

        Raises:
            ValueError: it does not; the message names the task.
        """
        ready = Counter([place for _, place in self._ready_acts] + self._ready_bookkeeping)
        for place, task in enumerate(self.tasks):
            state = self._states[place]
            waits = sum(self._states[earlier] not in ENDED for earlier in self._awaited(task))
            is_due = state != "waiting"
            if waits != self._open_waits[place] or (waits == 0) != is_due or ready[place] != (state == "ready"):
                raise ValueError(
                    f"{task.key} is {state}, waits for {waits} tasks, and is handed out {ready[place]} times"
                )
        if self.unfinished != sum(state not in ENDED for state in self._states):
            raise ValueError(f"{self.unfinished} tasks are said to be unfinished")

    def take(self, *, acts_allowed: bool) -> Task | None:
        """Return the next ready task, now executing, or None if there is none; acts only if they are allowed."""
        if self._ready_bookkeeping:
            return self._start(heapq.heappop(self._ready_bookkeeping))
        if acts_allowed and self._ready_acts:
            return self._start(heapq.heappop(self._ready_acts)[1])
        return None

    def urgency(self, *, acts_allowed: bool) -> int:
        """Return the path ahead of what `take` would return, above any of them for bookkeeping; 0 if there is none."""
        if self._ready_bookkeeping:
            return len(self.tasks) + 1
        return -self._ready_acts[0][0] if acts_allowed and self._ready_acts else 0

    def missing_need(self, task: Task) -> str | None:
        """Return the key at the root of why an executing task cannot be tried, or None if it can."""
        for key in task.needs:
            if self.state(key) != "done":
                return self._root_cause(key)
        if task.needs_any and all(self.state(key) != "done" for key in task.needs_any):
            return self._root_cause(task.needs_any[0])
        return None

    def end(self, task: Task, state: EndState, cause: str = "") -> None:
        """Note that an executing task has ended; what waited for it alone becomes ready."""
        place = self._order[task.key]
        if self._states[place] != "executing":
            raise ValueError(f"{task.key} cannot end: it is {self._states[place]}")
        self._states[place] = state
        if cause:
            self._causes[place] = cause
        self.unfinished -= 1
        for follower in self._followers[place]:
            self._open_waits[follower] -= 1
            if not self._open_waits[follower]:
                self._make_ready(follower)

    def stuck(self) -> list[str]:
        """Return the keys of tasks that have not ended, in order."""
        return [task.key for task, state in zip(self.tasks, self._states, strict=True) if state in ("waiting", "ready")]

    def _start(self, place: int) -> Task:
        self._states[place] = "executing"
        return self.tasks[place]

    def _make_ready(self, place: int) -> None:
        self._states[place] = "ready"
        if self.tasks[place].is_act:
            heapq.heappush(self._ready_acts, (-self._paths_ahead[place], place))
        else:
            heapq.heappush(self._ready_bookkeeping, place)

    def _root_cause(self, key: str) -> str:
        return self._causes.get(self._order[key], key)


def measure_paths_ahead(is_act: Sequence[bool], awaited: Links, followers: Links) -> "array[int]":
    """Return for each task the acts on the longest path from it to the end, itself among them if it is one.

    Args:
        is_act: task by task, whether it counts.
        awaited: task by task, those it waits for.
        followers: task by task, those that wait for it. Who waits in a circle gets 0.
    """
    paths = array("i", bytes(4 * len(is_act)))
    open_followers = array("i", map(followers.count, range(len(followers))))
    free = [place for place, number in enumerate(open_followers) if not number]
    while free:
        place = free.pop()
        paths[place] = is_act[place] + max((paths[later] for later in followers[place]), default=0)
        for before in awaited[place]:
            open_followers[before] -= 1
            if not open_followers[before]:
                free.append(before)
    return paths


def _first_repeated(tasks: Iterable[Task]) -> str:
    seen: set[str] = set()
    for task in tasks:
        if task.key in seen:
            return task.key
        seen.add(task.key)
    return ""
