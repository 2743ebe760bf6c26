"""What a probe found: one call of each act, what came of it, and what it tells a forecast."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..domain.money import spell_usd
from ..report.html import build_table, paragraph, stand_alone
from ..report.steps import name_acts
from ..report.terminal.ranges import spell_rounded
from ..report.text import ABSENT, align_row, count_of, fit_text, spell_count
from .assumed import CHARACTERS_PER_TOKEN, Assumed, Span
from .probed_act import ProbedAct
from .remedies import describe_useless

LIKE_ONE = 1.2
"""By what factor replies are taken to be longer or shorter, and to think more or less, than the one that was seen."""

AS_FAST = 1.15
"""By what factor they are taken to be slower or faster: a run may take longer than its replies, so less is left."""

LIKE_PROMPTS = 1.02
"""By what factor the characters of a token in other prompts may lie beyond those of the prompts that were seen."""

_WIDTHS = (22, 8, 8, 7, 7, 17, 8, 12)
_HEAD = ("seconds", "prompt", "reply", "think", "window", "form", "ended")
_WORDS_WIDTH = 76


@dataclass(frozen=True, slots=True)
class Probe:
    """What a probe found.

    Attributes:
        acts: act by act, in the order in which they were asked; those that no language model would be asked for are
            not among them.
    """

    acts: tuple[ProbedAct, ...]

    @property
    def is_sound(self) -> bool:
        """Whether every act was asked, and every reply could be used."""
        return all(act.ending == "done" for act in self.acts)

    @property
    def is_limited(self) -> bool:
        """Whether every reply could be used, but a limit was reached before all acts were asked."""
        return not self.is_sound and all(act.ending == "done" or act.limit for act in self.acts)

    @property
    def asked(self) -> tuple[ProbedAct, ...]:
        """The acts that were asked."""
        return tuple(act for act in self.acts if act.ending != "not_asked")

    @property
    def cost_usd(self) -> float | None:
        """What all of it cost, in US dollars; None: not known."""
        known = [act.cost_usd for act in self.asked if act.cost_usd is not None]
        return sum(known) if len(known) == len(self.asked) else None

    def assumed(self) -> Assumed:
        """Return what a forecast may assume now, for `engine.forecast(assumed=...)`; of other acts, what it did before.

        One reply of each kind was seen. Others are taken to be like it: within a factor of `LIKE_ONE` as long, and
        within one of `AS_FAST` as fast. Where thinking is not counted apart, it is what a reply has more tokens than
        its words make.
        """
        whole = [act for act in self.acts if act.ending == "done"]
        ratios = [each for each in map(_characters_per_token, self.acts) if each is not None]
        like = Span(min(ratios) / LIKE_PROMPTS, max(ratios) * LIKE_PROMPTS) if ratios else CHARACTERS_PER_TOKEN
        thinking = {act.step: _thinking(act, like) for act in whole}
        return Assumed(
            like,
            reply_characters={act.step: _around(act.reply_characters) for act in whole if act.reply_characters},
            seconds_per_reply={act.step: _around(act.seconds, AS_FAST) for act in whole},
            thinking_tokens={step: _around(tokens) for step, tokens in thinking.items() if tokens is not None},
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each act."""
        return [act.as_data() for act in self.acts]

    def as_data(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "is_sound": self.is_sound,
            "is_limited": self.is_limited,
            "cost_usd": self.cost_usd,
            "acts": self.rows(),
        }

    def __str__(self) -> str:
        """Return it as a table, with what it cost and what to do below it."""
        return "\n".join([*probe_lines(self), *describe_probe(self)])

    def _repr_html_(self) -> str:
        head = ["", *_HEAD, "begins"]
        rows = [[*_cells(act), fit_text(act.words, _WORDS_WIDTH)] for act in self.acts]
        table = build_table(head, rows, caption="Probe", numbers=range(1, 6))
        return stand_alone(*([table] if rows else []), *map(paragraph, describe_probe(self)))


def probe_lines(probe: Probe) -> list[str]:
    """Return a table: two lines for each act, the second with the first words of the reply."""
    if not probe.acts:
        return []
    lines = [align_row(("", *_HEAD), _WIDTHS)]
    for act in probe.acts:
        words = [f"  {fit_text(act.words, _WORDS_WIDTH)}"] if act.words else []
        lines += [align_row(_cells(act), _WIDTHS), *words]
    return lines


def describe_probe(probe: Probe) -> Iterator[str]:
    """Yield what a probe cost, and for every reply that is of no use what may be done."""
    if not probe.acts:
        yield "No language model is asked: there is nothing to probe."
        return
    yield _describe_calls(probe)
    yield from describe_useless(probe.acts)


def describe_act(act: ProbedAct) -> str:
    """Return what came of an act, in a line."""
    took = "" if act.ending == "not_asked" else f" after {act.seconds:.2f} s"
    tries = f", {act.tries:,} tries" if act.tries > 1 else ""
    return f"{name_acts(act.step)}: {_spell(act)}{took}{tries}"


def _describe_calls(probe: Probe) -> str:
    if not probe.asked:
        return "No call was made."
    calls, tries = len(probe.asked), sum(act.tries for act in probe.asked)
    they = "it" if calls == 1 else "they"
    cost = f"what {they} cost is not known" if probe.cost_usd is None else f"{they} cost {spell_usd(probe.cost_usd)}"
    names = dict.fromkeys(fit_text(act.answered_by, _WORDS_WIDTH) for act in probe.acts if act.answered_by)
    answered = f" Answered by {' and '.join(names)}." if names else ""
    tried = f" in {tries:,} tries" if tries != calls else ""
    return f"{count_of(calls, 'calls')}{tried}; {cost}.{answered}"


def _cells(act: ProbedAct) -> list[str]:
    used = act.used_tokens
    window = ABSENT
    if used is not None and act.window_tokens:
        window = f"{used / act.window_tokens:.1%} of {spell_rounded(act.window_tokens)}"
    form = ABSENT if act.keeps_schema is None else "kept" if act.keeps_schema else "broken"
    usage = act.usage
    tokens = (usage.prompt_tokens, usage.output_tokens, usage.thinking_tokens)
    seconds = ABSENT if act.ending == "not_asked" else f"{act.seconds:.2f}"
    return [name_acts(act.step), seconds, *map(spell_count, tokens), window, form, _spell(act)]


def _spell(act: ProbedAct) -> str:
    return act.ending.replace("_", " ")


def _around(seen: float, factor: float = LIKE_ONE) -> Span:
    return Span(seen / factor, seen * factor)


def _characters_per_token(act: ProbedAct) -> float | None:
    tokens = act.usage.prompt_tokens
    return act.prompt_characters / tokens if tokens and act.prompt_characters else None


def _thinking(act: ProbedAct, characters_per_token: Span) -> float | None:
    """Return the tokens of thinking of a reply; None: not known, as nobody counted.

    Words of a reply may have any of these characters a token, so only what is beyond the most tokens they can make
    tells of thinking. How much of it there is is reckoned from the middle, so that no doubt counts twice.
    """
    counted, written = act.usage.thinking_tokens, act.usage.output_tokens
    if counted is not None or written is None:
        return counted
    if written <= math.ceil(act.reply_characters / characters_per_token.low):
        return 0
    return written - act.reply_characters / math.sqrt(characters_per_token.low * characters_per_token.high)
