"""What `show` prints: the tables of a run, or the words behind them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import RecordError
from ..late import Late
from ..report.result import SimulationResult, load_run
from ..runs.directory import PLAN, REPLICATES
from ..runs.plan import refuse_unprepared
from .program import WRONG_USAGE, print_text, say, say_errors, stdout_encoding
from .repeating import show_replicates
from .running import DONE, measure_columns, show_result

if TYPE_CHECKING:
    from ..report import plots, replicates
    from ..report.stories import telling_json
    from ..report.stories.outline import Told
else:  # not every command shows a run
    plots = Late("synthetic_communities.report.plots")
    replicates = Late("synthetic_communities.report.replicates")
    telling_json = Late("synthetic_communities.report.stories.telling_json")

VIEWS: Mapping[str, Callable[[SimulationResult, Any], Told]] = {
    "person": lambda result, who: result.story(who),
    "debate": lambda result, question: result.debate(question),
    "conversation": lambda result, conversation_id: result.conversation(conversation_id),
    "feed": lambda result, epoch: result.feed(epoch),
    "failures": lambda result, _: result.failed_acts(),
}
"""Option to what it shows."""

PLOTS = "plots"


def choose_view(options: Mapping[str, Any]) -> tuple[str, Any] | None:
    """Return the one option that was given, and its value; None: none was, and the tables are shown.

    Raises:
        click.UsageError: several were.
    """
    given = [(name, value) for name, value in options.items() if value is not None and value is not False]
    if len(given) > 1:
        named = " and ".join(f"--{name}" for name, _ in given)
        raise click.UsageError(f"{named} show different things; give one of them at a time")
    return given[0] if given else None


def show_run(path: Path, view: tuple[str, Any] | None, *, as_data: bool, command: str) -> int:
    """Show something of the run in this directory, then what of it is damaged, and return the exit status.

    Args:
        path: of the run directory.
        view: an option and its value; None: the tables.
        as_data: whether to print JSON.
        command: what was typed to start this program, for advice on what to type next.

    Raises:
        SyntheticCommunitiesError: there is no run, nothing of it can be read, or what was asked for is not in it.
        click.BadParameter: pictures cannot be written.
    """
    with _reading(path):
        refuse_unprepared(path)
        are_several = any((path / name).is_file() for name in (PLAN, REPLICATES))
    if are_several:
        return _show_replicates(path, view, as_data=as_data, command=command)
    with _reading(path):
        result = load_run(path, skip_damaged=True)
    try:
        status = _show(result, view, as_data=as_data, command=command)
    finally:
        say_errors(result.damages_in_short)
    if not result.damages:
        return status
    say("What is shown is what could be read.")
    return WRONG_USAGE


def _show_replicates(path: Path, view: tuple[str, Any] | None, *, as_data: bool, command: str) -> int:
    if view is not None:
        raise click.UsageError(f"--{view[0]} shows something of one run, and {path} holds several; name one of those")
    with _reading(path):
        runs = replicates.Replicates(path)
        _ = runs.summary()  # read here: what fails from now on has to do with the terminal
    return show_replicates(runs, command, as_data=as_data)


def _show(result: SimulationResult, view: tuple[str, Any] | None, *, as_data: bool, command: str) -> int:
    if view is None:
        return _show_tables(result, as_data=as_data, command=command)
    if view[0] == PLOTS:
        _show_plots(result, view[1], as_data=as_data)
    else:
        _show_words(result, *view, as_data=as_data)
    return DONE


def _show_tables(result: SimulationResult, *, as_data: bool, command: str) -> int:
    with _reading(result.path):
        _ = result.record  # read here: what fails from now on has to do with the terminal
    return show_result(result, command, as_data=as_data)


def _show_words(result: SimulationResult, option: str, value: Any, *, as_data: bool) -> None:
    with _reading(result.path):
        told, status = VIEWS[option](result, value), result.measured.get("status")
    if as_data:
        damaged = len(result.damages)
        print_text(f"{telling_json.told_as_json(option, told, path=result.path, status=status, damaged=damaged)}\n")
    else:
        print_text(told.text(measure_columns(), stdout_encoding()))


def _show_plots(result: SimulationResult, folder: Path, *, as_data: bool) -> None:
    with _reading(result.path):
        _ = result.record
    try:
        paths = plots.save_plots(result, folder)
    except OSError as error:
        why = f"no pictures can be written to {folder}: {error.strerror}"
        raise click.BadParameter(why, param_hint=f"--{PLOTS}") from error
    if as_data:
        value = {"path": str(result.path), "damaged": len(result.damages), "plots": list(map(str, paths))}
        print_text(f"{telling_json.as_json(value)}\n")
    else:
        print_text("".join(["Pictures:\n", *(f"  {shlex.quote(str(path))}\n" for path in paths)]))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise what the system says of files as an error of the record; what is printed has no place in here."""
    try:
        yield
    except OSError as error:
        raise RecordError(f"{error.filename or path} cannot be read: {error.strerror}") from error
