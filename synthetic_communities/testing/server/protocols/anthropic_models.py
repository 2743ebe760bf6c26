"""What the simulated models of the Messages API can do."""

from typing import Any

from ..problem import Problem

LINES = ("haiku", "sonnet", "opus", "fable", "mythos")
MOST_TOKENS = 128_000
EXAMPLES = (
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-opus-5-5",
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-opus-4-6",
    "claude-haiku-4-5",
)


def check_model(model: str) -> None:
    """Check that there is a model of that name: there is, unless it begins with `unknown`.

    Raises:
        Problem: there is none.
    """
    if model.startswith("unknown"):
        raise Problem(f"model: {model}", status=404)


def can_disable_thinking(model: str) -> bool:
    """Return whether thinking can be turned off: not for those of the lines fable and mythos."""
    return not any(line in model for line in ("fable", "mythos"))


def takes_budget(model: str) -> bool:
    """Return whether thinking takes a budget of tokens, as before version 4.7."""
    return any(version in model for version in ("4-5", "4-6"))


def takes_effort(model: str) -> bool:
    """Return whether the model takes an effort: not `haiku-4-5`."""
    return "haiku-4-5" not in model


def shortest_cached(model: str) -> int:
    """Return how many tokens a beginning of a prompt must have to be cached; of models not known, 1,024."""
    return 512 if "5-5" in model else 4096 if "haiku-4-5" in model else 1024


def build_model_info(model: str, context_tokens: int) -> dict[str, Any]:
    """Return what `GET /v1/models/{model}` tells.

    Raises:
        Problem: there is no such model.
    """
    check_model(model)
    return {
        "type": "model",
        "id": model,
        "display_name": model.replace("-", " ").title(),
        "created_at": "2026-01-01T00:00:00Z",
        "lifecycle": "active",
        "line": next((line for line in LINES if line in model), None),
        "max_input_tokens": context_tokens,
        "max_tokens": MOST_TOKENS,
        "deprecated_at": None,
        "retires_at": None,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: str) -> dict[str, Any]:
    plain = ("batch", "citations", "code_execution", "image_input", "pdf_input", "structured_outputs")
    effort = takes_effort(model)
    return {
        **{name: _support(True) for name in plain},
        "context_management": _support(True),
        "server_tools": _support(False) | {"web_search": _support(False), "code_execution": _support(False)},
        "effort": _support(effort) | {level: _support(effort) for level in ("low", "medium", "high", "xhigh", "max")},
        "thinking": _support(True)
        | {
            "types": {
                "adaptive": _support("4-5" not in model),
                "between_tools": _support(can_disable_thinking(model)),
                "disabled": _support(can_disable_thinking(model)),
                "enabled": _support(takes_budget(model)),
            }
        },
    }


def _support(supported: bool) -> dict[str, Any]:
    return {"supported": supported}
