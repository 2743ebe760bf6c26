"""A rehearsal of a run: everything takes place as it will, but with stand-ins for models, on a clock of its own.

Nothing is written, and nobody waits: an act takes as long as its reply is taken to take.
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..cast.sessions import held_open
from ..domain.feed_ranking import build_pool
from ..domain.outcome import Done, NotAsked, Outcome, Skipped
from ..engine.bridge import inside
from ..engine.collecting import collecting_rarely
from ..engine.ledger import EndState, Ledger, Task
from ..engine.plan import Course
from ..llm.model import Call, ModelRequest
from ..persona import Persona
from ..simulation.acts import Acts
from ..simulation.bookkeeping import Bookkeeping
from ..simulation.events import Events
from ..simulation.expectation import find_actor
from ..simulation.recorder import Recorder
from ..simulation.stage import Stage, build_plan
from ..social_media import as_feed_post
from ..waiting import shared_by
from .account import Account
from .ahead import OPENING

NoteCall = Callable[[str, ModelRequest, Call, str], None]


class NoRecord(Recorder):
    """A record that nobody keeps."""

    def __init__(self) -> None:
        """Begin with nothing."""

    def add(self, file: str, epoch: int, place: int, row: Mapping[str, Any]) -> None:
        """Drop a row."""

    def add_person(self, epoch: int, place: int, persona_id: str, *, votes: Any, stances: Any) -> None:
        """Drop what would stand there of one person."""

    def write_now(self, file: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Drop rows."""

    def write(self, epoch: int) -> None:
        """Write nothing."""

    def write_epoch(self, epoch: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Write nothing."""


@dataclass(slots=True)
class Rehearsal:
    """A run with stand-ins.

    Attributes:
        stage: on which everybody is an understudy.
        course: what there is to plan for.
        limit: how many acts may be under way at once in the run.
        share: how many of them are for those on the stage, on average; of less than one they have one.
        account: what may be asked a minute.
        opening_share: what part of the opening is asked for those on the stage: replicates may ask it once for all.
        seconds: step to how long an act takes that makes a call.
        people: how many there will be in the run, of whom those on the stage may be a sample.
        now: how far its clock is, in seconds.
        acts: step to how many acts there were.
        chain: seconds of the longest chain of acts that wait for one another.
        work: seconds of all acts together.
        held_up: seconds in which its clock stood only because the account let nothing go.
    """

    stage: Stage
    course: Course
    limit: int = field(kw_only=True)
    share: float = field(kw_only=True)
    account: Account = field(kw_only=True)
    opening_share: float = field(default=1.0, kw_only=True)
    seconds: Callable[[str], float] = field(kw_only=True)
    people: int = field(kw_only=True)
    now: float = field(default=0.0, init=False)
    acts: Counter[str] = field(default_factory=Counter, init=False)
    chain: float = field(default=0.0, init=False)
    work: float = field(default=0.0, init=False)
    held_up: float = field(default=0.0, init=False)
    _calls_made: int = field(default=0, init=False)
    _waited: float = field(default=0.0, init=False)
    _weight: float = field(default=1.0, init=False)
    _chains: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    @property
    def places(self) -> int:
        """How many acts of those on the stage may be under way at once."""
        return max(1, round(self.share))

    @property
    def idle(self) -> float:
        """Seconds by which it takes longer than its work would if no place were ever empty, and no call ever waited."""
        return max(0.0, self.now - self.work / (self.share if self.share < 1 else self.places))

    def note_call(self, model: str, tokens: float) -> None:
        """Take note that a stand-in was asked, in the act under way, with so many tokens in prompt and reply."""
        self._calls_made += 1
        self._waited += self.account.take(model, tokens, self.now, weight=self._weight)

    async def carry_out(self) -> None:
        """Do every task."""
        stage = self.stage
        pool = build_pool(map(as_feed_post, stage.social_media.posts))
        affinities = stage.social_media.measure_affinities()
        events = Events(self.course, feed_beforehand=pool, affinities_beforehand=affinities, published=[])
        with inside():
            ledger = Ledger(build_plan(self.course, stage.config))
            bookkeeping = Bookkeeping(stage, events, NoRecord(), ledger, lambda: None)
            with collecting_rarely(), shared_by(self.people, self.limit):
                async with held_open(stage.minds()):
                    await self._do_tasks(ledger, Acts(stage, events), bookkeeping)

    async def _do_tasks(self, ledger: Ledger, acts: Acts, bookkeeping: Bookkeeping) -> None:
        under_way: list[tuple[float, int, Task, Outcome[Any]]] = []

        def end(task: Task, outcome: Outcome[Any]) -> None:
            """Put down what came of a task, and let those that wait for it start."""
            bookkeeping.settle(task, outcome)
            ledger.end(task, *_end_of(outcome))

        while ledger.unfinished:
            while (task := ledger.take(acts_allowed=self._may_start(len(under_way)))) is not None:
                if (cause := ledger.missing_need(task)) is not None:
                    end(task, Skipped(cause) if ledger.state(cause) != "not_asked" else NotAsked(""))
                elif task.is_act:
                    outcome, ends_at = await self._perform(task, acts)
                    heapq.heappush(under_way, (ends_at, ledger.order(task.key), task, outcome))
                else:
                    self._follow_chain(task, 0.0)
                    end(task, Done(None))
            is_ready = len(under_way) < self.places and ledger.urgency(acts_allowed=True) > 0
            if is_ready and self._wait_for_account(under_way[0][0] if under_way else math.inf):
                continue
            if not under_way:
                break  # tasks that wait for one another: a run says so
            self.now, _, task, outcome = heapq.heappop(under_way)
            end(task, outcome)

    async def _perform(self, task: Task, acts: Acts) -> tuple[Outcome[Any], float]:
        """Return what comes of an act, and when it ends."""
        before, self._waited = self._calls_made, 0.0
        self._weight = self._weigh(task)
        outcome = await acts.perform(task)
        self.acts[task.step] += 1
        seconds = (self._calls_made - before) * self.seconds(task.step)
        self.work += seconds
        self._follow_chain(task, seconds)
        return outcome, self.now + self._waited + seconds

    def _weigh(self, task: Task) -> float:
        """Return what part of a call of the account each call of a task is."""
        part = self.opening_share if task.step in OPENING else 1.0
        return part if find_actor(task)[0] is Persona or not self.people else part * self._sampled

    @property
    def _sampled(self) -> float:
        """Which part of the people is on the stage: there are no more candidates than here, however many people."""
        return len(self.stage.population.personas) / self.people

    def _may_start(self, under_way: int) -> bool:
        return under_way < self.places and self.account.may_ask_at() <= self.now

    def _wait_for_account(self, until: float) -> bool:
        """Let time pass until something may be asked again, and say so; not if an act ends before."""
        if not self.now < self.account.may_ask_at() < until:
            return False
        self.held_up += self.account.may_ask_at() - self.now
        self.now = self.account.may_ask_at()
        return True

    def _follow_chain(self, task: Task, seconds: float) -> None:
        awaited = (*task.waits_for, *task.needs, *task.needs_any)
        length = max((self._chains.get(key, 0.0) for key in awaited), default=0.0) + seconds
        self._chains[task.key] = length
        self.chain = max(self.chain, length)


def _end_of(outcome: Outcome[Any]) -> tuple[EndState] | tuple[EndState, str]:
    match outcome:
        case Done():
            return ("done",)
        case NotAsked():
            return ("not_asked",)
        case Skipped(cause):
            return ("skipped", cause)
        case _:
            return ("failed",)
