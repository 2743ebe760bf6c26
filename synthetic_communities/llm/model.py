"""The seam to models: a request goes in, a reply comes out, and what went wrong is an error with a kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from .limits.headers import RateFact

Stop = Literal["end", "cut", "refused"]


@dataclass(frozen=True, slots=True)
class ReplyFormat:
    """A JSON schema the reply is to satisfy; None in its place means plain text.

    Attributes:
        name: a short name for it, letters and underscores.
        schema: JSON schema in the subset every provider takes: objects with all properties required and
            `additionalProperties: false`, optional values as `anyOf` with null, no ranges, no lengths.
    """

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call of a model. Equal requests are the same request, whoever makes them.

    Attributes:
        system: the texts of the system message, the most shared first.
        user: the texts of the user message, the most shared first.
        max_output_tokens: room for the answer; where thinking cannot be turned off, the provider adds room for it.
        reply_format: the schema of the reply, or None for plain text.
        temperature: sent where it is not None; a provider that takes none refuses it.
        effort: how hard the model is to think, in the provider's words; None: thinking off where it can be, else the
            lowest effort there is.
        seed: sent where the provider takes one.
        reuse: for each text, those of `system` and then those of `user`, how many other calls of the run, before this
            one or after it, are expected to begin with everything up to there in the same reply format. A hint for
            caches, and no part of what is asked; empty: nothing is known.
        calls_between: calls of others expected between this one and the next of the same person in the same format.
    """

    system: tuple[str, ...]
    user: tuple[str, ...]
    max_output_tokens: int = field(kw_only=True)
    reply_format: ReplyFormat | None = field(default=None, kw_only=True)
    temperature: float | None = field(default=None, kw_only=True)
    effort: str | None = field(default=None, kw_only=True)
    seed: int | None = field(default=None, kw_only=True)
    reuse: tuple[int, ...] = field(default=(), kw_only=True, compare=False, repr=False)
    calls_between: int = field(default=0, kw_only=True, compare=False, repr=False)

    @property
    def length(self) -> int:
        """Characters of all texts."""
        return sum(map(len, self.system)) + sum(map(len, self.user))


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as the provider counts them; None: it did not say. Zero means zero.

    Attributes:
        input_tokens: read at the full price, neither written to nor read from a cache.
        cache_write_tokens: read and written to a cache.
        cache_write_1h_tokens: those of them that are kept for an hour, and not for the usual time.
        cache_read_tokens: read from a cache.
        output_tokens: written, thinking included.
        thinking_tokens: those of them that were thinking.
    """

    input_tokens: int | None = field(default=None, kw_only=True)
    cache_write_tokens: int | None = field(default=None, kw_only=True)
    cache_write_1h_tokens: int | None = field(default=None, kw_only=True)
    cache_read_tokens: int | None = field(default=None, kw_only=True)
    output_tokens: int | None = field(default=None, kw_only=True)
    thinking_tokens: int | None = field(default=None, kw_only=True)

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of the prompt in all, None if the provider did not say."""
        if self.input_tokens is None:
            return None
        return self.input_tokens + (self.cache_write_tokens or 0) + (self.cache_read_tokens or 0)


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What a model replied.

    Attributes:
        text: the reply without thinking; of a refusal, its words if any.
        stop: why it ended: by itself, cut off by a token limit, or refused.
        model: the model that answered, as the provider names it.
        usage: tokens.
        rates: what the server told of its limits; it is no part of what was replied.
    """

    text: str
    stop: Stop = field(kw_only=True)
    model: str = field(kw_only=True)
    usage: Usage = field(default_factory=Usage, kw_only=True)
    rates: tuple[RateFact, ...] = field(default=(), kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """Which call this is, for logs, limits and the journal; it is no part of the request.

    Attributes:
        key: key of the task it is made for.
        act: name of the act.
        attempt: 1 for the first asking of this task, 2 for a re-ask.
        tries: which try of this asking it is, from 1; a try follows one that failed in passing.
        waited_seconds: how long it was waited before this try.
    """

    key: str
    act: str = ""
    attempt: int = 1
    tries: int = 1
    waited_seconds: float = 0.0


class Model(Protocol):
    """Anything that replies to requests, between `async with` on the loop that runs.

    Attributes:
        name: `provider:model`, as asked for.
    """

    name: str

    async def __aenter__(self) -> Self:
        """Open connections on the running loop.

        Raises:
            ModelUnavailableError: nobody listens there, or the model is not there.
        """
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Close them."""
        ...

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the model's reply; a refusal and a reply that was cut off are replies.

        Raises:
            CallError: there is no reply; the error says of which kind, and whether asking again may help.
            ModelUnavailableError: no call can succeed; the message says what to do.
        """
        ...
