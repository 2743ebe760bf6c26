"""What is not known of a model before it is asked, and is assumed: as ranges."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..llm.thinking import ROOM_TOKENS as THINKING_ROOM_TOKENS
from ..llm.thinking import UNKNOWN_ROOM_TOKENS
from ..report.steps import STEP_OF_ACT


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a figure that is not known exactly.

    Attributes:
        low: the least it may be.
        high: the most it may be, not below `low`.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        """Refuse ends that are the wrong way round.

        Raises:
            ValueError: they are, or they are no numbers.
        """
        if not self.low <= self.high:
            raise ValueError(f"a range from {self.low!r} to {self.high!r}: its low end may not be above its high one")

    def __add__(self, other: "Span") -> "Span":
        """Return the range of the sum."""
        return Span(self.low + other.low, self.high + other.high)

    def __contains__(self, value: float) -> bool:
        """Say whether a value lies in it, its ends among them."""
        return self.low <= value <= self.high

    def scaled(self, factor: float) -> "Span":
        """Return the range of as many times as much."""
        return Span(self.low * factor, self.high * factor)


ACT_OF_STEP = {step: act for act, step in STEP_OF_ACT.items()}

ZERO = Span(0.0, 0.0)

CHARACTERS_PER_TOKEN = Span(3.0, 4.5)
"""Of languages written in Latin letters; other scripts have fewer."""

WORDS_CHARACTERS = Span(194, 205)
"""Of a reply in plain text: two sentences of about 100 characters. Assumed; no model was measured for it."""

SENTENCE_CHARACTERS = Span(58, 66)
"""Of a sentence within a reply that is no plain text: what a belief, a position or a reason says. Assumed likewise."""

SECONDS_PER_REPLY = Span(1.0, 4.0)
"""From the question to the last word of the reply."""

THINKING_SHARES = Span(0.0, 0.5)
"""Of the room for thinking that an effort has, what a reply may take of it: a model that may think need not."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is not known of a model before it is asked. What is left out is as by default; a probe narrows it.

    Keys are names of acts, as calls are counted by (`chat turn`), or of their steps (`chat_turn`).

    Attributes:
        characters_per_token: of prompts and replies, by default 3.0 to 4.5.
        reply_characters: act to the length of its replies. By default 194 to 205 for plain text; a judgement holds
            a sentence of 58 to 66 for each topic and one more, and the rest of its form.
        seconds_per_reply: act to how long a reply takes, by default 1 to 4 seconds.
        thinking_tokens: act to tokens of thinking; by default none where no effort is set, else up to 50 per cent of
            the room that the effort has.
    """

    characters_per_token: Span = CHARACTERS_PER_TOKEN
    reply_characters: Mapping[str, Span] = field(default_factory=dict)
    seconds_per_reply: Mapping[str, Span] = field(default_factory=dict)
    thinking_tokens: Mapping[str, Span] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no model can be like.

        Raises:
            ValueError: a range is not of finite numbers from 0 up, of characters per token above 0; or an act is not
                known. Every problem is named.
        """
        problems = _find_problems("characters_per_token", self.characters_per_token, is_above=True)
        for name in ("reply_characters", "seconds_per_reply", "thinking_tokens"):
            for act, span in getattr(self, name).items():
                problems += _find_problems(f"{name}[{act!r}]", span)
                problems += [] if _is_act(act) else [f"{name}[{act!r}]: no act of this name; {_KNOWN_ACTS}"]
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def knows_replies(self) -> bool:
        """Whether something is known of replies, as a probe tells it, or whoever states it."""
        return bool(self.reply_characters)

    def seconds(self, act: str) -> Span:
        """Return how long a reply takes."""
        return find_span(self.seconds_per_reply, act) or SECONDS_PER_REPLY

    def thinking(self, act: str, effort: str | None) -> Span:
        """Return the tokens of thinking of a reply."""
        room = 0 if effort is None else THINKING_ROOM_TOKENS.get(effort, UNKNOWN_ROOM_TOKENS)
        return find_span(self.thinking_tokens, act) or THINKING_SHARES.scaled(room)


_KNOWN_ACTS = f"those are {', '.join(STEP_OF_ACT)}"


def _is_act(name: str) -> bool:
    return name in STEP_OF_ACT or name in ACT_OF_STEP


def _find_problems(name: str, span: Span, *, is_above: bool = False) -> list[str]:
    """Return what is wrong with a range; `is_above`: 0 is."""
    if not (span.low > 0 if is_above else span.low >= 0):
        return [f"{name}: {span.low!r} to {span.high!r} must be {'above' if is_above else 'at least'} 0"]
    return [] if span.high < math.inf else [f"{name}: {span.low!r} to {span.high!r} must be finite"]


def find_span(spans: Mapping[str, Span], act: str) -> Span | None:
    """Return what stands there for an act, or for a step, under either name; None if nothing does."""
    step = STEP_OF_ACT.get(act, act)
    return next((spans[name] for name in (act, step, ACT_OF_STEP.get(step, step)) if name in spans), None)


def add_spans(spans: Iterable[Span]) -> Span:
    """Return the range of the sum of these."""
    return sum(spans, ZERO)
