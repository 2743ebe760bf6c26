"""The command line of the benchmark."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from .legs import find_faults
from .machine import describe_machine
from .measuring import run_plan
from .plans import FULL, QUICK, Plan
from .report import build_json, build_table

REACHED, MISSED = 0, 1


@click.command(epilog="Exit status: 0 everything reached; 1 something missed; 2 wrong usage.")
@click.option("--quick", is_flag=True, help="Under a minute: 0.3 s a reply, the sequential leg on 20 people.")
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write everything measured to FILE, with machine and versions.",
)
@click.pass_context
def benchmark(context: click.Context, /, quick: bool, json_file: Path | None) -> None:
    """Measure one belief update of 100 people over a loopback server: one by one, side by side, and the bare client.

    Takes about four minutes, nearly all of them waiting, and reaches no other machine.
    """
    context.exit(run_benchmark(QUICK if quick else FULL, json_file))


def run_benchmark(plan: Plan, json_file: Path | None) -> int:
    """Measure, show the table, write the JSON if asked for, and return the exit status."""
    machine = describe_machine()
    when = datetime.now(UTC).isoformat(timespec="seconds")
    result = run_plan(plan, lambda line: click.echo(line, err=True))
    click.echo(build_table(result, machine), nl=False)
    if json_file is not None:
        json_file.write_text(json.dumps(build_json(result, machine, when), indent=2) + "\n", encoding="utf-8")
    return MISSED if find_faults(result) else REACHED


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    benchmark(prog_name="python -m synthetic_communities.benchmark")
