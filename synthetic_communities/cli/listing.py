"""What `list` prints: the runs in a folder, as a table or as JSON."""

import json
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import RecordError, UsageError
from ..report.listing import ListedRun, Listing, Source, list_runs
from ..report.text import ABSENT, CUT, clean_text, count_of, fit_text, measure_width, spell_count, spell_in
from ..runs.directory import METADATA, PLAN, REPLICATES

MIN_WIDTH, MAX_WIDTH = 80, 140

HEADS = ("date (UTC)", "scenario", "model", "people", "epochs", "most ballots", "")

TEXTS = (1, 2, 5)
"""Columns of texts, which are cut where there is no room for all of them."""

NUMBERS = (3, 4)
"""Columns of numbers, which stand to the right."""

GAP = "  "

MARKS: dict[Source, str] = {"usage": "", "name": "~", "file": "?"}
"""What follows a date that is not the recorded one."""

NOTES: dict[Source, str] = {
    "name": "~ from the name the run was given: no usage.json says when it began",
    "file": f"? from the time of its {METADATA}: nothing else says when it began",
}

MOST_WORDS = 400
"""Characters that are shown of why something cannot be read."""


def read_listing(folder: Path, command: str) -> Listing:
    """Return the runs in a folder, readable or not; there is at least one.

    Args:
        folder: the runs' directories are in it.
        command: what was typed to start this program, for advice on what to type next.

    Raises:
        UsageError: there is none, or no such folder; the message says what to do.
    """
    quoted = shlex.quote(str(folder))
    if (folder / METADATA).is_file():
        raise UsageError(f"{folder} is itself a run; to see it: {command} show {quoted}")
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}; name the folder your runs are in, or make one: {command} run")
    try:
        listing = list_runs(folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}") from error
    if not (listing.runs or listing.unreadable):
        raise UsageError(f"there is no run in {folder}; to make one there: {command} run --output {quoted}")
    return listing


def refuse_folder_of_runs(path: Path, command: str) -> None:
    """Return unless this is no run, and no folder of replicates, but a folder that runs are in.

    Raises:
        RecordError: it is; the message says how to see which there are.
    """
    if _holds_runs(path):
        quoted = shlex.quote(str(path))
        raise RecordError(f"{path} is no run directory, it holds some; to see which: {command} list {quoted}")


def _holds_runs(path: Path) -> bool:
    try:
        is_itself_one = any((path / name).is_file() for name in (METADATA, PLAN, REPLICATES))
        return not is_itself_one and next(path.glob(f"*/{METADATA}"), None) is not None
    except OSError:  # who reads it says why it cannot be read
        return False


def listing_as_json(listing: Listing) -> str:
    """Return the runs as JSON."""
    unreadable = [{"path": str(run.path), "why": run.why} for run in listing.unreadable]
    return json.dumps({"runs": list(map(_as_json, listing.runs)), "unreadable": unreadable}, indent=2)


def _as_json(run: ListedRun) -> dict[str, Any]:
    votes = None if run.votes is None else dict(run.votes)
    told = {"path": str(run.path), "when": run.when.isoformat(), "votes": votes, "leaders": list(run.leaders)}
    return asdict(run) | told | {"is_complete": run.is_complete}


def describe_listing(listing: Listing, folder: Path, command: str, width: int, encoding: str = "utf-8") -> str:
    """Return the runs as a table.

    Args:
        listing: the runs.
        folder: where they are.
        command: what was typed to start this program.
        width: columns of the terminal; lines take at most that, where it lies in `MIN_WIDTH` to `MAX_WIDTH`.
        encoding: of the terminal; what it lacks stands there by its number.
    """
    width = min(MAX_WIDTH, max(MIN_WIDTH, width))
    blocks = [
        list(_table_lines([_show(run, encoding) for run in listing.runs], _show_path(folder, encoding), width)),
        [NOTES[source] for source in NOTES if any(run.when_from == source for run in listing.runs)],
        list(_unreadable_lines(listing, width)),
        _advice(listing, folder, command),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _show(run: ListedRun, encoding: str) -> ListedRun:
    """Return a run whose names are in characters there are."""
    show = partial(spell_in, encoding)
    return replace(
        run,
        path=_show_path(run.path, encoding),
        name=None if run.name is None else show(run.name),
        mind=show(run.mind),
        candidate_mind=show(run.candidate_mind),
        votes=None if run.votes is None else {show(name): number for name, number in run.votes.items()},
    )


def _show_path(path: Path, encoding: str) -> Path:
    return Path(spell_in(encoding, str(path)))


def _table_lines(runs: Sequence[ListedRun], folder: Path, width: int) -> Iterator[str]:
    if not runs:
        return
    rows = [HEADS, *map(_cells, runs)]
    widths = _share_width(rows, width)
    yield _line(rows[0], widths)
    for run, row in zip(runs, rows[1:], strict=True):
        yield _line(row, widths)
        replicate = f", replicate {run.replicate}" if run.replicate else ""
        yield f"  {fit_text(str(run.path.relative_to(folder)), width - 2 - len(replicate))}{replicate}"


def _cells(run: ListedRun) -> tuple[str, ...]:
    return (
        f"{run.when:%Y-%m-%d}{MARKS[run.when_from]}",
        _clean(run.name or "") or ABSENT,
        " and ".join(map(_clean, dict.fromkeys((run.mind, run.candidate_mind)))),
        spell_count(run.people),
        spell_count(run.epochs),
        _spell_outcome(run),
        "complete" if run.is_complete else "partial",
    )


def _spell_outcome(run: ListedRun) -> str:
    if run.votes is None:
        return "no ballot"
    if not run.leaders:
        return "0: nobody chosen"
    number = spell_count(run.votes[run.leaders[0]])
    names = ", ".join(map(_clean, run.leaders))
    return f"{number}: {names}" if len(run.leaders) == 1 else f"{number} each: {names}"


def _clean(name: str) -> str:
    return fit_text(name, MAX_WIDTH)


def _share_width(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the widths of columns: as wide as what is in them, the widest of texts narrowed until all fit."""
    widths = [min(width, max(map(measure_width, column))) for column in zip(*rows, strict=True)]
    room = width - len(GAP) * (len(widths) - 1)
    while sum(widths) > room:
        widths[max(TEXTS, key=lambda place: widths[place])] -= 1
    return widths


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [_fill(cell, widths[place], is_number=place in NUMBERS) for place, cell in enumerate(row)]
    return GAP.join(cells).rstrip()


def _fill(cell: str, width: int, *, is_number: bool) -> str:
    text = fit_text(cell, width)
    space = " " * (width - measure_width(text))
    return space + text if is_number else text + space


def _unreadable_lines(listing: Listing, width: int) -> list[str]:
    whys = [clean_text(run.why[:MOST_WORDS]) + CUT * (len(run.why) > MOST_WORDS) for run in listing.unreadable]
    wrapped = [textwrap.wrap(why, width, initial_indent="  ", subsequent_indent="    ") for why in whys]
    return [f"{count_of(len(whys), 'folders')} cannot be read as a run:", *chain(*wrapped)] if whys else []


def _advice(listing: Listing, folder: Path, command: str) -> list[str]:
    if not listing.runs:
        return []
    return [f"To see one: {command} show {shlex.quote(str(listing.runs[0].path))}"]
