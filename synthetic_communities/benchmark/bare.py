"""The very requests a belief update makes: taken down once, then made by the bare client as well."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from ..llm.over_aiohttp import build_httpx_transport


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it was sent.

    Attributes:
        url: where to.
        headers: with what.
        body: what.
    """

    url: str
    headers: httpx.Headers
    body: bytes


class Recorder(httpx.AsyncBaseTransport):
    """Passes requests on, and keeps a copy of each.

    Attributes:
        requests: all of them, in the order in which they were sent.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        """Take what carries them."""
        self._inner = inner
        self.requests: list[Recorded] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the response to a request."""
        self.requests.append(Recorded(str(request.url), request.headers, await request.aread()))
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close connections."""
        await self._inner.aclose()


async def ask_bare(requests: Sequence[Recorded], limit: int) -> None:
    """Make these requests with httpx over aiohttp and nothing else, at most `limit` at once.

    Raises:
        httpx.HTTPError: one of them was not answered, or not with a success.
    """
    transport = build_httpx_transport(requests[0].url, limit)
    places = asyncio.Semaphore(limit)

    async def ask(client: httpx.AsyncClient, request: Recorded) -> None:
        async with places:
            response = await client.post(request.url, content=request.body, headers=request.headers)
        response.raise_for_status()

    async with httpx.AsyncClient(transport=transport, timeout=None) as client, asyncio.TaskGroup() as group:
        for request in requests:
            group.create_task(ask(client, request))
