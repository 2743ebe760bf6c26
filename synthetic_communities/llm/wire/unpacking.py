"""Unpacking compressed bodies no further than a limit: a few bytes can stand for gigabytes."""

import zlib
from collections.abc import Callable, Mapping
from typing import TypeAlias

Unpack: TypeAlias = Callable[[bytes, int], bytes]
"""Returns what the next part of a body comes to, at most so many bytes of it."""

_PACKED = ("gzip", "x-gzip", "deflate")
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class CannotUnpackError(Exception):
    """A body is packed in a way that is not known, or wrongly; what unpacks it may raise this too."""


def find_unpacking(headers: Mapping[str, str]) -> Unpack | None:
    """Return what unpacks a body; None if it is not packed.

    Nothing packed is ever asked for, so only what servers and proxies send all the same is known: one layer of gzip or
    deflate.

    Args:
        headers: of the answer; names in small letters (or looked up without regard to case).

    Raises:
        CannotUnpackError: it is packed in another way.
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in _PACKED:
        raise CannotUnpackError(f"packed as {encoding[:40]!r}, which was not asked for")
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)

    def unpack(part: bytes, most: int) -> bytes:
        """Return at most so many bytes of what comes next; what cannot be unpacked is a `CannotUnpackError`."""
        try:
            return unpacking.decompress(part, most)
        except zlib.error as error:
            raise CannotUnpackError(f"it cannot be unpacked: {error}") from error

    return unpack
