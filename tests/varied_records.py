"""Records of all sizes and with all kinds of names, drawn by chance; and what nobody should be called."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, get_args

from synthetic_communities.domain.ballot import BallotStatus
from synthetic_communities.report.record import OFFLINE, CastBallot, Missing, Move, Record
from synthetic_communities.report.steps import ACTS

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "two\nlines\ttabbed",
    "\u202egnp.exe",
    "[bold]markup[/bold] {0} %s",
    "<script>alert(1)</script>",
    "x" * 10_000,
    "\u0301" * 10_000,
    "\U0001f468\u200d\U0001f469" * 50,
    "東京都知事" * 40,
    "\x00\x07\x9b",
    "half \ud800 a pair",
    "-1 '$(rm) `x` \"",
    "",
)
"""Names with control characters, markup, what a shell would do, no end, no width, and nothing at all."""

ORDINARY = ("Aisha Noor", "Rents", "p012", "A rather long name for somebody who stands for election in a small town")


def draw_record(chance: random.Random) -> Record:
    """Return a record of any sizes and with any names; a part of it may be missing."""
    people = {f"{place} {_name(chance)}": _name(chance) for place in range(chance.choice((0, 1, 2, 5, 12)))}
    candidates = {f"c{place}": _name(chance) for place in range(chance.choice((0, 1, 2, 3, 7, 30)))}
    topics = {f"t{place}": _name(chance) for place in range(chance.choice((0, 1, 2, 3, 15)))}
    ended = chance.choice((0, 1, 2))
    moves = tuple(_draw_moves(chance, list(people), list(topics), list(candidates), ended)) if ended else ()
    ballots = _draw_ballots(chance, list(people), list(candidates)) if chance.random() < 0.7 else {}
    return Record(
        chance.choice(("complete", "interrupted", "failed", None)),
        run_id=_name(chance),
        name=chance.choice((None, _name(chance))),
        mind=chance.choice((OFFLINE, _name(chance))),
        candidate_mind=chance.choice((OFFLINE, _name(chance))),
        mind_because=chance.choice(("no model was named", _name(chance))),
        candidate_mind_because=chance.choice(("no model was named", _name(chance))),
        seed=chance.choice((7, 10**60)),
        epochs=chance.choice((1, 2, 10**9)),
        epochs_ended=ended,
        people=people,
        candidates=candidates,
        topics=topics,
        in_favour={topic_id: _name(chance) for topic_id in topics if chance.random() < 0.5},
        moves=moves,
        ballots=ballots,
        missing=tuple(_draw_missing(chance)),
        first_choices={who: _choice(chance, list(candidates)) for who in people if ended},
        acts=_draw_acts(chance),
        model_calls=chance.choice((None, 0, 10**9)),
        seconds=chance.choice((None, 0.04, 1e9)),
        damages=chance.choice(((), ("ballots.jsonl:3 is damaged",), ("gone",) * 12_345)),
    )


def _name(chance: random.Random) -> str:
    return chance.choice((*HOSTILE, *ORDINARY))


def _choice(chance: random.Random, candidates: list[str]) -> str | None:
    return chance.choice((*candidates, None))


def _draw_moves(
    chance: random.Random, people: list[str], topics: list[str], candidates: list[str], epochs: int
) -> Iterator[Move]:
    has_opening = chance.random() < 0.8
    for who in people:
        for topic_id in topics:
            stance = None
            steps = [(epoch, step) for epoch in range(epochs) for step in ("debate", "chat", "social")]
            for epoch, step in [(0, "opening")] * has_opening + steps:
                after = round(chance.uniform(-1, 1), 6) if chance.random() < 0.6 else stance
                first_choice, clamped = _choice(chance, candidates), chance.random() < 0.1
                values: Any = {"before": stance, "after": after, "clamped": clamped, "first_choice": first_choice}
                yield Move(who, topic_id, epoch=epoch, step=step, status="done", **values)
                stance = after


def _draw_ballots(chance: random.Random, people: list[str], candidates: list[str]) -> dict[str, CastBallot]:
    ballots = {}
    for who in people:
        status = chance.choice(get_args(BallotStatus)) if candidates else "not_asked"
        order = tuple(chance.sample(candidates, len(candidates)))
        candidate_id = chance.choice(candidates) if status == "choice" else None
        values: Any = {"candidate_id": candidate_id, "first_choice": candidate_id or _choice(chance, candidates)}
        if chance.random() < 0.95:
            ballots[who] = CastBallot(status, order_shown=order, reason=_name(chance), **values)
    return ballots


def _draw_missing(chance: random.Random) -> Iterator[Missing]:
    for _ in range(chance.choice((0, 0, 1, 5, 60))):
        status = chance.choice(("failed", "refused", "unreadable", "skipped"))
        yield Missing(chance.choice((*ACTS, _name(chance))), status, _name(chance))


def _draw_acts(chance: random.Random) -> dict[str, Counter[str]] | None:
    if chance.random() < 0.3:
        return None
    statuses = ("done", "not_asked", "refused", "unreadable", "failed", "skipped")
    return {"ballot": Counter({status: chance.choice((0, 1, 10**9)) for status in statuses})}
