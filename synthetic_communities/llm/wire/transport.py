"""Connections to one server through a transport of httpx that is given: a fake, or one that takes requests down."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..failures import CallError
from .answers import HttpAnswer
from .connections import ALWAYS_SENT, CONNECT_SECONDS, MAX_REPLY_BYTES, Connections, name_headers, read_parts, told_by

if TYPE_CHECKING:
    import httpx


class HttpConnections(Connections):
    """Connections to one server, for one event loop; see `Connections`.

    They ask the transport itself: what a client adds to it, redirects among it, is not wanted here.
    """

    def __init__(
        self,
        transport: "httpx.AsyncBaseTransport",
        base_url: str,
        headers: Mapping[str, str],
        *,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        """Take a transport that nobody else uses on this loop.

        Args:
            transport: what carries requests.
            base_url: where to, without a slash at the end.
            headers: sent with every request, the key among them.
            max_reply_bytes: how much of a body is read.
        """
        # Late, as everything that imports httpx or aiohttp here: together they take a third of a second.
        import httpx

        self._httpx = httpx
        self._transport = transport
        self._base_url = base_url
        self._headers = {**ALWAYS_SENT, **headers}
        self._max_reply_bytes = max_reply_bytes

    async def close(self) -> None:
        """Close them."""
        await self._transport.aclose()

    async def _ask(self, method: str, path: str, content: bytes | None) -> HttpAnswer:
        # No limit on single reads: a body that comes byte by byte passes them all. The whole call has one.
        extensions = {"timeout": {"connect": CONNECT_SECONDS}}
        url = self._base_url + path
        request = self._httpx.Request(method, url, headers=self._headers, content=content, extensions=extensions)
        try:
            response = await self._transport.handle_async_request(request)
            body = await read_body(response, self._max_reply_bytes)
        except Exception as error:
            failure = name_failure(error, self._httpx)
            if failure is None or failure is error:
                raise
            raise failure from error
        return HttpAnswer(response.status_code, name_headers(response.headers.raw), body)


async def read_body(response: Any, limit: int) -> bytes:
    """Return the body of an httpx or httpx2 response and close it, read to its end or not.

    Args:
        response: with its headers, and its body not read yet.
        limit: how many bytes of it are read.

    Raises:
        CallError: as of `read_parts`.
    """
    try:
        headers = name_headers(response.headers.raw)
        return await read_parts(response.stream, limit, headers, response.status_code)
    finally:
        await response.aclose()


def name_failure(error: BaseException, library: Any) -> CallError | None:
    """Return what an exception of a transport means for the call; None if it is not one of those.

    The transports over aiohttp report a refused, a dropped and a reset connection as httpx's `ConnectTimeout`, and let
    some of aiohttp's own exceptions and bare `RuntimeError`s through: all of them are a `connection` that failed, and
    none says that nothing was sent.

    Args:
        error: the exception.
        library: httpx or httpx2, whichever the transport belongs to.
    """
    import aiohttp

    if isinstance(error, CallError):
        return error
    if isinstance(error, library.TimeoutException) and not isinstance(error, library.ConnectTimeout):
        return CallError("timeout", told_by(error), is_transient=True)
    if isinstance(error, (library.TransportError, aiohttp.ClientError, RuntimeError, OSError)):
        return CallError("connection", told_by(error), is_transient=True)
    return None
