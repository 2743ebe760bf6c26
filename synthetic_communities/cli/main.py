"""The command `synthetic-communities`: its commands, each with its options; those of several are in `options`."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from ..config import BUNDLED_FILE
from ..late import Late
from .checking import describe_check, describe_run, run_as_data, tell_misspelled
from .listing import MIN_WIDTH, describe_listing, listing_as_json, read_listing, refuse_folder_of_runs
from .loading import load_engine
from .options import (
    ASKING_OPTIONS,
    CONSENT_OPTIONS,
    LIMIT_OPTIONS,
    OUTPUT_OPTIONS,
    SCENARIO_OPTIONS,
    SPENDING_OPTIONS,
    TELLING_OPTIONS,
    options,
)
from .program import Program, print_text, say, stdout_encoding
from .repeating import run_replicates
from .running import FAILED, run_community
from .showing import choose_view, show_run
from .spending import Consent, expect, is_confirmed, tell_foretold
from .starting import describe_next_steps, write_scenario

if TYPE_CHECKING:
    from . import probing, rerunning
else:  # few commands need them
    probing = Late(f"{__package__}.probing")
    rerunning = Late(f"{__package__}.rerunning")

EXIT_STATUS = """\b
Exit status: 0 done;
1 nothing could be counted, the run failed, or nobody agreed to its cost;
2 wrong usage or configuration, or a damaged run;
3 verify can say nothing;
4 stopped, as a limit was reached;
130 interrupted, 143 ended by SIGTERM, 129 by SIGHUP."""


def typed_command(context: click.Context) -> str:
    """Return what was typed to start this program."""
    return context.find_root().command_path


@click.group(cls=Program, invoke_without_command=True, epilog=EXIT_STATUS)
@click.version_option(package_name="synthetic-communities", message="%(package)s %(version)s")
@click.pass_context
def program(context: click.Context) -> None:
    """Simulate a community that hears candidates debate, talks, posts and votes.

    Without a command, the bundled scenario is run with the offline mind: no key, no network, nothing spent.
    """
    if context.invoked_subcommand is None:
        context.invoke(run)


@program.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@options(SCENARIO_OPTIONS, ASKING_OPTIONS, LIMIT_OPTIONS, OUTPUT_OPTIONS)
@click.option(
    "--log-bodies",
    metavar="FILE",
    type=click.File("w", encoding="utf-8", lazy=True),
    help="Write the whole texts of every call of a model to FILE, a line of JSON each.",
)
@click.option(
    "--cache",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Answer calls from what runs with the same DIR have asked before, and add to it.",
)
@click.option("--replicates", metavar="N", type=click.IntRange(1), help="Run it N times, each with its own chance.")
@click.option("--resample", is_flag=True, help="With --replicates: draw other people for each.")
@options(CONSENT_OPTIONS, TELLING_OPTIONS)
@click.pass_context
def run(
    context: click.Context,
    /,
    config: Path | None,
    output: Path,
    log_bodies: TextIO | None,
    cache: Path | None,
    replicates: int | None,
    resample: bool,
    above_usd: float,
    is_given: bool,
    as_data: bool,
    verbose: int,
    **changes: float | str | None,
) -> None:
    """Run a community and show what came of it.

    CONFIG is a YAML file, by default the bundled scenario. An option replaces what CONFIG says.
    """
    stated = {name: value for name, value in changes.items() if value is not None}
    engine = load_engine(config or BUNDLED_FILE, stated)
    telling: dict[str, Any] = {"verbosity": verbose, "command": typed_command(context), "as_data": as_data}
    _refuse_lone_resample(replicates, resample)
    if replicates is not None and log_bodies is not None:
        raise click.UsageError("--log-bodies takes one run; leave out --replicates")
    tell_misspelled(engine)
    expense = expect(engine, runs=replicates or 1, resample=resample)
    if not is_confirmed(expense, Consent(above_usd, is_given)):
        context.exit(FAILED)
    if replicates is None:
        engine.log_bodies(log_bodies)
        engine.ask_for_key()  # where there is none, nothing is to be left behind
        engine.use_cache(cache)
        tell_foretold(expense)
        context.exit(run_community(engine, output, config=str(config or ""), **telling))
    tell_foretold(expense)
    model = engine.config.model if "model" in stated else None
    context.exit(run_replicates(engine, replicates, output, model=model, resample=resample, cache=cache, **telling))


def _refuse_lone_resample(replicates: int | None, resample: bool) -> None:
    if replicates is None and resample:
        raise click.UsageError("--resample goes with --replicates")


@program.command("resume")
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path))
@options(ASKING_OPTIONS, LIMIT_OPTIONS)
@click.option(
    "--retry-failures", is_flag=True, default=None, help="Ask again what failed in epochs that had not ended."
)
@click.option("--cache", metavar="DIR", type=click.Path(path_type=Path), help="As for run.")
@click.option("--api-key-command", metavar="COMMAND", help="What prints the key; the run does not say.")
@options(CONSENT_OPTIONS, TELLING_OPTIONS)
@click.pass_context
def resume_command(
    context: click.Context,
    /,
    directory: Path,
    above_usd: float,
    is_given: bool,
    as_data: bool,
    verbose: int,
    **changes: Any,
) -> None:
    """Go on with a run that was broken off.

    RUN is its directory, or a folder of replicates. Calls that are in its journal are answered from there and cost
    nothing; the finished record is that of a run that was never interrupted.
    """
    stated = {name: value for name, value in changes.items() if value is not None}
    telling: dict[str, Any] = {"verbosity": verbose, "command": typed_command(context), "as_data": as_data}
    refuse_folder_of_runs(directory, telling["command"])
    context.exit(rerunning.resume(directory, stated, Consent(above_usd, is_given), **telling))


@program.command("replay")
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--config", metavar="FILE", type=click.Path(path_type=Path), help="Another configuration.")
@click.option("--allow-calls", is_flag=True, help="Ask a model what the journal does not hold; it costs money.")
@options(OUTPUT_OPTIONS, TELLING_OPTIONS)
@click.pass_context
def replay_command(
    context: click.Context,
    /,
    directory: Path,
    config: Path | None,
    output: Path,
    allow_calls: bool,
    as_data: bool,
    verbose: int,
) -> None:
    """Run again on the answers of RUN, without a network.

    With another configuration, calls whose requests did not change are answered; the others need --allow-calls.
    """
    telling: dict[str, Any] = {"verbosity": verbose, "command": typed_command(context), "as_data": as_data}
    refuse_folder_of_runs(directory, telling["command"])
    context.exit(rerunning.replay(directory, config, output, allow_calls=allow_calls, **telling))


@program.command("verify")
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path))
@click.pass_context
def verify_command(context: click.Context, directory: Path) -> None:
    """Make RUN again from its journal, and say whether its record is what comes of that.

    No key and no network are needed. Exit status: 0 identical; 1 it differs; 3 nothing can be said, as this version
    of the package asks something else than the one that ran.
    """
    refuse_folder_of_runs(directory, typed_command(context))
    context.exit(rerunning.verify(directory))


@program.command()
@click.argument("config", required=False, type=click.Path(path_type=Path))
@options(SCENARIO_OPTIONS, ASKING_OPTIONS, SPENDING_OPTIONS)
@click.option("--json", "as_data", is_flag=True, help="As JSON, for machines.")
@click.option("--probe", is_flag=True, help="Ask the model each act once, and say what came of it.")
@click.option("--replicates", metavar="N", type=click.IntRange(1), help="Say what N runs of it will do together.")
@click.option("--resample", is_flag=True, help="With --replicates: other people are drawn for each.")
@click.pass_context
def check(
    context: click.Context,
    /,
    config: Path | None,
    as_data: bool,
    probe: bool,
    replicates: int | None,
    resample: bool,
    **changes: float | str | None,
) -> None:
    """Say what is wrong with CONFIG, what it leaves open, and what a run of it will do.

    CONFIG is a YAML file, by default the bundled scenario. An option replaces what CONFIG says. Where a model is
    asked, that is: its calls, tokens, money and minutes, as ranges. Nothing is run and, but for --probe, nothing is
    spent. With it the exit status is 1 if a reply cannot be used, and 4 if a limit was reached before all was asked.
    """
    path, stated = config or BUNDLED_FILE, {name: value for name, value in changes.items() if value is not None}
    engine = load_engine(path, stated, needs_keys=probe and not as_data)
    _refuse_lone_resample(replicates, resample)
    several: dict[str, Any] = {"replicates": replicates or 1, "resample": resample}
    if probe:
        context.exit(probing.probe_config(engine, path, as_data=as_data, **several))
    forecast = engine.forecast(**several)
    if as_data:
        print_text(f"{json.dumps({'config': str(path), **run_as_data(engine, forecast)})}\n")
    else:
        print_text(f"{describe_check(path, engine, forecast)}\n\n{describe_run(engine, forecast)}\n")
    for missing in engine.missing_keys:
        say(missing)


@program.command()
@click.argument("directory", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--person", metavar="ID", help="One person's story; a name will do if only one of the people has it.")
@click.option("--debate", metavar="E.T.Q", help="What was said to a question: epoch, topic, number, counted from 0.")
@click.option("--conversation", metavar="ID", help="What two people said to each other.")
@click.option("--feed", metavar="E", type=int, help="The posts there are at the end of epoch E, counted from 0.")
@click.option("--failures", is_flag=True, help="Every act without an answer, with its request and reply.")
@click.option("--plots", metavar="DIR", type=click.Path(path_type=Path), help="Save pictures of the run in DIR.")
@click.option("--json", "as_data", is_flag=True, help="As JSON, for machines.")
@click.pass_context
def show(context: click.Context, /, directory: Path, as_data: bool, **options: Any) -> None:
    """Show the tables of a run again, or the words behind them.

    What is shown is read from the directory RUN, and from nothing else.
    """
    view = choose_view(options)
    refuse_folder_of_runs(directory, typed_command(context))
    context.exit(show_run(directory, view, as_data=as_data, command=typed_command(context)))


@program.command("list")
@click.argument(
    "directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path), default=Path("data/simulation")
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, for machines.")
@click.pass_context
def list_command(context: click.Context, directory: Path, as_json: bool) -> None:
    """List the runs in the folder DIR, newest first.  [default: data/simulation]"""
    command = typed_command(context)
    listing = read_listing(directory, command)
    columns = shutil.get_terminal_size((MIN_WIDTH, 0)).columns
    told = (
        listing_as_json(listing)
        if as_json
        else describe_listing(listing, directory, command, columns, stdout_encoding())
    )
    print_text(f"{told}\n")


@program.command()
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.pass_context
def init(context: click.Context, directory: Path) -> None:
    """Put the bundled scenario into DIR, as files to edit."""
    written = write_scenario(directory)
    print_text(f"{describe_next_steps(written, typed_command(context))}\n")


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    program()
