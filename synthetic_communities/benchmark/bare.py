"""Requests as this package makes them: taken down once, then made by bare clients as well."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from ..llm.wire.over_aiohttp import build_httpx_transport

KEY = "loopback"
"""What the server is asked with; it takes any."""

Ask = Callable[["Recorded"], Awaitable[object]]
Bare = Callable[[Sequence["Recorded"], int], AbstractAsyncContextManager[Ask]]
"""A bare client: opened for requests and a limit, it makes one of them at a time that it is called."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it was sent.

    Attributes:
        url: where to.
        headers: with what.
        body: what.
    """

    url: str
    headers: dict[str, str]
    body: bytes


class Recorder:
    """Passes requests on, and keeps a copy of each; a transport for httpx, and for httpx2.

    Attributes:
        requests: all that were posted, in the order in which they were sent.
    """

    def __init__(self, inner: Any) -> None:
        """Take what carries them."""
        self._inner = inner
        self.requests: list[Recorded] = []

    async def handle_async_request(self, request: Any) -> Any:
        """Return the response to a request."""
        if request.method == "POST":
            headers = {name.lower(): value for name, value in request.headers.items()}
            self.requests.append(Recorded(str(request.url), headers, await request.aread()))
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close connections."""
        await self._inner.aclose()


def ask_bare(bare: Bare, requests: Sequence[Recorded], limit: int) -> None:
    """Make these requests with a bare client and nothing else, at most `limit` at once.

    Raises:
        Exception: one of them was not answered, or not with a success.
    """
    asyncio.run(_ask_all(bare, requests, limit))


async def _ask_all(bare: Bare, requests: Sequence[Recorded], limit: int) -> None:
    waiting = iter(requests)

    async def ask_one_after_the_other(ask: Ask, requests: Iterable[Recorded]) -> None:
        """Ask for what is left, each when the reply before is there; several of these share the requests."""
        for request in requests:
            await ask(request)

    async with bare(requests, limit) as ask, asyncio.TaskGroup() as group:
        for _ in range(min(limit, len(requests))):
            group.create_task(ask_one_after_the_other(ask, waiting))


@asynccontextmanager
async def httpx_over_aiohttp(requests: Sequence[Recorded], limit: int) -> AsyncIterator[Ask]:
    """Open httpx over aiohttp."""
    transport = build_httpx_transport(requests[0].url, limit)
    async with httpx.AsyncClient(transport=transport, timeout=None) as client:

        async def ask(request: Recorded) -> None:
            """Make one call; its reply is read whole, and an error status raised."""
            response = await client.post(request.url, content=request.body, headers=request.headers)
            response.raise_for_status()

        yield ask


@asynccontextmanager
async def bare_aiohttp(requests: Sequence[Recorded], limit: int) -> AsyncIterator[Ask]:
    """Open aiohttp."""
    import aiohttp  # late, as everywhere: it takes a fifth of a second to import

    connector = aiohttp.TCPConnector(limit=limit)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:

        async def ask(request: Recorded) -> None:
            """Make one call; its reply is read whole, and an error status raised."""
            async with session.post(request.url, data=request.body, headers=request.headers) as response:
                response.raise_for_status()
                await response.read()

        yield ask


@asynccontextmanager
async def anthropic_over_aiohttp(requests: Sequence[Recorded], limit: int) -> AsyncIterator[Ask]:
    """Open Anthropic's SDK over aiohttp, with retries turned off."""
    # Late: importing the SDK takes two seconds.
    import anthropic

    http_client = anthropic.DefaultAioHttpClient(limits=_limits(limit), timeout=None)
    base_url = requests[0].url.removesuffix("/v1/messages")
    options: dict[str, Any] = {"api_key": KEY, "max_retries": 0, "timeout": None}
    # Parsed beforehand: whoever uses the SDK has arguments at hand, and no JSON.
    arguments = {id(request): json.loads(request.body) for request in requests}
    async with anthropic.AsyncAnthropic(base_url=base_url, http_client=http_client, **options) as client:

        async def ask(request: Recorded) -> None:
            """Make one call by the SDK, from arguments and not from the recorded body: it writes its own."""
            await client.messages.create(**arguments[id(request)])

        yield ask


def _limits(limit: int) -> Any:
    import httpx2  # late: it comes with the SDK

    return httpx2.Limits(max_connections=limit, max_keepalive_connections=limit)
