"""What a request is answered with: decided here, sent elsewhere."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal, NoReturn, TypeAlias, cast

from .caching import CacheUse, PromptCache
from .draws import Draws, draw_delay
from .faults import Fault, find_marked, plan_faults
from .problem import Problem
from .prompt import Prompt, Reply
from .protocols.door import Door
from .rate import RateBucket
from .replies import compose_reply
from .settings import LoopbackSettings
from .tokens import build_token_rule

Manner: TypeAlias = Literal["whole", "slow", "drop", "drop-mid", "hang", "huge"]

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
HTML = "text/html"

_MANNERS = ("slow", "drop", "drop-mid", "hang", "huge")
_PAGE = b"<!doctype html><html><head><title>Welcome</title></head><body>Please sign in.</body></html>"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that passed every check.

    Attributes:
        door: the protocol.
        prompt: what it asks for.
        canonical: its body, with keys in order and no superfluous space.
        key: the digest of path and canonical body.
    """

    door: Door
    prompt: Prompt
    canonical: str
    key: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with.

    Attributes:
        status: the HTTP status.
        body: the whole body.
        headers: the protocol's own headers.
        content_type: the type of the body.
        delay_seconds: the wait before it is sent.
        manner: how it is sent.
        fault: what goes wrong, or None.
        ask: how often the request was asked before; None where it was refused before it counted.
        reply: what the model said, or None.
    """

    status: int
    body: bytes
    _: KW_ONLY
    headers: Mapping[str, str]
    content_type: str = JSON
    delay_seconds: float = 0.0
    manner: Manner = "whole"
    fault: Fault | None = None
    ask: int | None = None
    reply: Reply | None = None


class AnswerDesk:
    """Decides on answers; it remembers how often each request was asked, what is cached, and the rate limit's level.

    Attributes:
        settings: how it behaves.
        rule: how it counts tokens.
        bucket: the rate limit.
    """

    def __init__(self, settings: LoopbackSettings, now: float) -> None:
        self.settings = settings
        self.rule = build_token_rule(settings.seed, settings.token_chars)
        self.bucket = RateBucket(settings.requests_per_second, settings.bucket, now)
        self._rules = settings.rules()
        self._asks: Counter[bytes] = Counter()
        self._cache = PromptCache()

    def forget(self) -> None:
        """Forget how often anything was asked, and what is cached."""
        self._asks.clear()
        self._cache.clear()

    def note_sent(self, answer: Answer, now: float) -> None:
        """Take down that an answer is being sent: what its prompt has written to the cache can be read from now on."""
        if answer.reply is not None:
            self._cache.keep(answer.reply.cached, now)

    def answer(self, door: Door, headers: Mapping[str, str], raw: bytes, now: float, wall: float) -> Answer:
        """Return the answer to a request.

        Args:
            headers: with names in lower case.
            now: seconds on a clock that never goes back.
            wall: seconds since 1970.
        """
        told = door.rate_headers(self.bucket.state(now), wall) if self.settings.rate_headers else {}
        try:
            asked = self._read(door, headers, raw)
            self.bucket.take(now)
            return self._reply(asked, told, now)
        except Problem as problem:
            return refuse(door, problem, _ident(hashlib.blake2b(raw).digest(), 0), told)

    def _read(self, door: Door, headers: Mapping[str, str], raw: bytes) -> Asked:
        door.admit(headers)
        try:
            body = _DECODER.decode(raw.decode())
            canonical = _CANONICAL.encode(body)
        except (ValueError, RecursionError) as error:
            raise Problem(f"The request body is not valid JSON: {error}") from error
        if not isinstance(body, dict):
            raise Problem("The request body is not a JSON object")
        prompt = door.read(headers, body)
        self._check_window(door, prompt)
        if _MARK in canonical:  # what is to be cached changes nothing of what is replied
            canonical = _CANONICAL.encode(_without_marks(body))
        key = hashlib.blake2b(f"{door.path}\n{canonical}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return Asked(door, prompt, canonical, key)

    def _check_window(self, door: Door, prompt: Prompt) -> None:
        tokens, limit = self.rule.count(prompt.text), self.settings.context_tokens
        if prompt.window_tokens is None and tokens > limit:
            raise door.too_long(tokens, limit)

    def _reply(self, asked: Asked, told: Mapping[str, str], now: float) -> Answer:
        settings, draws = self.settings, self._ask(asked.key)
        forced = [*find_marked(asked.canonical, settings.fault_times), *self._called_for(asked)]
        plan = plan_faults(forced, settings.faults, settings.fault_times, draws)
        ident = _ident(asked.key, draws.ask)
        problem = self._problem(asked, plan.fault)
        if problem is not None:
            return refuse(asked.door, problem, ident, told, plan.fault, draws.ask)
        reply = compose_reply(asked.prompt, plan, draws, settings, self.rule)
        if plan.fault != "cut-prompt":
            reply = replace(reply, cached=self._use_cache(asked.prompt, now))
        fault = plan.fault or ("thinking" if plan.thinks else None)
        return _build_answer(asked, reply, fault, ident, self._delay(draws), draws.ask, told)

    def _use_cache(self, prompt: Prompt, now: float) -> CacheUse:
        if prompt.terms is None or not self.settings.cache:
            return CacheUse()
        return self._cache.use(prompt.beginning, prompt.blocks, prompt.terms, self.rule, now)

    def _ask(self, key: bytes) -> Draws:
        ask = self._asks[key]
        self._asks[key] = ask + 1
        return Draws(self.settings.seed, key, ask)

    def _called_for(self, asked: Asked) -> list[Any]:
        texts = (asked.canonical, asked.prompt.text)
        return [each for text, forced in self._rules if any(text in where for where in texts) for each in forced]

    def _problem(self, asked: Asked, fault: Fault | None) -> Problem | None:
        if fault is None:
            return None
        if fault == "refuse-schema":
            param = asked.door.schema_param
            message = f"Invalid parameter: '{param}' of type 'json_schema' is not supported with this model."
            return Problem(message, param=param) if asked.prompt.schema is not None else None
        problem = asked.door.fault(fault)
        if problem is not None and fault == "429":
            problem.retry_after = self.settings.retry_after
        return problem

    def _delay(self, draws: Draws) -> float:
        settings = self.settings
        return draw_delay(settings.latency, settings.sigma, settings.latency_cap, draws.each("delay"))


def refuse(
    door: Door,
    problem: Problem,
    ident: str,
    told: Mapping[str, str],
    fault: Fault | None = None,
    ask: int | None = None,
) -> Answer:
    """Return the answer that says what the problem is."""
    headers = {**door.headers(ident), **told}
    if problem.retry_after is not None:
        headers["retry-after"] = problem.retry_after
    body = json.dumps(door.error(problem, ident)).encode()
    return Answer(problem.status, body, headers=headers, fault=fault, ask=ask)


def _build_answer(
    asked: Asked, reply: Reply, fault: Fault | None, ident: str, delay: float, ask: int, told: Mapping[str, str]
) -> Answer:
    body, content_type = _spoil(asked.door.render(asked.prompt, reply, ident), fault, asked.prompt.streamed)
    return Answer(
        200,
        body,
        headers={**asked.door.headers(ident), **told},
        content_type=content_type,
        delay_seconds=delay,
        manner=cast(Manner, fault) if fault in _MANNERS else "whole",
        fault=fault,
        ask=ask,
        reply=reply,
    )


def _spoil(body: bytes, fault: Fault | None, streamed: bool) -> tuple[bytes, str]:
    if fault == "malformed":
        return body[: len(body) // 2], JSON
    if fault == "wrong-shape":
        return b'{"status": "ok", "result": [1, 2, null]}', JSON
    if fault == "wrong-type":
        return _PAGE, HTML
    return body, JSON_LINES if streamed else JSON


def _ident(key: bytes, ask: int) -> str:
    return f"{key[:10].hex()}{ask:04d}"


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_marks(each) for name, each in value.items() if name != "cache_control"}
    return [_without_marks(each) for each in value] if isinstance(value, list) else value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_MARK = '"cache_control"'
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
