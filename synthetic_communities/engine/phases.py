"""The same tasks with a barrier between steps: how such a run is usually laid out, for comparison and for teaching."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace

from .ledger import Task
from .plan import QuestionPlace, StatementPlace

BARRIER = "barrier"
"""Step of the gates that stand between phases."""


def lay_out_in_phases(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Return a plan in which nobody begins a step before everybody has ended the one before.

    A phase is one step of one epoch, in a debate one step of one question; the turns of all conversations are one, so
    that no barrier stands inside a conversation. The tasks, their keys and their order stay what they were, and so
    does the record.

    Args:
        tasks: a plan, whose steps first come in the order in which they take place.
    """
    phases: dict[Hashable, list[str]] = {}
    for task in tasks:
        if task.is_act:
            phases.setdefault(_phase_of(task), []).append(task.key)
    barriers = tuple(_barriers(phases.values()))
    before = dict(zip([*phases][1:], barriers, strict=False))
    return (*barriers, *(_behind(task, before.get(_phase_of(task))) for task in tasks))


def _phase_of(task: Task) -> Hashable:
    about = task.about.question if isinstance(task.about, StatementPlace) else task.about
    return task.epoch, task.step, about if isinstance(about, QuestionPlace) else None


def _barriers(phases: Iterable[Sequence[str]]) -> Iterator[Task]:
    """Yield a gate behind every phase, which the gate behind the next one waits for."""
    before: tuple[str, ...] = ()
    for number, keys in enumerate(phases):
        barrier = Task(f"{BARRIER}/{number}", BARRIER, waits_for=(*before, *keys), is_act=False)
        yield barrier
        before = (barrier.key,)


def _behind(task: Task, barrier: Task | None) -> Task:
    if barrier is None or not task.is_act:
        return task
    return replace(task, waits_for=(*task.waits_for, barrier.key))
