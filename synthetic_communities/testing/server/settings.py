"""How a loopback server behaves: every option of its command line, checked."""

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from .faults import FAULTS, Forced, parse_forced

Dialect: TypeAlias = Literal["openai", "llamacpp"]
DIALECTS: tuple[str, ...] = get_args(Dialect)

_AT_LEAST: Mapping[str, float] = {
    "latency": 0,
    "sigma": 0,
    "latency_cap": 0,
    "reply_chars": 1,
    "string_chars": 1,
    "token_chars": 0.1,
    "thinking_tokens": 1,
    "fault_times": 0,
    "byte_seconds": 0,
    "huge_bytes": 1,
    "requests_per_second": 1e-6,
    "bucket": 1,
    "context_tokens": 1,
    "body_limit": 1,
    "port": 0,
}


@dataclass(frozen=True, slots=True)
class LoopbackSettings:
    """How a loopback server behaves. Each is an option of the command line too: `reply_chars` is `--reply-chars`.

    Attributes:
        seed: what replies, delays, faults and the rule by which tokens are counted are drawn from.
        latency: mean time a reply takes, in seconds.
        sigma: spread of that time, which is log-normal: the standard deviation of its logarithm; 0 for none.
        latency_cap: the longest a reply takes, in seconds.
        reply_chars: length of a plain text, in characters, to the nearest word.
        vary_replies: whether the same request gets another text when it is asked again; else the same.
        reply_lengths: lengths of plain texts, in characters, of replies to requests that contain a text
            (`--reply-length TEXT=N`); the first that is found counts.
        string_chars: length of a string in a JSON reply that the schema leaves open, in characters, to the nearest
            word; None for a sentence.
        thinking_tokens: tokens of a thinking block, where there is one.
        faults: what goes wrong (`--fault NAME=SHARE`), and in what share of the requests, in [0, 1].
        when: texts that call for faults wherever they occur in a request (`--when TEXT=FAULT`). A fault is
            `NAME` or `NAME:TIMES`, several are separated by commas: `thinking,429:2`.
        fault_times: how many of the first times a request is asked its fault befalls it; 0 for always.
        retry_after: the header that goes with the fault `429`, sent as it stands.
        byte_seconds: the pause after each byte of the fault `slow`.
        huge_bytes: the size of the fault `huge`.
        requests_per_second: what a token bucket lets through, over all protocols; beyond it 429. None for all.
        bucket: how many requests that bucket holds.
        rate_headers: whether the headers that tell rate limits are sent.
        no_auth: whether OpenAI requests need no key, as on a server of one's own.
        dialect: whose chat completions: `openai` refuses what OpenAI refuses; `llamacpp` ignores fields it does not
            know, takes any schema, and takes it at the top level of `response_format` too.
        cache: whether prompts are cached, and `usage` tells of it: what of a prompt was read from the cache follows
            from what was asked before. Without it replies do not depend on that in any way.
        token_chars: characters of a token; None: drawn from the seed, between 3.0 and 4.5.
        context_tokens: the window of every model, in tokens of this server's rule.
        body_limit: the largest request accepted, in bytes.
        log: a file to which one JSON line is written per request, or None.
        port: where to listen; 0 for any port that is free.

    Raises:
        ValueError: says everything that is wrong.
    """

    seed: int = 0
    latency: float = 0.0
    _: KW_ONLY
    sigma: float = 0.0
    latency_cap: float = 60.0
    reply_chars: int = 200
    vary_replies: bool = False
    reply_lengths: Mapping[str, int] = field(default_factory=dict)
    string_chars: int | None = None
    thinking_tokens: int = 200
    faults: Mapping[str, float] = field(default_factory=dict)
    when: Mapping[str, str] = field(default_factory=dict)
    fault_times: int = 1
    retry_after: str = "1"
    byte_seconds: float = 0.02
    huge_bytes: int = 10_000_000
    requests_per_second: float | None = None
    bucket: int = 20
    rate_headers: bool = False
    no_auth: bool = False
    dialect: Dialect = "openai"
    cache: bool = False
    token_chars: float | None = None
    context_tokens: int = 200_000
    body_limit: int = 32_000_000
    log: Path | None = None
    port: int = 0

    def __post_init__(self) -> None:
        wrong = [*_wrong_numbers(self), *_wrong_faults(self.faults), *_wrong_rules(self.when)]
        wrong += [
            f"reply length {text!r}={length!r}: at least 1" for text, length in self.reply_lengths.items() if length < 1
        ]
        if self.dialect not in DIALECTS:
            wrong.append(f"dialect {self.dialect!r}: one of {', '.join(DIALECTS)}")
        if wrong:
            raise ValueError("\n".join(wrong))

    def reply_length(self, text: str) -> int:
        """Return how long a plain text is that answers a prompt of this text, in characters."""
        return next((length for each, length in self.reply_lengths.items() if each in text), self.reply_chars)

    def rules(self) -> tuple[tuple[str, tuple[Forced, ...]], ...]:
        """Return the texts of `when` with the faults each calls for."""
        return tuple((text, parse_forced(faults, self.fault_times)) for text, faults in self.when.items())


def _wrong_numbers(settings: LoopbackSettings) -> Iterator[str]:
    for name, least in _AT_LEAST.items():
        value = getattr(settings, name)
        if value is not None and not value >= least:
            yield f"{name} {value!r}: at least {least:g}"


def _wrong_faults(faults: Mapping[str, float]) -> Iterator[str]:
    for name, share in faults.items():
        if name not in FAULTS:
            yield f"fault {name!r}: one of {', '.join(FAULTS)}"
        if not 0 <= share <= 1:
            yield f"fault {name!r}: its share {share!r} lies in [0, 1]"
    total = sum(share for name, share in faults.items() if name != "thinking")
    if total > 1 + 1e-9:
        yield f"faults: their shares (thinking apart) add up to {total:g}, more than 1"


def _wrong_rules(rules: Mapping[str, str]) -> Iterator[str]:
    for text, faults in rules.items():
        if not text:
            yield f"when ...={faults}: the text is empty"
        try:
            parse_forced(faults, 0)
        except ValueError as error:
            yield f"when {text!r}: {error}"
