"""Connections to one server: what providers ask of them, and how an answer is read, no further than a limit."""

import re
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Iterable, Mapping

from ..failures import CallError
from ..json_shapes import well_formed
from .answers import HttpAnswer
from .server import SHOWN_CHARACTERS
from .unpacking import CannotUnpackError, find_unpacking

MAX_REPLY_BYTES = 1_000_000
"""How much of a body is read, in bytes; a reply of a few paragraphs has some thousands."""

CONNECT_SECONDS = 10.0
"""How long a connection may take to come about."""

_PASSWORD = re.compile(r"//.*@")

ALWAYS_SENT = {"content-type": "application/json", "accept-encoding": "identity"}
"""Headers of every request: nothing packed is asked for."""


class Connections(ABC):
    """Connections to one server, opened and closed on one event loop.

    A redirect is never followed, so that no key goes to another host; no cookie is kept.
    """

    async def post(self, path: str, content: bytes) -> HttpAnswer:
        """Send `content`, which is JSON, and return the answer.

        Raises:
            CallError: there is none, or it is too large.
        """
        return await self._ask("POST", path, content)

    async def get(self, path: str) -> HttpAnswer:
        """Return the answer to a request without a body.

        Raises:
            CallError: there is none, or it is too large.
        """
        return await self._ask("GET", path, None)

    @abstractmethod
    async def close(self) -> None:
        """Close them."""

    @abstractmethod
    async def _ask(self, method: str, path: str, content: bytes | None) -> HttpAnswer:
        """Return the answer to a request, or raise as `post` does."""


def name_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers of an answer, names in small letters; those that come several times as one."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), _decode(value)
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def read_parts(parts: AsyncIterable[bytes], limit: int, headers: Mapping[str, str], status: int) -> bytes:
    """Return a body, unpacked.

    Args:
        parts: what comes of it.
        limit: how many bytes of it are read, and unpacked.
        headers: of the answer, names in small letters.
        status: the HTTP status of the answer.

    Raises:
        CallError: it is larger than `limit` bytes, `reply too large`; what is beyond is neither read nor unpacked. Or
            it is a success and cannot be unpacked, `malformed reply`.
    """
    try:
        return await _read_unpacked(parts, limit, headers, status)
    except CannotUnpackError as error:
        if 200 <= status < 300:
            raise CallError("malformed reply", str(error), status=status) from error
        return b""  # the status says what failed


async def _read_unpacked(parts: AsyncIterable[bytes], limit: int, headers: Mapping[str, str], status: int) -> bytes:
    unpack = find_unpacking(headers)
    body, size = [], 0
    async for part in parts:
        if unpack is not None:
            part = unpack(part, limit - size + 1)
        size += len(part)
        if size > limit:
            raise CallError("reply too large", f"more than {limit} bytes", status=status)
        body.append(part)
    return b"".join(body)


def told_by(error: BaseException) -> str:
    """Return the kind of an exception and what it says, its first line: further ones may repeat bytes of any kind.

    An address that it names is shown without what may be the password of a proxy.
    """
    said = _PASSWORD.sub("//...@", str(getattr(error, "message", "") or error))
    return f"{type(error).__name__}: {well_formed(next(iter(said.splitlines()), '')[:SHOWN_CHARACTERS])}"
