"""What a server answered over HTTP, before anybody has made sense of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..failures import CallError
from ..json_shapes import parse_json, well_formed

SHOWN_TYPE_CHARACTERS = 80
"""How much of a content type is shown in a message."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a server answered over HTTP.

    Attributes:
        status: the HTTP status.
        headers: names in small letters (or looked up without regard to case).
        content: the body, bounded in size by whoever read it.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def is_success(self) -> bool:
        """Whether the status says so."""
        return 200 <= self.status < 300

    def parse(self) -> Any:
        """Return the body, which is JSON.

        Raises:
            CallError: it is not, `malformed reply`.
        """
        try:
            return parse_json(self.content)
        except ValueError as error:
            kind = well_formed(self.headers.get("content-type", "no content type")[:SHOWN_TYPE_CHARACTERS])
            raise CallError("malformed reply", f"no JSON ({kind})", status=self.status) from error

    def parse_error(self) -> Any:
        """Return the body of an error: JSON, or the text it holds if it is none."""
        try:
            return parse_json(self.content)
        except ValueError:
            return self.content[:2000].decode("utf-8", "replace")
