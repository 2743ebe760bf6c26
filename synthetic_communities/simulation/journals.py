"""The journal of one run: where its answers come from, and where new ones go."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..llm.call_log import CallEntry
from ..llm.exchange import Exchange
from ..llm.journal.digests import Fingerprint
from ..llm.journal.entry import FailedTry, JournalEntry, Source
from ..llm.journal.journal import JOURNAL, Journal, NewCalls
from ..llm.journal.recorded import Recorded
from ..llm.journal.shared import Question, SharedOpening
from ..llm.journal.writer import JournalWriter
from ..llm.model import Call, ModelReply, ModelRequest

CACHE = "answers.sqlite3"
"""Name of the file in a folder of answers that runs share."""

logger = logging.getLogger("synthetic_communities.journal")


@dataclass(frozen=True, slots=True)
class Answers:
    """Where the answers to a run's calls come from.

    Attributes:
        own: the journal of the very same run, whose calls may ask nothing else now; None: the one in its directory.
        others: journals of other runs.
        cache: the file that several runs share; None: none.
        shared: what replicates of this run ask once for all of them; None: nothing.
        retried_from: the epoch from which on calls that failed are made again; None: what failed has failed.
        new_calls: what becomes of a call that is not recorded.
        is_kept: whether new answers are recorded.
    """

    own: Path | None = None
    others: tuple[Path, ...] = ()
    cache: Path | None = field(default=None, kw_only=True)
    shared: SharedOpening | None = field(default=None, kw_only=True)
    retried_from: int | None = field(default=None, kw_only=True)
    new_calls: NewCalls = field(default="made", kw_only=True)
    is_kept: bool = field(default=True, kw_only=True)


def find_cache(folder: str | Path | None) -> Path | None:
    """Return the file of a folder of answers that runs share; None: there is no such folder."""
    return None if folder is None else Path(folder) / CACHE


class ToldJournal(Journal):
    """A journal that tells of each try of the calls which the run made before it was broken off, as it answers them."""

    def __init__(self, tell: Callable[[Exchange], None], own: Recorded, writer: JournalWriter, **others: Any) -> None:
        """Take who is told, and what a journal takes."""
        super().__init__(writer, own, **others)
        self._tell = tell
        self._told_of = own

    async def find(
        self, request: ModelRequest, call: Call, asked: Fingerprint, question: Question | None = None
    ) -> JournalEntry | None:
        """As `Journal.find`."""
        entry = await super().find(request, call, asked, question)
        if entry is not None and entry.source == "call":
            for exchange in list_exchanges(asked.model, request, entry, self._told_of.list_failed_tries(entry)):
                self._tell(exchange)
        return entry


def list_exchanges(
    model: str, request: ModelRequest, entry: JournalEntry, failed: list[FailedTry]
) -> Iterator[Exchange]:
    """Yield the tries of a call as they were when it was made.

    Args:
        model: the name of the model that was asked.
        request: what was asked.
        entry: what came of it in the end.
        failed: its tries without a reply.
    """
    for each in failed:
        measured = CallEntry(
            *(each.call.key, each.call.act),
            asked=model,
            outcome=each.kind,
            attempt=each.call.attempt,
            tries=each.call.tries,
        )
        yield Exchange(request, measured, result=Exception(each.detail))
    if isinstance(entry.result, ModelReply):
        tries = failed[-1].call.tries + 1 if failed else 1
        yield Exchange(request, replace(entry.as_measured(model), tries=tries), result=entry.result)


def open_journal(
    directory: Path,
    answers: Answers,
    replicate: int,
    observe: Callable[[CallEntry], None] | None = None,
    *,
    tell: Callable[[Exchange], None] | None = None,
) -> Journal:
    """Return the journal of a run; its file is made with the first call of a model.

    Args:
        directory: the run directory.
        answers: where answers come from.
        replicate: number of the repetition.
        observe: is told of every call that is answered from records.
        tell: is told of each try of the calls that the run itself made before it was broken off; None: nobody is.

    Raises:
        JournalError: one of the journals cannot be read, or is of another version.
    """
    own = answers.own or directory / JOURNAL
    with ExitStack() as opened:  # what is open is closed again where one of them cannot be
        recorded = opened.enter_context(Recorded(own, is_shared=answers.is_kept)) if own.is_file() else None
        others: list[tuple[Source, Recorded]] = [
            ("replay", opened.enter_context(Recorded(path))) for path in answers.others
        ]
        if answers.cache is not None and answers.cache.is_file():
            others.append(("cache", opened.enter_context(Recorded(answers.cache, replicate=replicate, is_shared=True))))
        opened.pop_all()
    writer = JournalWriter(directory / JOURNAL, replicate=replicate) if answers.is_kept else None
    settings: dict[str, Any] = {
        "others": others,
        "cache": JournalWriter(answers.cache, replicate=replicate) if answers.cache is not None else None,
        "is_retried": lambda call: answers.retried_from is not None and epoch_of(call) >= answers.retried_from,
        "shared": answers.shared,
        "new_calls": answers.new_calls,
        "observe": observe,
    }
    if tell is not None and recorded is not None and writer is not None:
        return ToldJournal(tell, recorded, writer, **settings)
    return Journal(writer, recorded, **settings)


def epoch_of(call: Call) -> float:
    """Return the epoch whose line in the record a call can change: that of its task; the last of all for a ballot."""
    first, _, _ = call.key.partition("/")
    if first == "opening":
        return 0
    return int(first[1:]) if first[:1] == "e" and first[1:].isdecimal() else math.inf


def measure_journal(journal: Journal) -> dict[str, Any] | None:
    """Return what `usage.json` tells of a journal; None: no model was asked."""
    if not (journal.answered or journal.made):
        return None
    return {"answered": journal.answered, "made": journal.made, "mode": journal.mode or None}


def tell_mode(journal: Journal) -> None:
    """Say so where SQLite's write-ahead log did not work."""
    if journal.mode not in ("", "wal"):
        logger.warning(
            "%s: a write-ahead log does not work on this file system; SQLite's %s journal is used, which is slower",
            journal.path,
            journal.mode,
        )
