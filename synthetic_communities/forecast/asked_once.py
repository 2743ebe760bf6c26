"""A mind as a probe asks it: once for each act, and what came of it is noted."""

import asyncio
import json
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, Self

from ..domain.belief import Opinion
from ..domain.outcome import Answer, Done, Failed, NotAsked, Refused
from ..errors import RunStoppedError
from ..llm.call_log import CallEntry
from ..llm.failures import CallError, ModelUnavailableError
from ..llm.model import Call, ModelReply, ModelRequest, Usage
from ..llm.money.costs import measure_cost
from ..llm.money.windows import find_window
from ..llm.retrying import tried_at_most
from ..llm.schema_fit import keeps_schema
from ..minds.base import Mind
from ..minds.llm.mind import LLMMind, read_reply
from ..minds.offline.mind import OfflineMind
from ..minds.views import CandidateView, PersonView, View
from ..report.steps import STEP_OF_ACT
from .probe_notes import ProbeNotes
from .probed_act import Ending, ProbedAct

SHOWN_CHARACTERS = 200
"""How much of a reply is kept."""

MOST_FAILURES = 3
"""How many acts in a row may fail at the server before no more are asked of it."""


class AskedOnce:
    """A mind that asks its model once for each view, and not again where the reply cannot be read.

    Where the server is at fault, the next act is asked without further tries; after some such acts in a row, or once no
    call can go out any more, the mind asks no more, and every further act is noted as not asked.

    Attributes:
        name: that of the mind within.
        source: likewise.
        keeps_time: likewise.
    """

    def __init__(self, mind: Mind, notes: ProbeNotes) -> None:
        """Take a mind.

        Args:
            mind: who answers.
            notes: hold what came of every act, but for those of the offline mind.
        """
        self.name, self.source = mind.name, mind.source
        self.keeps_time = bool(getattr(mind, "keeps_time", False))
        self._mind = mind
        self._notes = notes
        self._failures = 0
        self._gave_up: Callable[[View], ProbedAct] | None = None

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
        if self._gave_up is not None:
            return self._leave_out(view)
        heard = len(self._notes.entries)
        try:
            if isinstance(self._mind, LLMMind):
                return await self._ask_model(self._mind, view)
            return await self._ask_other(view)
        except RunStoppedError as stop:
            self._give_up(str(stop), limit=stop.setting)
            return self._leave_out(view, self._notes.entries[heard:])

    def _give_up(self, reason: str, *, limit: str = "") -> None:
        self._gave_up = lambda view: _act(
            view, self.name, Failed(reason), 0.0, ending="not_asked", tries=0, limit=limit
        )

    def _leave_out(self, view: View, tries: Sequence[CallEntry] = ()) -> Answer[Any]:
        """Note that an act was not asked, or, where there were tries, that there was no room for another."""
        assert self._gave_up is not None
        act = self._gave_up(view)
        if tries:
            seconds = math.fsum(each.seconds for each in tries)
            act = replace(act, ending="failed", seconds=seconds, **self._count(tries))
        self._notes.note(act)
        return NotAsked(act.reason)

    async def _ask_model(self, mind: LLMMind, view: View) -> Answer[Any]:
        request, clock = mind.build_request(view), asyncio.get_running_loop().time
        began, heard = clock(), len(self._notes.entries)
        result: ModelReply | CallError
        try:
            with tried_at_most(1 if self._failures else None):
                result = await mind.model_asked.reply(request, Call(view.key, view.act))
        except CallError as error:
            result = error
        except ModelUnavailableError as error:
            if not self._notes.acts:
                raise
            took = {"effort": request.effort, **self._count(self._notes.entries[heard:])}
            self._notes.note(_act(view, self.name, Failed(str(error)), clock() - began, **took))
            self._give_up("no call can succeed")
            return Failed("model unavailable", str(error))
        tries = self._notes.entries[heard:]
        took = {
            # What was waited, and what other tries took, is no property of the reply.
            "seconds": tries[-1].seconds if tries and isinstance(result, ModelReply) else clock() - began,
            **self._count(tries),
            "usage": result.usage or Usage(),
            "effort": request.effort,
        }
        return self._note_result(view, request, result, took)

    def _count(self, tries: Sequence[CallEntry]) -> dict[str, Any]:
        return {"tries": len(tries), "cost_usd": measure_cost(tries, self._notes.prices).cost_usd}

    def _note_result(
        self, view: View, request: ModelRequest, result: ModelReply | CallError, took: dict[str, Any]
    ) -> Answer[Any]:
        self._failures = self._failures + 1 if _is_of_server(result) else 0
        if self._failures >= MOST_FAILURES:
            self._give_up(f"{MOST_FAILURES} acts in a row failed at the server")
        if isinstance(result, CallError):
            failed = Failed(result.kind, result.detail)
            self._notes.note(_act(view, self.name, failed, **took))
            return failed
        answer = read_reply(result, view)
        ending: Ending | None = "cut" if result.stop == "cut" else None
        window = find_window(self._mind.model_asked) if isinstance(self._mind, LLMMind) else None
        self._notes.note(
            _act(view, self.name, answer, ending=ending, window_tokens=window, **took, **self._measure(request, result))
        )
        return answer

    def _measure(self, request: ModelRequest, reply: ModelReply) -> dict[str, Any]:
        wanted, is_refusal = request.reply_format, reply.stop == "refused"
        schema = "" if wanted is None else json.dumps(wanted.schema)
        return {
            # A filter that lets no prompt through counts no tokens, and no model has replied.
            "answered_by": None if is_refusal and reply.usage == Usage() else reply.model,
            "prompt_characters": request.length + len(schema),
            "reply_characters": len(reply.text),
            "keeps_schema": None if wanted is None or is_refusal else keeps_schema(reply.text, wanted),
            "words": reply.text[:SHOWN_CHARACTERS],
        }

    async def _ask_other(self, view: View) -> Answer[Any]:
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            answer = await self._mind.answer(view)
        except RunStoppedError:
            raise
        except Exception as error:
            self._notes.note(_act(view, self.name, Failed(type(error).__name__, str(error)), clock() - began))
            raise
        if not isinstance(answer, NotAsked):
            self._notes.note(_act(view, self.name, answer, clock() - began))
        return answer


def _is_of_server(result: ModelReply | CallError) -> bool:
    return isinstance(result, CallError) and (result.is_transient or (result.status or 0) >= 500)


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
