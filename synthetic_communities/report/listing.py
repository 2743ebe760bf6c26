"""The runs in a folder, each in a few words; of every run only small files are read."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from ..errors import RecordError
from ..runs.directory import BALLOTS, FINAL_VOTE, METADATA, PLAN, REPLICATES, REPLICATES_FOLDER
from ..runs.inside import refuse_link
from ..runs.plan import is_unprepared, refuse_unprepared
from ..runs.reading import read_json
from ..runs.row import Row
from ..runs.run_files import RunFiles
from .ballot_box import BallotBox
from .roster import Roster, read_roster

Source: TypeAlias = Literal["usage", "name", "file"]

NAME = re.compile(r"run_(\d{8}_\d{6})(?:_(\d{1,9}))?")
"""What run directories are called when they are made: date and time in UTC, and a number where the name was taken."""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run in a few words.

    Attributes:
        path: the run directory.
        when: when it began, in UTC.
        when_from: what says so: `usage`, its `usage.json`; `name`, the name it was given then; `file`, the time of its
            `metadata.json`.
        name: what the configuration calls the scenario; None: nothing.
        replicate: number of the repetition, 0 for the first.
        mind: name of the mind people think with.
        candidate_mind: name of the mind candidates and mediator think with.
        people: number of people.
        epochs: number of epochs asked for.
        status: `complete`, `interrupted`, `stopped` or `failed`; None: no end is recorded, it goes on or was killed.
        votes: name of each candidate to number of ballots; None: there was no ballot.
    """

    path: Path
    when: datetime
    when_from: Source = field(kw_only=True)
    name: str | None = field(kw_only=True)
    replicate: int = field(default=0, kw_only=True)
    mind: str = field(kw_only=True)
    candidate_mind: str = field(kw_only=True)
    people: int = field(kw_only=True)
    epochs: int = field(kw_only=True)
    status: str | None = field(kw_only=True)
    votes: Mapping[str, int] | None = field(kw_only=True)

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        return self.status == "complete"

    @property
    def leaders(self) -> tuple[str, ...]:
        """Who got most ballots: several in a tie, nobody where nobody got any."""
        votes = self.votes or {}
        most = max(votes.values(), default=0)
        return tuple(name for name, number in votes.items() if number == most) if most else ()


@dataclass(frozen=True, slots=True)
class UnreadableRun:
    """A directory that cannot be read as a run.

    Attributes:
        path: the directory.
        why: what is wrong with it.
    """

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is in a folder of runs.

    Attributes:
        runs: newest first.
        unreadable: directories that cannot be read as runs, by name.
    """

    runs: tuple[ListedRun, ...]
    unreadable: tuple[UnreadableRun, ...]


def list_runs(folder: Path) -> Listing:
    """Return the runs in a folder. Files in it, and directories whose names begin with a dot, are passed over.

    Raises:
        OSError: the folder cannot be read.
    """
    found = [_read_run(path, within) for path, within in _find_runs(folder)]
    runs = sorted((run for run in found if isinstance(run, ListedRun)), key=_age, reverse=True)
    return Listing(tuple(runs), tuple(run for run in found if isinstance(run, UnreadableRun)))


def _find_runs(folder: Path, within: Path | None = None) -> Iterator[tuple[Path, Path | None]]:
    """Yield directories that may be runs; those of replicates stand in a folder of their own, which comes with them.

    Links in the folder that is listed are its user's; those in a folder of replicates are not followed.
    """
    for path in sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir()):
        is_own = within is None or not path.is_symlink()
        if is_own and is_replicates_folder(path) and not is_unprepared(path):
            yield from _find_runs(path, path)
        else:
            yield path, within


def is_replicates_folder(path: Path) -> bool:
    """Say whether a directory holds the runs of replicates, however far they came."""
    return any((path / name).is_file() for name in (PLAN, REPLICATES)) or path.name.startswith(REPLICATES_FOLDER)


def _age(run: ListedRun) -> tuple[datetime, int, str]:
    named = NAME.fullmatch(run.path.name)
    return run.when, int(named[2] or 1) if named else 0, run.path.name


def _read_run(path: Path, within: Path | None) -> ListedRun | UnreadableRun:
    try:
        if within is not None:
            refuse_link(path, within)
        refuse_unprepared(path)
        return read_listed_run(path)
    except RecordError as error:
        return UnreadableRun(path, str(error))
    except OSError as error:
        return UnreadableRun(path, f"{path} cannot be read: {error.strerror}")


def read_listed_run(path: Path) -> ListedRun:
    """Return a run in a few words.

    Raises:
        RecordError: this is no run directory, or one of its small files is damaged.
        OSError: it cannot be read.
    """
    files = RunFiles(path)
    roster, usage, settings = read_roster(files.metadata), files.usage(), files.metadata.row("config")
    when, when_from = _find_start(files, usage)
    return ListedRun(
        path,
        when,
        when_from=when_from,
        name=settings.text_or_none("name") if "name" in settings.values else None,
        replicate=settings.whole_number("replicate") if "replicate" in settings.values else 0,
        mind=roster.mind,
        candidate_mind=roster.candidate_mind,
        people=len(roster.people),
        epochs=roster.epochs,
        status=usage.text("status") if usage is not None else None,
        votes=_count_votes(files, roster),
    )


def _find_start(files: RunFiles, usage: Row | None) -> tuple[datetime, Source]:
    if usage is not None and (started := _parse_time(usage.text("started"))):
        return started, "usage"
    named = NAME.fullmatch(files.metadata.text("simulation_id"))
    with suppress(ValueError):  # the digits of a name need be no date
        if named:
            return datetime.strptime(named[1], "%Y%m%d_%H%M%S").replace(tzinfo=UTC), "name"
    return datetime.fromtimestamp((files.path / METADATA).stat().st_mtime, UTC), "file"


def _parse_time(text: str) -> datetime | None:
    """Return a time in UTC; None if it is none, or does not say how far from UTC it is."""
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _count_votes(files: RunFiles, roster: Roster) -> dict[str, int] | None:
    """Return the final count; of a run that was broken off among the ballots, that of those it has."""
    count = files.path / FINAL_VOTE
    if count.is_file():
        row = Row(str(count), read_json(count))
        return {name: row.whole_number(name) for name in row.values}
    box = BallotBox(roster.people, roster.candidates)
    for _ in files.each(BALLOTS, box.add):
        pass
    chosen = [ballot.candidate_id for ballot in box.ballots.values()]
    return {name: chosen.count(who) for who, name in roster.candidates.items()} if chosen else None
