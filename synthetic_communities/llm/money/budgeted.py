"""Keeping to what a run may spend: no try goes out once that is reached."""

from contextvars import ContextVar
from dataclasses import dataclass, replace

from ...errors import ConfigurationError
from ..failures import CallError
from ..model import Call, ModelReply, ModelRequest, Usage
from ..wrapper import Wrapper
from .budget import Budget, current_budget
from .prices import price_problem

CHARACTERS_PER_TOKEN = 4
"""What is taken for a token where a server does not count: a rough guess, for limits and for nothing else."""


@dataclass(slots=True, eq=False)
class _Counting:
    """A try that counts as one that went out.

    Attributes:
        budget: where it is counted.
        is_over: whether it has ended, or is handed on: the call it was handed on to ends it then.
    """

    budget: Budget
    is_over: bool = False


_counting: ContextVar[_Counting | None] = ContextVar("synthetic_communities_counting", default=None)
"""The try within which a call is made: a script's own model may hand it on to one of this package."""


def _find_counted(budget: Budget) -> _Counting | None:
    """Return the try that is under way here and counted in this budget; None: there is none."""
    counting = _counting.get()
    return counting if counting is not None and counting.budget is budget and not counting.is_over else None


class Budgeted(Wrapper):
    """Lets a try wait that may not go out any more, until the run it is made for is over.

    It stands outside of `Limited`, so that such a try holds no place there; what it counts is counted by `Counted`,
    which stands inside. Outside of a run it adds nothing.
    """

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: there is none.
            ModelUnavailableError: no call can succeed.
            RunStoppedError: the try did not go out, and nothing of its run is in flight any more.
            ConfigurationError: money is limited, and the model has no known price.
        """
        budget = current_budget.get()
        if budget is None:
            return await self.inner.reply(request, call)
        # One that was handed on has gone out, and the run is not over before it has ended.
        if budget.stopped is None or _find_counted(budget) is not None:
            try:
                return await self.inner.reply(request, call)
            except NotSentError:
                pass
        raise await budget.wait_until_over()


class Counted(Wrapper):
    """Counts every try that goes out, and what it takes; inside `Limited`, as a try that waits there is none yet.

    A try that a script's own model hands on to one that is counted too is counted once, as what that one takes.
    """

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: there is none.
            ModelUnavailableError: no call can succeed.
            NotSentError: it is not to go out.
            ConfigurationError: money is limited, and the model has no known price.
        """
        budget = current_budget.get()
        if budget is None:
            return await self.inner.reply(request, call)
        if budget.counts_money and budget.prices.of(self.name) is None:
            raise ConfigurationError([price_problem("max_cost_usd", self.name)])
        outer, counting = _find_counted(budget), _Counting(budget)
        if outer is not None:
            outer.is_over = True
        elif not budget.begin():
            raise NotSentError
        usage: Usage | None = None
        token = _counting.set(counting)
        try:
            reply = await self.inner.reply(request, call)
            usage = complete_usage(reply.usage, request, reply)
        except CallError as error:
            usage = error.usage
            raise
        finally:
            _counting.reset(token)
            self._end(counting, usage)
        return reply

    def _end(self, counting: _Counting, usage: Usage | None) -> None:
        if counting.is_over:
            return
        counting.is_over, budget = True, counting.budget
        if usage is None:
            budget.end()
            return
        tokens = (usage.prompt_tokens or 0) + (usage.output_tokens or 0)
        cost = budget.prices.cost(self.name, usage) if budget.counts_money else None
        budget.end(tokens=tokens, cost_usd=cost or 0.0)


class NotSentError(Exception):
    """A try that is not to go out; it never leaves `Budgeted`."""


def complete_usage(usage: Usage, request: ModelRequest, reply: ModelReply) -> Usage:
    """Return the tokens of a reply, guessed from the texts where the server did not count them."""
    if usage.input_tokens is not None and usage.output_tokens is not None:
        return usage
    sent, written = usage.input_tokens, usage.output_tokens
    return replace(
        usage,
        input_tokens=_guess(request.length) if sent is None else sent,
        output_tokens=_guess(len(reply.text)) if written is None else written,
    )


def _guess(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
