"""What stands in a folder of replicates before any of them starts: which runs they are, and what they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import RecordError
from .directory import FORMAT_VERSION, INPUTS, METADATA, PLAN, REPLICATES_FOLDER, write_json
from .inside import refuse_link
from .reading import read_json
from .row import Row

LONGEST_NAME = 255
"""How many characters the name of a run directory may have: file systems take no more."""


class UnpreparedError(RecordError):
    """Replicates were broken off before all of them were laid out: nothing was asked, nothing can be gone on with."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} was broken off before all of its runs were laid out: none had begun, no model was asked, and "
            "nothing is lost. Delete what there is of them, and run again"
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs of a folder of replicates, each of which can be gone on with, begun or not.

    Attributes:
        folder: that they are in.
        runs: number of each replicate, and the name of its run directory, in order.
        shares_opening: whether they share the opening; else each draws its own people.
    """

    folder: Path
    runs: Mapping[int, str]
    shares_opening: bool = field(kw_only=True)

    def find_paths(self) -> dict[int, Path]:
        """Return number and run directory of each replicate, whether or not it is there.

        Raises:
            RecordError: one is a link that leads out of the folder.
        """
        paths = {number: self.folder / name for number, name in self.runs.items()}
        for path in paths.values():
            refuse_link(path, self.folder)
        return paths

    def find_runs(self) -> dict[int, Path]:
        """Return number and run directory of each replicate.

        Raises:
            RecordError: one is gone, or what it is made of, or is a link that leads out of the folder.
        """
        paths = self.find_paths()
        for path in paths.values():
            for name in (INPUTS, METADATA):
                if not (path / name).is_file():
                    raise RecordError(f"{path / name} is gone, and {self.folder / PLAN} names that run; put it back")
        return paths


def write_plan(folder: Path, runs: Sequence[tuple[int, Path]], *, shares_opening: bool) -> Plan:
    """Write which runs stand in a folder, when each of them is laid out so that it can be gone on with.

    Args:
        folder: that they are in.
        runs: number of each replicate, and its run directory; none, before they are laid out.
        shares_opening: whether they share the opening.

    Raises:
        OSError: it cannot be written.
    """
    plan = Plan(folder, {number: path.name for number, path in runs}, shares_opening=shares_opening)
    rows = [{"replicate": number, "run": name} for number, name in plan.runs.items()]
    write_json(folder / PLAN, {"format_version": FORMAT_VERSION, "shares_opening": shares_opening, "runs": rows})
    return plan


def read_plan(folder: Path) -> Plan | None:
    """Return which runs stand in a folder; None: nothing says so.

    Raises:
        UnpreparedError: not all of them were laid out.
        RecordError: what says so is damaged, or of another version; or names a directory elsewhere.
    """
    file = folder / PLAN
    if not file.is_file():
        return None
    refuse_link(file, folder)
    row = Row(str(file), read_json(file))
    version = row.values.get("format_version")
    if version != FORMAT_VERSION or type(version) is not int:
        raise RecordError(f"{file} is of format version {version!r:.80}; this package reads version {FORMAT_VERSION}")
    rows = row.rows("runs")
    runs = {each.whole_number("replicate"): _read_name(each) for each in rows}
    if len(set(runs.values())) < len(rows):
        raise RecordError(f"{file} names a run or a replicate twice; take it from a copy")
    if not runs:
        raise UnpreparedError(folder)
    return Plan(folder, runs, shares_opening=row.flag("shares_opening"))


def _read_name(row: Row) -> str:
    name = row.text("run")
    if name in ("", ".", "..") or Path(name).name != name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise RecordError(f"{row.place}: run cannot be {name!r:.80}: that is no name of a directory in the folder")
    return name


def read_plan_beside(run: Path) -> Plan | None:
    """Return the plan of the folder of replicates that a run is one of; None: it is none of any.

    Raises:
        RecordError: the plan is damaged.
    """
    run = run.absolute()
    plan = read_plan(run.parent)
    return plan if plan is not None and run.name in plan.runs.values() else None


def is_unprepared(folder: Path) -> bool:
    """Say whether this is a folder of replicates that were broken off before all of them were laid out."""
    if not (folder / PLAN).is_file():
        return folder.name.startswith(REPLICATES_FOLDER) and folder.is_dir() and not any(folder.iterdir())
    try:
        read_plan(folder)
    except UnpreparedError:
        return True
    except RecordError:  # told of where its runs are read
        pass
    return False


def refuse_unprepared(folder: Path) -> None:
    """Return unless this is a folder of replicates that were broken off before all of them were laid out.

    Raises:
        UnpreparedError: it is; the message says what to do.
    """
    if is_unprepared(folder):
        raise UnpreparedError(folder)
