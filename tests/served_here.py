"""The loopback server's replies, caches and counts without its sockets: for whole runs in virtual time.

Several rules of tokens count the same calls, as what a model replies does not depend on how its server counts.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from synthetic_communities.llm.caching.manner import find_least_tokens, waits_in_runs_only
from synthetic_communities.llm.caching.warmed import Warmed
from synthetic_communities.llm.model import Model, Usage
from synthetic_communities.llm.money.prices import Prices
from synthetic_communities.llm.naming import parse_model_name
from synthetic_communities.llm.providers.anthropic_messages import AnthropicMessages
from synthetic_communities.llm.providers.openai_chat import OpenAIChat
from synthetic_communities.llm.providers.openai_dialects import DIALECTS
from synthetic_communities.llm.wire.answers import HttpAnswer
from synthetic_communities.llm.wire.connections import Connections
from synthetic_communities.llm.wire.server import Server
from synthetic_communities.llm.wrapper import Wrapper
from synthetic_communities.testing.server.caching import PromptCache
from synthetic_communities.testing.server.draws import Draws, draw_delay
from synthetic_communities.testing.server.faults import Plan
from synthetic_communities.testing.server.prompt import Prompt, Reply
from synthetic_communities.testing.server.protocols.anthropic_door import AnthropicDoor
from synthetic_communities.testing.server.protocols.anthropic_models import build_model_info
from synthetic_communities.testing.server.protocols.door import Door
from synthetic_communities.testing.server.protocols.openai_door import OpenAIDoor
from synthetic_communities.testing.server.replies import compose_reply
from synthetic_communities.testing.server.settings import LoopbackSettings
from synthetic_communities.testing.server.tokens import TokenRule

HEADERS = {"anthropic-version": "2023-06-01"}
KINDS = ("input", "cache_write", "cache_read", "output")


class Count:
    """What calls took, as one rule counts it.

    Attributes:
        rule: how tokens are counted.
        tokens: kind to how many.
        cost_usd: what they cost.
    """

    def __init__(self, rule: TokenRule, model: str) -> None:
        self.rule = rule
        self.tokens: Counter[str] = Counter()
        self.cost_usd = 0.0
        self._cache = PromptCache()
        self._model, self._prices = model, Prices({})

    def take(self, prompt: Prompt, text: str, now: float) -> Reply:
        """Count a call, and return its reply with the usage that goes over the wire."""
        assert prompt.terms is not None
        cached = self._cache.use(prompt.beginning, prompt.blocks, prompt.terms, self.rule, now)
        reply = Reply(text, "done", "", self.rule.count(prompt.text), self.rule.count(text), 0, cached)
        counts = (reply.plain_tokens, cached.written_tokens, cached.read_tokens, reply.output_tokens)
        told = {f"{kind}_tokens": count for kind, count in zip(KINDS, counts, strict=True)}
        usage = Usage(**told, cache_write_1h_tokens=cached.written_1h_tokens)
        self.tokens.update(dict(zip(KINDS, counts, strict=True)))
        self.cost_usd += self._prices.cost(self._model, usage) or 0.0
        return reply

    def keep(self, reply: Reply, now: float) -> None:
        """Keep in the cache what a call has written, as its reply is sent."""
        self._cache.keep(reply.cached, now)


class ServedHere(Connections):
    """A server in this process, on the loop's clock; its usage is that of the first rule.

    Attributes:
        calls: how many were answered.
        counts: what they took, by each rule.
    """

    def __init__(self, model: str, rules: Sequence[float], settings: LoopbackSettings) -> None:
        is_anthropic = model.startswith("anthropic:")
        self.calls = 0
        self.counts = [Count(TokenRule(characters), model) for characters in rules]
        self._settings = settings
        self._door: Door = AnthropicDoor() if is_anthropic else OpenAIDoor("openai", needs_key=False)

    async def close(self) -> None:
        """Close nothing."""

    async def _ask(self, method: str, path: str, content: bytes | None) -> HttpAnswer:
        assert content is not None
        return await self.answer(json.loads(content))

    async def answer(self, body: dict[str, Any]) -> HttpAnswer:
        """Return the answer to a request."""
        now, prompt = asyncio.get_running_loop().time, self._door.read(HEADERS, body)
        draws = Draws(self._settings.seed, hashlib.blake2b(prompt.text.encode(), digest_size=16).digest(), 0)
        text = compose_reply(prompt, Plan(None, thinks=False), draws, self._settings, self.counts[0].rule).text
        replies = [count.take(prompt, text, now()) for count in self.counts]
        await asyncio.sleep(self._delay(draws))
        for count, reply in zip(self.counts, replies, strict=True):
            count.keep(reply, now())
        self.calls += 1
        return HttpAnswer(200, {}, self._door.render(prompt, replies[0], f"{self.calls}"))

    def _delay(self, draws: Draws) -> float:
        settings = self._settings
        return draw_delay(settings.latency, settings.sigma, settings.latency_cap, draws.each("delay"))


class Unrecorded(Wrapper):
    """A model without a journal: nobody is to go on with its run."""

    keeps_journal = True


def connect(served: ServedHere, model: str) -> Model:
    """Return a model as a run has it that asks this server: its provider, with one call of a new beginning first."""
    name = parse_model_name(model)
    server = Server(model, "http://127.0.0.1:9")
    provider: Any
    if name.provider.protocol == "anthropic":
        provider = AnthropicMessages(server, name.model, lambda: _Client(served))  # type: ignore[arg-type,return-value]
    else:
        provider = OpenAIChat(server, name.model, DIALECTS[name.provider.name], lambda: served)
    return Unrecorded(Warmed(provider, find_least_tokens(name) or 0, in_runs_only=waits_in_runs_only(name)))


class _Client:
    """As much of Anthropic's client as a provider uses."""

    def __init__(self, served: ServedHere) -> None:
        async def create(**body: Any) -> Any:
            return SimpleNamespace(http_response=_Http(await served.answer(body)))

        async def retrieve(model: str) -> Any:
            content = json.dumps(build_model_info(model, 200_000)).encode()
            return SimpleNamespace(http_response=_Http(HttpAnswer(200, {}, content)))

        self.messages = SimpleNamespace(with_raw_response=SimpleNamespace(create=create))
        self.models = SimpleNamespace(with_raw_response=SimpleNamespace(retrieve=retrieve))

    async def close(self) -> None:
        """Close nothing."""


class _Http:
    def __init__(self, answer: HttpAnswer) -> None:
        self.status_code, self.headers, self.content = answer.status, answer.headers, answer.content
