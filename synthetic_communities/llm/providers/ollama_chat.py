"""Ollama's own `/api/chat`: its compatible door ignores the window, and cuts longer prompts without a word."""

import time
from collections.abc import Callable
from typing import Any

from ..model import ModelReply, ModelRequest
from ..prepared import Prepared
from ..wire.connections import Connections
from ..wire.server import Server
from .chat_messages import write_schema_instruction
from .http_chat import HttpChat
from .ollama_messages import Features, parse_reply, write_request, write_schema
from .ollama_model import OllamaModel, check_window, look_up_model


class OllamaChat(HttpChat[Features]):
    """A model behind Ollama's `/api/chat`.

    Attributes:
        name: `ollama:model`, as asked for.
    """

    path = "/api/chat"

    def __init__(
        self,
        server: Server,
        model: str,
        connect: Callable[[], Connections],
        *,
        window_tokens: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take all that stays the same from call to call.

        Args:
            server: who is asked.
            model: what it calls it.
            connect: makes connections, on the loop they are for.
            window_tokens: room for prompt and reply together, one size for the run, as another one makes Ollama load
                the model anew; None: the server's default, beyond which it cuts prompts.
            clock: the time in seconds since 1970, for dates in `retry-after`.
        """
        super().__init__(server, model, Features(), connect, clock=clock)
        self._window_tokens = window_tokens
        self._known = OllamaModel(window_tokens=None)
        self._schemas = Prepared(write_schema)
        self._instructions = Prepared(write_schema_instruction)

    @property
    def window_tokens(self) -> int | None:
        """Room for prompt and reply together, as asked for; None: the server's default, which it does not tell."""
        return self._window_tokens

    async def _look(self, connections: Connections) -> None:
        self._known = await look_up_model(connections, self.model, self.server)
        check_window(self._window_tokens, self._known, self.name)

    def _write(self, request: ModelRequest, features: Features) -> bytes:
        wanted = request.reply_format
        return write_request(
            self.model,
            request,
            schema=self._schemas.of(wanted) if wanted and features.format else None,
            instruction=self._instructions.of(wanted) if wanted and not features.format else None,
            think=self._think(request, features),
            window_tokens=self._window_tokens,
        )

    def _think(self, request: ModelRequest, features: Features) -> str | bool | None:
        if request.effort is not None:
            return request.effort
        if not features.think:
            return None
        return "low" if self._known.thinks_by_level else False

    def _droppable(self, request: ModelRequest, features: Features) -> tuple[str, ...]:
        think = ("think",) if features.think and request.effort is None else ()
        return (*think, "format") if features.format and request.reply_format else think

    def _parse(self, body: Any) -> ModelReply:
        return parse_reply(body, self.model)
