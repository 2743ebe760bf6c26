"""A server of models on the loopback interface, in a process of its own, for as long as a test needs it.

from synthetic_communities.testing.loopback import LoopbackServer

with LoopbackServer(latency=0.05, when={"Mara": "429:2"}) as server:
    ...  # Anthropic and Ollama clients take server.url; OpenAI ones f"{server.url}/v1"
    assert server.stats()["peak_in_flight"] <= 20
"""

import dataclasses
import http.client
import json
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from .environment import build_environment
from .server.arguments import build_arguments
from .server.settings import LoopbackSettings

_START_SECONDS = 60.0
_ASK_SECONDS = 60.0
_STOP_SECONDS = 5.0

# The server needs next to nothing else of the package, whose own imports take as long again as the server to start: so
# in its process the package imports nothing by itself, and its parts are found where they lie.
_START = """
import sys, types
package = types.ModuleType("synthetic_communities")
package.__path__ = [sys.argv.pop(1)]
sys.modules[package.__name__] = package
from synthetic_communities.testing.server.__main__ import main
main()
"""
_PACKAGE = Path(__file__).parents[1]


class LoopbackServer:
    """Starts a loopback server on entering and stops it on leaving. It stops by itself when this process dies.

    Attributes:
        settings: how it behaves.
        url: where it listens, as in `http://127.0.0.1:40123`; empty before it does.
        pid: the id of its process; 0 before there is one.
    """

    def __init__(self, settings: LoopbackSettings | None = None, **options: Any) -> None:
        """Take settings, or single ones by name: `LoopbackServer(seed=3, faults={"refuse": 0.1})`.

        Raises:
            ValueError: says everything that is wrong with them.
        """
        self.settings = dataclasses.replace(settings or LoopbackSettings(), **options)
        self.url = ""
        self.pid = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "LoopbackServer":
        """Start it, and return when it takes requests.

        Raises:
            RuntimeError: it did not start; what it said of it is on stderr.
        """
        arguments = build_arguments(self.settings)
        command = [sys.executable, "-c", _START, str(_PACKAGE), *arguments]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=build_environment()
        )
        line = _read_line(self._process)
        if not line:
            self._stop()
            raise RuntimeError(
                f"the loopback server did not start, or not in time; its settings: {' '.join(arguments)}"
            )
        told = json.loads(line)
        self.url, self.pid = told["url"], told["pid"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it; what it has not answered by then is never answered."""
        self._stop()

    def stats(self) -> dict[str, Any]:
        """Return what it has counted since it started or was reset: calls, peak in flight, bytes, tokens, seconds."""
        return self._ask("GET", "/stats")

    def reset(self) -> None:
        """Count from nothing, and forget how often each request was asked."""
        self._ask("POST", "/reset")

    def _ask(self, method: str, path: str) -> dict[str, Any]:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_ASK_SECONDS)
        try:
            connection.request(method, path)
            told: dict[str, Any] = json.loads(connection.getresponse().read())
            return told
        finally:
            connection.close()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _read_line(process: "subprocess.Popen[str]") -> str:
    """Return the first line the process writes; empty where it ends without one or takes too long."""
    watch = threading.Timer(_START_SECONDS, process.kill)
    watch.start()
    try:
        return process.stdout.readline() if process.stdout is not None else ""
    finally:
        watch.cancel()
