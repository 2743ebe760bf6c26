"""One run from the first task to the last."""

from collections.abc import Callable, Sequence
from typing import Any

from ..cast.sessions import held_open
from ..domain.debate import DebateTranscript
from ..domain.feed_ranking import build_pool
from ..domain.outcome import Outcome
from ..engine.bridge import inside
from ..engine.collecting import not_collecting
from ..engine.ledger import Ledger, Task
from ..engine.runner import Places, run_tasks
from ..errors import RunStoppedError
from ..llm.journal.journal import Journal, journaling
from ..llm.money.budget import Budget
from ..social_media import as_feed_post
from ..waiting import shared_by
from .acts import Acts
from .bookkeeping import Bookkeeping
from .events import Events
from .recorder import Recorder
from .run_calls import RunCalls
from .stage import Stage, build_plan
from .stopping import carry_out, read_limits
from .watching import Watcher
from .worthless import Failures


class Simulation:
    """One run of a community.

    Attributes:
        events: what has happened so far.
    """

    def __init__(
        self,
        stage: Stage,
        recorder: Recorder,
        watcher: Watcher,
        *,
        places: Places,
        calls: RunCalls,
        published: list[DebateTranscript],
        at_opening_end: Callable[[], None],
        journal: Journal,
    ) -> None:
        """Plan a run.

        Args:
            stage: what it is made of.
            recorder: where the record goes.
            watcher: who counts and times.
            places: how many acts may be under way at once, in this run and in others that share them.
            calls: who hears of the calls of models.
            published: where transcripts are added as they are published, for those who follow from outside.
            at_opening_end: called when everybody has stated where they stand, before the first epoch ends.
            journal: answers calls of models that are recorded, and records the others.
        """
        course = stage.course()
        self.events = Events(
            course,
            feed_beforehand=build_pool(map(as_feed_post, stage.social_media.posts)),
            affinities_beforehand=stage.social_media.measure_affinities(),
            published=published,
        )
        self._stage = stage
        self._places = places
        with not_collecting():
            self._ledger = Ledger(build_plan(course, stage.config))
        self._acts = Acts(stage, self.events)
        self._bookkeeping = Bookkeeping(stage, self.events, recorder, self._ledger, at_opening_end)
        self._watcher = watcher
        self._recorder = recorder
        self._calls = calls
        self._journal = journal
        self._failures = Failures(stage.config.max_failures)
        self._budget = Budget(read_limits(stage.config), calls.prices, tell=watcher.stop)
        self._budget.count_earlier(journal.list_paid())

    @property
    def tasks(self) -> Sequence[Task]:
        """Every task of the plan."""
        return self._ledger.tasks

    async def run(self) -> None:
        """Do every task, writing the record as epochs end.

        Raises:
            RunStoppedError: a limit ended it; the epochs that had ended stand in the record.
            asyncio.CancelledError: cancelled, likewise.
        """
        with inside(), journaling(self._journal), self._recorder, self._calls.heard(), self._budget.in_force():
            self._watcher.begin(self._ledger)
            async with held_open(self._stage.minds()):
                await self._do_tasks()

    async def _do_tasks(self) -> None:
        tasks = run_tasks(self._ledger, self._perform, self._settle, places=self._places)
        try:
            with shared_by(len(self._stage.population.personas), self._places.limit):
                await carry_out(tasks, self._budget)
        except RunStoppedError:
            if self._ledger.unfinished:
                raise  # else the limit was reached when all was done

    def keep_ballots(self) -> None:
        """Write the ballots of a run that was broken off among them: who was not asked any more is recorded as that."""
        self._bookkeeping.keep_ballots()

    async def _perform(self, task: Task) -> Outcome[Any]:
        if self._budget.stopped is not None:
            raise await self._budget.wait_until_over()
        self._watcher.start(task)
        self._calls.failed.begin(task)
        self._failures.begin(task)
        return await self._acts.perform(task)

    def _settle(self, task: Task, outcome: Outcome[Any]) -> None:
        self._calls.failed.end(task, outcome)
        self._bookkeeping.settle(task, outcome)
        self._watcher.end(task, outcome)
        worthless = self._failures.end(task, outcome)
        if worthless is not None:
            self._budget.stop(worthless)
