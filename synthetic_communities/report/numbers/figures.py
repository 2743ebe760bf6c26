"""What a record says in numbers, as plain JSON: for `--json` and for programs. `docs/measures.md` has every key."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...runs.directory import rounded
from ..record import Record
from .findings import StepMissing, find
from .opinions import Stances, TopicMoves
from .taken import Taken
from .votes import Tally, Vote


def findings_as_json(measures: Mapping[str, Any]) -> str:
    """Return `build_json` as text: indented, and in ASCII, so that it is the same JSON in every terminal."""
    return json.dumps(measures, indent=2, allow_nan=False)


def build_json(
    record: Record, path: Path | None = None, *, cost: Taken | None = None, foretold: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return what a run is made of and what it says in numbers: mappings, lists, texts, numbers rounded to 6 places.

    Args:
        record: the run.
        path: the run directory; None: it is not known.
        cost: what its calls of models took; None: there were none, or that is not known.
        foretold: figures foretold of it, beside what they turned out to be.
    """
    findings = find(record)
    value = {
        **_describe(record, path),
        "acts": None if findings.acts is None else dict(findings.acts),
        "model_calls": record.model_calls,
        "cost": None if cost is None else dict(cost),
        "foretold": [dict(row) for row in foretold],
        "seconds": record.seconds,
        "vote": _vote(findings.vote) if findings.vote else None,
        "order": asdict(findings.order) if findings.order else None,
        "topics": {topic.topic_id: _topic(topic) for topic in findings.topics},
        "mover": asdict(findings.mover) if findings.mover else None,
        "missing": {step.step: _missing(step) for step in findings.missing},
    }
    plain: dict[str, Any] = rounded(value)
    return plain


def _describe(record: Record, path: Path | None) -> dict[str, Any]:
    return {
        "path": None if path is None else str(path),
        "run_id": record.run_id,
        "name": record.name,
        "status": record.status,
        "mind": record.mind,
        "mind_because": record.mind_because,
        "candidate_mind": record.candidate_mind,
        "candidate_mind_because": record.candidate_mind_because or None,
        "seed": record.seed,
        "people": len(record.people),
        "epochs": record.epochs,
        "epochs_ended": record.epochs_ended,
        "damaged": len(record.damages),
    }


def _vote(vote: Vote) -> dict[str, Any]:
    return {
        "candidates": {str(tally.candidate_id): _tally(tally) for tally in vote.candidates},
        "no_first_choice": {"before": vote.undecided.before, "after": vote.undecided.after},
        "not_chosen": dict(vote.not_chosen) if vote.was_held else None,
        "people": vote.people,
        "known_twice": vote.known_twice,
        "changed": vote.changed,
        "net_change": vote.net_change,
        "share_changed": vote.share_changed,
        "pedersen": vote.pedersen,
    }


def _tally(tally: Tally) -> dict[str, Any]:
    return {"name": tally.name, "before": tally.before, "after": tally.after, "ballots": tally.ballots}


def _topic(topic: TopicMoves) -> dict[str, Any]:
    return {
        "title": topic.title,
        "for": topic.in_favour,
        "before": _stances(topic.before),
        "after": _stances(topic.after),
        "known_twice": topic.known_twice,
        "moved": topic.moved,
        "changed_side": topic.changed_side,
        "net_change": topic.net_change,
        "gross_change": topic.gross_change,
        "clamped": topic.clamped,
    }


def _stances(stances: Stances) -> Mapping[str, Any]:
    return asdict(stances)


def _missing(step: StepMissing) -> dict[str, Any]:
    return {"statuses": dict(step.statuses), "reason": step.reason, "reason_acts": step.reason_acts}
