"""Servers that misbehave on real connections: written byte by byte, so that nothing sensible stands in their way."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import ssl
import threading
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

WAIT_SECONDS = 60.0
"""How long a test waits for a server to start, to stop, or to see a connection closed."""

REPLIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"choices": [{"message": {"content": "Hello."}, "finish_reason": "stop"}], "model": "m"},
    "/v1/messages": {"content": [{"type": "text", "text": "Hello."}], "stop_reason": "end_turn", "model": "m"},
    "/api/chat": {"message": {"content": "Hello."}, "done_reason": "stop", "model": "m"},
}
"""Where calls come in, and a sound reply there."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One call that came in."""

    connection: int
    path: str
    head: str
    body: bytes = field(default=b"", kw_only=True, repr=False)


@dataclass(slots=True)
class Peer:
    """The other end of one connection, and what was written to it."""

    ask: Ask
    writer: asyncio.StreamWriter
    number: int
    written: int = 0

    async def send(self, *parts: bytes) -> None:
        """Write, as fast as it is read."""
        for part in parts:
            self.writer.write(part)
            self.written += len(part)
            await self.writer.drain()

    async def answer(self, body: bytes | None = None, *headers: str, status: str = "200 OK") -> None:
        """Send a whole answer; None: a sound reply."""
        body = json.dumps(REPLIES[self.ask.path]).encode() if body is None else body
        await self.send(head(*headers, f"content-length: {len(body)}", status=status), body)


Behave: TypeAlias = Callable[[Peer], Awaitable[None]]
"""Answers one call; the connection is kept unless it raises `ConnectionResetError`."""


def head(*headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    """Return the head of an answer."""
    return "\r\n".join((f"HTTP/1.1 {status}", f"content-type: {kind}", *headers, "", "")).encode(
        "utf-8", "surrogateescape"
    )


@dataclass
class BadServer:
    """A server in a thread of its own, which answers calls as it is told, and what is asked besides soundly.

    Attributes:
        behave: what it does with a call.
        asks: the calls that came.
        written: bytes written for all calls, as far as the other side took them in.
        opened, closed: connections.
        tls: certificate and key it speaks HTTPS with; None: it speaks HTTP.
    """

    behave: Behave
    lookups: Behave | None = None
    asks: list[Ask] = field(default_factory=list)
    written: int = 0
    opened: int = 0
    closed: int = 0
    url: str = ""
    tls: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._changed = threading.Condition()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(WAIT_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive()

    def wait_until_closed(self) -> bool:
        """Say whether all connections get closed by the other side."""
        with self._changed:
            return self._changed.wait_for(lambda: self.closed == self.opened, WAIT_SECONDS)

    def hang_up(self) -> None:
        """Take no more connections: who tries to connect from here on is refused."""
        if threading.current_thread() is self._thread:
            self._server.close()
            return
        hung_up = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (self.hang_up(), hung_up.set()))
        assert hung_up.wait(WAIT_SECONDS)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0, limit=2**22, ssl=self.tls)
        self._server = server
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._talk(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        number = self.opened
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    await self._answer_one(reader, writer, number)
        finally:
            writer.transport.abort()
            with self._changed:
                self.closed += 1
                self._changed.notify_all()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        text = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = text.split()[1]
        length = next(
            (line.split(":")[1] for line in text.lower().splitlines() if line.startswith("content-length")), 0
        )
        body = await reader.readexactly(int(length))
        peer = Peer(Ask(number, path, text, body=body), writer, number)
        is_call = path.partition("?")[0] in REPLIES
        if is_call:
            self.asks.append(peer.ask)
        try:
            behave = self.behave if is_call else self.lookups
            await self._watched(behave(peer) if behave else peer.answer(b"{}"), reader)
        finally:
            self.written += peer.written if is_call else 0

    async def _watched(self, answering: Awaitable[None], reader: asyncio.StreamReader) -> None:
        """Answer until done, or until the other side is gone: who says nothing would not see that."""
        task = asyncio.ensure_future(answering)
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ConnectionResetError
            await task
        finally:
            task.cancel()
            gone.cancel()
            await asyncio.gather(task, gone, return_exceptions=True)


def spaces(size: int, step: int = 65_536) -> Iterator[bytes]:
    """Yield so many bytes bit by bit."""
    for begin in range(0, size, step):
        yield b" " * min(step, size - begin)


def pack(times: int = 1) -> bytes:
    """Return 64 MB of spaces, packed so many times over."""
    packing = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = b"".join([*map(packing.compress, spaces(64_000_000, 1_000_000)), packing.flush()])
    for _ in range(times - 1):
        packed = gzip.compress(packed)
    return packed


BOMB = pack()

# What a server may do with a call. `HUGE_BYTES` are those of a body that nobody may want to read.

HUGE_BYTES = 3_000_000_000


async def say_nothing(peer: Peer) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def say_hardly_anything(peer: Peer) -> None:
    """Send a byte now and then, for ever."""
    await peer.send(head("content-length: 100000"))
    while True:
        await peer.send(b" ")
        await asyncio.sleep(0.02)


async def go_on_announcing(peer: Peer) -> None:
    """Say that an answer will come, for ever."""
    while True:
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(0.01)


async def close(peer: Peer) -> None:
    """Close without a word."""
    raise ConnectionResetError


async def close_in_the_middle(peer: Peer) -> None:
    """Close after half a reply, of which a length was told."""
    await peer.send(head("content-length: 1000"), b'{"choices": [')
    raise ConnectionResetError


async def close_in_a_chunk(peer: Peer) -> None:
    """The same, the length not told."""
    await peer.send(head("transfer-encoding: chunked"), b"100\r\n{")
    raise ConnectionResetError


async def send_huge(peer: Peer) -> None:
    """Send 3 GB and tell so."""
    await peer.send(head(f"content-length: {HUGE_BYTES}"))
    for part in spaces(HUGE_BYTES):
        await peer.send(part)


async def send_huge_in_chunks(peer: Peer) -> None:
    """Send 3 GB piece by piece."""
    await peer.send(head("transfer-encoding: chunked"))
    for part in spaces(HUGE_BYTES):
        await peer.send(b"%x\r\n" % len(part), part, b"\r\n")


async def send_huge_untold(peer: Peer) -> None:
    """Send 3 GB up to the end of the connection."""
    await peer.send(head("connection: close"))
    for part in spaces(HUGE_BYTES):
        await peer.send(part)


async def send_bomb(peer: Peer) -> None:
    """Send what is a thousand times as large when unpacked."""
    await peer.answer(BOMB, "content-encoding: gzip")


async def send_page(peer: Peer) -> None:
    """Send a page of HTML."""
    body = b"<html>Welcome</html>"
    await peer.send(head(f"content-length: {len(body)}", kind="text/html"), body)
