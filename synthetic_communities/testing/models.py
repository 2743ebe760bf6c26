"""A model that replies from a script: what a mind asked it, in which words, and what the mind makes of its replies.

    from synthetic_communities import Config, GameEngine
    from synthetic_communities.minds.llm.mind import LLMMind
    from synthetic_communities.testing.models import ScriptedModel

    OPINION = '{"topic": "rents", "sentence": "Rents are too high.", "stance": 0.4}'
    JUDGEMENT = f'{{"opinions": [{OPINION}], "vote": "A", "thumbs_up": []}}'

    model = ScriptedModel(lambda request, call: JUDGEMENT if request.reply_format else "Let us wait and see.")
    result = GameEngine.from_config(Config.bundled(), model=LLMMind(model)).run()
    assert result.vote_counts.counted == result.vote_counts.population
    assert "BALLOT" in model.requests[-1].user[-1]

It stands where a real model stands, so everything that builds on models can be tested without one.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Self, TypeAlias

from ..llm.failures import CallError, ModelUnavailableError
from ..llm.model import Call, ModelReply, ModelRequest

Reply: TypeAlias = ModelReply | str | CallError | ModelUnavailableError
"""A reply, the text of one that ended by itself, or an error to raise."""


class ScriptedModel:
    """A model that replies from a script.

    A list is read in the order of the calls; where several are made at once, a callable that goes by the request or by
    the call does not depend on which comes first.

    Attributes:
        name: `provider:model`, as a model is asked for.
        requests: every request, in the order made.
        calls: which call each of them was.
        opened: how often it was opened.
        closed: how often it was closed.
    """

    def __init__(
        self, replies: Sequence[Reply] | Callable[[ModelRequest, Call], Reply], *, name: str = "scripted:model"
    ) -> None:
        """Take a script.

        Args:
            replies: one reply a call, in order; or what decides on a reply when it has seen the request and the call.
            name: as it is to stand in the record.
        """
        self._decide = replies if callable(replies) else self._read_list
        self._left: Iterator[Reply] = iter(() if callable(replies) else tuple(replies))
        self.name = name
        self.requests: list[ModelRequest] = []
        self.calls: list[Call] = []
        self.opened = 0
        self.closed = 0

    async def __aenter__(self) -> Self:
        """Count an opening."""
        self.opened += 1
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Count a closing."""
        self.closed += 1

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return what the script says.

        Raises:
            CallError: the script says so.
            ModelUnavailableError: the script says so, or it is at its end.
        """
        self.requests.append(request)
        self.calls.append(call)
        reply = self._decide(request, call)
        if isinstance(reply, Exception):
            raise reply
        return ModelReply(reply, stop="end", model=self.name) if isinstance(reply, str) else reply

    def _read_list(self, request: ModelRequest, call: Call) -> Reply:
        try:
            return next(self._left)
        except StopIteration:
            what = f"the script of {self.name} has {len(self.calls) - 1} replies, and {call.key!r} asks for one more"
            raise ModelUnavailableError(f"{what}: give it more replies, or a callable") from None
