"""Running replicates from the command line, and showing what they say together."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.bridge import run_sync
from ..errors import ConfigurationError, RecordError, RunStoppedError, SyntheticCommunitiesError, UsageError
from ..game_engine import GameEngine
from ..late import Late
from ..llm.failures import WrongSettingsError
from ..report.text import clean_text, count_of
from ..runs.plan import refuse_unprepared
from ..simulation.many import make_replicates_folder
from ..simulation.progress import Progress
from .going_on import advise_later_together, describe_going_on
from .logs import logs_on_stderr
from .program import STOPPED, WRONG_USAGE, print_text, say, say_errors, say_failure
from .running import DONE, FAILED, NAME_FOLDER, measure_columns, spell_change, spell_sentence, tell
from .stopping import INTERRUPTED

if TYPE_CHECKING:
    from ..report import replicate_lines, replicates
    from ..report.replicates import Replicates
    from ..report.terminal import side_by_side
else:  # not every command shows several runs
    replicate_lines = Late("synthetic_communities.report.replicate_lines")
    replicates = Late("synthetic_communities.report.replicates")
    side_by_side = Late("synthetic_communities.report.terminal.side_by_side")


LIMITS_OF_EACH = frozenset({"max_cost_usd", "max_tokens", "max_calls", "deadline_seconds"})
"""Settings that limit what each of several runs spends."""


def run_replicates(
    engine: GameEngine,
    number: int,
    output: Path,
    *,
    model: str | None,
    resample: bool,
    cache: Path | None,
    verbosity: int,
    command: str,
    as_data: bool,
) -> int:
    """Run a community several times side by side, show what the runs say together, and return the exit status.

    Args:
        engine: ready to run; its configuration is run.
        number: how many times.
        output: the folder that a folder for all runs is made in.
        model: what was typed as `--model`; None: nothing was.
        resample: whether each run draws its own people.
        cache: the folder of answers that runs share; None: none.
        verbosity: 0, 1 or 2, for no log, a line for every act, or more of each.
        command: what was typed to start this program, for advice on what to type next.
        as_data: whether to print JSON, and nothing else on stdout.

    Raises:
        UsageError: no folder can be made in `output`.
    """
    engines = GameEngine._build_replicates(engine.config, number, resample, None, model, cache)
    foretold = engine.foretold(replicates=number, resample=resample)
    asked = None if foretold is None or foretold.asked is None else foretold.asked.as_data()
    folder = make_folder(output)

    def run(observer: Progress) -> Replicates:
        """Run all of them in the folder, and return what came of it; every step is told to the observer."""
        return run_sync(GameEngine._run_replicates(engines, None, cache, output, folder, observer, asked))

    return run_in_folder(run, folder, verbosity=verbosity, command=command, as_data=as_data)


def run_in_folder(
    run: Callable[[Progress], Replicates], folder: Path, *, verbosity: int, command: str, as_data: bool
) -> int:
    """Run replicates in a folder, telling how far they are, show what they say together, and return the status."""
    progress = Progress(time.monotonic)
    try:
        with logs_on_stderr(verbosity), tell(progress):
            runs = run(progress)
    except KeyboardInterrupt:
        say(f"Interrupted. {describe_left(folder, command)}")
        return INTERRUPTED
    except ConfigurationError:
        with suppress(OSError):  # it is empty unless a run has begun
            folder.rmdir()
        raise
    except RunStoppedError as stop:
        say(clean_text(spell_sentence(stop)))
        if stop.setting in LIMITS_OF_EACH:
            say("That limit is one of each run, not of all of them together.")
        say(describe_left(folder, command, change=spell_change(stop)))
        return STOPPED
    except (OSError, SyntheticCommunitiesError) as error:
        say_failure("the runs", error)
        say(describe_left(folder, command, wants_correction=isinstance(error, WrongSettingsError)))
        return FAILED
    return show_replicates(runs, command, as_data=as_data)


def make_folder(output: Path) -> Path:
    """Make the folder that holds the runs, and return it.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        return make_replicates_folder(output)
    except OSError as error:
        why = f"no folder can be made in {output}: {error.strerror}"
        raise UsageError(f"{why}; {NAME_FOLDER}") from error


def describe_left(folder: Path, command: str, *, change: str = "", wants_correction: bool = False) -> str:
    """Return where runs that did not end left their records, how many came to an end, and how to go on.

    Args:
        folder: that of the runs.
        command: what was typed to start this program.
        change: the option without which they would end there again, after a space.
        wants_correction: whether they would end there again in any case, as their settings are wrong.
    """
    if not folder.is_dir():
        return f"Nothing is recorded any more: {folder} is gone."
    where = f"What is recorded stands in {folder}"
    try:
        refuse_unprepared(folder)
    except RecordError as error:
        return f"{error}."
    try:
        rows = replicates.Replicates(folder).rows
    except RecordError as error:
        return f"{where}, and cannot be read as it is: {error}"
    complete = sum(map(replicate_lines.is_complete, rows))
    extent = f"{complete:,} of {count_of(len(rows), 'runs')} complete."
    quoted = shlex.quote(str(folder))
    going_on = describe_going_on(folder, command, change=change, wants_correction=wants_correction)
    return f"{where}\n{extent}\nTo see it: {command} show {quoted}\n{going_on}"


def show_replicates(runs: Replicates, command: str, *, as_data: bool) -> int:
    """Show what runs say together, and return the exit status: 1 if nobody's answer counts in any of them.

    Args:
        runs: the runs.
        command: what was typed to start this program, for advice on what to type next.
        as_data: whether to print JSON instead.
    """
    foretold, status = read_foretold(runs)
    if as_data:
        told = {"path": str(runs.path), "runs": runs.rows, "spreads": runs.spreads, "foretold": foretold}
        print_text(f"{json.dumps(told, indent=2, allow_nan=False)}\n")
    else:
        one = shlex.quote(str(runs[0].path))
        advice = f"The runs: {runs.path}\n  one of them: {command} show {one}\n"
        advice += advise_later_together(runs.path, [run.record for run in runs], command)
        beside = [*side_by_side.build_lines(foretold), ""] if foretold else []
        print_text(runs.summary(measure_columns()) + "".join(f"{line}\n" for line in beside) + advice)
    if replicate_lines.has_no_count(runs.rows):
        say("Nothing could be counted in any run: nobody answered when asked to vote.")
        return FAILED
    return status


def read_foretold(runs: Replicates) -> tuple[list[dict[str, Any]], int]:
    """Return what was foretold of the runs beside what they took, and the exit status; damage is said."""
    try:
        return runs.foretold, DONE
    except RecordError as error:
        say_errors([str(error)])
        return [], WRONG_USAGE
