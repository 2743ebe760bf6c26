"""A model whose every answer is on the disk before anybody sees it."""

import asyncio
import time
from contextvars import ContextVar

from ..failures import CallError
from ..logged import Logged
from ..model import Call, Model, ModelReply, ModelRequest
from ..money.budgeted import Budgeted, Counted
from ..wrapper import Wrapper
from .digests import Fingerprint, fingerprint
from .entry import JournalEntry
from .journal import Journal, current_journal
from .shared import Question

_Spelled = tuple[str, int, bytes]

_asking: ContextVar[_Spelled | None] = ContextVar("asking", default=None)
"""The call whose answer is about to be recorded here: a script's own model may hand it on, as it is, to one of ours."""


def _spell(call: Call, asked: Fingerprint) -> _Spelled:
    return call.key, call.attempt, asked.request


class Journaled(Wrapper):
    """Answers calls from the journal of the run, and records what the model answers to the others.

    Outside a run there is no journal, and every call is the model's. So is one that is handed on to it by a model which
    has a journal in front of it, too: the answer of that model is what counts.

    Attributes:
        keeps_journal: True: nobody else need put a journal in front of it.
    """

    @property
    def keeps_journal(self) -> bool:
        """True."""
        return True

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply, recorded or new.

        Raises:
            CallError: there is none, now or when it was recorded.
            ModelUnavailableError: no call can succeed; that is not recorded.
            SyntheticCommunitiesError: the journal says that this call cannot be made, or cannot be written.
        """
        journal = current_journal.get()
        if journal is None:
            return await self.inner.reply(request, call)
        asked = fingerprint(self.name, request)
        if _asking.get() == _spell(call, asked):
            return await self.inner.reply(request, call)
        question = journal.as_shared(call, asked)
        recorded = await journal.find(request, call, asked, question)
        if recorded is not None:
            return recorded.give()
        return await self._ask(journal, request, call, asked, question)

    async def _ask(
        self, journal: Journal, request: ModelRequest, call: Call, asked: Fingerprint, question: Question | None
    ) -> ModelReply:
        clock = asyncio.get_running_loop().time
        began = clock()
        result: ModelReply | CallError
        token = _asking.set(_spell(call, asked))
        try:
            result = await self.inner.reply(request, call)
        except CallError as error:
            result = error
        except BaseException:
            journal.forgo(question)
            raise
        finally:
            _asking.reset(token)
        entry = JournalEntry(call, asked.request, result=result, seconds=clock() - began, ended=time.time())
        await journal.record(entry, request, asked, question)
        return entry.give()


class NoCalls:
    """A model that nobody may ask: its answers come from records.

    Attributes:
        name: `provider:model`.
    """

    def __init__(self, name: str) -> None:
        """Take the name of the model it stands for."""
        self.name = name

    async def __aenter__(self) -> "NoCalls":
        """Open nothing."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close nothing."""

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Refuse.

        Raises:
            AssertionError: always: whoever asks has a journal in front of it that refuses new calls.
        """
        raise AssertionError(f"{call.key} would be asked of {self.name}")


def as_journaled(model: Model) -> Model:
    """Return the model measured, held to the budget of the run, and with its journal in front of it, each once."""
    return model if getattr(model, "keeps_journal", False) else Journaled(Budgeted(Counted(Logged(model))))
