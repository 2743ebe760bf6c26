"""The journal of one run: where its answers come from, and where new ones go."""

import logging
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..llm.call_log import CallEntry
from ..llm.journal.entry import Source
from ..llm.journal.journal import JOURNAL, Journal, NewCalls
from ..llm.journal.recorded import Recorded
from ..llm.journal.shared import SharedOpening
from ..llm.journal.writer import JournalWriter
from ..llm.model import Call

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


def open_journal(
    directory: Path, answers: Answers, replicate: int, observe: Callable[[CallEntry], None] | None = None
) -> Journal:
    """Return the journal of a run; its file is made with the first call of a model.

    Args:
        directory: the run directory.
        answers: where answers come from.
        replicate: number of the repetition.
        observe: is told of every call that is answered from records.

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
    return Journal(
        JournalWriter(directory / JOURNAL, replicate=replicate) if answers.is_kept else None,
        recorded,
        others=others,
        cache=JournalWriter(answers.cache, replicate=replicate) if answers.cache is not None else None,
        shared=answers.shared,
        is_retried=lambda call: answers.retried_from is not None and epoch_of(call) >= answers.retried_from,
        new_calls=answers.new_calls,
        observe=observe,
    )


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
