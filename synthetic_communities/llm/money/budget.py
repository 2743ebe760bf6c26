"""What a run may spend: one budget for all of its models, checked before every try of every call."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from ...errors import RunStoppedError
from ..failures import BudgetReachedError
from ..model import Usage
from .prices import Prices

logger = logging.getLogger("synthetic_communities.budget")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may spend in all; None: as much as it takes.

    Attributes:
        max_cost_usd: US dollars, by the prices known.
        max_tokens: tokens of prompts and replies, those of caches included.
        max_calls: calls, every try counted.
        deadline_seconds: time from its beginning.
    """

    max_cost_usd: float | None = field(default=None, kw_only=True)
    max_tokens: int | None = field(default=None, kw_only=True)
    max_calls: int | None = field(default=None, kw_only=True)
    deadline_seconds: float | None = field(default=None, kw_only=True)


@dataclass(slots=True)
class Spent:
    """What a run has spent.

    Attributes:
        calls: tries that went out.
        tokens: of prompts and replies that came.
        cost_usd: what these cost, in US dollars; 0.0 where no money is counted.
    """

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0


class Budget:
    """Lets tries go out until a limit is reached; then it is over once those in flight have ended.

    What is reached is found before a try and not after one: a run that needs exactly what it may spend comes to its
    end. So no limit is passed by more than what the calls in flight come to. Safe for threads.

    Attributes:
        spent: so far.
        stopped: why no more tries go out; None: they do.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        prices: Prices | None = None,
        *,
        tell: Callable[[RunStoppedError], None] = lambda stopped: None,
    ) -> None:
        """Take what may be spent.

        Args:
            limits: the limits; None: there is none, and the run may be stopped all the same.
            prices: what calls cost.
            tell: is told, once, that no more tries go out.
        """
        self.limits = limits or Limits()
        self.spent = Spent()
        self.stopped: RunStoppedError | None = None
        self._prices = prices or Prices()
        self._tell = tell
        self._lock = threading.Lock()
        self._in_flight = 0
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    @property
    def counts_money(self) -> bool:
        """Whether money is limited, so that every call needs a price."""
        return self.limits.max_cost_usd is not None

    @property
    def prices(self) -> Prices:
        """What calls cost."""
        return self._prices

    def count_earlier(self, paid: Iterable[tuple[str, Usage]]) -> None:
        """Count what the run has paid for before it was broken off: model and tokens, call by call."""
        for model, usage in paid:
            self.spent.calls += 1
            self.spent.tokens += (usage.prompt_tokens or 0) + (usage.output_tokens or 0)
            self.spent.cost_usd += (self._prices.cost(model, usage) or 0.0) if self.counts_money else 0.0

    def begin(self) -> bool:
        """Count a try that is about to go out, and return whether it may; who may has to `end` it."""
        with self._lock:
            reached = find_reached(self.limits, self.spent) if self.stopped is None else None
            if self.stopped is None and reached is None:
                self.spent.calls += 1
                self._in_flight += 1
                return True
        if reached is not None:
            self.stop(reached)
        return False

    def end(self, *, tokens: int = 0, cost_usd: float = 0.0) -> None:
        """Take note that a try has ended, and of what it took."""
        with self._lock:
            self._in_flight -= 1
            self.spent.tokens += tokens
            self.spent.cost_usd += cost_usd
        self._look()

    def stop(self, why: RunStoppedError) -> None:
        """Let no more tries go out; what was said first holds."""
        with self._lock:
            is_first = self.stopped is None
            self.stopped = self.stopped or why
        if is_first:
            logger.info("%s; no more calls are made, and those in flight are awaited", why)
            self._tell(why)
        self._look()

    async def wait_until_over(self) -> RunStoppedError:
        """Wait until a limit is reached and nothing is in flight any more, and return what to raise."""
        over = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append((asyncio.get_running_loop(), over))
        self._look()
        await over
        assert self.stopped is not None
        return type(self.stopped)(str(self.stopped), self.stopped.setting)

    def reach_deadline(self) -> None:
        """Let no more tries go out, as the time is over."""
        reached = f"the deadline of {self.limits.deadline_seconds:,.10g} s was reached"
        self.stop(BudgetReachedError(f"{reached} after {_spell_calls(self.spent.calls)}", "deadline_seconds"))

    @contextlib.contextmanager
    def in_force(self) -> Iterator[None]:
        """Hold for every call that is made in here."""
        token = current_budget.set(self)
        try:
            yield
        finally:
            current_budget.reset(token)

    def _look(self) -> None:
        """Wake who waits for this to be over, if it is."""
        with self._lock:
            if self.stopped is None or self._in_flight:
                return
            woken, self._waiting = self._waiting, []
        for loop, over in woken:
            with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(_tell_over, over)


current_budget: ContextVar[Budget | None] = ContextVar("synthetic_communities_budget", default=None)
"""That of the run this is a part of; None outside of runs, where nothing is limited."""


def find_reached(limits: Limits, spent: Spent) -> BudgetReachedError | None:
    """Return which limit leaves no room for one more try; None if there is room."""
    if limits.max_cost_usd is not None and spent.cost_usd >= limits.max_cost_usd:
        return _reach(_spell_usd(limits.max_cost_usd), spent, "max_cost_usd")
    if limits.max_tokens is not None and spent.tokens >= limits.max_tokens:
        return _reach(f"{limits.max_tokens:,} tokens", spent, "max_tokens")
    if limits.max_calls is not None and spent.calls >= limits.max_calls:
        return BudgetReachedError(f"the budget of {_spell_calls(limits.max_calls)} was reached", "max_calls")
    return None


def _reach(limit: str, spent: Spent, setting: str) -> BudgetReachedError:
    return BudgetReachedError(f"the budget of {limit} was reached after {_spell_calls(spent.calls)}", setting)


def _spell_calls(calls: int) -> str:
    return f"{calls:,} call{'' if calls == 1 else 's'}"


def _spell_usd(usd: float) -> str:
    return f"{usd:,.2f} USD" if round(usd, 2) == usd else f"{usd:,g} USD"


def _tell_over(over: "asyncio.Future[None]") -> None:
    if not over.done():
        over.set_result(None)
