"""The command line of the benchmark."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from ..config import Config
from ..errors import ConfigurationError
from ..simulation.gathering import load_config
from .baseline import Baseline, Worse, count_shared, find_worse, load_baseline
from .judging import MISSED, choose_status
from .machine import describe_machine, measure_room
from .measures import Measure, Measured, build_measure
from .measuring import run_measure
from .own_scenario import OwnPlan, list_own_figures, take_own
from .report import build_json, build_markdown, build_table
from .table import EVERYTHING, FULL, QUICK

FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)

STATUSES = (
    "Exit status: 0 everything reached; 1 something missed, or worse than before; 2 wrong usage; 3 something missed "
    "or worse, and the machine too noisy to tell."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where what was measured goes, and what it is held against.

    Attributes:
        json_file: where all of it is written; None: nowhere.
        markdown_file: where the table is written; None: nowhere.
        baseline: the ratios of an earlier run; None: it is held against none.
        tolerance: how much worse a ratio may be, as a share of the earlier one.
        tries: how often a measure that missed is taken at most.
    """

    json_file: Path | None = field(default=None, kw_only=True)
    markdown_file: Path | None = field(default=None, kw_only=True)
    baseline: Baseline | None = field(default=None, kw_only=True)
    tolerance: float = field(default=0.15, kw_only=True)
    tries: int = field(default=1, kw_only=True)


@click.command(epilog=STATUSES)
@click.argument("wanted_names", metavar="[NAME]...", nargs=-1)
@click.option("--quick", is_flag=True, help="What a change has to pass, in under a minute.")
@click.option("--only", "names", metavar="NAME", multiple=True, help="Measure this only; may be repeated.")
@click.option("--list", "lists", is_flag=True, help="Print the names of all measures, and measure nothing.")
@click.option("--config", "config_file", metavar="FILE", type=EXISTING, help="Measure the run of this scenario too.")
@click.option("--json", "json_file", metavar="FILE", type=FILE, help="Write everything measured to FILE.")
@click.option("--markdown", "markdown_file", metavar="FILE", type=FILE, help="Write the table to FILE.")
@click.option("--baseline", metavar="FILE", type=EXISTING, help="Hold ratios against what --json wrote before.")
@click.option(
    "--tolerance", metavar="SHARE", type=click.FloatRange(0, 1), default=0.15, show_default=True, help="Worse by that."
)
@click.pass_context
def benchmark(
    context: click.Context,
    /,
    wanted_names: tuple[str, ...],
    quick: bool,
    names: tuple[str, ...],
    lists: bool,
    config_file: Path | None,
    json_file: Path | None,
    markdown_file: Path | None,
    baseline: Path | None,
    tolerance: float,
) -> None:
    """Measure over a loopback server how fast a community is, and how close that comes to what is possible.

    With names, these measures only; `--only NAME` is the same.

    Everything takes an hour and a half, nearly all of it waiting for replies. No other machine is reached, nothing is
    spent.
    """
    if lists:
        click.echo("".join(f"{measure.name:20}{measure.title}\n" for measure in EVERYTHING.values()), nl=False)
        return
    measures = [*choose_measures((*wanted_names, *names), quick=quick), *_read_own(config_file)]
    held_against = _read_baseline(baseline)
    _check_apart(json_file, markdown_file)
    _check_writable(json_file, "--json")  # last, as it makes the file: wrong usage leaves none behind
    _check_writable(markdown_file, "--markdown")
    wanted = Wanted(
        json_file=json_file,
        markdown_file=markdown_file,
        baseline=held_against,
        tolerance=tolerance,
        tries=2 if quick else 1,
    )
    context.exit(run_benchmark(measures, wanted))


def choose_measures(names: Sequence[str], *, quick: bool) -> tuple[Measure, ...]:
    """Return what is to be measured.

    Raises:
        click.UsageError: there is no measure of that name, or two choices contradict each other.
    """
    unknown = [name for name in names if name not in EVERYTHING]
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r} is none of {', '.join(EVERYTHING)}", param_hint="--only")
    if names and quick:
        raise click.UsageError("--quick and --only choose different measures; give one of them")
    if names:
        return tuple(EVERYTHING[name] for name in dict.fromkeys(names))
    return QUICK if quick else FULL


def _check_apart(json_file: Path | None, markdown_file: Path | None) -> None:
    if json_file is not None and markdown_file is not None and json_file.resolve() == markdown_file.resolve():
        raise click.UsageError(f"--json and --markdown would both write {json_file}; name two files")


def _check_writable(file: Path | None, option: str) -> None:
    """Find out now, and not after an hour."""
    try:
        if file is not None:
            file.open("a").close()
    except OSError as error:
        raise click.BadParameter(f"{file} cannot be written: {error.strerror}", param_hint=option) from error


def _read_own(file: Path | None) -> list[Measure]:
    if file is None:
        return []
    try:
        plan = OwnPlan(load_config(file))
    except ConfigurationError as error:
        raise click.BadParameter(str(error), param_hint="--config") from error
    name = f"own-{_digest(plan.config)}"
    return [build_measure(name, f"the run of {file.name}, replies of 1 s", plan, list_own_figures, take_own)]


def _digest(config: Config) -> str:
    """Return what names a scenario, wherever its files lie: a baseline of another folder or machine knows it again."""
    settings = repr(replace(config, population_file="", world_file=None))  # the world itself is among them
    found = hashlib.blake2b(settings.encode(), digest_size=4)
    found.update(Path(config.population_file).read_bytes())
    return found.hexdigest()


def _read_baseline(file: Path | None) -> Baseline | None:
    try:
        return None if file is None else load_baseline(file)
    except (ValueError, OSError) as error:
        raise click.BadParameter(str(error), param_hint="--baseline") from error


def run_benchmark(measures: Sequence[Measure], wanted: Wanted, *, look: Callable[[], float] = measure_room) -> int:
    """Measure, show the table, write what is wanted, and return the exit status.

    What was measured is shown and written even where a later measure fails, or somebody stops it: an hour is long.
    """
    machine, when = describe_machine(), datetime.now(UTC).isoformat(timespec="seconds")
    results: list[Measured] = []
    try:
        for measure in measures:
            results.append(run_measure(measure, _tell, tries=wanted.tries, look=look))
    finally:
        if len(results) < len(measures):
            click.echo(f"Broken off: {len(results)} of {len(measures)} measures were taken.")
        results += [Measured(each, samples=(), obstacle="broken off before it") for each in measures[len(results) :]]
        worse = find_worse(results, wanted.baseline or {}, wanted.tolerance)
        is_kept = show_results(results, worse, machine, when, wanted)
    compared = wanted.baseline is None or count_shared(results, wanted.baseline) > 0
    status = choose_status(results, (each.noise for each in worse))
    return status if is_kept and compared else MISSED


def _tell(line: str) -> None:
    click.echo(line, err=True)


def show_results(
    results: Sequence[Measured], worse: Sequence[Worse], machine: Mapping[str, Any], when: str, wanted: Wanted
) -> bool:
    """Print the table, write the files that are wanted, and say whether all of them could be."""
    click.echo(build_table(results, machine, worse), nl=False)
    if wanted.baseline is not None:
        click.echo(f"{count_shared(results, wanted.baseline)} ratios were held against the baseline.")
    told = json.dumps(build_json(results, machine, when, worse), indent=2) + "\n"
    files = {wanted.json_file: told, wanted.markdown_file: build_markdown(results, machine, worse)}
    kept = [_write(path, text) for path, text in files.items() if path is not None]
    return all(kept)


def _write(path: Path, text: str) -> bool:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        _tell(f"{path} cannot be written: {error.strerror}")
        return False
    return True


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    benchmark(prog_name="python -m synthetic_communities.benchmark")
