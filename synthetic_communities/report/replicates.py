"""Several runs of one configuration, read together from the folder that holds them."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

from ..errors import RecordError
from ..runs.directory import FORMAT_VERSION, REPLICATES, append_lines, encode
from ..runs.reading import iterate_lines
from .replicate_lines import build_line, measure_spreads
from .replicate_table import build_replicate_table
from .result import SimulationResult, load_run


class Replicates(Sequence[SimulationResult]):
    """What came of several runs of one configuration, each with chance of its own: their results, in order.

    Attributes:
        path: the folder that holds them.
        rows: the lines of `replicates.jsonl`, a run each.
    """

    def __init__(self, path: str | Path) -> None:
        """Take the folder.

        Raises:
            RecordError: it holds no replicates, or those of a version this package does not know.
        """
        self.path = Path(path)
        self.rows: list[dict[str, Any]] = [dict(line.take().values) for line in iterate_lines(self.path / REPLICATES)]
        if not self.rows:
            raise RecordError(f"{self.path} holds no replicates: there is no {REPLICATES}, or nothing in it")
        for number, row in enumerate(self.rows, start=1):
            if row.get("format_version") != FORMAT_VERSION:
                version = f"format version {row.get('format_version')!r}; this package reads version {FORMAT_VERSION}"
                raise RecordError(f"{self.path / REPLICATES}:{number} is of {version}")

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

    @cached_property
    def _results(self) -> list[SimulationResult]:
        # Names of directories are a file's word: what would lead out of the folder is no run of it.
        return [load_run(self.path / Path(row["run"]).name) for row in self.rows]

    @cached_property
    def spreads(self) -> list[dict[str, Any]]:
        """A row for every number runs are compared by: mean, 95 % t-interval (None of fewer than 3), range."""
        return measure_spreads(self.rows)

    def summary(self, width: int = 80) -> str:
        """Return the table of means, intervals and ranges as plain text, in at most `width` columns."""
        return build_replicate_table(self._results[0].record, self.rows, self.spreads, width)


def write_replicates(folder: Path, results: Sequence[SimulationResult]) -> Replicates:
    """Write `replicates.jsonl` into the folder that holds these runs, and return them together.

    Raises:
        OSError: it cannot be written.
    """
    lines = [build_line(number, result.path.name, result.record) for number, result in enumerate(results)]
    append_lines(folder / REPLICATES, map(encode, lines))
    return Replicates(folder)
