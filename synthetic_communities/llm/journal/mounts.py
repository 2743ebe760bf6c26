"""Whether a file lies on a network file system, as Linux tells it."""

import re
from pathlib import Path

NETWORK_FILE_SYSTEMS = (
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "fuse.sshfs",
    "lustre",
    "ceph",
    "glusterfs",
    "fuse.glusterfs",
    "beegfs",
    "davfs",
    "fuse.rclone",
    "fuse.s3fs",
    "vboxsf",
)
"""File systems on which several processes cannot share the memory that a write-ahead log needs."""


def is_on_network(path: Path, mounts: str) -> bool:
    """Say whether a path lies on a network file system.

    Args:
        path: an absolute path without symbolic links.
        mounts: what Linux tells in `/proc/self/mounts`; empty where it does not.
    """
    best, kind = "", ""
    for line in mounts.splitlines():
        _, point, name, *_ = [*line.split(" "), "", "", ""]
        point = _unescape(point)
        if point and path.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, name
    return kind in NETWORK_FILE_SYSTEMS


def _unescape(point: str) -> str:
    """Return a place as it is called: in the list of mounts a space, a tab, a line's end and a backslash are octal."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), point)


def read_mounts() -> str:
    """Return what Linux tells of what is mounted where; nothing elsewhere."""
    try:
        return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
