"""Anthropic's Messages API, through the official SDK."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from ...errors import ConfigurationError, Problem
from ...waiting import at_once
from ..caching.policy import Mark, choose_marks, expect_seconds_between, find_anthropic_terms
from ..limits.headers import read_rates
from ..model import Call, ModelReply, ModelRequest, ReplyFormat
from ..per_loop import PerLoop
from ..prepared import Prepared
from ..wire.answers import HttpAnswer
from ..wire.http_failures import Filtered, OptionRefused, read_failure
from ..wire.reaching import reach
from ..wire.server import Server
from .anthropic_abilities import Abilities, look_up_abilities
from .anthropic_client import read_answer
from .anthropic_replies import parse_reply
from .anthropic_requests import write_request
from .chat_messages import encode, write_schema_instruction

if TYPE_CHECKING:
    import anthropic

logger = logging.getLogger(__name__)


class AnthropicMessages:
    """A model behind Anthropic's Messages API.

    What a model can do is asked once, when it is first opened. Where that cannot be learnt, nothing is said of thinking
    and the model does as it does by default.

    Attributes:
        name: `anthropic:model`, as asked for.
    """

    def __init__(
        self,
        server: Server,
        model: str,
        connect: "Callable[[], anthropic.AsyncAnthropic]",
        *,
        caches: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take all that stays the same from call to call.

        Args:
            server: who is asked.
            model: the model's id.
            connect: makes a client, on the loop it is for.
            caches: whether the cache is told to keep the beginnings of prompts, where that pays.
            clock: the time in seconds since 1970, for dates in `retry-after`.
        """
        self.name = server.name
        self._server = server
        self._model = model
        self._clients = PerLoop(connect, _close)
        self._clock = clock
        self._abilities: Abilities | None = None
        self._schema_refused = False
        self._terms = find_anthropic_terms(model) if caches else None
        self._schemas = Prepared(_transform)
        self._schema_lengths = Prepared(_measure)
        self._instructions = Prepared(write_schema_instruction)

    @property
    def window_tokens(self) -> int | None:
        """What the model takes at once, in tokens; None: that is not known, or it was never opened."""
        return self._abilities.window_tokens if self._abilities is not None else None

    async def __aenter__(self) -> Self:
        """Open connections on the running loop.

        Raises:
            ModelUnavailableError: the key is refused, or the model is not known.
        """
        client = self._clients.open()
        try:
            if self._abilities is None:
                self._abilities = await look_up_abilities(client, self._model, self._server)
        except BaseException:
            await self._clients.close()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close them."""
        await self._clients.close()

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the model's reply.

        Raises:
            CallError: there is none.
            OptionRefused: likewise; asked again, the server is not sent a schema.
            ModelUnavailableError: no call can succeed.
            ConfigurationError: a temperature was given.
        """
        if request.temperature is not None:
            what = f"{self.name}: the Messages API takes no temperature, and {request.temperature:g} is set"
            raise ConfigurationError([Problem("temperature", what, "leave it out")])
        arguments = self._write(request)
        asking = read_answer(self._clients.current.messages.with_raw_response.create(**arguments))
        answer = await reach(self._server, asking)
        try:
            return self._read(answer, sends_schema="format" in arguments.get("output_config", {}))
        except OptionRefused as refused:
            self._leave_schema_out(refused)
            raise

    def _write(self, request: ModelRequest) -> dict[str, Any]:
        wanted, abilities = request.reply_format, self._abilities or Abilities()
        if wanted is None:
            return write_request(self._model, request, abilities, marks=self._mark(request, 0))
        if self._schema_refused or not abilities.takes_schema:
            instruction = self._instructions.of(wanted)
            return write_request(self._model, request, abilities, instruction=instruction, marks=self._mark(request, 0))
        marks = self._mark(request, self._schema_lengths.of(wanted))
        return write_request(self._model, request, abilities, schema=self._schemas.of(wanted), marks=marks)

    def _mark(self, request: ModelRequest, before: int) -> Sequence[Mark]:
        if self._terms is None or not request.reuse:
            return ()
        lengths = list(map(len, (*request.system, *request.user)))
        seconds = expect_seconds_between(request.calls_between, at_once.get())
        return choose_marks(lengths, request.reuse, seconds, self._terms, before=before)

    def _read(self, answer: HttpAnswer, *, sends_schema: bool) -> ModelReply:
        if answer.is_success:
            reply, rates = parse_reply(answer.parse(), self._model), read_rates(answer.headers, now=self._clock())
            return replace(reply, rates=rates) if rates else reply
        options = ("output_config",) if sends_schema else ()
        failure = read_failure(answer, self._server, now=self._clock(), options=options)
        if isinstance(failure, Filtered):
            return ModelReply(failure.detail, stop="refused", model=self._model)
        raise failure

    def _leave_schema_out(self, refused: OptionRefused) -> None:
        if not self._schema_refused:
            self._schema_refused = True
            logger.warning("%s: left out from now on: the schema (%s)", self.name, refused.detail)


def _transform(reply_format: ReplyFormat) -> Mapping[str, Any]:
    import anthropic

    return anthropic.transform_schema(dict(reply_format.schema))


def _measure(reply_format: ReplyFormat) -> int:
    return len(encode(reply_format.schema))


async def _close(client: "anthropic.AsyncAnthropic") -> None:
    await client.close()
