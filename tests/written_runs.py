"""Run directories written by hand, line by line, with every key a reader may ask for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthetic_communities.runs.directory import FORMAT_VERSION, METADATA, USAGE

NOOR, BERG = "Aisha Noor", "Johan Berg"
OFFLINE = {"mind": "offline mind", "candidate_mind": "offline mind"}

Line = Mapping[str, Any] | str | bytes


def make_metadata(people: Iterable[str] = "abc", **changes: Any) -> dict[str, Any]:
    """Return the metadata of two candidates, one topic, and people with one-letter ids."""
    return {
        "format_version": FORMAT_VERSION,
        "simulation_id": "run_20260102_030405",
        "config": {"num_epochs": 2, "name": "Norrhaven"},
        "topics": [{"id": "rents", "title": "Rents", "description": "Cap rents.", "against": "", "for": "cap rents"}],
        "candidates": [{"id": "noor", "name": NOOR}, {"id": "berg", "name": BERG}],
        "population": [{"id": who, "name": who.upper(), "demographics": {}} for who in people],
        "provenance": {
            **OFFLINE,
            "mind_because": "no model was named",
            "candidate_mind_because": "no model was named",
            "seed": 7,
        },
        **changes,
    }


def make_belief(who: str, step: str, before: float | None, after: float | None, **changes: Any) -> dict[str, Any]:
    """Return a line of `beliefs.jsonl`."""
    return {
        "epoch": 0,
        "step": step,
        "persona_id": who,
        "topic_id": "rents",
        "before": before,
        "asked_for": after,
        "after": after,
        "clamped": False,
        "sentence": f"{step} of {who}",
        "vote": NOOR,
        "first_choice": NOOR,
        "drawn": False,
        "status": "done",
        "reason": "",
        "source": "template",
        "mind": "offline mind",
        **changes,
    }


def make_ballot(who: str, candidate_id: str | None = "noor", **changes: Any) -> dict[str, Any]:
    """Return a line of `ballots.jsonl`."""
    return {
        "id": who,
        "status": "choice" if candidate_id else "abstained",
        "candidate_id": candidate_id,
        "candidate_name": {"noor": NOOR, "berg": BERG}.get(candidate_id or ""),
        "order_shown": ["noor", "berg"],
        "first_choice": candidate_id,
        "reason": "I like her.",
        "raw_text": None,
        "source": "template",
        "mind": "offline mind",
        **changes,
    }


def make_exposure(who: str, step: str, shown: Iterable[str] = (), **changes: Any) -> dict[str, Any]:
    """Return a line of `exposures.jsonl`."""
    row = {"epoch": 0, "step": step, "persona_id": who, "shown": list(shown), "candidates": [], "mind": "offline mind"}
    return {**row, **changes}


def make_epoch(epoch: int, **changes: Any) -> dict[str, Any]:
    """Return a line of `epochs.jsonl` in which nothing happened."""
    row: dict[str, Any] = {"epoch": epoch, "debates": [], "newsfeed": {"posts": []}, "candidates": []}
    return {**row, "population_votes": [], "stances": {}, **OFFLINE, "failures": [], **changes}


def make_usage(**changes: Any) -> dict[str, Any]:
    """Return what was measured of a run without acts."""
    measured = {"started": "2026-01-02T03:04:05+00:00", "seconds": 1.5, "model_calls": 0, "calls_by_act": {}}
    return {"format_version": FORMAT_VERSION, "status": "complete", **measured, "acts": {}, **changes}


def write_run(path: Path, metadata: Mapping[str, Any] | None = None, **lines: Iterable[Line]) -> Path:
    """Write a run directory and return its path; `beliefs=[...]` are the lines of `beliefs.jsonl`.

    A line that is text or bytes is written as it is.
    """
    path.mkdir(parents=True, exist_ok=True)
    (path / METADATA).write_text(json.dumps(metadata if metadata is not None else make_metadata()), encoding="utf-8")
    for name, rows in lines.items():
        (path / f"{name}.jsonl").write_bytes(b"".join(map(_encode, rows)))
    by_epoch = lines.keys() & {"beliefs", "conversations", "reactions", "exposures"}
    if by_epoch and "epochs" not in lines and not (path / USAGE).exists():
        write_usage(path, status="interrupted")  # without either, lines would be those of an epoch that has not ended
    return path


def write_usage(path: Path, **changes: Any) -> None:
    """Write what was measured of it."""
    (path / USAGE).write_text(json.dumps(make_usage(**changes)), encoding="utf-8")


def _encode(line: Line) -> bytes:
    if isinstance(line, bytes):
        return line
    return (line if isinstance(line, str) else f"{json.dumps(line)}\n").encode("utf-8")
