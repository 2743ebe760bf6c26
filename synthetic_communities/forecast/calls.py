"""What the calls of models of a run will take, or of several together, as ranges."""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .assumed import ZERO, Assumed, Span, add_spans

UNKNOWN = {"low": None, "high": None}


@dataclass(frozen=True, slots=True)
class TokensForecast:
    """Tokens of calls, by what they cost.

    Attributes:
        input_tokens: read at the full price.
        cache_write_tokens: read and written to a cache.
        cache_write_1h_tokens: those of them that are kept for an hour.
        cache_read_tokens: read from a cache.
        output_tokens: written, thinking included.
        thinking_tokens: those of them that are thinking.
    """

    input_tokens: Span = field(default=ZERO, kw_only=True)
    cache_write_tokens: Span = field(default=ZERO, kw_only=True)
    cache_write_1h_tokens: Span = field(default=ZERO, kw_only=True)
    cache_read_tokens: Span = field(default=ZERO, kw_only=True)
    output_tokens: Span = field(default=ZERO, kw_only=True)
    thinking_tokens: Span = field(default=ZERO, kw_only=True)

    @property
    def prompt_tokens(self) -> Span:
        """Tokens of the prompts in all."""
        return self.input_tokens + self.cache_write_tokens + self.cache_read_tokens

    @property
    def total_tokens(self) -> Span:
        """Tokens of prompts and replies together."""
        return self.prompt_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class StepCalls:
    """What the calls of one step will take.

    Attributes:
        step: the step, as in the plan.
        calls: how many, if each succeeds at once.
        tokens: what they read and write.
        cost_usd: what they cost in US dollars; None: the price of a model is not known.
        known_usd: what those of them cost whose price is known.
        uncached_usd: the same, if servers that keep beginnings of prompts on their own keep none.
    """

    step: str
    calls: Span = field(kw_only=True)
    tokens: TokensForecast = field(kw_only=True)
    cost_usd: Span | None = field(kw_only=True)
    known_usd: Span = field(kw_only=True)
    uncached_usd: Span = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class CallsForecast:
    """What the calls of models of a run will take, or of its replicates together.

    Attributes:
        steps: in each step, in the order in which the acts take place.
        minutes: how long the run will take.
        unpriced: models whose price is not known.
        assumed: what is not known of the models, and was assumed.
        sampled: how many people took part in the rehearsal, where not all did; None: all did.
        replicates: how many runs that is.
        rehearsed: how many of them were rehearsed; of the others acts were counted.
        thinking_tokens: of one reply, whichever it is.
    """

    steps: tuple[StepCalls, ...]
    minutes: Span = field(kw_only=True)
    unpriced: tuple[str, ...] = field(default=(), kw_only=True)
    assumed: Assumed = field(kw_only=True)
    sampled: int | None = field(default=None, kw_only=True)
    replicates: int = field(default=1, kw_only=True)
    rehearsed: int = field(default=1, kw_only=True)
    thinking_tokens: Span = field(default=ZERO, kw_only=True)

    @property
    def calls(self) -> Span:
        """How many calls, if each succeeds at once."""
        return add_spans(step.calls for step in self.steps)

    @property
    def tokens(self) -> TokensForecast:
        """Tokens of all calls."""
        return add_tokens(step.tokens for step in self.steps)

    @property
    def cost_usd(self) -> Span | None:
        """What all of them cost in US dollars; None: the price of a model is not known."""
        known = [step.cost_usd for step in self.steps if step.cost_usd is not None]
        return add_spans(known) if len(known) == len(self.steps) else None

    @property
    def known_usd(self) -> Span:
        """What those of them cost whose price is known."""
        return add_spans(step.known_usd for step in self.steps)

    @property
    def uncached_usd(self) -> Span | None:
        """What these cost if servers that keep beginnings of prompts on their own, and promise nothing, keep none.

        None: it is no more, as nothing is read from a cache that is not told what to keep, or reading costs the same.
        """
        uncached = add_spans(step.uncached_usd for step in self.steps)
        return None if math.isclose(uncached.high, self.known_usd.high) else uncached

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each step: `step`, and of every figure its ends, as `calls_low` and `calls_high`."""
        return [_row(step) for step in self.steps]

    def as_data(self) -> dict[str, Any]:
        """Return everything as plain data, a range as `low` and `high`."""
        return {
            **_figures(self.calls, self.tokens, self.cost_usd),
            "known_usd": _ends(self.known_usd),
            "uncached_usd": None if self.uncached_usd is None else _ends(self.uncached_usd),
            "minutes": _ends(self.minutes),
            "unpriced": list(self.unpriced),
            "sampled": self.sampled,
            "replicates": self.replicates,
            "rehearsed": self.rehearsed,
            "assumed": asdict(self.assumed),
            "steps": {step.step: _figures(step.calls, step.tokens, step.cost_usd) for step in self.steps},
        }


def add_tokens(tokens: Iterable[TokensForecast]) -> TokensForecast:
    """Return these added up."""
    tokens = tuple(tokens)
    return TokensForecast(
        **{each.name: add_spans(getattr(one, each.name) for one in tokens) for each in fields(TokensForecast)}
    )


def _figures(calls: Span, tokens: TokensForecast, cost_usd: Span | None) -> dict[str, Any]:
    by_kind = {each.name: _ends(getattr(tokens, each.name)) for each in fields(TokensForecast)}
    return {"calls": _ends(calls), "tokens": by_kind, "cost_usd": None if cost_usd is None else _ends(cost_usd)}


def _row(step: StepCalls) -> dict[str, Any]:
    figures = _figures(step.calls, step.tokens, step.cost_usd)
    ends = {"calls": figures["calls"], **figures["tokens"], "cost_usd": figures["cost_usd"] or UNKNOWN}
    flat = {f"{name}_{end}": value for name, both in ends.items() for end, value in both.items()}
    return {"step": step.step, **flat}


def _ends(span: Span) -> dict[str, float]:
    return {"low": _tidy(span.low), "high": _tidy(span.high)}


def _tidy(value: float) -> float:
    return int(value) if float(value).is_integer() else round(value, 6)
