"""What all commands share: errors become one line and an exit status, warnings one line, output what prints."""

import io
import os
import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

import click
from click.exceptions import Exit

from ..configuration.places import MAX_PROBLEMS_LISTED
from ..errors import ConfigurationError, SyntheticCommunitiesError
from ..report.text import clean_text, spell_error, spell_in
from .stopping import INTERRUPTED, stopped_as_by_ctrl_c

WRONG_USAGE = 2
WRITING_FAILED = 1
STOPPED = 4

NAME_VARIABLE = "SYNTHETIC_COMMUNITIES_COMMAND"
"""Environment variable in which a script that wraps this program says how it was called."""

DEFAULT_COMMAND = "run"
"""What is run where no command is typed."""

CONFIGURATIONS = (".yaml", ".yml")
"""How names of configurations end."""

_UNBROKEN = "\N{NON-BREAKING HYPHEN}"

MOST_ERRORS = 10
"""Errors that are told one by one."""

MOST_PROBLEMS = 2 * (MAX_PROBLEMS_LISTED + 1)
"""As many problems as are listed of a configuration and its people, each with a line that counts the others."""


class _Formatter(click.HelpFormatter):
    """Writes help in which no line ends inside a name: at a hyphen, the library beneath would break it."""

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write options or commands, each with its help beside it."""
        super().write_dl([(first, help.replace("-", _UNBROKEN)) for first, help in rows], col_max, col_spacing)

    def getvalue(self) -> str:
        """Return what was written."""
        return super().getvalue().replace(_UNBROKEN, "-")


class _Context(click.Context):
    formatter_class = _Formatter


class Command(click.Command):
    """A command whose help can be typed as it stands."""

    context_class = _Context


class Program(click.Group):
    """A group of commands whose known errors end them with a clear line on stderr, and no traceback."""

    context_class = _Context
    command_class = Command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read what was typed, under the name that was typed: that of a wrapping script, else the own one."""
        return super().make_context(os.environ.get(NAME_VARIABLE) or info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options that stand before a command.

        Raises:
            click.UsageError: they are options of a command, which is named, or of none.
        """
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            name = next((each for each in typed if each in self.commands), DEFAULT_COMMAND)
            if not _takes(self.commands[name], error.option_name):
                raise
            rest = typed[: typed.index(name)] + typed[typed.index(name) + 1 :] if name in typed else typed
            told = f"{error.option_name} is an option of {name}: {ctx.command_path} {name} {shlex.join(rest)}"
            raise click.UsageError(told, ctx) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was typed.

        Raises:
            click.UsageError: there is none of that name; of a configuration the message says how to run it.
        """
        if args[0] not in self.commands and args[0].casefold().endswith(CONFIGURATIONS):
            told = f"{args[0]} is no command; to run it: {ctx.command_path} {DEFAULT_COMMAND} {shlex.join(args)}"
            raise click.UsageError(told, ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        make_stdout_forgiving()
        with warnings_on_stderr(), stopped_as_by_ctrl_c() as stopping:
            try:
                return self._invoke_told(ctx)
            except Exit as end:
                status = stopping.exit_status(end.exit_code)
                if status != end.exit_code:  # told to end, perhaps because there is no terminal any more
                    forget_unwritable()
                raise Exit(status) from end

    def _invoke_told(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            say_errors(map(str, error.problems), MOST_PROBLEMS)
            raise Exit(WRONG_USAGE) from error
        except SyntheticCommunitiesError as error:
            say_errors([str(error)])
            raise Exit(WRONG_USAGE) from error
        except BrokenPipeError:
            raise  # nobody reads it any more: ended quietly where commands are
        except OSError as error:
            say_errors([f"{error.filename or 'the output'}: {error.strerror}"])
            forget_output()
            raise Exit(WRITING_FAILED) from error
        except KeyboardInterrupt:
            say("Interrupted.")
            raise Exit(INTERRUPTED) from None


def _takes(command: click.Command, option: str) -> bool:
    return any(option in (*param.opts, *param.secondary_opts) for param in command.params)


def say(line: str) -> None:
    """Write a line to stderr, as it is now: a live display may stand in for it."""
    with suppress(OSError):  # that nobody reads it any more, or no terminal is there, is no reason to stop a run
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def print_text(text: str) -> None:
    """Write whole lines to stdout, in characters it takes: what its encoding lacks stands there by its number.

    The library beneath would send UTF-8 to an ASCII terminal.
    """
    click.echo(spell_in(stdout_encoding(), text), nl=False)
    if sys.stdout is not None:
        sys.stdout.flush()  # what cannot be written is an error here, and none of the interpreter's at its end


def forget_unwritable() -> None:
    """Let go of streams that take nothing any more: else the interpreter tries at its end, and ends with 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def forget_output() -> None:
    """Let go of what could not be written: else the interpreter tries once more at its end, and fails for itself."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def stdout_encoding() -> str:
    """Return the encoding of stdout, that of plain characters where there is none."""
    return (sys.stdout and sys.stdout.encoding) or "ascii"


def say_failure(what: str, error: Exception) -> None:
    """Write to stderr what failed and why, with the file where it is one, and what failed besides."""
    say_errors([f"{what} failed: {spell_error(error)}", *getattr(error, "__notes__", ())])


def say_errors(errors: Iterable[str], most: int = MOST_ERRORS) -> None:
    """Write a line for each of these to stderr, and where there are more than `most`, how many more there are."""
    told = list(errors)
    shown = told if len(told) <= most + 1 else told[:most]
    for error in shown:
        say(f"Error: {clean_text(error)}")
    if len(told) > len(shown):
        say(f"Error: and {len(told) - len(shown):,} more of these")


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
