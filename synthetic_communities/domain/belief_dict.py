"""Beliefs as scripts see and assign them: {topic id: {belief, vote, stance}, "overall_vote": name}."""

import math
from collections.abc import Container, Mapping
from typing import Any

from .belief import Belief
from .scene import Scene

OVERALL = "overall_vote"


def read_beliefs(raw: Mapping[str, Any], scene: Scene, drawn: Container[str] = ()) -> tuple[Belief, ...]:
    """Return the beliefs a script's dictionary holds, in its order; names of candidates become ids.

    Args:
        raw: the dictionary.
        scene: where the candidates' names stand.
        drawn: ids of the topics on which the stance rests on a prior drawn from the seed.
    """
    return tuple(
        read_belief(topic_id, entry, scene, drawn=topic_id in drawn)
        for topic_id, entry in raw.items()
        if topic_id != OVERALL
    )


def read_belief(topic_id: str, entry: Any, scene: Scene, *, drawn: bool = False) -> Belief:
    """Return one belief; a plain string is its sentence, with no stance and no vote."""
    if not isinstance(entry, (dict, Mapping)):  # a dictionary is known as one at once, another mapping is not
        return Belief(topic_id, str(entry), drawn=drawn)
    return Belief(
        topic_id,
        str(entry.get("belief") or ""),
        stance=_stance(entry.get("stance")),
        vote=scene.candidate_id(entry.get("vote")),
        drawn=drawn,
    )


def write_belief(belief: Belief, scene: Scene) -> dict[str, Any]:
    """Return one belief as scripts see it; ids of candidates become names."""
    return {"belief": belief.sentence, "vote": scene.candidate_name(belief.vote), "stance": belief.stance}


def voting_data(persona_id: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return one person's line of `get_voting_data` and of `population_votes`."""
    entries = {topic_id: entry for topic_id, entry in raw.items() if topic_id != OVERALL}
    return {
        "id": persona_id,
        "policy_positions": {topic_id: _reasoning_and_vote(entry) for topic_id, entry in entries.items()},
        "overall_vote": raw.get(OVERALL),
    }


def _reasoning_and_vote(entry: Any) -> dict[str, Any]:
    if isinstance(entry, Mapping):
        return {"reasoning": entry.get("belief"), "vote": entry.get("vote")}
    return {"reasoning": str(entry), "vote": None}


def _stance(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return min(1.0, max(-1.0, float(value)))
