"""One act of a probe, as what came of it is told."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ..llm.model import Usage

Ending = Literal["done", "cut", "refused", "unreadable", "failed", "not_asked"]


@dataclass(frozen=True, slots=True)
class ProbedAct:
    """One act of the probe, and what came of it.

    Attributes:
        step: the act, as in the plan.
        who: id of who acted; empty: the mediator.
        model: who was asked.
        answered_by: the model that replied, as its provider names it: of a hosted one this may change from day to day;
            None: there was no reply, or nobody said.
        ending: `done`; `cut`, `refused` or `unreadable`; `failed`: there was no reply; `not_asked`: nothing was sent.
        reason: what failed, or why nothing was sent; empty: nothing failed.
        limit: the setting of the limit for which nothing was sent; empty: there was no such.
        effort: how hard the model was to think; None: not at all where it allows that.
        tries: how many requests were sent.
        seconds: how long the try took that got a reply; where none did, and of a script's own mind, all of it.
        usage: tokens of that try, or of the last.
        cost_usd: what all tries cost, in US dollars; None: not known.
        prompt_characters: length of what was sent, the schema of the reply among it.
        reply_characters: length of the reply.
        window_tokens: how many tokens the model takes at once; None: not known.
        keeps_schema: whether the reply keeps to its schema to the letter; None: there was none, or no reply, or one
            that refuses.
        words: how the reply begins.
    """

    step: str
    who: str
    model: str = field(kw_only=True)
    answered_by: str | None = field(default=None, kw_only=True)
    ending: Ending = field(kw_only=True)
    reason: str = field(default="", kw_only=True)
    limit: str = field(default="", kw_only=True)
    effort: str | None = field(default=None, kw_only=True)
    tries: int = field(default=1, kw_only=True)
    seconds: float = field(kw_only=True)
    usage: Usage = field(default_factory=Usage, kw_only=True)
    cost_usd: float | None = field(default=None, kw_only=True)
    prompt_characters: int = field(default=0, kw_only=True)
    reply_characters: int = field(default=0, kw_only=True)
    window_tokens: int | None = field(default=None, kw_only=True)
    keeps_schema: bool | None = field(default=None, kw_only=True)
    words: str = field(default="", kw_only=True)

    @property
    def used_tokens(self) -> int | None:
        """Tokens of prompt and reply together; None: nobody counted them."""
        prompt, reply = self.usage.prompt_tokens, self.usage.output_tokens
        return None if prompt is None or reply is None else prompt + reply

    def as_data(self) -> dict[str, Any]:
        """Return it as a flat mapping."""
        told = {name: value for name, value in asdict(self).items() if name != "usage"}
        return {**told, **asdict(self.usage), "used_tokens": self.used_tokens}
