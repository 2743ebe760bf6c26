"""One JSON line per request, for tests that look at what was sent."""

import json
from pathlib import Path
from typing import Any, TextIO

from .answers import Answer


class RequestLog:
    """Writes what was asked and answered to a file, one JSON line each, as the answer is sent."""

    def __init__(self, path: Path | None) -> None:
        self._file: TextIO | None = path.open("w", encoding="utf-8") if path is not None else None

    def write(self, path: str, raw: bytes, answer: Answer, arrived_seconds: float) -> None:
        """Write a line.

        Args:
            path: where the request was posted.
            raw: its body.
            answer: what it was answered with.
            arrived_seconds: when it came, since the server started.
        """
        if self._file is None:
            return
        line = {
            "path": path,
            "status": answer.status,
            "fault": answer.fault,
            "ask": answer.ask,
            "arrived": arrived_seconds,
            "delay": answer.delay_seconds,
            "body": _parse(raw),
            "reply": _parse(answer.body),
        }
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _parse(raw: bytes) -> Any:
    """Return the JSON value `raw` holds, or its text where it holds none."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "backslashreplace")
