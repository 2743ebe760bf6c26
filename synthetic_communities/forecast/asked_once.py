"""A mind as a probe asks it: once for each act, and what came of it is noted."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Self

from ..domain.belief import Opinion
from ..domain.outcome import Answer, Done, Failed, NotAsked, Refused
from ..llm.failures import CallError
from ..llm.model import Call, ModelReply, ModelRequest
from ..llm.money.prices import Prices
from ..llm.money.windows import find_window
from ..llm.schema_fit import keeps_schema
from ..minds.base import Mind
from ..minds.llm.mind import LLMMind, read_reply
from ..minds.offline.mind import OfflineMind
from ..minds.views import CandidateView, PersonView, View
from ..report.steps import STEP_OF_ACT
from .probe import Ending, ProbedAct

SHOWN_CHARACTERS = 200
"""How much of a reply is kept."""


class AskedOnce:
    """A mind that asks its model once for each view, and not again where the reply cannot be read.

    Attributes:
        name: that of the mind within.
        source: likewise.
        keeps_time: likewise.
    """

    def __init__(self, mind: Mind, note: Callable[[ProbedAct], None], prices: Prices) -> None:
        """Take a mind.

        Args:
            mind: who answers.
            note: is told what came of every act, but for those of the offline mind.
            prices: what calls cost.
        """
        self.name, self.source = mind.name, mind.source
        self.keeps_time = bool(getattr(mind, "keeps_time", False))
        self._mind = mind
        self._note = note
        self._prices = prices

    async def __aenter__(self) -> Self:
        """Open the mind within, if it has something to open."""
        if isinstance(self._mind, AbstractAsyncContextManager):
            await self._mind.__aenter__()
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        """Close it."""
        if isinstance(self._mind, AbstractAsyncContextManager):
            await self._mind.__aexit__(*exc_info)

    async def answer(self, view: View) -> Answer[Any]:
        """Return what the mind within answers to a view."""
        if isinstance(self._mind, OfflineMind) or (view.expects is Opinion and not view.scene.topics):
            return await self._mind.answer(view)
        if isinstance(self._mind, LLMMind):
            return await self._ask_model(self._mind, view)
        return await self._ask_other(view)

    async def _ask_model(self, mind: LLMMind, view: View) -> Answer[Any]:
        request, clock = mind.build_request(view), asyncio.get_running_loop().time
        began = clock()
        try:
            reply = await mind.model_asked.reply(request, Call(view.key, view.act))
        except CallError as error:
            failed = Failed(error.kind, error.detail)
            self._note(_act(view, self.name, failed, clock() - began))
            return failed
        answer, seconds = read_reply(reply, view), clock() - began
        measured = {**self._measure(request, reply), "window_tokens": find_window(mind.model_asked)}
        self._note(_act(view, self.name, answer, seconds, ending="cut" if reply.stop == "cut" else None, **measured))
        return answer

    def _measure(self, request: ModelRequest, reply: ModelReply) -> dict[str, Any]:
        wanted = request.reply_format
        schema = "" if wanted is None else json.dumps(wanted.schema)
        return {
            "answered_by": reply.model,
            "usage": reply.usage,
            "cost_usd": self._prices.cost(self.name, reply.usage),
            "prompt_characters": request.length + len(schema),
            "reply_characters": len(reply.text),
            "keeps_schema": None if wanted is None else keeps_schema(reply.text, wanted),
            "words": reply.text[:SHOWN_CHARACTERS],
        }

    async def _ask_other(self, view: View) -> Answer[Any]:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            answer = await self._mind.answer(view)
        except Exception as error:
            self._note(_act(view, self.name, Failed(type(error).__name__, str(error)), clock() - began))
            raise
        if not isinstance(answer, NotAsked):
            self._note(_act(view, self.name, answer, clock() - began))
        return answer


def _act(
    view: View, model: str, answer: Answer[Any], seconds: float, *, ending: Ending | None = None, **measured: Any
) -> ProbedAct:
    reason = ": ".join(filter(None, (answer.kind, answer.detail))) if isinstance(answer, Failed) else ""
    step, ended = STEP_OF_ACT.get(view.act, view.act), ending or _ending_of(answer)
    return ProbedAct(step, _who(view), model=model, ending=ended, reason=reason, seconds=seconds, **measured)


def _ending_of(answer: Answer[Any]) -> Ending:
    match answer:
        case Done():
            return "done"
        case Refused():
            return "refused"
        case Failed():
            return "failed"
        case _:
            return "unreadable"


def _who(view: View) -> str:
    match view:
        case PersonView():
            return view.person.id
        case CandidateView():
            return view.candidate.id
    return ""
