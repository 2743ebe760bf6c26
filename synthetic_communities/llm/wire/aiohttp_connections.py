"""Connections over aiohttp itself: httpx between costs 0.04 ms a call, which is a twentieth of a whole call.

A transport that is given, a fake or one that takes requests down, is asked through `transport.HttpConnections`.
"""

from collections.abc import Mapping

from ..failures import CallError
from .answers import HttpAnswer
from .connections import ALWAYS_SENT, CONNECT_SECONDS, MAX_REPLY_BYTES, Connections, name_headers, read_parts, told_by
from .over_aiohttp import open_session


class AiohttpConnections(Connections):
    """Connections to one server, for one event loop; see `Connections`."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        *,
        max_connections: int,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        """Open nothing yet.

        Args:
            base_url: where to, without a slash at the end.
            headers: sent with every request, the key among them.
            max_connections: how many there may be at once.
            max_reply_bytes: how much of a body is read.
        """
        # Late, as everything that imports aiohttp here: it takes a fifth of a second.
        import aiohttp

        self._aiohttp = aiohttp
        self._base_url = base_url
        self._max_reply_bytes = max_reply_bytes
        # No limit on single reads: a body that comes byte by byte passes them all. The whole call has one.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        self._session = open_session(base_url, max_connections, headers={**ALWAYS_SENT, **headers})

    async def close(self) -> None:
        """Close them."""
        await self._session.close()

    async def _ask(self, method: str, path: str, content: bytes | None) -> HttpAnswer:
        asking = self._session.request(
            method, self._base_url + path, data=content or None, allow_redirects=False, timeout=self._timeout
        )
        try:
            async with asking as response:
                headers = name_headers(response.raw_headers)
                body = await read_parts(response.content.iter_any(), self._max_reply_bytes, headers, response.status)
        except Exception as error:
            failure = self._name_failure(error)
            if failure is None:
                raise
            raise failure from error
        return HttpAnswer(response.status, headers, body)

    def _name_failure(self, error: Exception) -> CallError | None:
        """Return what an exception means for the call; None if it is not one that connections raise.

        No `connection` that failed says that nothing was sent, or paid.
        """
        if isinstance(error, CallError):
            return None
        if isinstance(error, self._aiohttp.SocketTimeoutError):
            return CallError("timeout", told_by(error), is_transient=True)
        if isinstance(error, (self._aiohttp.ClientError, RuntimeError, OSError)):
            return CallError("connection", told_by(error), is_transient=True)
        return None
