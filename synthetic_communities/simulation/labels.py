"""What a run's agents think with, in the words every file and table uses."""

from ..minds.base import mind_label
from .stage import Stage


def mind_labels(stage: Stage) -> dict[str, str]:
    """Return what people, and candidates and mediator, think with: `offline mind`, or the name of a model."""
    return {
        "mind": mind_label(stage.mind),
        "candidate_mind": mind_label(stage.candidate_mind),
    }
