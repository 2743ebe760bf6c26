"""The options that several commands share, in groups; an option of one command stands there, in `main`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from ..configuration.settings import PROMPT_CACHES
from ..llm.naming import PROVIDERS
from .durations import read_duration
from .spending import CONFIRM_ABOVE_USD

Command = TypeVar("Command", bound=Callable[..., Any])

MODEL_HELP = f"Who thinks: offline, or {', '.join(f'{name}:NAME' for name in PROVIDERS)}."


def _refuse_no_amount(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not value >= 0:
        raise click.BadParameter(f"{value!r} is no amount of money; give US dollars, 0 or more", context, parameter)
    return value


SCENARIO_OPTIONS = (
    click.option("--model", metavar="M", help=MODEL_HELP),
    click.option(
        "--candidate-model", metavar="M", help="Who thinks for candidates and mediator.  [default: the same as --model]"
    ),
    click.option("--epochs", "num_epochs", metavar="N", type=int, help="Rounds of debate, conversation and posts."),
    click.option(
        "--population", "population_size", metavar="N", type=int, help="How many people are drawn from the file."
    ),
    click.option("--seed", "random_seed", metavar="N", type=int, help="What all chance is drawn from."),
)
"""Options for settings that say what is run, and so what it costs: of `run`, and of `check`."""

ASKING_OPTIONS = (
    click.option("--max-concurrent", metavar="N", type=int, help="How many acts may be under way at once."),
    click.option(
        "--prompt-cache",
        type=click.Choice(PROMPT_CACHES),
        help="Whether providers keep the beginnings of prompts where that pays; none: they are not told to.",
    ),
)
"""Options for settings that no result depends on, but money and minutes do: of `run`, `resume` and `check`."""

SPENDING_OPTIONS = (
    click.option(
        "--max-cost-usd", metavar="USD", type=float, help="What the calls of models may cost; of replicates, each."
    ),
    click.option("--max-tokens", metavar="N", type=int, help="Tokens of all prompts and replies; of replicates, each."),
    click.option("--max-calls", metavar="N", type=int, help="Calls of models, every try counted; of replicates, each."),
)
"""Options for what may be spent: of `run` and `resume`, and of `check`, whose probe they limit."""

LIMIT_OPTIONS = (
    *SPENDING_OPTIONS,
    click.option(
        *("--deadline", "deadline_seconds"),
        metavar="TIME",
        type=read_duration,
        help="When to stop: 90m, 2h30m, or seconds.",
    ),
    click.option(
        "--max-failures",
        metavar="SHARE",
        type=float,
        help="Share of a step's acts, or of all, that may come to nothing; 1: any.",
    ),
)
"""Options for what ends a run before its time: of `run`, and of `resume`."""

CONSENT_OPTIONS = (
    click.option(
        *("--confirm-above", "above_usd"),
        metavar="USD",
        type=float,
        default=CONFIRM_ABOVE_USD,
        show_default=True,
        callback=_refuse_no_amount,
        help="What may be spent without asking.",
    ),
    click.option("--yes", "is_given", is_flag=True, help="Spend what it costs; ask nothing."),
)
"""Options by which somebody agrees to what it costs: of `run`, and of `resume`."""

OUTPUT_OPTIONS = (
    click.option(
        "--output",
        metavar="DIR",
        type=click.Path(path_type=Path),
        default=Path("data/simulation"),
        show_default=True,
        help="The folder the run's own directory is made in.",
    ),
)
"""The option for where a run is recorded: of `run`, and of `replay`."""

TELLING_OPTIONS = (
    click.option("--json", "as_data", is_flag=True, help="Show what came of it as JSON, for machines."),
    click.option("-v", "--verbose", count=True, help="A line for every act and every change of a limit; -vv: more."),
)
"""Options for what is told of a run, and how: of `run`, `resume` and `replay`."""


def options(*groups: Sequence[Callable[[Command], Command]]) -> Callable[[Command], Command]:
    """Return what gives a command the options of these groups, in their order."""

    def give(command: Command) -> Command:
        """Return the command with them; decorators are applied from the last to the first."""
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return give
