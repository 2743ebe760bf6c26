"""What `replicates.jsonl` holds: a line a run, with the numbers that are compared between runs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import RecordError
from ..runs.directory import FORMAT_VERSION
from ..runs.row import Row
from .numbers.findings import find
from .numbers.intervals import Spread, measure_spread
from .numbers.opinions import Stances
from .record import Record

Line = Mapping[str, Any]

NOT_ASKED = ("not_asked", "unrecorded")
"""Kinds of ballots of people of whom nothing says that they were asked to vote."""


def build_line(number: int, run: str, record: Record) -> dict[str, Any]:
    """Return the line of one run.

    Args:
        number: of the replicate, as its configuration says.
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


def check_line(line: Row) -> None:
    """Check that a line read from a file holds what `build_line` puts there.

    Raises:
        RecordError: it does not; the message names file and line.
    """
    version = line.whole_number("format_version")
    if version != FORMAT_VERSION:
        raise RecordError(f"{line.place} is of format version {version}; this package reads version {FORMAT_VERSION}")
    run = line.text("run")
    # Names of directories are a file's word: what would lead out of the folder is no run of it.
    if run in ("", "..") or "\0" in run or Path(run).name != run:
        raise RecordError(f"{line.place}: run cannot be {run!r:.80}")
    line.text_or_none("status")
    for key in ("replicate", "seed", "people"):
        line.whole_number(key)
    for key in ("ballots", "not_chosen"):
        _check_counts(line, key)
    for _, topic in line.row("topics").items():
        for stances in (topic.row("before"), topic.row("after")):
            stances.stance_or_none("mean")
            stances.number_or_none("deviation")


def _check_counts(line: Row, key: str) -> None:
    if key in line.values and line.values[key] is None:
        return
    counts = line.row(key)
    for of in counts.values:
        counts.whole_number(of)


def _stances(stances: Stances) -> dict[str, float | None]:
    return {"mean": stances.mean, "deviation": stances.deviation}


def is_complete(line: Line) -> bool:
    """Say whether the run of this line came to its end."""
    return bool(line["status"] == "complete")


def has_no_count(lines: Sequence[Line]) -> bool:
    """Say whether people could vote, in one of these runs at least, and nobody's answer counts in any of them."""
    votes = [line["not_chosen"] | {"": sum(line["ballots"].values())} for line in lines if line["ballots"] is not None]
    was_asked = any(number for vote in votes for kind, number in vote.items() if kind not in NOT_ASKED)
    return was_asked and not any(vote[""] + vote.get("abstained", 0) for vote in votes)


def measure_spreads(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return a row for every number that runs are compared by: of what it is, and its mean, interval and range.

    Only complete runs count: what others ended with is not the end. The groups are `ballots` (of a candidate),
    `not_chosen` (ballots of a status), `mean` and `deviation` (of the stances on a topic at the end).
    """
    numbers: dict[tuple[str, str], list[float]] = {}
    for line in filter(is_complete, lines):
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
