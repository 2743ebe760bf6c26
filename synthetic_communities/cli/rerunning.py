"""Going on with runs, running them again from their journals, and holding them against these."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..foreseeing import forecast_together
from ..game_engine import GameEngine
from ..report.frames.failure_rows import FAILED_BALLOTS
from ..report.result import SimulationResult
from ..report.text import clean_text, count_of
from ..rerunning import (
    Verdict,
    build_replayed,
    build_resumed,
    is_complete,
    list_replicates,
    resume_replicates,
    verify_run,
)
from ..runs.directory import CONFIG
from ..runs.plan import read_plan
from .held import measure_held
from .program import print_text
from .repeating import run_in_folder
from .running import FAILED, run_community, run_prepared, show_result
from .spending import Consent, expect, is_confirmed, reckon

IDENTICAL, DIFFERS, CANNOT_SAY = 0, 1, 3
"""Exit statuses of `verify`."""

STATUSES = {"identical": IDENTICAL, "differs": DIFFERS, "cannot say": CANNOT_SAY}


def resume(path: Path, changes: dict[str, Any], consent: Consent, **telling: Any) -> int:
    """Go on with a run, or with all of a folder of replicates, show what came of it, and return the exit status.

    Args:
        path: the run directory, or the folder.
        changes: what is done otherwise than then, as `resume_run` takes it.
        consent: to what may be spent on what is left.
        **telling: as `run_prepared` takes it.
    """
    replicates = list_replicates(path)
    if replicates:
        if not _is_confirmed(path, [each for each in replicates if not is_complete(each)], changes, consent):
            return FAILED
        return run_in_folder(lambda observer: resume_replicates(path, observer=observer, **changes), path, **telling)
    if not is_complete(path):
        engine = build_resumed(path, **changes)
        if not is_confirmed(expect(engine, held=measure_held([path], engine.config)), consent):
            return FAILED
        return run_prepared(engine, path, **telling)
    result, command = SimulationResult(path), telling["command"]
    if not telling["as_data"]:
        left = describe_unanswered(result, command) if changes.get("retry_failures") else ""
        print_text(f"{path} is complete; there is nothing to go on with.\n{left}")
    return show_result(result, command, as_data=telling["as_data"])


def describe_unanswered(result: SimulationResult, command: str) -> str:
    """Return how many acts of a complete run are without an answer, and what to do about it, in lines."""
    record = result.record
    votes = sum(ballot.status in FAILED_BALLOTS for ballot in record.ballots.values())
    number = len(record.missing) + votes
    if not number:
        return "No act of it is without an answer.\n"
    config = shlex.quote(str(result.path / CONFIG))
    left = (
        f"Without an answer: {count_of(number, 'acts')}. Epochs that have ended are not asked again, nor are ballots."
    )
    return f"{left}\nTo have all asked anew, begin another run: {command} run {config}\n"


def _is_confirmed(folder: Path, left: Sequence[Path], changes: dict[str, Any], consent: Consent) -> bool:
    """Say whether what is left of several runs is to be paid for."""
    if not left:
        return True
    limits = {name: value for name, value in changes.items() if name not in ("retry_failures", "cache")}
    engines, plan = [GameEngine.from_run(path, **limits) for path in left], read_plan(folder)
    forecast = forecast_together(engines, shares_opening=plan is not None and plan.shares_opening)
    config = engines[0].config  # limits and prices of all are alike
    held = measure_held(left, config)
    return is_confirmed(reckon(forecast, config.max_cost_usd, len(left), held), consent)


def replay(path: Path, config: Path | None, output: Path, *, allow_calls: bool, **telling: Any) -> int:
    """Run again on the answers of a run, show what came of it, and return the exit status."""
    engine = build_replayed(path, config, allow_calls=allow_calls)
    return run_community(engine, output, **telling)


def verify(path: Path) -> int:
    """Hold a run, or each of a folder of replicates, against its journal, say what came of it, and return the status.

    What is worst of several counts: that one differs, else that of one nothing can be said.
    """
    paths = list_replicates(path) or [path]
    words = []
    for each in paths:
        verdict = verify_run(each)
        print_text(f"{each}: {describe_verdict(verdict)}\n")
        words.append(verdict.word)
    return next((STATUSES[word] for word in ("differs", "cannot say") if word in words), IDENTICAL)


def describe_verdict(verdict: Verdict) -> str:
    """Return a verdict in words."""
    if verdict.word == "identical":
        calls = f"{count_of(verdict.answered, 'calls')} answered from its journal"
        extent = "" if verdict.is_complete else ", as far as its epochs had ended"
        return f"identical{extent}; made again with {calls if verdict.answered else 'no call of a model'}."
    why = clean_text(verdict.why)
    if verdict.word == "cannot say":
        reason = "this package asks something else than the one that ran, or the journal lacks a call"
        return f"cannot say: {reason}: {why}."
    return f"differs: {why}."
