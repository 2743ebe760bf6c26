"""What belongs to a directory, and what a link in it would lead to elsewhere: a directory may be somebody else's."""

import os
from contextlib import suppress
from pathlib import Path

from ..errors import RecordError


def refuse_links(folder: Path) -> None:
    """Return if no file in a folder is a symbolic link that leads out of it.

    What somebody sends as a record would else be read, and shown, from wherever its links point to.

    Raises:
        RecordError: one is; the message names it and where it leads.
    """
    with suppress(OSError):  # what cannot be listed is told of when its files are read
        for path in sorted(folder.iterdir()):
            if path.is_symlink() and not path.is_dir():
                refuse_link(path, folder)


def refuse_link(path: Path, folder: Path) -> None:
    """Return if a file or directory in a folder is really there, and not elsewhere.

    Raises:
        RecordError: it is elsewhere; the message names it and where it leads.
    """
    place = os.path.realpath(path)
    if not Path(place).is_relative_to(os.path.realpath(folder)):
        why = f"{path} is a symbolic link that leads out of {folder}, to {place}, and is not read"
        raise RecordError(f"{why}; copy what it leads to in its place if you trust it")
