"""What several runs ask once: whoever comes first asks, and the others wait for that very answer."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from ...waiting import without_place
from ..model import Call, ModelReply
from .entry import JournalEntry, Source
from .recorded import Recorded

OPENING = "opening/"
"""How the keys of the tasks begin that replicates share."""


@dataclass(frozen=True, slots=True)
class Question:
    """What makes a call of one run that of another.

    Attributes:
        call: its key and attempt count.
        request: digest of what it asks.
        number: how often its run had asked the very same before: a mind may want several answers.
        is_retried: whether a failure that is recorded is no answer to it.
    """

    call: Call
    request: bytes
    number: int = field(default=0, kw_only=True)
    is_retried: bool = field(default=False, kw_only=True)


Waiting = tuple[asyncio.AbstractEventLoop, "asyncio.Future[None]"]


@dataclass(slots=True)
class _Answer:
    """What is known of a question: an entry, or who waits for one.

    Attributes:
        entry: what came of it; None: somebody is asking.
        waiting: who is to look again when that has ended.
        taken: how many runs have it.
    """

    entry: JournalEntry | None = None
    waiting: list[Waiting] = field(default_factory=list)
    taken: int = 1


class SharedOpening:
    """The opening of several replicates, each question of which is asked once, failures included.

    Who asks and does not come to an end (cancelled, stopped, out of quota) leaves the question to the next who waits.
    It is open while one of its runs is under way, and safe for threads.

    Attributes:
        replicate: the number under which a cache keeps what is shared.
    """

    def __init__(
        self, runs: int, *, replicate: int = 0, journals: Sequence[Path] = (), cache: Path | None = None
    ) -> None:
        """Take who shares it.

        Args:
            runs: how many runs do.
            replicate: the number under which a cache keeps what is shared: that of the first.
            journals: of all of these runs, those that are complete included; what is not there is passed over.
            cache: the file of answers that other runs share, too; None: none.
        """
        self.replicate = replicate
        self._runs = runs
        self._journals = journals
        self._cache = cache
        self._lock = threading.Lock()
        self._answers: dict[Question, _Answer] = {}
        self._opened = ExitStack()
        self._recorded: list[tuple[Source, Recorded]] = []
        self._inside = 0

    def __enter__(self) -> Self:
        """Begin a run; with the first, the journals are opened.

        Raises:
            JournalError: one of them cannot be read.
        """
        with self._lock:
            if not self._inside:
                self._open()
            self._inside += 1
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End a run; with the last, the journals are closed."""
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._recorded = []
                self._opened.close()

    def _open(self) -> None:
        with ExitStack() as opened:  # what is open is closed again where one of them cannot be
            for path in self._journals:
                if path.is_file():
                    recorded = opened.enter_context(Recorded(path, beginning=OPENING, is_shared=True))
                    self._recorded.append(("replicate", recorded))
            if self._cache is not None and self._cache.is_file():
                cached = Recorded(self._cache, replicate=self.replicate, beginning=OPENING, is_shared=True)
                self._recorded.append(("cache", opened.enter_context(cached)))
            self._opened = opened.pop_all()

    async def take(self, question: Question) -> JournalEntry | None:
        """Return what came of a question, once that is known.

        None: the caller is the one who asks, and has to `tell` what came of it, or to `forgo` it.

        Raises:
            JournalError: what is recorded of it cannot be read.
        """
        while (waiting := self._join(question)) is not None:
            if isinstance(waiting, JournalEntry):
                return waiting
            async with without_place():  # who asks holds one for all
                await waiting
        try:
            found = self._look_up(question)
        except BaseException:
            self.forgo(question)
            raise
        if found is not None:
            self.tell(question, found)
        return found

    def tell(self, question: Question, entry: JournalEntry) -> None:
        """Give the others what came of a question."""
        with self._lock:
            answer = self._answers[question]
            answer.entry = replace(entry, source="replicate")
            woken, answer.waiting = answer.waiting, []
            self._drop_taken(question, answer)
        _wake(woken)

    def forgo(self, question: Question) -> None:
        """Leave a question to the next who asks it."""
        with self._lock:
            woken = self._answers.pop(question).waiting
        _wake(woken)

    def _join(self, question: Question) -> "JournalEntry | asyncio.Future[None] | None":
        """Return what came of a question, or what is done when it is time to look again; None: the caller asks it."""
        with self._lock:
            answer = self._answers.get(question)
            if answer is None:
                self._answers[question] = _Answer()
                return None
            if answer.entry is None:
                loop = asyncio.get_running_loop()
                waiting = loop.create_future()
                answer.waiting.append((loop, waiting))
                return waiting
            answer.taken += 1
            self._drop_taken(question, answer)
            return replace(answer.entry, call=question.call)

    def _drop_taken(self, question: Question, answer: _Answer) -> None:
        if answer.taken >= self._runs:  # nobody else will ask
            del self._answers[question]

    def _look_up(self, question: Question) -> JournalEntry | None:
        for source, recorded in self._recorded:
            entry = recorded.take_same(question.call, question.request, newest=True)
            if entry is None and source == "cache":
                entry = recorded.take_alike(question.call, question.request)
            if entry is not None and (isinstance(entry.result, ModelReply) or not question.is_retried):
                return replace(entry, call=question.call, source=source)
        return None


def is_shared(call: Call) -> bool:
    """Say whether a call is one that replicates make once for all of them."""
    return call.key.startswith(OPENING)


def _wake(woken: Sequence[Waiting]) -> None:
    for loop, waiting in woken:
        with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_settle, waiting)


def _settle(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
