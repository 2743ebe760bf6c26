"""Measuring the calls of a rehearsal, at one end of all that is assumed."""

import json
import math
from collections import defaultdict
from dataclasses import dataclass, field

from ..engine.plan import Course
from ..llm.caching.prefixes import PrefixCache, Shares, build_prefix_cache
from ..llm.model import Call, ModelRequest, Usage
from ..llm.prepared import Prepared
from ..minds.llm.stand_in import StandIn
from ..report.steps import ACTS, STEP_OF_ACT
from .account import Account
from .assumed import SENTENCE_CHARACTERS, WORDS_CHARACTERS, Assumed, Span, find_span
from .rehearsal import Rehearsal
from .understudies import Company, set_understudies


@dataclass(frozen=True, slots=True)
class MeasuredCall:
    """A call that was made in a rehearsal.

    Attributes:
        model: who was asked, as `provider:model`.
        shares: characters of the prompt, by how they are charged.
        written: characters of the reply.
        effort: how hard it was to think; None: not at all where the model allows it.
    """

    model: str
    shares: Shares
    written: int
    effort: str | None


@dataclass(frozen=True, slots=True)
class End:
    """One end of all that is assumed.

    Attributes:
        assumed: what is assumed.
        is_high: whether it is the end of more tokens and more time.
    """

    assumed: Assumed
    is_high: bool

    def of(self, span: Span) -> float:
        """Return this end of a range."""
        return span.high if self.is_high else span.low

    def seconds(self, step: str) -> float:
        """Return how long a reply takes in a step."""
        return self.of(self.assumed.seconds(step))

    @property
    def pace(self) -> float:
        """How many times as fast as here time passes for caches: they live in the middle of both ends.

        So that the ends tell of more and fewer tokens, and not also of caches that are lost and that are not.
        """
        spans = [self.assumed.seconds(step) for step in ACTS]
        own = sum(map(self.of, spans))
        return sum(math.sqrt(span.low * span.high) for span in spans) / own if own else 1.0

    def length(self, act: str) -> float | None:
        """Return the characters of a reply; None: as by default."""
        span = find_span(self.assumed.reply_characters, act)
        return None if span is None else self.of(span)

    def usage(self, step: str, call: MeasuredCall) -> Usage:
        """Return the tokens of a call; where there are more of them, each has fewer characters."""
        characters = self.assumed.characters_per_token
        each = characters.low if self.is_high else characters.high
        thinking = round(self.of(self.assumed.thinking(step, call.effort)))
        return Usage(
            input_tokens=round(call.shares.plain / each),
            cache_write_tokens=round(call.shares.written / each),
            cache_write_1h_tokens=round(call.shares.written_1h / each),
            cache_read_tokens=round(call.shares.read / each),
            output_tokens=round(call.written / each) + thinking,
            thinking_tokens=thinking,
        )


def count_tokens(usage: Usage) -> int:
    """Return all tokens of a call, prompt and reply together."""
    return (usage.prompt_tokens or 0) + (usage.output_tokens or 0)


@dataclass(slots=True)
class Measured:
    """What was measured in a rehearsal.

    Attributes:
        end: the end of all that is assumed.
        calls: step to its calls.
        rehearsal: the rehearsal, when it has begun.
    """

    end: End
    calls: dict[str, list[MeasuredCall]] = field(default_factory=lambda: defaultdict(list), init=False)
    rehearsal: Rehearsal = field(init=False)
    _pace: float = field(default=1.0, init=False)
    _caches: dict[str, PrefixCache] = field(default_factory=dict, init=False, repr=False)
    _formats: Prepared[str] = field(
        default_factory=lambda: Prepared(lambda reply_format: json.dumps(reply_format.schema)), init=False, repr=False
    )

    def follow_caches(self, pace: float) -> None:
        """Let time pass so many times as fast for caches: in the run, a person is asked again after more others."""
        self._pace = pace

    def stand_in(self, name: str) -> StandIn:
        """Return what stands in for a model."""
        sentence, words = self.end.of(SENTENCE_CHARACTERS), self.end.of(WORDS_CHARACTERS)
        return StandIn(name, self.end.length, sentence=sentence, words=words, note=self._note)

    def _note(self, model: str, request: ModelRequest, call: Call, reply: str) -> None:
        form = self._formats.of(request.reply_format) if request.reply_format is not None else ""
        shares = self._cache_of(model).charge(request, form, now=self._cache_seconds())
        step = STEP_OF_ACT.get(call.act, call.act)
        made = MeasuredCall(model, shares, len(reply), request.effort)
        self.calls[step].append(made)
        self.rehearsal.note_call(model, count_tokens(self.end.usage(step, made)))

    def _cache_seconds(self) -> float:
        """Return the time for caches: both ends tell of the same, so what holds up one of them more does not count."""
        return (self.rehearsal.now - self.rehearsal.held_up) * self._pace

    def _cache_of(self, model: str) -> PrefixCache:
        if model not in self._caches:
            rehearsal = self.rehearsal
            is_told = rehearsal.stage.config.prompt_cache != "none"
            self._caches[model] = build_prefix_cache(model, is_told=is_told, at_once=rehearsal.limit)
        return self._caches[model]


async def rehearse(
    company: Company,
    course: Course,
    limit: int,
    end: End,
    *,
    people: int,
    side_by_side: int = 1,
    shares_opening: bool = False,
) -> Measured:
    """Return what was measured when this company did all that there is to do, and nothing of it was kept.

    Args:
        company: who takes part.
        course: what there is to do.
        limit: how many acts may be under way at once.
        end: the end of all that is assumed.
        people: how many there will be in the run; those who take part may be a sample.
        side_by_side: how many runs like this one will share the limit.
        shares_opening: whether the opening is asked once for all of these.
    """
    measured = Measured(end)
    stage = set_understudies(company, measured.stand_in)
    share = limit / side_by_side * (len(company.people) / people if people else 1.0)
    config = company.config
    account = Account(config.requests_per_minute, config.tokens_per_minute, share=share / limit)
    measured.rehearsal = Rehearsal(
        stage,
        course,
        limit=limit,
        share=share,
        account=account,
        opening_share=1 / side_by_side if shares_opening else 1.0,
        seconds=end.seconds,
        people=people,
    )
    measured.follow_caches(measured.rehearsal.places / share * end.pace)
    await measured.rehearsal.carry_out()
    return measured
