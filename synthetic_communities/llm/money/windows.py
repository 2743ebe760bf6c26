"""How much a model takes at once: prompt and reply together, in tokens."""

from typing import Any

from .price_list import find_listed_window


def find_window(model: Any) -> int | None:
    """Return the window of a model in tokens, None if it is not known.

    What a provider knows of its own goes first (`window_tokens`: the window Ollama was asked for, what Anthropic says
    of the model), then what the list of prices says.

    Args:
        model: a model, within whatever wraps it; it has been opened, as providers learn it then.
    """
    layer = model
    while layer is not None:
        known = getattr(layer, "window_tokens", None)
        if isinstance(known, int):
            return known
        layer = getattr(layer, "inner", None)
    return find_listed_window(model.name)
