"""What all commands share: errors become one line and an exit status, warnings one line, output what prints."""

import io
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click
from click.exceptions import Exit

from ..errors import ConfigurationError, SyntheticCommunitiesError
from ..report.text import clean_text

WRONG_USAGE = 2
INTERRUPTED = 130


class Program(click.Group):
    """A group of commands whose known errors end them with a clear line on stderr, and no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        make_stdout_forgiving()
        with warnings_on_stderr():
            try:
                return super().invoke(ctx)
            except ConfigurationError as error:
                say_errors(map(str, error.problems))
                raise Exit(WRONG_USAGE) from error
            except SyntheticCommunitiesError as error:
                say_errors([str(error)])
                raise Exit(WRONG_USAGE) from error
            except KeyboardInterrupt:
                say("Interrupted.")
                raise Exit(INTERRUPTED) from None


def say(line: str) -> None:
    """Write a line to stderr, as it is now: a live display may stand in for it."""
    with suppress(BrokenPipeError):  # that nobody reads it any more is no reason to stop a run
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def print_text(text: str) -> None:
    """Write whole lines to stdout, in characters it takes: what its encoding lacks stands there by its number.

    The library beneath would send UTF-8 to an ASCII terminal.
    """
    encoding = sys.stdout.encoding or "ascii"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding), nl=False)


def say_errors(errors: Iterable[str]) -> None:
    """Write a line for each of these to stderr."""
    for error in errors:
        say(f"Error: {clean_text(error)}")


@contextmanager
def warnings_on_stderr() -> Iterator[None]:
    """Show warnings as one line each, without the place in our code they come from."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        yield


def make_stdout_forgiving() -> None:
    """Let stdout take any text, where its encoding is a small one."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"Warning: {clean_text(str(message))}")
