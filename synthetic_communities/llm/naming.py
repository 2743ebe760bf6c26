"""Names of models, and what is known of who serves them."""

import difflib
from dataclasses import dataclass, field
from typing import Literal

from ..errors import ConfigurationError, Problem

Protocol = Literal["anthropic", "openai", "ollama"]

DEFAULT_MODELS_DATE = "2026-11-22"
"""When the default models below were chosen."""

FAMILIES = {"gpt-": "openai", "claude-": "anthropic", "gemini-": "gemini"}
"""How names of models begin to the provider that serves them, for who named none."""


@dataclass(frozen=True, slots=True)
class Provider:
    """Who serves models, and how they are spoken to.

    Attributes:
        name: the word before the colon.
        protocol: the protocol it speaks.
        base_url: where it is reached; None: `base_url` must be given.
        key_variable: environment variable its key is read from; None: it takes no key unless `api_key_env` names one.
        key_required: whether it refuses calls without a key.
        default_model: what a name without a model means; None: a model must be named.
        max_concurrent: how many calls it is asked at once unless the configuration says so; None: the general default.
        call_timeout_seconds: how long one call may take, unless the configuration says so.
        efforts: the efforts its models may take; empty: that differs, or is not known.
        is_local: whether it usually runs on the user's own machine.
        start_command: what to type where nobody listens, `{model}` standing for the model; None: nothing to type.
    """

    name: str
    protocol: Protocol
    base_url: str | None = field(kw_only=True)
    key_variable: str | None = field(default=None, kw_only=True)
    key_required: bool = field(default=False, kw_only=True)
    default_model: str | None = field(default=None, kw_only=True)
    max_concurrent: int | None = field(default=None, kw_only=True)
    call_timeout_seconds: float = field(default=120.0, kw_only=True)
    efforts: tuple[str, ...] = field(default=(), kw_only=True)
    is_local: bool = field(default=False, kw_only=True)
    start_command: str | None = field(default=None, kw_only=True)


ANTHROPIC_EFFORTS = ("low", "medium", "high", "xhigh", "max")
"""The efforts of the Messages API, the least first; a model may take fewer."""


def _hosted(
    name: str, protocol: Protocol, url: str, key: str, model: str | None, efforts: tuple[str, ...] = ()
) -> Provider:
    return Provider(
        name, protocol, base_url=url, key_variable=key, key_required=True, default_model=model, efforts=efforts
    )


PROVIDERS = {
    provider.name: provider
    for provider in (
        _hosted(
            "anthropic",
            "anthropic",
            "https://api.anthropic.com",
            "ANTHROPIC_API_KEY",
            "claude-haiku-5-5",
            ANTHROPIC_EFFORTS,
        ),
        _hosted("openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY", None),
        _hosted(
            "gemini",
            "openai",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            "gemini-2.5-flash-lite",
        ),
        _hosted("openrouter", "openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", None),
        Provider(
            "vllm",
            "openai",
            base_url="http://localhost:8000/v1",
            is_local=True,
            call_timeout_seconds=600.0,
            start_command="vllm serve {model}",
        ),
        Provider(
            "lmstudio",
            "openai",
            base_url="http://localhost:1234/v1",
            is_local=True,
            max_concurrent=4,
            call_timeout_seconds=600.0,
            start_command="lms server start",
        ),
        Provider(
            "llamacpp",
            "openai",
            base_url="http://localhost:8080/v1",
            is_local=True,
            call_timeout_seconds=600.0,
            start_command="llama-server -m MODEL.gguf",
        ),
        Provider("openai-compatible", "openai", base_url=None),
        Provider(
            "ollama",
            "ollama",
            base_url="http://localhost:11434",
            is_local=True,
            max_concurrent=4,
            call_timeout_seconds=600.0,
            start_command="ollama serve",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model, by provider.

    Attributes:
        provider: who serves it.
        model: what the provider calls it.
    """

    provider: Provider
    model: str

    def __str__(self) -> str:
        return f"{self.provider.name}:{self.model}"


def parse_model_name(text: str) -> ModelName:
    """Return the model that `provider:model` names, or that `provider` alone names by default.

    Raises:
        ConfigurationError: no such provider, or a provider without a default and no model.
    """
    provider_name, _, model = text.partition(":")
    provider = PROVIDERS.get(provider_name)
    if provider is None:
        raise ConfigurationError([Problem("model", f"{text!r} names no provider", _suggest(text))])
    if not model and provider.default_model is None:
        raise ConfigurationError([Problem("model", f"{text!r} names no model", f"write {provider_name}:MODEL")])
    return ModelName(provider, model or provider.default_model or "")


def _suggest(text: str) -> str:
    """Return what to write in place of a name without a provider that is known."""
    known = f"write one of {', '.join(['offline', *(f'{name}:MODEL' for name in PROVIDERS)])}"
    meant = _find_meant(text)
    return f"did you mean {meant}? Else {known}" if meant else known


def _find_meant(text: str) -> str | None:
    """Return the name that may have been meant by one without a provider that is known; None: there is no telling."""
    named, colon, model = text.partition(":")
    known = PROVIDERS if colon else (*PROVIDERS, "offline")
    alike = difflib.get_close_matches(named.casefold(), known, n=1, cutoff=0.7)
    if alike:
        return f"{alike[0]}{colon}{model}"
    bare = model or named
    return next((f"{each}:{bare}" for start, each in FAMILIES.items() if bare.casefold().startswith(start)), None)
