"""The calls of a run as they went over the wire: which act made each, its prompt in blocks, and when that was."""

import asyncio
import json
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from ...llm.model import Call, ModelReply, ModelRequest
from ...llm.wrapper import Wrapper
from ...testing.server.caching import Block
from ...testing.server.prompt import Prompt
from ...testing.server.protocols.anthropic_door import AnthropicDoor

_act: ContextVar[str] = ContextVar("synthetic_communities_act_asked", default="")


@dataclass(frozen=True, slots=True)
class NotedCall:
    """A call of a run.

    Attributes:
        act: name of the act that made it.
        prompt: what was asked.
        began: when it was sent, in seconds on the loop's clock.
        ended: when its reply was there.
    """

    act: str
    prompt: Prompt
    began: float = field(kw_only=True)
    ended: float = field(kw_only=True)


class NamingActs(Wrapper):
    """Tells the transport below which act a request belongs to: nothing in the request itself says so."""

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply."""
        _act.set(call.act)
        return await self.inner.reply(request, call)


class CallNoting:
    """Passes requests to the Messages API on, and takes each down; a transport for httpx2.

    Attributes:
        calls: all that were answered, in the order in which they ended.
    """

    def __init__(self, inner: Any) -> None:
        """Take what carries them."""
        self._inner = inner
        self._door = AnthropicDoor()
        self._texts: dict[str, str] = {}
        self.calls: list[NotedCall] = []

    async def handle_async_request(self, request: Any) -> Any:
        """Return the response to a request."""
        if request.method != "POST":
            return await self._inner.handle_async_request(request)
        clock = asyncio.get_running_loop().time
        prompt, act, began = self._read(request.headers, await request.aread()), _act.get(), clock()
        response = await self._inner.handle_async_request(request)
        self.calls.append(NotedCall(act, prompt, began=began, ended=clock()))
        return response

    async def aclose(self) -> None:
        """Close connections."""
        await self._inner.aclose()

    def _read(self, headers: Mapping[str, str], body: bytes) -> Prompt:
        prompt = self._door.read(headers, json.loads(body))
        # Texts that stand in many prompts are kept once, and the whole of it not at all: a run has gigabytes of it.
        blocks = tuple(Block(self._texts.setdefault(each.text, each.text), each.mark) for each in prompt.blocks)
        beginning = self._texts.setdefault(prompt.beginning, prompt.beginning)
        return replace(prompt, text="", schema=None, blocks=blocks, beginning=beginning)
