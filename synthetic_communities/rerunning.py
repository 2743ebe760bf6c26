"""Runs that are there, made again: gone on with, answered from their journal, held against their record."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from .config import Config
from .engine.bridge import run_sync
from .errors import RecordError, UsageError
from .game_engine import GameEngine
from .llm.choice import OFFLINE
from .llm.journal.file import is_begun, note_about
from .llm.journal.journal import JOURNAL, CallNotRecordedError, RequestDiffersError
from .llm.journal.recorded import read_about
from .llm.journal.shared import SharedOpening
from .minds.base import Mind
from .minds.llm.mind import LLMMind
from .report.result import SimulationResult
from .runs.directory import EPOCHS, FAILED_CALLS, INPUTS, LINES, METADATA
from .runs.plan import read_plan, read_plan_beside, refuse_unprepared
from .runs.reading import check_run
from .runs.run_files import RunFiles
from .runs.writing import refuse_read_only
from .several_runs import ask_for_keys
from .simulation.journals import Answers, find_cache
from .simulation.kept.inputs import load_inputs, read_choices, refuse_not_kept
from .simulation.kept.sameness import compare_metadata, compare_records, find_missing_call, has_same_package
from .simulation.planned import share_opening
from .simulation.progress import describe_interrupted_replicates
from .simulation.watching import Moment

if TYPE_CHECKING:
    from .report.replicates import Replicates

_UNSTOPPED: dict[str, Any] = {"deadline_seconds": None, "max_failures": 1.0}
"""Limits under which no run is stopped that asks nobody."""

_RETRIED = "failures_retried"
"""What a journal says of itself once failed calls were made again: those after them ask something else since then."""

Observer = Callable[[Moment], None]
VerdictWord = Literal["identical", "differs", "cannot say"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of holding a run against its journal.

    Attributes:
        word: `identical`; `differs`; or `cannot say`, where this package asks something else than the one that ran.
        why: where it first differs, or why nothing can be said; empty where it is identical.
        is_complete: whether the run came to its end; if not, it was compared as far as its epochs had ended.
        answered: how many calls of models its journal answered.
    """

    word: VerdictWord
    why: str = ""
    is_complete: bool = field(default=True, kw_only=True)
    answered: int = field(default=0, kw_only=True)


def resume_run(
    path: str | Path,
    *,
    retry_failures: bool = False,
    cache: str | Path | None = None,
    model: Mind | None = None,
    observer: Observer | None = None,
    **limits: Any,
) -> SimulationResult:
    """Go on with a run that was broken off, and return what came of it.

    Everything is done again from the start, with the answers that are in its journal; only what is not there is asked
    of a model. The finished record is the one an uninterrupted run would have had, given the same replies. A run that
    is complete is returned as it is.

    Args:
        path: the run directory.
        retry_failures: whether calls that failed are made again, in epochs that had not ended; False: what failed has
            failed, as it would have in a run that was never interrupted.
        cache: a folder of answers that runs share; None: none, whatever the run had then.
        model: the mind everybody thought with, where it was one of a script's own.
        observer: called with every step forward.
        **limits: settings that no result depends on, such as `max_concurrent`, in place of those of then.

    Raises:
        RecordError: this is no run, its files hold something else than the run made again gives, or its journal
            cannot be read.
        RequestDiffersError: this version of the package asks something else than the one that began the run.
        UsageError: a setting that a result may depend on.
        ConfigurationError: the model cannot be asked: its key is missing, say.
        KeyboardInterrupt: Ctrl-C; it can be gone on with again.
    """
    path = Path(path)
    if is_complete(path):
        return SimulationResult(path)
    engine = build_resumed(path, retry_failures=retry_failures, cache=cache, model=model, **limits)
    engine.observer = observer
    return engine.run()


def build_resumed(
    path: Path,
    *,
    retry_failures: bool = False,
    cache: str | Path | None = None,
    model: Mind | None = None,
    shared: SharedOpening | None = None,
    **limits: Any,
) -> GameEngine:
    """Return an engine whose `run` goes on with the run in this directory; see `resume_run`.

    What replicates in the same folder share is taken from their journals, by `shared` where several are gone on with.
    """
    refuse_not_kept(path)
    refuse_lost_journal(path, model)
    if load_inputs(path).is_replay:
        raise UsageError(f"{path} is a replay that was broken off; replay again instead: its calls were another run's")
    refuse_read_only(path, (*LINES, FAILED_CALLS, JOURNAL))
    engine = GameEngine.from_run(path, model=model, **limits)
    engine.go_on(path)
    shared = shared or share_opening(read_plan_beside(path), 1, find_cache(cache))
    engine.answer_from(Answers(retried_from=_find_retried(path, retry_failures), shared=shared))
    engine.use_cache(cache)
    return engine


def _find_retried(path: Path, retry_failures: bool) -> int | None:
    """Return the epoch from which on failed calls are made again; None: none is, now or when it was gone on before."""
    journal = path / JOURNAL
    if not is_begun(journal):  # it takes what others have, and of that the failures are asked again
        return 0 if retry_failures else None
    if retry_failures:
        note_about(journal, _RETRIED, "yes")
    if read_about(journal).get(_RETRIED) != "yes":
        return None
    return len(list(RunFiles(path, skip_damaged=True).each(EPOCHS, lambda row: row.whole_number("epoch"))))


def resume_replicates(
    folder: str | Path,
    *,
    max_concurrent: int | None = None,
    retry_failures: bool = False,
    cache: str | Path | None = None,
    model: Mind | None = None,
    observer: Observer | None = None,
    **limits: Any,
) -> "Replicates":
    """Go on with every run in a folder of replicates that is not complete; see `resume_run`.

    Args:
        folder: that the runs are in.
        max_concurrent: how many acts may be under way at once in all; None: as many as one run may have.
        retry_failures: whether calls that failed are made again, in epochs that had not ended.
        cache: a folder of answers that runs share; None: none.
        model: the mind everybody thought with, where it was one of a script's own.
        observer: called with every step forward, all runs taken together.
        **limits: settings that no result depends on, in place of those of then.

    Raises:
        UsageError: there is no such folder, or no run in it.
        RecordError: nothing says what one of the runs is made of: they were broken off as they were laid out.
        KeyboardInterrupt: Ctrl-C; they can be gone on with again, and the message says how.
    """
    folder = Path(folder)
    paths = list_replicates(folder)
    if not paths:
        raise UsageError(f"{folder} is no folder of replicates")
    plan = read_plan(folder)
    if plan is None:
        _refuse_unbegun(folder)
    complete = [(load_inputs(path).config.replicate, path) for path in paths if is_complete(path)]
    left = [path for path in paths if not is_complete(path)]
    shared = share_opening(plan, len(left), find_cache(cache))
    engines = [
        build_resumed(path, retry_failures=retry_failures, cache=cache, model=model, shared=shared, **limits)
        for path in left
    ]
    ask_for_keys(engines)
    try:
        return run_sync(GameEngine._resume_in_folder(engines, max_concurrent, folder, observer, complete))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(describe_interrupted_replicates(folder)) from None


def replay_run(
    path: str | Path,
    config: str | Path | Config | None = None,
    *,
    allow_calls: bool = False,
    model: Mind | None = None,
    base_dir: str | Path = "data/simulation",
    observer: Observer | None = None,
) -> SimulationResult:
    """Run again on the answers of a run, and return what came of it: another run, with a directory of its own.

    A call is answered by the entry of the same task with the same request; failing that, by one with the same request
    that has answered nobody yet.

    Args:
        path: the run directory.
        config: another configuration; None: that of the run.
        allow_calls: whether a model is asked what the journal does not hold; False: nothing is spent.
        model: what everybody thinks with, where it is a mind of a script's own.
        base_dir: the folder the new run directory is made in.
        observer: called with every step forward.

    Raises:
        CallNotRecordedError: a call is not in the journal, and none may be made; the message names the first.
        RecordError: this is no run, or its journal cannot be read.
        ConfigurationError: everything wrong with the configuration.
    """
    engine = build_replayed(Path(path), config, allow_calls=allow_calls, model=model)
    engine.observer = observer
    engine.initialize_simulation_output(base_dir)
    return engine.run()


def build_replayed(
    path: Path, config: str | Path | Config | None, *, allow_calls: bool, model: Mind | None = None
) -> GameEngine:
    """Return an engine whose `run` takes the answers of a run; see `replay_run`."""
    check_run(path)
    refuse_not_kept(path)
    refuse_lost_journal(path, model)
    journal = path / JOURNAL
    # Which of several alike entries answers a call goes by who asks first; where that counts, one asks after the other.
    limits = {} if allow_calls else _UNSTOPPED if config is None else {**_UNSTOPPED, "max_concurrent": 1}
    engine = GameEngine.from_run(path, config, model=model, may_call=allow_calls, **limits)
    others = (journal,) if journal.is_file() else ()
    engine.answer_from(Answers(others=others, new_calls="made" if allow_calls else "refused"))
    return engine


def verify_run(path: str | Path, *, model: Mind | None = None, observer: Observer | None = None) -> Verdict:
    """Make a run again from its journal, and say whether its record is what comes of that.

    Nothing is asked of a model, no key is needed, and the run directory stays as it is.

    Args:
        path: the run directory.
        model: the mind everybody thought with, where it was one of a script's own.
        observer: called with every step forward.

    Raises:
        RecordError: this is no run, or its journal or what it was made from cannot be read.
        KeyboardInterrupt: Ctrl-C.
    """
    path = Path(path)
    check_run(path)
    refuse_not_kept(path)
    refuse_lost_journal(path, model)
    complete = is_complete(path)
    with TemporaryDirectory() as folder:
        engine = GameEngine.from_run(path, model=model, may_call=False, **_UNSTOPPED, max_concurrent=1)
        own = path / JOURNAL
        new_calls: Literal["refused", "failed"] = "refused" if complete else "failed"
        engine.answer_from(Answers(own if own.is_file() else None, new_calls=new_calls, is_kept=False))
        engine.observer = observer
        engine.initialize_simulation_output(folder)
        try:
            again = engine.run()
        except KeyboardInterrupt:  # what it says is about a directory that is gone by then
            raise KeyboardInterrupt(f"{path} was not compared to its end; nothing in it was changed") from None
        except (RequestDiffersError, CallNotRecordedError) as error:
            return _judge_stopped(path, engine.simulation_dir, error, is_complete=complete)
        answered = (again.measured.get("journal") or {}).get("answered", 0)
        why = compare_records(path, again.path, is_complete=complete)
        missing = find_missing_call(path, again.path) if why else None
    if missing is not None:
        return Verdict("cannot say", f"{missing} is not in the journal", is_complete=complete, answered=answered)
    return Verdict("differs" if why else "identical", why or "", is_complete=complete, answered=answered)


def _judge_stopped(path: Path, again: Path | None, error: Exception, *, is_complete: bool) -> Verdict:
    """Return what follows from a call the journal does not answer: under the same version it may be an edited input."""
    if again is not None and has_same_package(path, again):
        difference = compare_metadata(path, again, is_settled=False)
        if difference is not None:
            return Verdict("differs", difference, is_complete=is_complete)
    return Verdict("cannot say", str(error), is_complete=is_complete)


def is_complete(path: Path) -> bool:
    """Say whether a run came to its end.

    Raises:
        RecordError: this is no run directory.
    """
    usage = RunFiles(path, skip_damaged=True).usage()
    return usage is not None and usage.values.get("status") == "complete"


def refuse_lost_journal(path: Path, model: Mind | None = None) -> None:
    """Check that a run has its journal, if it has anything that came of calls.

    Args:
        path: the run directory.
        model: the mind everybody thought with, where it was one of a script's own; what it asks is not known here.

    Raises:
        RecordError: it has none: everything would be paid for again, and come out differently.
    """
    config = load_inputs(path).config
    choices = read_choices(path, config).values() if model is None else ()
    asked = any(choice.name != OFFLINE for choice in choices) or isinstance(model, LLMMind)
    if asked and (path / EPOCHS).is_file() and not is_begun(path / JOURNAL):
        raise RecordError(f"{path} has lost its {JOURNAL}: put it back, or run again from {path / 'config.yaml'}")


def _refuse_unbegun(folder: Path) -> None:
    """Check that every run in a folder of replicates tells what it is made of, and can so be gone on with.

    Raises:
        RecordError: some do not: they were killed before they began.
    """
    unbegun = [str(path) for path in sorted(folder.glob("run_*")) if path.is_dir() and not (path / METADATA).is_file()]
    if unbegun:
        what = f"{', '.join(unbegun)} had not begun when the runs were broken off"
        raise RecordError(f"{what}; delete them to go on with the others, or run all of them again")


def list_replicates(path: Path) -> list[Path]:
    """Return the run directories in a folder of replicates, in order; of a single run, none.

    Raises:
        UsageError: there is no such directory.
        RecordError: the runs in it were broken off as they were laid out, or one of them is gone; the message says what
            to do.
    """
    if not path.is_dir():
        raise UsageError(f"there is no directory {path}")
    if (path / INPUTS).is_file():
        return []
    plan = read_plan(path)
    if plan is not None:
        return list(plan.find_runs().values())
    refuse_unprepared(path)
    return sorted(each.parent for each in path.glob(f"run_*/{INPUTS}"))
