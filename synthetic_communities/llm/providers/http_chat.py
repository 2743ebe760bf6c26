"""What providers over plain HTTP have in common: from a request to bytes, from an answer to a reply or a failure."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from ..limits.headers import read_rates
from ..model import Call, ModelReply, ModelRequest
from ..per_loop import PerLoop
from ..wire.answers import HttpAnswer
from ..wire.connections import Connections
from ..wire.http_failures import Filtered, OptionRefused, read_failure
from ..wire.reaching import reach
from ..wire.server import Server

logger = logging.getLogger(__name__)


class Features(Protocol):
    """What a server turned out to know; it only ever shrinks."""

    def without(self, option: str, said: str) -> Self:
        """Return what is left after the server refused `option`, in these words."""
        ...


F = TypeVar("F", bound=Features)


class HttpChat(ABC, Generic[F]):
    """A model behind an HTTP server.

    What the server refuses and the request can do without (a schema, a seed, an effort) is left out from then on, for
    as long as this instance lives, and said once in the log.

    Attributes:
        name: `provider:model`, as asked for.
    """

    path: ClassVar[str]

    def __init__(
        self,
        server: Server,
        model: str,
        features: F,
        connect: Callable[[], Connections],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take all that stays the same from call to call.

        Args:
            server: who is asked.
            model: what the server calls it.
            features: what it is taken to know.
            connect: makes connections, on the loop they are for.
            clock: the time in seconds since 1970, for dates in `retry-after`.
        """
        self.name = server.name
        self.server = server
        self.model = model
        self._features = features
        self._connections = PerLoop(connect, lambda connections: connections.close())
        self._clock = clock

    async def __aenter__(self) -> Self:
        """Open connections on the running loop.

        Raises:
            ModelUnavailableError: nobody listens there, or the model is not there.
        """
        connections = self._connections.open()
        try:
            await self._look(connections)
        except BaseException:
            await self._connections.close()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close them."""
        await self._connections.close()

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the model's reply.

        Raises:
            CallError: there is none.
            OptionRefused: likewise; asked again, the server is not sent that option.
            ModelUnavailableError: no call can succeed.
        """
        features = self._features
        asking = self._connections.current.post(self.path, self._write(request, features))
        answer = await reach(self.server, asking)
        try:
            return self._read(answer, request, features)
        except OptionRefused as refused:
            self._leave_out(refused, features)
            raise

    def _read(self, answer: HttpAnswer, request: ModelRequest, features: F) -> ModelReply:
        if answer.is_success:
            body = answer.parse()
            status = self._hidden_status(body)
            if status is None:
                reply, rates = self._parse(body), read_rates(answer.headers, now=self._clock())
                return replace(reply, rates=rates) if rates else reply
            answer = replace(answer, status=status)
        droppable = self._droppable(request, features)
        failure = read_failure(answer, self.server, now=self._clock(), options=droppable)
        if isinstance(failure, Filtered):
            return ModelReply(failure.detail, stop="refused", model=self.model)
        raise failure

    def _leave_out(self, refused: OptionRefused, features: F) -> None:
        if self._features is features:
            self._features = features.without(refused.option, refused.detail)
            logger.warning("%s: left out from now on: %s (%s)", self.name, refused.option, refused.detail)

    async def _look(self, connections: Connections) -> None:
        """Look at what can be known before the first call."""

    def _hidden_status(self, body: Any) -> int | None:
        """Return the status of an error that came as a success; None if it is none."""
        return None

    @abstractmethod
    def _write(self, request: ModelRequest, features: F) -> bytes:
        """Return the body of a request."""

    @abstractmethod
    def _droppable(self, request: ModelRequest, features: F) -> tuple[str, ...]:
        """Return the options sent that the request can do without; what the caller chose is not among them."""

    @abstractmethod
    def _parse(self, body: Any) -> ModelReply:
        """Return the reply that a parsed body holds."""
