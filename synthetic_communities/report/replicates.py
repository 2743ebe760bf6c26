"""Several runs of one configuration, read together from the folder that holds them."""

import html
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from ..errors import RecordError
from ..runs.directory import FORECAST, REPLICATES, encode, write_text
from ..runs.inside import refuse_link, refuse_links
from ..runs.plan import read_plan
from ..runs.reading import iterate_lines, read_json
from ..runs.row import Row
from ..runs.run_files import RunFiles
from .replicate_lines import build_line, check_line, measure_spreads
from .result import SimulationResult, load_run
from .terminal.replicate_table import build_replicate_table
from .terminal.side_by_side import read_foretold_together
from .terminal.spent import describe_spent


class Replicates(Sequence[SimulationResult]):
    """What came of several runs of one configuration, each with chance of its own: their results, in order.

    Attributes:
        path: the folder that holds them.
        rows: the lines of `replicates.jsonl`, a run each; where it was not written, as the runs go on or were killed,
            what stood in it now.
    """

    def __init__(self, path: str | Path) -> None:
        """Take the folder.

        Raises:
            RecordError: it holds no replicates, or a line that is damaged or of a version this package does not know;
                or a link that leads out of it.
        """
        self.path = Path(path)
        refuse_links(self.path)
        lines = [line.take_whole() for line in iterate_lines(self.path / REPLICATES)]
        for line in lines:
            check_line(line)
        self.rows: list[dict[str, Any]] = [dict(line.values) for line in lines] or _build_rows(self.path)

    @overload
    def __getitem__(self, place: int) -> SimulationResult: ...

    @overload
    def __getitem__(self, place: slice) -> "list[SimulationResult]": ...

    def __getitem__(self, place: int | slice) -> "SimulationResult | list[SimulationResult]":
        return self._results[place]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[SimulationResult]:
        return iter(self._results)

    def __repr__(self) -> str:
        return f"Replicates({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>"

    @cached_property
    def _paths(self) -> list[Path]:
        paths = [self.path / row["run"] for row in self.rows]
        for path in paths:
            refuse_link(path, self.path)
        return paths

    @cached_property
    def _results(self) -> list[SimulationResult]:
        return [load_run(path) for path in self._paths]

    @cached_property
    def foretold(self) -> list[dict[str, Any]]:
        """A row for each figure foretold of all runs together, and what they `took`, as of a single run.

        What a run took from the records of others is not counted. Empty unless all have come to their ends.

        Raises:
            RecordError: the forecast, or what was measured of a run, is damaged.
        """
        file = self.path / FORECAST
        forecast = Row(str(file), read_json(file)) if file.is_file() else None
        return read_foretold_together(forecast, [RunFiles(path).usage() for path in self._paths])

    @cached_property
    def spreads(self) -> list[dict[str, Any]]:
        """A row for every number runs are compared by: mean, 95 % t-interval (None of fewer than 3), range."""
        return measure_spreads(self.rows)

    def summary(self, width: int = 80) -> str:
        """Return the table of means, intervals and ranges, in at most `width` columns, and a line of what was paid."""
        table = build_replicate_table(self._results[0].record, self.rows, self.spreads, width)
        usages = [RunFiles(path, skip_damaged=True).usage() for path in self._paths]
        return table + "".join(f"{line}\n" for line in describe_spent(usages))


def _build_rows(folder: Path) -> list[dict[str, Any]]:
    plan = read_plan(folder)
    if plan is None:
        raise RecordError(f"{folder} holds no replicates: there is no {REPLICATES}, or nothing in it")
    return [build_line(number, path.name, load_run(path).record) for number, path in plan.find_runs().items()]


def write_replicates(folder: Path, runs: Sequence[tuple[int, Path]]) -> None:
    """Write `replicates.jsonl` into the folder that holds these runs: a line for every one whose record can be read.

    Args:
        folder: that holds them.
        runs: number of the replicate and run directory of each.

    Raises:
        OSError: it cannot be written.
        RecordError: the record of one cannot be read; the lines of the others are written.
    """
    lines, unreadable = [], []
    for number, path in runs:
        try:
            lines.append(encode(build_line(number, path.name, load_run(path).record)))
        except RecordError as error:
            unreadable.append(error)
    if lines:
        write_text(folder / REPLICATES, "".join(f"{line}\n" for line in lines))
    if unreadable:
        raise unreadable[0]
