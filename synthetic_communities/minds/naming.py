"""Names of models, and the minds behind them."""

from ..errors import ConfigurationError, Problem
from .base import Mind
from .offline.mind import OfflineMind

OFFLINE = "offline"

MODELS = (OFFLINE,)
"""Names that `model` takes."""


def build_mind(model: "str | Mind | None") -> Mind:
    """Return the mind of this name, or the mind itself if one is given; None: the offline mind.

    Raises:
        ConfigurationError: no model has this name.
    """
    if isinstance(model, Mind):
        return model
    if model in (None, *MODELS):
        return OfflineMind()
    raise ConfigurationError([Problem("model", f"{model!r} is no known model", f"known: {', '.join(MODELS)}")])
