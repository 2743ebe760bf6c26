"""Running a community from the command line, and showing what came of it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import (
    ConfigurationError,
    RecordError,
    RunInUseError,
    RunStoppedError,
    SyntheticCommunitiesError,
    UsageError,
)
from ..game_engine import GameEngine
from ..late import Late
from ..llm.journal.file import JournalError
from ..llm.journal.journal import CallNotRecordedError, RequestDiffersError
from ..report.result import SimulationResult, load_run
from ..report.text import clean_text
from ..runs.directory import METADATA
from ..simulation.progress import Progress
from .going_on import advise_later, describe_going_on
from .live import told_live
from .loading import OPTIONS
from .logs import logs_on_stderr
from .program import STOPPED, print_text, say, say_errors, say_failure, stdout_encoding
from .progress import told_plainly
from .stopping import INTERRUPTED

if TYPE_CHECKING:
    from ..report.numbers import figures, votes
    from ..report.terminal import cost_table, glyphs, heading, side_by_side, tables
else:  # not every command shows a run
    cost_table = Late("synthetic_communities.report.terminal.cost_table")
    figures = Late("synthetic_communities.report.numbers.figures")
    glyphs = Late("synthetic_communities.report.terminal.glyphs")
    heading = Late("synthetic_communities.report.terminal.heading")
    side_by_side = Late("synthetic_communities.report.terminal.side_by_side")
    tables = Late("synthetic_communities.report.terminal.tables")
    votes = Late("synthetic_communities.report.numbers.votes")

DONE, FAILED = 0, 1

NAME_FOLDER = "name a folder you may write to: --output DIR"

VALUES = {
    "max_cost_usd": "USD",
    "max_tokens": "N",
    "max_calls": "N",
    "deadline_seconds": "TIME",
    "max_failures": "SHARE",
}
"""Setting to what stands for its value, where an option is named."""


def run_community(
    engine: GameEngine,
    output: Path,
    *,
    verbosity: int,
    command: str,
    as_data: bool = False,
) -> int:
    """Run a community, telling how far it is, show the tables, and return the exit status.

    Args:
        engine: ready to run.
        output: the folder the run directory is made in.
        verbosity: 0, 1 or 2, for no log, a line for every act, or more of each.
        command: what was typed to start this program, for advice on what to type next.
        as_data: whether to print what came of it as JSON, and nothing else on stdout.

    Raises:
        UsageError: no run directory can be made in `output`.
    """
    return run_prepared(engine, make_directory(engine, output), verbosity=verbosity, command=command, as_data=as_data)


def run_prepared(engine: GameEngine, directory: Path, *, verbosity: int, command: str, as_data: bool) -> int:
    """As `run_community`, with an engine that has its run directory."""
    if as_data:
        say(f"Run directory: {directory}")
    else:
        print_text(f"Run directory: {directory}\n")
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
    except RunStoppedError as stop:
        say(clean_text(spell_sentence(stop)))
        say(describe_left(directory, command, change=spell_change(stop)))
        return STOPPED
    except CallNotRecordedError as error:
        say_errors([f"the run needs a call that is not recorded: {error}; with --allow-calls a model is asked"])
        say(f"What is recorded stands in {directory}")
        return FAILED
    except RunInUseError as error:  # the run is another process's: it has not failed, and goes on
        say_errors([str(error)])
        return FAILED
    except JournalError as error:
        say_failure("the run", error)
        say(describe_left(directory, command))
        return FAILED
    except (RecordError, RequestDiffersError) as error:  # what refuses now does so again
        say_errors([f"{directory} cannot be gone on with: {error}"])
        return FAILED
    except (OSError, SyntheticCommunitiesError) as error:
        say_failure("the run", error)
        say(describe_left(directory, command))
        return FAILED
    return show_result(result, command, as_data=as_data)


def spell_sentence(stop: RunStoppedError) -> str:
    """Return why runs were stopped, as a sentence."""
    words = str(stop)
    return f"{words[:1].upper()}{words[1:]}."


def spell_change(stop: RunStoppedError) -> str:
    """Return the option, after a space, by which a run that was stopped may go on; empty if there is none."""
    option = OPTIONS.get(stop.setting)
    return f" {option} {VALUES[stop.setting]}" if option else ""


def show_result(result: SimulationResult, command: str, *, as_data: bool) -> int:
    """Show the tables of a run, and return its exit status: 1 if people could vote and nobody's answer counts.

    Args:
        result: the run.
        command: what was typed to start this program, for advice on what to type next.
        as_data: whether to print JSON instead.
    """
    record = result.record
    print_text(f"{figures.findings_as_json(result.measures)}\n" if as_data else _set_tables(result, command))
    was_asked = any(ballot.status != "not_asked" for ballot in record.ballots.values())
    if was_asked and not votes.measure_vote(record).counted:
        say("Nothing could be counted: nobody answered when asked to vote.")
        return FAILED
    return DONE


def _set_tables(result: SimulationResult, command: str) -> str:
    columns, shown = measure_columns(), glyphs.choose_glyphs(stdout_encoding())
    page = tables.build_tables(result.record, columns, glyphs=shown, command=command, path=result.path)
    costs = _set_costs(result)
    below = [*(["", *costs] if costs else ()), *side_by_side.build_lines(result.foretold)]
    below += advise_later(result.path, result.record, command)
    return page + "".join(f"{line}\n" for line in below)


def _set_costs(result: SimulationResult) -> list[str]:
    calls = result.record.model_calls
    caption = "Tokens, cost, as known" if calls is None else "Tokens and cost"
    return [] if calls == 0 else cost_table.build_cost_table(result.usage, caption, answered=result.usage_answered)


def measure_columns() -> int:
    """Return how many columns the terminal has; where there is none, as many as tables need."""
    return shutil.get_terminal_size((tables.MIN_WIDTH, 0)).columns


def make_directory(engine: GameEngine, output: Path) -> Path:
    """Make the run directory and return it.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        engine.initialize_simulation_output(output)
    except OSError as error:
        why = f"no run directory can be made in {output}: {error.strerror}"
        raise UsageError(f"{why}; {NAME_FOLDER}") from error
    assert engine.simulation_dir is not None
    return engine.simulation_dir


def tell(progress: Progress) -> AbstractContextManager[None]:
    """Return what tells of the progress on stderr: in place on a terminal that can do it, else in lines."""
    can_redraw = sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    return told_live(progress) if can_redraw else told_plainly(progress)


def describe_left(directory: Path, command: str, *, change: str = "") -> str:
    """Return where a run that did not end left its record, what that holds, how to look at it, and how to go on.

    Args:
        directory: the run directory.
        command: what was typed to start this program.
        change: the option without which it would end there again, after a space.
    """
    if not directory.is_dir():
        return f"Nothing is recorded any more: {directory} is gone."
    where = f"What is recorded stands in {directory}"
    if not (directory / METADATA).is_file():
        return f"{where}: the configuration, and nothing else yet."
    try:
        record = load_run(directory).record
    except RecordError as error:
        return f"{where}, and cannot be read as it is: {error}"
    quoted = shlex.quote(str(directory))
    going_on = describe_going_on(directory, command, change=change, wants_correction=record.wants_correction)
    seeing = f"{where}\n{heading.describe_extent(record)}\nTo see it: {command} show {quoted}"
    return f"{seeing}\n{going_on}"
