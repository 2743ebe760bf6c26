"""OpenAI's chat completions: one provider for every server that speaks them."""

import time
from collections.abc import Callable
from typing import Any

from ..json_shapes import dig
from ..model import ModelReply, ModelRequest
from ..prepared import Prepared
from ..wire.connections import Connections
from ..wire.server import Server
from .chat_messages import write_schema_instruction
from .http_chat import HttpChat
from .openai_dialects import Dialect, Features
from .openai_replies import parse_reply
from .openai_requests import options_of, write_request, write_response_format
from .opening import check_somebody_listens


class OpenAIChat(HttpChat[Features]):
    """A model behind OpenAI's chat completions.

    Attributes:
        name: `provider:model`, as asked for.
    """

    path = "/chat/completions"

    def __init__(
        self,
        server: Server,
        model: str,
        dialect: Dialect,
        connect: Callable[[], Connections],
        *,
        checks_listening: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take all that stays the same from call to call.

        Args:
            server: who is asked.
            model: what the server calls it.
            dialect: what it is sent.
            connect: makes connections, on the loop they are for.
            checks_listening: whether opening fails where nobody listens.
            clock: the time in seconds since 1970, for dates in `retry-after`.
        """
        super().__init__(server, model, Features.of(dialect), connect, clock=clock)
        self._dialect = dialect
        self._checks_listening = checks_listening
        self._formats = Prepared(lambda wanted: write_response_format(wanted, schema_at_top=dialect.schema_at_top))
        self._instructions = Prepared(write_schema_instruction)

    async def _look(self, connections: Connections) -> None:
        if self._checks_listening:
            await check_somebody_listens(connections, "/models", self.server)

    def _write(self, request: ModelRequest, features: Features) -> bytes:
        wanted = request.reply_format
        response_format = self._formats.of(wanted) if wanted and features.schema else None
        instruction = self._instructions.of(wanted) if wanted and not features.schema else None
        return write_request(self.model, request, features, response_format=response_format, instruction=instruction)

    def _droppable(self, request: ModelRequest, features: Features) -> tuple[str, ...]:
        chosen = {"temperature"} if request.effort is None else {"temperature", "reasoning_effort"}
        sent = [option for option in options_of(request, features) if option not in chosen]
        if features.limit_field == "max_tokens":
            sent.append("max_tokens")
        if request.reply_format and features.schema:
            sent.append("response_format")
        return tuple(sent)

    def _hidden_status(self, body: Any) -> int | None:
        """Return the status of an error that came as a success, as OpenRouter passes on what its hosts answered."""
        if dig(body, "choices") or not dig(body, "error"):
            return None
        code = dig(body, "error", "code")
        return code if isinstance(code, int) and 400 <= code < 600 else 502

    def _parse(self, body: Any) -> ModelReply:
        return parse_reply(body, self.model, thinks_in_text=self._dialect.thinks_in_text)
