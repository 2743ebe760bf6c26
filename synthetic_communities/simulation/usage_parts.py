"""What calls of models took, by part of the run and by who acted."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..candidate import Candidate
from ..engine.ledger import Task
from ..llm.call_log import CallEntry, measure_totals
from ..llm.money.costs import measure_cost
from ..llm.money.prices import Prices
from ..mediator import Mediator
from ..persona import Persona
from ..runs.directory import USAGE_BY_AGENT, encode_line, write_text
from .expectation import find_actor

OPENING, BALLOT, OTHER = "opening", "ballot", "other"

KINDS = {Persona: "person", Candidate: "candidate", Mediator: "mediator"}
"""What somebody is to what the file calls it, in the order in which it lists them."""

Agent = tuple[str, str]
"""Kind and id."""


def split_by_part(entries: Iterable[CallEntry]) -> dict[str, list[CallEntry]]:
    """Return calls by part of the run, in order: `opening`, `e0`, `e1` and so on, `ballot`, `other`.

    Other calls belong to no task of the plan: a script's own mind made them by hand.
    """
    parts: defaultdict[str, list[CallEntry]] = defaultdict(list)
    for entry in entries:
        parts[part_of(entry.key)].append(entry)
    return {part: parts[part] for part in sorted(parts, key=_place)}


def part_of(key: str) -> str:
    """Return the part of the run that a task belongs to, by its key."""
    first, _, _ = key.partition("/")
    is_epoch = first[:1] == "e" and first[1:].isdecimal()
    return first if is_epoch or first in (OPENING, BALLOT) else OTHER


def _place(part: str) -> tuple[int, int]:
    order = {OPENING: 0, BALLOT: 2, OTHER: 3}
    return (order[part], 0) if part in order else (1, int(part[1:]))


def split_by_agent(entries: Iterable[CallEntry], tasks: Iterable[Task]) -> dict[Agent, list[CallEntry]]:
    """Return calls by who acted: people in the order of the plan, then candidates, the mediator, and who is not known.

    Args:
        entries: the calls.
        tasks: of the run.
    """
    of_task: defaultdict[str, list[CallEntry]] = defaultdict(list)
    for entry in entries:
        of_task[entry.key].append(entry)
    agents: defaultdict[Agent, list[CallEntry]] = defaultdict(list)
    for task in tasks:
        if task.is_act and task.key in of_task:
            kind, who = find_actor(task)
            agents[KINDS[kind], who] += of_task.pop(task.key)
    for left in of_task.values():
        agents[OTHER, ""] += left
    kinds = [*KINDS.values(), OTHER]
    return {agent: agents[agent] for agent in sorted(agents, key=lambda agent: kinds.index(agent[0]))}


def agent_row(agent: Agent, entries: Sequence[CallEntry], prices: Prices) -> dict[str, Any]:
    """Return the line of one agent."""
    totals = measure_totals(entries)
    taken = {**asdict(totals.usage), **asdict(measure_cost(entries, prices)), "seconds": totals.seconds}
    return {"kind": agent[0], "id": agent[1], "calls": totals.calls, **taken}


def write_usage_by_agent(path: Path, entries: Iterable[CallEntry], tasks: Iterable[Task], prices: Prices) -> None:
    """Write what the calls of each agent took, a line an agent; nothing where there were no calls.

    Raises:
        OSError: it cannot be written.
    """
    agents: Mapping[Agent, list[CallEntry]] = split_by_agent(entries, tasks)
    if agents:
        write_text(path / USAGE_BY_AGENT, "".join(_lines(agents, prices)))


def _lines(agents: Mapping[Agent, list[CallEntry]], prices: Prices) -> Iterator[str]:
    for agent, entries in agents.items():
        yield f"{encode_line(agent_row(agent, entries, prices))}\n"
