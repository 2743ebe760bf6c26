"""A key that a command of the user's prints, say that of a password manager."""

import shlex
import subprocess

from ...errors import ConfigurationError, Problem

SETTING = "api_key_command"

SOURCE = f"the output of {SETTING}"
"""What messages call the place such a key came from."""

COMMAND_SECONDS = 60.0
"""How long the command may take: somebody may have to unlock something first."""


def run_key_command(command: str, *, timeout_seconds: float = COMMAND_SECONDS) -> str:
    """Return the first line that a command prints, without the spaces around it.

    It is started without a shell and without an input. What it prints is in no message, nor is what it says of errors.

    Args:
        command: the command line, split into words as a shell does it.
        timeout_seconds: how long it may take.

    Raises:
        ConfigurationError: it cannot be started, takes too long, fails, prints no first line, or holds the key itself.
    """
    words = split_command(command)
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=timeout_seconds
        )
    except subprocess.TimeoutExpired:
        # Without its cause, as below: that may hold what was printed.
        raise _problem(f"took more than {timeout_seconds:g} s", "run it in a terminal to see why") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it holds a character that no command can"
        raise _problem(f"cannot be started: {why}", "give a program and its arguments") from None
    if done.returncode != 0:
        raise _problem(f"ended with status {done.returncode}", "run it in a terminal to see why")
    key = _first_line(done.stdout)
    if not key:
        raise _problem("printed no key on its first line", "run it in a terminal to see what it prints")
    if key in command:
        raise _problem("holds the key itself, and stands in configurations", "name a command that looks the key up")
    return key


def split_command(command: str) -> list[str]:
    """Return the words of a command line.

    Raises:
        ConfigurationError: there are none, or a quotation does not end.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    if not words:
        raise _problem("is no command line", "write it as for a shell, as in: pass show openai")
    return words


def _first_line(printed: bytes) -> str:
    # What is no ASCII is no key: it is refused where keys are looked at, and not here.
    return next(iter(printed.decode("utf-8", "replace").splitlines()), "").strip()


def _problem(what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError([Problem(SETTING, what, remedy)])
