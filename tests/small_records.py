"""Records written by hand, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from synthetic_communities.report.record import CastBallot, Move, Record

PEOPLE = {"a": "Ann Ek", "b": "Bo Dahl", "c": "Cai Foss"}
CANDIDATES = {"noor": "Aisha Noor", "berg": "Johan Berg"}


def move(who: str, when: str, after: float | None, first_choice: str | None = None, **changes: Any) -> Move:
    """Return a move on rents; `when` is `opening`, or epoch and step like `0 chat`."""
    epoch, _, step = when.rpartition(" ")
    values: dict[str, Any] = {"before": None, "clamped": False, "status": "done", **changes}
    topic_id = values.pop("topic_id", "rents")
    return Move(who, topic_id, epoch=int(epoch or 0), step=step, after=after, first_choice=first_choice, **values)


def cast(candidate_id: str | None = None, status: str | None = None) -> CastBallot:
    """Return a ballot for a candidate, or one that ended otherwise."""
    found: Any = status or ("abstained" if candidate_id is None else "choice")
    return CastBallot(found, candidate_id=candidate_id, order_shown=(), first_choice=candidate_id, reason="")


def make_record(moves: Iterable[Move] = (), **changes: Any) -> Record:
    """Return the record of a whole run of three people, two candidates and one topic, with these moves."""
    values: dict[str, Any] = {
        "status": "complete",
        "run_id": "run_1",
        "name": "Norrhaven",
        "mind": "offline mind",
        "candidate_mind": "offline mind",
        "mind_because": "no model was named",
        "candidate_mind_because": "no model was named",
        "seed": 7,
        "epochs": 2,
        "epochs_ended": 2,
        "people": PEOPLE,
        "candidates": CANDIDATES,
        "topics": {"rents": "Rents"},
        "in_favour": {},
        "ballots": {},
        "missing": (),
        "first_choices": {},
        "acts": None,
        "model_calls": 0,
        "seconds": 1.0,
    }
    return Record(moves=tuple(moves), **{**values, **changes})


MOVES = [
    move("a", "opening", 0.5, "noor"),
    move("b", "opening", -0.5, "berg"),
    move("c", "opening", None, None),
    move("a", "0 debate", 0.6, "noor", before=0.5),
    move("b", "0 debate", -0.25, "berg", before=-0.5, clamped=True),
    move("c", "0 debate", 0.25, "noor"),
    move("a", "0 chat", 0.6, "noor", before=0.6, status="failed"),
    move("c", "0 social", 1.0, "noor", before=0.25),
    move("a", "1 debate", -0.1, "berg", before=0.6),
    move("b", "1 debate", 0.0, "noor", before=-0.25),
    move("c", "1 debate", 0.9, "noor", before=1.0),
    move("a", "1 chat", -0.25, None, before=-0.1),
]
"""A run of two epochs. Ann goes over to Berg and then to nobody, Bo to Noor; Cai has no opinion before the debate."""

BALLOTS = {"a": cast(), "b": cast("noor"), "c": cast(status="failed")}
