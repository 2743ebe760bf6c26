"""The routes of the server."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from aiohttp import web

from .answers import Answer, AnswerDesk, refuse
from .problem import Problem
from .protocols.anthropic_door import AnthropicDoor
from .protocols.anthropic_models import EXAMPLES, build_model_info
from .protocols.door import Door
from .protocols.ollama_door import VERSION, OllamaDoor, build_model_list, show_model
from .protocols.openai_door import OpenAIDoor
from .protocols.openai_door import build_model as build_openai_model
from .protocols.openai_door import build_model_list as build_openai_list
from .request_log import RequestLog
from .settings import LoopbackSettings
from .stats import DROPPED, GONE, Stats
from .wire import SLEPT, send_answer

Clock: TypeAlias = Callable[[], float]
Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Lookup: TypeAlias = Callable[[web.Request], Awaitable[dict[str, Any]]]


class LoopbackApp:
    """Everything the server does with a request.

    Attributes:
        settings: how it behaves.
        stats: what it counts.
    """

    def __init__(self, settings: LoopbackSettings, clock: Clock, wall_clock: Clock) -> None:
        self.settings = settings
        self.stats = Stats()
        self._clock, self._wall_clock = clock, wall_clock
        self._started_at = clock()
        self._desk = AnswerDesk(settings, self._started_at)
        self._log = RequestLog(settings.log)
        self._anthropic = AnthropicDoor()
        self._openai = OpenAIDoor(settings.dialect, needs_key=not settings.no_auth)
        self._ollama = OllamaDoor(settings.context_tokens)

    def build(self) -> web.Application:
        """Return the application, with all its routes."""
        app = web.Application(client_max_size=self.settings.body_limit)
        for door in (self._anthropic, self._openai, self._ollama):
            app.router.add_post(door.path, partial(self._call, door))
        app.router.add_get("/v1/models", self._lookup(None, self._list_models))
        app.router.add_get("/v1/models/{model:.+}", self._lookup(None, self._show_model))
        app.router.add_get("/api/tags", self._lookup(self._ollama, self._list_tags))
        app.router.add_get("/api/version", self._lookup(self._ollama, self._tell_version))
        app.router.add_post("/api/show", self._lookup(self._ollama, self._show_tag))
        app.router.add_get("/stats", self._report)
        app.router.add_post("/reset", self._reset)
        app.on_cleanup.append(self._close)
        return app

    async def _call(self, door: Door, request: web.Request) -> web.StreamResponse:
        self.stats.enter(self._clock())
        ending = GONE
        try:
            answer = await self._wait(await self._answer(door, request))
            if answer.manner not in ("drop", "hang"):
                self._desk.note_sent(answer, self._clock())
            response = await send_answer(request, answer, self.settings.byte_seconds, self.settings.huge_bytes)
            ending = DROPPED if answer.manner in ("drop", "drop-mid") else str(answer.status)
            self._count_sent(answer)
            return response
        finally:
            self.stats.count(door.path, ending)
            self.stats.leave(ending, self._clock())

    async def _answer(self, door: Door, request: web.Request) -> Answer:
        now = self._clock()
        try:
            raw = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raw = b""
            answer = refuse(door, Problem("Request exceeds the maximum size", status=413), "0", {})
        else:
            answer = self._desk.answer(door, _lower(request), raw, now, self._wall_clock())
        self._count_answer(door, answer, raw)
        self._log.write(door.path, raw, answer, now - self._started_at)
        return answer

    async def _wait(self, answer: Answer) -> Answer:
        """Wait as long as the answer takes, and tell in it how long that was in the end."""
        if not answer.delay_seconds:
            return answer
        began = self._clock()
        await asyncio.sleep(answer.delay_seconds)
        slept = self._clock() - began
        self.stats.slept_seconds += slept
        return replace(answer, headers={**answer.headers, SLEPT: f"{slept:.6f}"})

    def _count_answer(self, door: Door, answer: Answer, raw: bytes) -> None:
        self.stats.bytes_in += len(raw)
        if answer.fault is not None:
            self.stats.faults[answer.fault] += 1
        if answer.reply is not None:
            self.stats.count_reply(door.path, answer.reply)

    def _count_sent(self, answer: Answer) -> None:
        extra = self.settings.huge_bytes if answer.manner == "huge" else 0
        share = {"drop": 0.0, "drop-mid": 0.5}.get(answer.manner, 1.0)
        self.stats.bytes_out += int(len(answer.body) * share) + extra

    def _lookup(self, door: Door | None, look: Lookup) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            """Return what was asked for as JSON, else the door's own error; either is counted by its status."""
            mine = door or self._door_of(request)
            try:
                mine.admit(_lower(request))
                status, body = 200, await look(request)
            except Problem as problem:
                status, body = problem.status, mine.error(problem, "0")
            self.stats.count(request.path, str(status))
            return _json(body, status)

        return handle

    def _door_of(self, request: web.Request) -> Door:
        return self._anthropic if "anthropic-version" in request.headers else self._openai

    async def _list_models(self, request: web.Request) -> dict[str, Any]:
        if self._door_of(request) is self._openai:
            return build_openai_list()
        models = [build_model_info(model, self.settings.context_tokens) for model in EXAMPLES]
        return {"data": models, "has_more": False, "first_id": EXAMPLES[0], "last_id": EXAMPLES[-1]}

    async def _show_model(self, request: web.Request) -> dict[str, Any]:
        model = request.match_info["model"]
        if self._door_of(request) is not self._openai:
            return build_model_info(model, self.settings.context_tokens)
        if model.startswith("unknown"):
            raise Problem(f"The model '{model}' does not exist", status=404, code="model_not_found", param="model")
        return build_openai_model(model)

    async def _list_tags(self, request: web.Request) -> dict[str, Any]:
        return build_model_list()

    async def _tell_version(self, request: web.Request) -> dict[str, Any]:
        return {"version": VERSION}

    async def _show_tag(self, request: web.Request) -> dict[str, Any]:
        try:
            body = json.loads(await request.read())
        except ValueError as error:
            raise Problem(f"the body is not valid JSON: {error}") from error
        return show_model(body if isinstance(body, dict) else {}, self.settings.context_tokens)

    async def _report(self, request: web.Request) -> web.StreamResponse:
        return _json(self.stats.build_report())

    async def _reset(self, request: web.Request) -> web.StreamResponse:
        self.stats.reset()
        self._desk.forget()
        return _json({})

    async def _close(self, app: web.Application) -> None:
        self._log.close()


def _json(body: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json")


def _lower(request: web.Request) -> Mapping[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
