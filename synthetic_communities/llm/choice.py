"""Which model is asked, and why: a decision about names, without a look at anything but what is passed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import ConfigurationError, Problem

OFFLINE = "offline"

MODEL_VARIABLE = "SYNTHETIC_COMMUNITIES_MODEL"
REQUIRE_VARIABLE = "SYNTHETIC_COMMUNITIES_REQUIRE_LLM"

OLD_DOOR_KEYS = (
    ("GEMINI_API_KEY", "gemini:gemini-2.5-flash-lite"),
    ("ANTHROPIC_API_KEY", "anthropic:claude-haiku-5-5"),
)
"""Keys that existing scripts rely on being found, the first that is set first, and the model each stands for."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Which model is asked, and why.

    Attributes:
        name: `offline`, or `provider:model`.
        reason: why, in words that follow "because".
        is_fallback: True if a model was looked for and none was found.
        key_variable: the variable whose key was found, where no model was named; else empty.
    """

    name: str
    reason: str
    is_fallback: bool = field(default=False, kw_only=True)
    key_variable: str = field(default="", kw_only=True)


def choose_model(
    argument: str | None, configured: str | None, environment: Mapping[str, str], *, looks_for_keys: bool
) -> ModelChoice:
    """Return which model is asked: as named by argument, configuration or environment, else by keys, else offline.

    Args:
        argument: what the call or the command line names.
        configured: what the configuration names.
        environment: variables, those of a `.env` among them.
        looks_for_keys: whether this is one of the doors whose callers rely on a key being found.

    Raises:
        ConfigurationError: none was found and `SYNTHETIC_COMMUNITIES_REQUIRE_LLM` is set.
    """
    if argument:
        return ModelChoice(argument, "it was named")
    if configured:
        return ModelChoice(configured, "the configuration names it")
    if environment.get(MODEL_VARIABLE):
        return ModelChoice(environment[MODEL_VARIABLE], f"{MODEL_VARIABLE} names it")
    if not looks_for_keys:
        return _offline(ModelChoice(OFFLINE, "no model was named"), environment)
    return _by_key(environment)


def _by_key(environment: Mapping[str, str]) -> ModelChoice:
    found = [(variable, model) for variable, model in OLD_DOOR_KEYS if environment.get(variable)]
    if not found:
        looked_for = " and ".join(variable for variable, _ in OLD_DOOR_KEYS)
        reason = f"no model was named and no key was found (looked for {looked_for})"
        return _offline(ModelChoice(OFFLINE, reason, is_fallback=True), environment)
    (variable, model), *others = found
    unused = "".join(f"; {other} is set too and is not used" for other, _ in others)
    return ModelChoice(model, f"{variable} is set{unused}", key_variable=variable)


def _offline(choice: ModelChoice, environment: Mapping[str, str]) -> ModelChoice:
    if environment.get(REQUIRE_VARIABLE, "") not in ("", "0"):
        remedy = "name one with model in a configuration, --model or SYNTHETIC_COMMUNITIES_MODEL"
        what = f"{REQUIRE_VARIABLE} is set, and everything would run offline: {choice.reason}"
        raise ConfigurationError([Problem("model", what, remedy)])
    return choice
