"""Connections to one server over httpx: opened and closed on one event loop, read no further than a limit."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .answers import HttpAnswer
from .failures import CallError
from .json_shapes import well_formed
from .server import SHOWN_CHARACTERS
from .unpacking import CannotUnpackError, find_unpacking

if TYPE_CHECKING:
    import httpx

MAX_REPLY_BYTES = 1_000_000
"""How much of a body is read, in bytes; a reply of a few paragraphs has some thousands."""

CONNECT_SECONDS = 10.0
"""How long a connection may take to come about."""


class HttpConnections:
    """Connections to one server, for one event loop.

    They ask the transport itself. What a client adds to it (cookies, redirects, authentication, merging of
    addresses) is not wanted here, and costs as much processor time as the transport does. In particular a redirect is
    never followed, so that no key goes to another host.
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
        always = {"content-type": "application/json", "accept-encoding": "identity", **headers}
        self._headers = httpx.Headers(always).raw
        self._urls: dict[str, httpx.URL] = {}
        self._max_reply_bytes = max_reply_bytes

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

    async def close(self) -> None:
        """Close them."""
        await self._transport.aclose()

    async def _ask(self, method: str, path: str, content: bytes | None) -> HttpAnswer:
        request = self._build_request(method, path, content)
        try:
            response = await self._transport.handle_async_request(request)
            headers = read_headers(response)
            body = await read_body(response, self._max_reply_bytes, headers)
        except Exception as error:
            failure = name_failure(error, self._httpx)
            if failure is None or failure is error:
                raise
            raise failure from error
        return HttpAnswer(response.status_code, headers, body)

    def _build_request(self, method: str, path: str, content: bytes | None) -> "httpx.Request":
        url = self._url(path)
        body = content or b""
        # Written out, what httpx would add to each: it takes four times as long to find that nothing of it is there.
        headers = [(b"Host", url.netloc), *self._headers]
        if content is not None:
            headers.append((b"Content-Length", b"%d" % len(body)))
        # No limit on single reads: a body that comes byte by byte passes them all. The whole call has one.
        extensions = {"timeout": {"connect": CONNECT_SECONDS}}
        stream = self._httpx.ByteStream(body)
        request = self._httpx.Request(method, url, headers=headers, stream=stream, extensions=extensions)
        request.read()
        return request

    def _url(self, path: str) -> "httpx.URL":
        if path not in self._urls:
            self._urls[path] = self._httpx.URL(self._base_url + path)
        return self._urls[path]


def read_headers(response: Any) -> dict[str, str]:
    """Return the headers of an httpx or httpx2 response, names in small letters; its own are slow to look through."""
    headers: dict[str, str] = {}
    for name, value in response.headers.raw:
        key, text = name.decode("latin-1").lower(), _decode(value)
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _decode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


async def read_body(response: Any, limit: int, headers: Mapping[str, str] | None = None) -> bytes:
    """Return the body of an httpx or httpx2 response and close it, read to its end or not.

    Args:
        response: with its headers, and its body not read yet.
        limit: how many bytes of it are read.
        headers: those of the response, if they have been looked at already; names in small letters.

    Raises:
        CallError: it is larger than `limit` bytes, `reply too large`; what is beyond is neither read nor unpacked. Or
            it is a success and cannot be unpacked, `malformed reply`.
    """
    try:
        return await _read_unpacked(response, limit, read_headers(response) if headers is None else headers)
    except CannotUnpackError as error:
        if response.is_success:
            raise CallError("malformed reply", str(error), status=response.status_code) from error
        return b""  # the status says what failed
    finally:
        await response.aclose()


async def _read_unpacked(response: Any, limit: int, headers: Mapping[str, str]) -> bytes:
    unpack = find_unpacking(headers)
    parts, size = [], 0
    async for part in response.stream:
        if unpack is not None:
            part = unpack(part, limit - size + 1)
        size += len(part)
        if size > limit:
            raise CallError("reply too large", f"more than {limit} bytes", status=response.status_code)
        parts.append(part)
    return b"".join(parts)


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
    detail = f"{type(error).__name__}: {_told_by(error)}"
    if isinstance(error, library.TimeoutException) and not isinstance(error, library.ConnectTimeout):
        return CallError("timeout", detail, is_transient=True)
    if isinstance(error, (library.TransportError, aiohttp.ClientError, RuntimeError, OSError)):
        return CallError("connection", detail, is_transient=True)
    return None


def _told_by(error: BaseException) -> str:
    """Return what an exception says, without the bytes that some repeat in further lines: they may be anything."""
    said = str(getattr(error, "message", "") or error)
    return well_formed(next(iter(said.splitlines()), "")[:SHOWN_CHARACTERS])
