"""Waiting for what must come, and clocks that are set ahead: so that no test depends on how fast the machine is."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import Callable
from typing import Any

from synthetic_communities.testing.loopback import LoopbackServer

PATIENCE_SECONDS = 60.0
"""How long something may take that takes next to no time on a machine that is free."""

CALL_SECONDS = 60.0
"""How long a call may take where the clock is set ahead to its end; without that it takes this long in truth."""

LATENCIES = (1.0, 10.0, 50.0)
"""How many times slower a server gets until as many calls are there at once as there can be."""


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited a minute in vain"
        time.sleep(0.01)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, while others go on."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110  # what is waited for happens in another process
            await asyncio.sleep(0.01)


def find_lasting_port() -> int:
    """Return a port that is free now and that no connection of anybody is given by chance later."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)  # systems give others to whoever names none
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port


class AdjustableLoop(asyncio.SelectorEventLoop):
    """An event loop in real time whose clock can be set ahead, from any thread."""

    ahead = 0.0

    def time(self) -> float:
        """Return the time, in seconds."""
        return super().time() + self.ahead

    def let_calls_time_out(self) -> None:
        """Set the clock ahead by a little more than a call may take."""
        self.ahead += CALL_SECONDS + 1.0
        self.call_soon_threadsafe(lambda: None)  # who waits for a timer looks at the clock again


class Servers:
    """Servers that behave alike but for how long a reply takes, each started when it is first needed."""

    def __init__(self, latency: float, **settings: Any) -> None:
        """Take how long the quickest takes for a reply, and how all of them behave."""
        self._latency, self._settings = latency, settings
        self._started: dict[float, LoopbackServer] = {}

    def __enter__(self) -> Servers:
        return self

    def __exit__(self, *error: object) -> None:
        for server in self._started.values():
            server.__exit__(None, None, None)

    def reach(self, most: int, act: Callable[[LoopbackServer], object]) -> dict[str, Any]:
        """Do something with ever slower servers until so many calls are in flight at once; there are never more.

        On a busy machine the first calls may be answered before the last are made.

        Returns:
            what the last server counted.
        """
        stats: dict[str, Any] = {}
        for times in LATENCIES:
            server = self._start(self._latency * times)
            server.reset()
            act(server)
            stats = server.stats()
            if stats["peak_in_flight"] >= most:
                break
        assert stats["peak_in_flight"] == most
        return stats

    def _start(self, latency: float) -> LoopbackServer:
        if latency not in self._started:
            self._started[latency] = LoopbackServer(latency=latency, **self._settings).__enter__()
        return self._started[latency]


def run_on(loop: AdjustableLoop, work: Any) -> Any:
    """Run a coroutine on this loop, which is closed afterwards."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work)
