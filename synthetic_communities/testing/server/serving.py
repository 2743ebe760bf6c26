"""Listening on the loopback interface until told to stop."""

import asyncio
import contextlib
import gc
import json
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable

from aiohttp import web

from .app import LoopbackApp
from .settings import LoopbackSettings

HOST = "127.0.0.1"

_BACKLOG = 4096
_GRACE_SECONDS = 0.1


async def serve(settings: LoopbackSettings, announce: Callable[[str], None]) -> None:
    """Listen until SIGTERM, SIGINT or the end of standard input, which comes when the parent process ends.

    Args:
        settings: how to behave.
        announce: called once, with a line of JSON that tells `url`, `port` and `pid`, when requests are taken.
    """
    stop = asyncio.Event()
    _watch_signals(stop)
    _watch_parent(stop)
    app = LoopbackApp(settings, time.monotonic, time.time).build()
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, settings.port, backlog=_BACKLOG).start()
        port = runner.addresses[0][1]
        # What is loaded stays: looking through it for rubbish stops the server for thirty milliseconds, and refusals
        # that come so late make every client look as if it did not listen.
        gc.collect()
        gc.freeze()
        announce(json.dumps({"url": f"http://{HOST}:{port}", "port": port, "pid": os.getpid()}))
        await stop.wait()
    finally:
        await runner.cleanup()


def _watch_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _watch_parent(stop: asyncio.Event) -> None:
    """Stop at the end of standard input where that is a pipe; a terminal or /dev/null says nothing of the parent."""
    loop = asyncio.get_running_loop()

    def read_to_the_end() -> None:
        """Wait until the parent has closed its end of the pipe, or is gone, then have the server stop."""
        while os.read(0, 4096):
            pass
        # The loop may have closed in the meantime.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)

    if _is_pipe(0):
        threading.Thread(target=read_to_the_end, daemon=True).start()


def _is_pipe(descriptor: int) -> bool:
    try:
        mode = os.fstat(descriptor).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def allow_many_connections() -> None:
    """Raise the limit of open files as far as the system lets us: every request in flight is one."""
    if sys.platform != "win32":
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
