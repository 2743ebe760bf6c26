"""Who answers a call: what is recorded of it, or the model, whose answer is then recorded."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ...errors import SyntheticCommunitiesError
from ..call_log import CallEntry
from ..failures import CallError
from ..model import Call, ModelReply, ModelRequest, Usage
from .digests import Fingerprint
from .entry import FailedTry, JournalEntry, Source
from .recorded import Recorded
from .shared import Question, SharedOpening, is_shared
from .writer import JournalWriter

NewCalls = Literal["made", "refused", "failed"]
"""What becomes of a call that is not recorded: it is made, it ends the run, or its act comes to nothing."""

JOURNAL = "journal.sqlite3"
"""Name of the file in a run directory."""


class RequestDiffersError(SyntheticCommunitiesError):
    """A call asks something else than it did when it was recorded; the message says where that begins."""


class CallNotRecordedError(SyntheticCommunitiesError):
    """A call is not recorded, and none may be made; the message names it."""


class Journal:
    """What is recorded of the calls of one run, and where new ones are recorded.

    Attributes:
        answered: how many calls were answered from records.
        made: how many were asked of a model.
    """

    def __init__(
        self,
        writer: JournalWriter | None,
        own: Recorded | None = None,
        *,
        others: Sequence[tuple[Source, Recorded]] = (),
        cache: JournalWriter | None = None,
        shared: SharedOpening | None = None,
        is_retried: Callable[[Call], bool] = lambda call: False,
        new_calls: NewCalls = "made",
        observe: Callable[[CallEntry], None] | None = None,
    ) -> None:
        """Take where answers come from, and where they go.

        Args:
            writer: takes every new answer; None: nobody does.
            own: what this run has recorded before; a call that it has may ask nothing else now.
            others: other records, in the order in which they are looked through; any entry of theirs with the same
                request will do.
            cache: takes every reply a model gave, for other runs; failures it does not take.
            shared: what replicates of this run ask once for all of them; None: nothing.
            is_retried: says of which calls those that failed are made again, and may ask something else than then; what
                else failed has failed.
            new_calls: what becomes of a call that is not recorded.
            observe: is told of every call that is answered from records.
        """
        self.answered = 0
        self.made = 0
        self._writer = writer
        self._own = own
        self._others = others
        self._cache = cache
        self._shared = shared
        self._asked: Counter[tuple[str, int, bytes]] = Counter()
        self._is_retried = is_retried
        self._new_calls = new_calls
        self._observe = observe

    @property
    def mode(self) -> str:
        """The journal mode of SQLite; empty where nothing was written."""
        return self._writer.mode if self._writer is not None else ""

    @property
    def path(self) -> Path | None:
        """Where new answers are recorded; None: nowhere."""
        return self._writer.path if self._writer is not None else None

    def list_paid(self) -> list[tuple[str, Usage]]:
        """Return model and tokens of every call this run has paid for before; a try without a reply has none."""
        return list(self._own.list_paid()) if self._own is not None else []

    def has_reply_of(self, model: str) -> bool:
        """Say whether this run had a reply of a model before it was broken off."""
        return self._own is not None and self._own.has_reply_of(model)

    def as_shared(self, call: Call, asked: Fingerprint) -> Question | None:
        """Return as what a call is known to the replicates that make it once for all of them; None: they do not."""
        if self._shared is None or not is_shared(call):
            return None
        same = (call.key, call.attempt, asked.request)
        self._asked[same] += 1
        named, number = Call(call.key, call.act, call.attempt), self._asked[same] - 1
        return Question(named, asked.request, number=number, is_retried=self._is_retried(call))

    async def find(
        self, request: ModelRequest, call: Call, asked: Fingerprint, question: Question | None = None
    ) -> JournalEntry | None:
        """Return what is recorded of a call; None: the model is to be asked.

        Args:
            request: what is asked.
            call: which call it is.
            asked: the request in short.
            question: as what replicates know it; who is to ask one has to `record` what comes of it, or to `forgo` it.

        Raises:
            RequestDiffersError: this run has recorded this call with another request.
            CallNotRecordedError: nothing is recorded of it, and that ends the run.
            CallError: nothing is recorded of it, and that is a failure, `not recorded`.
            JournalError: what is taken over from another record cannot be written.
        """
        entry = self._find_own(request, call, asked)
        if entry is None:
            entry = await self._find_shared(question) if question else self._find_elsewhere(call, asked)
            if entry is not None and self._writer is not None:
                await self._writer.write(entry, request, asked)
        if entry is None:
            try:
                self._refuse_new(request, call, asked)
            except Exception:
                self.forgo(question)  # or those who wait for what is asked here would wait for ever
                raise
            self.made += 1
            return None
        self.answered += 1
        if self._observe is not None:
            self._observe(entry.as_measured(asked.model))
        return entry

    async def record(
        self, entry: JournalEntry, request: ModelRequest, asked: Fingerprint, question: Question | None = None
    ) -> None:
        """Return when an answer of the model is on the disk; replicates that wait for it get it in any case.

        Raises:
            JournalError: it cannot be written.
        """
        replicate = self._shared.replicate if self._shared is not None and question is not None else None
        try:
            if self._writer is not None:
                await self._writer.write(entry, request, asked)
            if self._cache is not None and isinstance(entry.result, ModelReply):  # what failed once need not again
                await self._cache.write(entry, request, asked, replicate=replicate)
        finally:
            if self._shared is not None and question is not None:
                self._shared.tell(question, entry)

    def forgo(self, question: Question | None) -> None:
        """Leave a question to another replicate: nothing comes of it here."""
        if self._shared is not None and question is not None:
            self._shared.forgo(question)

    def note(self, tried: FailedTry) -> None:
        """Record a try that got no reply."""
        if self._writer is not None:
            self._writer.note(tried)

    def close(self) -> None:
        """Write what is left, and close all files."""
        for each in (self._writer, self._cache, self._own, *(recorded for _, recorded in self._others)):
            if each is not None:
                each.close()

    def _find_own(self, request: ModelRequest, call: Call, asked: Fingerprint) -> JournalEntry | None:
        if self._own is None:
            return None
        entry = self._own.take_same(call, asked.request, newest=not is_by_hand(call))  # what was made again counts
        if self._is_retried(call):
            return entry if entry is not None and isinstance(entry.result, ModelReply) else None
        if entry is None and not is_by_hand(call) and self._own.has(call):
            raise RequestDiffersError(self._own.describe_difference(call, request, asked))
        return entry

    async def _find_shared(self, question: Question) -> JournalEntry | None:
        assert self._shared is not None
        return await self._shared.take(question)

    def _find_elsewhere(self, call: Call, asked: Fingerprint) -> JournalEntry | None:
        for source, recorded in self._others:
            entry = recorded.take_same(call, asked.request, newest=not is_by_hand(call)) or recorded.take_alike(
                call, asked.request
            )
            if entry is not None:
                return replace(entry, call=call, source=source)
        return None

    def _refuse_new(self, request: ModelRequest, call: Call, asked: Fingerprint) -> None:
        if self._new_calls == "made":
            return
        if self._new_calls == "failed":
            raise CallError("not recorded")
        compared = [recorded for _, recorded in self._others if recorded.has(call)]
        why = compared[0].describe_difference(call, request, asked) if compared else f"{call.key} was not asked then"
        raise CallNotRecordedError(why)


def is_by_hand(call: Call) -> bool:
    """Say whether a call belongs to no task of a plan: many such calls may have one key, and ask different things."""
    return call.key.startswith("own")


current_journal: ContextVar[Journal | None] = ContextVar("current_journal", default=None)
"""The journal of the run that is under way here; None: no run is."""


@contextmanager
def journaling(journal: Journal) -> Iterator[None]:
    """Have the calls that are made in here, and in tasks started here, go through a journal."""
    token = current_journal.set(journal)
    try:
        yield
    finally:
        current_journal.reset(token)
