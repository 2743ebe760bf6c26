"""Whether a run, made again, is the run that is there: what it is made of, and its record."""

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import RecordError
from ...llm.journal.file import JournalError
from ...llm.journal.journal import RequestDiffersError
from ...runs.directory import (
    BALLOTS,
    EPOCHS,
    FAILED_CALLS,
    FINAL_VOTE,
    LINES,
    METADATA,
    USAGE,
    USAGE_BY_AGENT,
    cut_torn_line,
    rounded,
)
from ...runs.reading import read_json, read_metadata
from ..files import build_metadata
from ..stage import Stage
from .beforehand import find_beforehand
from .inputs import load_inputs

SHOWN_CHARACTERS = 60
"""How much of a value is shown that differs."""

SETTLED_LATER = ("initial_policy_positions", "initial_stances")
"""What `metadata.json` tells of candidates only once the opening has ended."""

MADE_AT_THE_END = (BALLOTS, FINAL_VOTE, USAGE, USAGE_BY_AGENT)

ASIDE = ".before"
"""What is added to the name of a file that is set aside."""

NOT_RECORDED = "not recorded"
"""Why an act failed whose call is not in the journal, where calls may fail for that."""

_ABSENT = object()


def check_stage(path: Path, stage: Stage) -> None:
    """Check that a stage is what the run in this directory was made of.

    Raises:
        RecordError: it is not; the message names what differs first.
    """
    recorded = read_metadata(path)
    now = build_metadata(str(recorded.get("simulation_id")), stage)
    difference = find_difference(_without_settled_later(recorded), _without_settled_later(as_recorded(now)))
    if difference is not None:
        raise RecordError(
            f"{path} was made of something else: {difference}. A run goes on with what it was made of; only limits may "
            "differ"
        )


def check_beforehand(path: Path, stage: Stage) -> None:
    """Check that a stage holds what was there before the first act of the run in this directory.

    Raises:
        RecordError: it does not; the message names what differs first.
    """
    then, now = load_inputs(path).beforehand, find_beforehand(stage)
    difference = find_difference(
        {**then.community, "people": dict(then.held)}, {**now.community, "people": dict(now.held)}
    )
    if difference is not None:
        raise RecordError(f"{path} began with something else: {difference}; put there what was there then")


@contextmanager
def end_set_aside(path: Path) -> Iterator[None]:
    """Set aside what a run wrote when it ended: it is written again when it ends now.

    Where the run turns out not to be the one that is gone on with, all is put back. Of the calls of failed acts, which
    are added to, a line that was cut off goes.

    Raises:
        OSError: it cannot be set aside.
    """
    for name in MADE_AT_THE_END:
        if (path / name).is_file():
            (path / name).replace(path / f"{name}{ASIDE}")
    cut_torn_line(path / FAILED_CALLS)
    try:
        yield
    except JournalError:  # the run is the right one, and has gone further
        raise
    except (RecordError, RequestDiffersError):
        for name in MADE_AT_THE_END:
            (path / name).unlink(missing_ok=True)
            if (path / f"{name}{ASIDE}").is_file():
                (path / f"{name}{ASIDE}").replace(path / name)
        raise
    finally:
        for name in MADE_AT_THE_END:
            (path / f"{name}{ASIDE}").unlink(missing_ok=True)


def as_recorded(value: Any) -> Any:
    """Return a value as it is read back from the record."""
    return json.loads(json.dumps(rounded(_listed(value))))


def _listed(value: Any) -> Any:
    """Return a mapping whose iterators are lists."""
    return {key: list(item) if isinstance(item, Iterator) else item for key, item in value.items()}


def _without_settled_later(metadata: dict[str, Any]) -> dict[str, Any]:
    candidates = metadata.get("candidates")
    if not isinstance(candidates, list):
        return metadata
    kept = [
        {key: value for key, value in candidate.items() if key not in SETTLED_LATER}
        for candidate in candidates
        if isinstance(candidate, dict)
    ]
    return {**metadata, "candidates": kept}


def find_difference(before: Any, now: Any, place: str = "") -> str | None:
    """Return where two values first differ, and how; None: nowhere.

    Args:
        before: a value read from JSON.
        now: the other.
        place: what the values are called.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        names = [*before, *(name for name in now if name not in before)]
        pairs = ((f"{place}.{name}".lstrip("."), before.get(name, _ABSENT), now.get(name, _ABSENT)) for name in names)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = ((f"{place}[{number}]", *pair) for number, pair in enumerate(zip(before, now, strict=True)))
    elif type(before) is type(now) and before == now:
        return None
    else:
        return f"{place}: {_spell(before)} then, {_spell(now)} now"
    return next(filter(None, (find_difference(a, b, where) for where, a, b in pairs)), None)


def _spell(value: Any) -> str:
    if value is _ABSENT:
        return "not there"
    if isinstance(value, list) and len(repr(value)) > SHOWN_CHARACTERS:
        return f"{len(value)} of them"
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."


def compare_records(path: Path, again: Path, *, is_complete: bool) -> str | None:
    """Return where the record of a run and that of the same run made again first differ; None: nowhere.

    Args:
        path: the run directory.
        again: that of the run made again.
        is_complete: whether the run came to its end; if not, its epochs that had ended are compared, and the ballots
            that had been cast.

    Raises:
        RecordError: `metadata.json` or `final_vote.json` cannot be read.
    """
    ended = None if is_complete else set(map(_epoch_of, filter(_is_whole, _lines(path / EPOCHS))))
    difference = compare_metadata(path, again, is_settled=ended is None or bool(ended))
    if difference is not None:
        return difference
    files = [name for name in LINES if is_complete or name not in MADE_AT_THE_END]
    found = next(filter(None, (_compare_lines(path / name, again / name, ended) for name in files)), None)
    if found is None and not is_complete:
        found = _compare_cast(path / BALLOTS, again / BALLOTS)
    if found is not None or not (is_complete or (path / FINAL_VOTE).is_file()):
        return found
    return _compare_votes(path / FINAL_VOTE, again / FINAL_VOTE)


def find_missing_call(path: Path, again: Path) -> str | None:
    """Return the first act that the run made again lacked a call for, in an epoch that had ended; None: there is none.

    Args:
        path: the run directory.
        again: that of the run made again, in which calls that are not in the journal failed.
    """
    ended = set(map(_epoch_of, filter(_is_whole, _lines(path / EPOCHS))))
    epochs = [row for row in map(_read, _lines(again / EPOCHS)) if row.get("epoch") in ended]
    failures = [failure for row in epochs for failure in row.get("failures", ())]
    return next((str(each["task"]) for each in failures if each["reason"] == NOT_RECORDED), None)


def compare_metadata(path: Path, again: Path, *, is_settled: bool) -> str | None:
    """Return where `metadata.json` of two runs first differs; what made them, and their names, may differ.

    Args:
        path: the run directory.
        again: that of the run made again.
        is_settled: whether the opening had ended, and it tells where candidates stood.

    Raises:
        RecordError: one cannot be read.
    """
    before, now = read_metadata(path), read_metadata(again)
    if not has_same_package(path, again):  # a setting that there was not yet had its default, as it has now
        now = {**now, "config": _known_then(now.get("config"), before.get("config"))}
        for each in (before, now):
            each.get("provenance", {}).pop("settings", None)  # those in effect; the same once more
    for provenance in (before.get("provenance"), now.get("provenance")):
        if isinstance(provenance, dict):  # what made it may differ, as long as what came of it does not
            for name in ("package", "python", "platform"):
                provenance.pop(name, None)
    before, now = {**before, "simulation_id": ""}, {**now, "simulation_id": ""}
    if not is_settled:
        before, now = _without_settled_later(before), _without_settled_later(now)
    difference = find_difference(before, now)
    return None if difference is None else f"{METADATA}, {difference}"


def _known_then(now: Any, before: Any) -> Any:
    if not (isinstance(now, dict) and isinstance(before, dict)):
        return now
    return {name: value for name, value in now.items() if name in before}


def has_same_package(path: Path, again: Path) -> bool:
    """Say whether two runs were made by the same version of the package.

    Raises:
        RecordError: `metadata.json` of one cannot be read.
    """
    before, now = (read_metadata(each).get("provenance") for each in (path, again))
    return isinstance(before, dict) and isinstance(now, dict) and before.get("package") == now.get("package")


def _compare_votes(file: Path, again: Path) -> str | None:
    if file.is_file() != again.is_file():
        return f"{FINAL_VOTE} {'should not be there' if file.is_file() else 'is missing'}"
    difference = find_difference(read_json(file), read_json(again)) if file.is_file() else None
    return None if difference is None else f"{FINAL_VOTE}, {difference}"


def _compare_lines(file: Path, again: Path, ended: Collection[Any] | None) -> str | None:
    """Return where two files of lines first differ.

    Args:
        file: of the run.
        again: of the run made again.
        ended: the epochs whose lines have to be there; None: all of them.
    """
    before, now = _lines(file), _lines(again)
    for number, line in enumerate(before, start=1):
        other = next(now, b"")
        is_torn = ended is not None and not _is_whole(line)
        if line != other and not (is_torn and other.startswith(line)):
            return f"{file.name}, line {number}{_describe(line, other)}"
    if any(ended is None or _epoch_of(line) in ended for line in now):
        return f"{file.name}: lines are missing at its end"
    return None


def _compare_cast(file: Path, again: Path) -> str | None:
    """Return where ballots that had been cast first differ; in a run that was broken off some are not."""
    now = {row.get("id"): row for row in map(_read, _lines(again))}
    for number, line in enumerate(filter(_is_whole, _lines(file)), start=1):
        row = _read(line)
        difference = find_difference(row, now.get(row.get("id"), {})) if row.get("status") != "not_asked" else None
        if difference is not None:
            return f"{file.name}, line {number}, {difference}"
    return None


def _is_whole(line: bytes) -> bool:
    return line.endswith(b"\n")


def _epoch_of(line: bytes) -> Any:
    epoch = _read(line).get("epoch")
    return epoch if isinstance(epoch, int) else None


def _read(line: bytes) -> dict[str, Any]:
    """Return the values of a line, none where it is damaged."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return row if isinstance(row, dict) else {}


def _lines(file: Path) -> Iterator[bytes]:
    if file.is_file():
        with file.open("rb") as lines:
            yield from lines


def _describe(line: bytes, other: bytes) -> str:
    if not other:
        return ": it is too many"
    try:
        difference = find_difference(json.loads(line), json.loads(other))
    except (ValueError, RecursionError):
        return ": it is damaged"
    return f", {difference}" if difference else ": the same values, written differently"
