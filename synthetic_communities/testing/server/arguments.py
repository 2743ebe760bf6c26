"""Settings as a command line, and a command line as settings."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .faults import FAULT_HELP
from .settings import DIALECTS, LoopbackSettings

_HELP: Mapping[str, str] = {
    "seed": "what replies, delays, faults and token counts are drawn from",
    "latency": "mean seconds a reply takes",
    "sigma": "spread of the log-normal delay; 0: none",
    "latency_cap": "longest seconds a reply takes",
    "reply_chars": "characters of a plain text",
    "vary_replies": "the same request gets another text each time it is asked",
    "reply_lengths": "characters of a plain text that answers requests with a text; may be repeated",
    "string_chars": "characters of a string in a JSON reply; without it, a sentence",
    "thinking_tokens": "tokens of a thinking block",
    "faults": "the share of requests a fault befalls; may be repeated",
    "when": "a fault, NAME or NAME:TIMES, for requests that contain a text; may be repeated",
    "fault_times": "how many of the first times a request is asked its fault befalls it; 0: always",
    "retry_after": "the header retry-after of the fault 429",
    "byte_seconds": "pause after each byte of the fault slow",
    "huge_bytes": "size of the fault huge",
    "requests_per_second": "answer 429 beyond this rate",
    "bucket": "requests let through at once under that rate",
    "rate_headers": "send the headers that tell rate limits",
    "no_auth": "ask for no key on chat completions",
    "dialect": "whose chat completions",
    "cache": "cache prompts, and tell in usage what was read and written",
    "token_chars": "characters of a token; without it, drawn from the seed",
    "context_tokens": "window of every model",
    "body_limit": "largest request in bytes",
    "log": "write one JSON line per request to this file",
    "port": "where to listen on 127.0.0.1; 0: any free port",
}
_FLAGS: Mapping[str, str] = {"faults": "--fault", "reply_lengths": "--reply-length"}
_TYPES: Mapping[str, type] = {"requests_per_second": float, "log": Path, "string_chars": int, "token_chars": float}
_PAIRS: Mapping[str, str] = {"faults": "NAME=SHARE", "when": "TEXT=FAULT", "reply_lengths": "TEXT=N"}
_METAVARS: Mapping[type, str] = {int: "N", float: "X", str: "TEXT", Path: "FILE"}


def parse_settings(arguments: Sequence[str]) -> LoopbackSettings:
    """Return the settings a command line gives.

    Raises:
        SystemExit: it is wrong, which was said on stderr; or it asked for help.
    """
    parser = _build_parser()
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    try:
        return LoopbackSettings(**{name: _read_value(name, value) for name, value in given.items()})
    except ValueError as error:
        parser.error(str(error))


def build_arguments(settings: LoopbackSettings) -> list[str]:
    """Return the command line that gives `settings`."""
    arguments: list[str] = []
    for each in dataclasses.fields(settings):
        arguments += _write_option(_flag(each.name), getattr(settings, each.name))
    return arguments


def _build_parser() -> argparse.ArgumentParser:
    faults = "\n".join(f"  {name:18}{text}" for name, text in FAULT_HELP.items())
    parser = argparse.ArgumentParser(
        prog="python -m synthetic_communities.testing.server",
        description="A loopback server that speaks Anthropic Messages, OpenAI chat completions and Ollama chat.",
        epilog=f"faults, also called for by [[loopback:NAME]] in a request's text:\n{faults}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    defaults = LoopbackSettings()
    for name, text in _HELP.items():
        default = getattr(defaults, name)
        told = "" if default is None or isinstance(default, (bool, Mapping)) else f" (default {default})"
        parser.add_argument(_flag(name), dest=name, help=text + told, **_option(name, default))
    return parser


def _option(name: str, default: Any) -> dict[str, Any]:
    if isinstance(default, bool):
        return {"action": "store_true", "default": None}
    if isinstance(default, Mapping):
        return {"action": "append", "metavar": _PAIRS[name]}
    kind = _TYPES.get(name, type(default))
    return {"type": kind, **({"choices": DIALECTS} if name == "dialect" else {"metavar": _METAVARS[kind]})}


def _flag(name: str) -> str:
    return _FLAGS.get(name, f"--{name.replace('_', '-')}")


def _read_value(name: str, value: Any) -> Any:
    if not isinstance(value, list):
        return value
    pairs = dict(_read_pair(name, each) for each in value)
    read = {"faults": _read_share, "reply_lengths": _read_length}.get(name)
    return {key: read(each) for key, each in pairs.items()} if read is not None else pairs


def _read_pair(name: str, text: str) -> tuple[str, str]:
    key, equals, value = text.rpartition("=")
    if not equals:
        raise ValueError(f"{_flag(name)} {text!r}: an equals sign is missing")
    return key, value


def _read_share(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"--fault: {text!r} is not a share in [0, 1]") from error


def _read_length(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise ValueError(f"--reply-length: {text!r} is no number of characters") from error


def _write_option(flag: str, value: Any) -> list[str]:
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    if isinstance(value, Mapping):
        return [f"{flag}={key}={each}" for key, each in value.items()]
    return [f"{flag}={value}"]
