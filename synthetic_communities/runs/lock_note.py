"""What a lock says of the process that holds it, and whether that process is still there."""

import json
import os
import socket
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeGuard

MOST_BYTES = 4096
"""Most that is read of a lock; what is longer was not written here."""

LONGEST = 255
"""Characters of a text in it."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that holds a run directory.

    Attributes:
        host: name of its machine.
        pid: its id there.
        started: when it took the lock: date and time in UTC.
        process_began: when the process began, in words that no other process of that id has; None: not known.
    """

    host: str
    pid: int
    started: str = field(kw_only=True)
    process_began: str | None = field(default=None, kw_only=True)


def this_process() -> Holder:
    """Return what a lock says that is taken now, by this process."""
    pid = os.getpid()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(socket.gethostname(), pid, started=started, process_began=find_beginning(pid))


def write_note(descriptor: int, holder: Holder) -> None:
    """Write a line of JSON in place of all that an open file holds.

    Raises:
        OSError: it cannot be written.
    """
    text = f"{json.dumps(asdict(holder))}\n".encode()
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text)


def read_note(descriptor: int) -> Holder | None:
    """Return what an open lock says; None: nothing that could be understood."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        values = json.loads(os.read(descriptor, MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return _parse(values) if isinstance(values, dict) else None


def _parse(values: dict[str, Any]) -> Holder | None:
    host, pid, started, began = (values.get(name) for name in ("host", "pid", "started", "process_began"))
    if not (_is_word(host) and _is_word(started) and type(pid) is int and 0 < pid < 2**31):
        return None
    return Holder(host, pid, started=started, process_began=began if _is_word(began) else None)


def _is_word(value: Any) -> TypeGuard[str]:
    """Say whether this is a text fit to be shown: what others wrote there may be anything."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()


def is_gone(holder: Holder) -> bool:
    """Say whether it is certain that a process has ended; of another host's, or where it cannot be told, it is not."""
    if holder.host != socket.gethostname() or sys.platform == "win32":  # there, asking after a process may end it
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is there, and somebody else's
    began = find_beginning(holder.pid)
    return None not in (began, holder.process_began) and began != holder.process_began


def find_beginning(pid: int) -> str | None:
    """Return when a process began, in words that only one process of this id has; None: this system does not tell."""
    with suppress(OSError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return f"{boot} {status.rpartition(')')[2].split()[19]}"  # after its name: 20th is the time in ticks since boot
    return None
