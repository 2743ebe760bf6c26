"""The official SDK's client: made on the loop it is for, and held to the limits that all providers keep."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, cast

from ..access.masked import MASK, mask_error
from ..failures import CallError
from ..wire.answers import HttpAnswer
from ..wire.connections import CONNECT_SECONDS
from ..wire.over_aiohttp import build_httpx2_transport
from ..wire.server import Server
from ..wire.transport import name_failure, read_body

if TYPE_CHECKING:
    import anthropic
    import httpx2


class BoundedTransport:
    """Passes requests on, and reads replies up to a limit: the SDK itself reads whatever comes.

    It logs what comes, too, if it is told to: so a key that a server repeats is masked before the SDK gets to see it.
    """

    def __init__(self, inner: "httpx2.AsyncBaseTransport", max_reply_bytes: int, key: str | None = None) -> None:
        """Take what carries requests, how much of a body is read, and what is masked."""
        self._inner = inner
        self._max_reply_bytes = max_reply_bytes
        self._key = key

    async def handle_async_request(self, request: "httpx2.Request") -> "httpx2.Response":
        """Return the response to a request, read to its end.

        Raises:
            CallError: it is too large.
        """
        try:
            response = await self._inner.handle_async_request(request)
            content = await read_body(response, self._max_reply_bytes)
        except Exception as error:
            mask_error(error, self._key)
            raise
        return type(response)(
            response.status_code, headers=self._headers_of(response), content=content, extensions=response.extensions
        )

    def _headers_of(self, response: "httpx2.Response") -> "httpx2.Headers":
        headers = response.headers.copy()
        headers.pop("content-encoding", None)  # decoded by now, and not to be decoded again
        if "charset" in headers.get("content-type", "").lower():
            # The SDK decodes what an error says by whatever codec is named there, and some make no text of bytes.
            headers["content-type"] = headers["content-type"].partition(";")[0]
        if self._key is not None and any(self._key in value for value in headers.values()):
            masked = ((name, value.replace(self._key, MASK)) for name, value in headers.multi_items())
            headers = type(headers)(list(masked))
        return headers

    async def aclose(self) -> None:
        """Close connections."""
        await self._inner.aclose()


def build_client(
    server: Server, transport: "httpx2.AsyncBaseTransport | None", *, max_connections: int, max_reply_bytes: int
) -> "anthropic.AsyncAnthropic":
    """Return a client of the SDK, for the running loop.

    It retries nothing and follows no redirect: retries are bounded elsewhere, and a key goes to no other host. It sets
    no limit on single reads, as a body that comes byte by byte passes them all; the whole call has one. Only its
    variables for additional headers are read from the environment.

    Args:
        server: who is asked.
        transport: what carries requests; None: one over aiohttp.
        max_connections: how many connections there may be at once.
        max_reply_bytes: how much of a body is read.
    """
    # Late: importing the SDK takes two seconds.
    import anthropic
    import httpx2

    carrier = transport or build_httpx2_transport(server.url, max_connections)
    bounded: Any = BoundedTransport(carrier, max_reply_bytes, server.key)
    timeout = httpx2.Timeout(None, connect=CONNECT_SECONDS)
    client = httpx2.AsyncClient(transport=cast(httpx2.AsyncBaseTransport, bounded), timeout=timeout)
    return anthropic.AsyncAnthropic(
        api_key=server.key,
        base_url=server.url,
        http_client=client,
        max_retries=0,
        timeout=timeout,
        default_headers={"accept-encoding": "identity"},
        open_telemetry=False,
    )


async def read_answer(response: Awaitable[Any]) -> HttpAnswer:
    """Return what the SDK got, whether it makes an exception of it or not.

    Args:
        response: of a method of `with_raw_response`.

    Raises:
        CallError: it got nothing.
    """
    import anthropic
    import httpx2

    try:
        http = (await response).http_response
    except anthropic.APIStatusError as error:
        http = error.response
    except anthropic.APIConnectionError as error:
        failure = name_failure(error.__cause__ or error, httpx2)
        raise failure or CallError("connection", str(error), is_transient=True) from error
    return HttpAnswer(http.status_code, http.headers, http.content)
