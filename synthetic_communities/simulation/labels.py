"""What a run's agents think with, in the words every file and table uses."""

from collections.abc import Sequence

from ..cast.member import Member
from ..minds.base import Mind, mind_label
from .stage import Stage


def mind_labels(stage: Stage) -> dict[str, str]:
    """Return what people, and candidates and mediator, think with: `offline mind`, or the name of a model.

    Where some have a mind of their own, all minds are named, in the order of those who have them.
    """
    cast = (*stage.candidates, stage.mediator)
    return {
        "mind": _join(stage.population.personas, stage.mind),
        "candidate_mind": _join(cast, stage.candidate_mind),
    }


def _join(members: Sequence[Member], shared: Mind) -> str:
    minds = [shared if member.llm_client is None else member.llm_client for member in members] or [shared]
    return ", ".join(dict.fromkeys(map(mind_label, minds)))
