"""Running a community from the command line, and showing what came of it."""

import os
import shlex
import shutil
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import click

from ..errors import ConfigurationError, RecordError, SyntheticCommunitiesError
from ..game_engine import GameEngine
from ..report.measures import measure_vote
from ..report.reading import read_record
from ..report.record import Record
from ..report.tables import MIN_WIDTH, build_tables, describe_extent
from ..runs.directory import METADATA
from ..runs.result import SimulationResult
from .live import told_live
from .logs import logs_on_stderr
from .program import INTERRUPTED, say, say_errors
from .progress import Progress, told_plainly

DONE, FAILED = 0, 1


def run_community(engine: GameEngine, output: Path, *, verbosity: int, command: str) -> int:
    """Run a community, telling how far it is, show the tables, and return the exit status.

    Args:
        engine: ready to run.
        output: the folder the run directory is made in.
        verbosity: 0, 1 or 2, for no log, a line for every act, or more of each.
        command: what was typed to start this program, for advice on what to type next.

    Raises:
        click.BadParameter: no run directory can be made in `output`.
    """
    directory = make_directory(engine, output)
    click.echo(f"Run directory: {directory}")
    progress = Progress(time.monotonic)
    engine.observer = progress
    try:
        with logs_on_stderr(verbosity), tell(progress):
            result = engine.run()
    except KeyboardInterrupt:
        say(f"Interrupted. {describe_left(directory, command)}")
        return INTERRUPTED
    except ConfigurationError:
        raise
    except (OSError, SyntheticCommunitiesError) as error:
        say_errors([f"the run failed: {error}"])
        say(describe_left(directory, command))
        return FAILED
    return show_record(read_record(result))


def show_run(path: Path) -> None:
    """Show the tables of the run in this directory.

    Raises:
        RecordError: there is none, or it is damaged.
    """
    try:
        record = read_record(SimulationResult(path))
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
    show_record(record)


def show_record(record: Record) -> int:
    """Show the tables of a run, and return its exit status: 1 if people could vote and nobody's answer counts."""
    click.echo(build_tables(record, shutil.get_terminal_size((MIN_WIDTH, 0)).columns), nl=False)
    vote = measure_vote(record)
    if record.ballots and not vote.counted:
        say("Nothing could be counted: nobody answered when asked to vote.")
        return FAILED
    return DONE


def make_directory(engine: GameEngine, output: Path) -> Path:
    """Make the run directory and return it.

    Raises:
        click.BadParameter: it cannot be made.
    """
    try:
        engine.initialize_simulation_output(output)
    except OSError as error:
        why = f"no run directory can be made in {output}: {error.strerror}"
        raise click.BadParameter(why, param_hint="--output") from error
    assert engine.simulation_dir is not None
    return engine.simulation_dir


def tell(progress: Progress) -> AbstractContextManager[None]:
    """Return what tells of the progress on stderr: in place on a terminal that can do it, else in lines."""
    can_redraw = sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    return told_live(progress) if can_redraw else told_plainly(progress)


def describe_left(directory: Path, command: str) -> str:
    """Return where a run that did not end left its record, what that holds, and how to look at it."""
    where = f"What is recorded stands in {directory}"
    if not (directory / METADATA).is_file():
        return f"{where}: the configuration, and nothing else yet."
    try:
        extent = describe_extent(read_record(SimulationResult(directory)))
    except RecordError as error:
        return f"{where}, and cannot be read as it is: {error}"
    return f"{where}\n{extent}\nTo see it: {command} show {shlex.quote(str(directory))}"
