"""Servers that misbehave on real connections: written byte by byte, so that nothing sensible stands in their way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeAlias

WAIT_SECONDS = 10.0
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
"""Answers one call; the connection is closed after it unless it returns in peace."""


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
    """

    behave: Behave
    lookups: Behave | None = None
    asks: list[Ask] = field(default_factory=list)
    written: int = 0
    opened: int = 0
    closed: int = 0
    url: str = ""

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

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0, limit=2**22)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
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
        await reader.readexactly(int(length))
        peer = Peer(Ask(number, path, text), writer, number)
        is_call = path.partition("?")[0] in REPLIES
        if is_call:
            self.asks.append(peer.ask)
        try:
            if is_call:
                await self._watched(self.behave(peer), reader)
            else:
                await (self.lookups(peer) if self.lookups else peer.answer(b"{}"))
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
