"""Finding files, and reading text from them within bounds."""

from __future__ import annotations

import filecmp
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError, Problem

MAX_TEXT_BYTES = 1_000_000
"""The largest configuration or world story that is read."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that was looked for and found.

    Attributes:
        path: the first that was found.
        notice: what to tell about others of that name with another content; empty if there are none.
    """

    path: Path
    notice: str = ""


def find_file(name: str, folders: Sequence[Path]) -> FoundFile | None:
    """Return the file of this name in the first of `folders` that has it, or None; an absolute one as it is."""
    paths = [folder / name for folder in folders if is_file(folder / name)]
    if not paths:
        return None
    others = [path for path in paths[1:] if not filecmp.cmp(paths[0], path, shallow=False)]
    notice = f"took {paths[0]}; {others[0]} has the same name and another content" if others else ""
    return FoundFile(paths[0], notice)


def is_file(path: Path) -> bool:
    """Say whether there is a file; what may not be looked at is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def find_file_problem(path: Path, where: str) -> Problem | None:
    """Return why the file cannot be read, None if it can; reads nothing of it."""
    try:
        if path.is_dir():
            return Problem(where, f"{_name(path, where)}is a folder", "name a file")
        if not path.exists():
            return Problem(where, f"{_name(path, where)}does not exist", "correct the path, or make the file")
        if not path.is_file():
            return Problem(
                where, f"{_name(path, where)}is no regular file", "save what it holds to a file, and name that"
            )
        path.open("rb").close()
    except OSError as error:
        return Problem(
            where, f"{_name(path, where)}cannot be read: {error.strerror}", "correct its name or its permissions"
        )
    return None


def load_text(path: Path, where: str) -> str:
    """Return the text of a UTF-8 file of at most `MAX_TEXT_BYTES`, without a byte order mark.

    Raises:
        ConfigurationError: there is no such file, or it cannot be read, is too large, or is not UTF-8.
    """
    problem = find_file_problem(path, where)
    if problem:
        raise ConfigurationError([problem])
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise ConfigurationError([Problem(where, f"{_name(path, where)}cannot be read: {error.strerror}")]) from error
    if len(content) > MAX_TEXT_BYTES:
        raise ConfigurationError(
            [Problem(where, f"{_name(path, where)}is larger than {MAX_TEXT_BYTES} bytes", "shorten it")]
        )
    return _decode(content, path, where)


def is_sound_text(text: str) -> bool:
    """Say whether the text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _decode(content: bytes, path: Path, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        what = f"{_name(path, where)}is not UTF-8: byte 0x{content[error.start]:02x} on line {line}"
        raise ConfigurationError([Problem(where, what, "save it as UTF-8")]) from error


def _name(path: Path, where: str) -> str:
    return "" if where == str(path) else f"{path} "
