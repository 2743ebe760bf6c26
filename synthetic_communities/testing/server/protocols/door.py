"""What a protocol has to know."""

from collections.abc import Mapping
from typing import Any, Protocol

from ..problem import Problem
from ..prompt import Prompt, Reply
from ..rate import RateState


class Door(Protocol):
    """A protocol: how it checks a request, and how it words replies and errors."""

    @property
    def path(self) -> str:
        """Where requests are posted."""

    @property
    def schema_param(self) -> str:
        """The field in which a schema is asked for."""

    def admit(self, headers: Mapping[str, str]) -> None:
        """Check the headers: keys, versions. Raises `Problem`."""

    def read(self, headers: Mapping[str, str], body: dict[str, Any]) -> Prompt:
        """Check the body as strictly as the real server does and return what it asks for. Raises `Problem`."""

    def too_long(self, tokens: int, limit: int) -> Problem:
        """Return what is said about a prompt of more tokens than the window has."""

    def fault(self, name: str) -> Problem | None:
        """Return the error that stands for the fault `name`, or None where it is not one answered with an error."""

    def render(self, prompt: Prompt, reply: Reply, ident: str) -> bytes:
        """Return the body of a reply; `ident` is unique to the request."""

    def error(self, problem: Problem, ident: str) -> dict[str, Any]:
        """Return the body of an error."""

    def headers(self, ident: str) -> Mapping[str, str]:
        """Return the headers every answer has."""

    def rate_headers(self, state: RateState, wall: float) -> Mapping[str, str]:
        """Return the headers that tell rate limits; `wall` is the time in seconds since 1970."""
