"""Running replicates from the command line, and showing what they say together."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ConfigurationError, SyntheticCommunitiesError
from ..game_engine import GameEngine
from ..simulation.progress import Progress
from .logs import logs_on_stderr
from .program import INTERRUPTED, print_text, say, say_errors
from .running import DONE, FAILED, measure_columns, tell

if TYPE_CHECKING:
    from ..report.replicates import Replicates


def run_replicates(
    engine: GameEngine, number: int, output: Path, *, resample: bool, verbosity: int, command: str, as_data: bool
) -> int:
    """Run a community several times side by side, show what the runs say together, and return the exit status.

    Args:
        engine: ready to run; its configuration is run.
        number: how many times.
        output: the folder that a folder for all runs is made in.
        resample: whether each run draws its own people.
        verbosity: 0, 1 or 2, for no log, a line for every act, or more of each.
        command: what was typed to start this program, for advice on what to type next.
        as_data: whether to print JSON, and nothing else on stdout.

    Raises:
        click.BadParameter: no directory can be made in `output`.
    """
    progress = Progress(time.monotonic)
    try:
        with logs_on_stderr(verbosity), tell(progress):
            runs = GameEngine.run_replicates(
                engine.config, number, resample=resample, base_dir=output, observer=progress
            )
    except KeyboardInterrupt as interrupt:
        say(f"Interrupted. {interrupt}")
        return INTERRUPTED
    except ConfigurationError:
        raise
    except OSError as error:
        raise click.BadParameter(f"{error.filename or output}: {error.strerror}", param_hint="--output") from error
    except SyntheticCommunitiesError as error:
        say_errors([f"the runs failed: {error}"])
        return FAILED
    return show_replicates(runs, command, as_data=as_data)


def show_replicates(runs: Replicates, command: str, *, as_data: bool) -> int:
    """Show what runs say together, and return the exit status.

    Args:
        runs: the runs.
        command: what was typed to start this program, for advice on what to type next.
        as_data: whether to print JSON instead.
    """
    if as_data:
        told = {"path": str(runs.path), "runs": runs.rows, "spreads": runs.spreads}
        click.echo(json.dumps(told, indent=2, allow_nan=False))
        return DONE
    one = shlex.quote(str(runs[0].path))
    advice = f"The runs: {runs.path}\n  one of them: {command} show {one}\n"
    print_text(runs.summary(measure_columns()) + advice)
    return DONE
