"""What `replicates.jsonl` holds: a line a run, with the numbers that are compared between runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..runs.directory import FORMAT_VERSION
from .findings import find
from .intervals import Spread, measure_spread
from .opinions import Stances
from .record import Record

Line = Mapping[str, Any]


def build_line(number: int, run: str, record: Record) -> dict[str, Any]:
    """Return the line of one run.

    Args:
        number: of the replicate, from 0.
        run: name of its run directory.
        record: the run.
    """
    findings = find(record)
    vote = findings.vote if findings.vote and findings.vote.was_held else None
    return {
        "format_version": FORMAT_VERSION,
        "replicate": number,
        "run": run,
        "status": record.status,
        "seed": record.seed,
        "people": len(record.people),
        "ballots": None if vote is None else {str(tally.candidate_id): tally.ballots for tally in vote.candidates},
        "not_chosen": None if vote is None else dict(vote.not_chosen),
        "topics": {
            topic.topic_id: {"before": _stances(topic.before), "after": _stances(topic.after)}
            for topic in findings.topics
        },
    }


def _stances(stances: Stances) -> dict[str, float | None]:
    return {"mean": stances.mean, "deviation": stances.deviation}


def measure_spreads(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return a row for every number that runs are compared by: of what it is, and its mean, interval and range.

    The groups are `ballots` (of a candidate), `not_chosen` (ballots of a status), `mean` and `deviation` (of the
    stances on a topic at the end).
    """
    numbers: dict[tuple[str, str], list[float]] = {}
    for line in lines:
        for key, number in _numbers(line):
            numbers.setdefault(key, []).append(number)
    found = ((key, measure_spread(of_runs)) for key, of_runs in numbers.items())
    order = ("ballots", "not_chosen", "mean", "deviation")
    rows = [_row(*key, spread) for key, spread in found if spread is not None]
    return sorted(rows, key=lambda row: order.index(row["group"]))


def _numbers(line: Line) -> Iterator[tuple[tuple[str, str], float]]:
    for group in ("ballots", "not_chosen"):
        for of, number in (line[group] or {}).items():
            yield (group, of), number
    for topic_id, topic in line["topics"].items():
        for group in ("mean", "deviation"):
            if topic["after"][group] is not None:
                yield (group, topic_id), topic["after"][group]


def _row(group: str, of: str, spread: Spread) -> dict[str, Any]:
    return {
        "group": group,
        "of": of,
        "runs": spread.runs,
        "mean": float(spread.mean),
        "low": spread.low,
        "high": spread.high,
        "lowest": float(spread.lowest),
        "highest": float(spread.highest),
    }
