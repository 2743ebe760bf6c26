"""One run in its directory: from the lock on it, through its start, to what was measured of it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..domain.debate import DebateTranscript
from ..engine.runner import Places
from ..errors import RunStoppedError
from ..llm.journal.journal import Journal
from ..llm.money.meter import Meter
from ..llm.money.prices import Prices
from ..minds.base import Mind
from ..minds.llm.mind import LLMMind
from ..minds.offline.mind import OfflineMind
from ..runs.lock import RunLock
from ..runs.writing import noted_on
from .failed_calls import FailedCalls, read_written
from .files import write_forecast, write_metadata, write_usage
from .journals import Answers, open_journal, tell_mode
from .kept.inputs import write_inputs
from .kept.sameness import check_beforehand, check_stage, end_set_aside
from .minds import Minds
from .recorder import Recorder
from .run_calls import RunCalls
from .simulation import Simulation
from .stage import Stage
from .usage_parts import write_usage_by_agent
from .watching import Moment, Watcher


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run to be made in a directory.

    Attributes:
        directory: of the run.
        stage: what it is made of.
        simulation_id: its name.
        minds: who write the whole texts of calls, where that is asked for.
        places: how many acts may be under way at once, in this run and in others that share them.
        answers: where answers come from before a model is asked.
        goes_on: whether the run in this directory is gone on with; False: it is a new one.
        is_laid_out: whether what stands at the start of a new run was written by `lay_out`.
        foretold: what its calls of models will take; None: nobody asked.
        published: where transcripts are added as they are published.
        follow: called with every step forward.
    """

    directory: Path
    stage: Stage
    simulation_id: str = field(kw_only=True)
    minds: Minds = field(kw_only=True)
    places: Places = field(kw_only=True)
    answers: Answers = field(kw_only=True)
    goes_on: bool = field(kw_only=True)
    is_laid_out: bool = field(default=False, kw_only=True)
    foretold: Mapping[str, Any] | None = field(default=None, kw_only=True)
    published: list[DebateTranscript] = field(kw_only=True)
    follow: Callable[[Moment], None] = field(kw_only=True)

    async def carry_out(self, at_end: Callable[[Simulation], None]) -> None:
        """Run it.

        Args:
            at_end: called when every task has ended.

        Raises:
            RunInUseError: another process is at work in the directory.
            RecordError: what is gone on with was made of something else, or its journal cannot be read.
            RunStoppedError: a limit ended it.
            asyncio.CancelledError: cancelled; the epochs that had ended stand in the record.
        """
        with RunLock(self.directory), self.answers.shared or nullcontext():
            calls = self._listen()
            journal = self._begin(calls)
            with end_set_aside(self.directory) if self.goes_on else nullcontext():  # now that nothing else refuses
                await self._carry_out(calls, journal, at_end)

    def _listen(self) -> RunCalls:
        prices = Prices(self.stage.config.prices or {})
        written = read_written(self.directory) if self.goes_on else ()
        return RunCalls(FailedCalls(self.directory, prices, written=written), prices, self.minds.tell_bodies)

    async def _carry_out(self, calls: RunCalls, journal: Journal, at_end: Callable[[Simulation], None]) -> None:
        watcher = Watcher(self.stage.config.num_epochs, self.follow, Meter(calls.log, calls.prices))
        calls.watch = watcher.note_try
        simulation = Simulation(
            self.stage,
            Recorder(self.directory),
            watcher,
            places=self.places,
            calls=calls,
            at_opening_end=self._note_stage,
            published=self.published,
            journal=journal,
        )
        await self._measure(simulation, watcher, calls, journal, at_end)

    def _begin(self, calls: RunCalls) -> Journal:
        """Write what stands at the start of a run, or check that it is what stands there, and open the journal."""
        if self.goes_on:
            check_stage(self.directory, self.stage)
            check_beforehand(self.directory, self.stage)
        elif not self.is_laid_out:
            lay_out(self.directory, self.simulation_id, self.stage, is_replay=bool(self.answers.others))
            if self.foretold is not None:
                write_forecast(self.directory, self.foretold)
        replicate = self.stage.config.replicate
        tell = calls.failed.note_recorded
        return open_journal(self.directory, self.answers, replicate, calls.log.note, tell=tell)

    def _note_stage(self) -> None:
        write_metadata(self.directory, self.simulation_id, self.stage)

    async def _measure(
        self,
        simulation: Simulation,
        watcher: Watcher,
        calls: RunCalls,
        journal: Journal,
        at_end: Callable[[Simulation], None],
    ) -> None:
        began, began_at = datetime.now(UTC), time.monotonic()
        status, stopped = "failed", None
        ended_by: BaseException | None = None
        try:
            await simulation.run()
            at_end(simulation)
            status = "complete"
        except RunStoppedError as stop:
            status, stopped = "stopped", f"{stop}; {watcher.undone}"
            ended_by = type(stop)(f"stopped: {stopped}", stop.setting)
            raise ended_by from None
        except BaseException as error:
            ended_by = error
            status = "interrupted" if isinstance(error, asyncio.CancelledError) else "failed"
            raise
        finally:
            with noted_on(ended_by):
                simulation.keep_ballots()
            journal.close()
            tell_mode(journal)
            with noted_on(ended_by):
                write_usage_by_agent(self.directory, calls.log.entries, simulation.tasks, calls.prices)
            with noted_on(ended_by):
                write_usage(
                    *(self.directory, status),
                    {
                        "started": began.isoformat(timespec="seconds"),
                        "seconds": time.monotonic() - began_at,
                        "resumed": self.goes_on,
                    },
                    *(self.stage, watcher),
                    limit=self.places.limit,
                    calls=calls.log,
                    is_known=all(map(tells_of_calls, self.stage.minds())),
                    journal=journal,
                    began_at=began_at,
                    stopped=stopped,
                    failed=ended_by if status == "failed" else None,
                )


def tells_of_calls(mind: Mind) -> bool:
    """Say whether every call of a mind is heard of; one that is not of this package calls what it likes."""
    return getattr(type(mind), "answer", None) in (OfflineMind.answer, LLMMind.answer)


def lay_out(directory: Path, simulation_id: str, stage: Stage, *, is_replay: bool = False) -> None:
    """Write what stands at the start of a run: from then on it can be gone on with.

    Args:
        directory: of the run.
        simulation_id: its name.
        stage: what it is made of.
        is_replay: whether it takes its answers from another run.

    Raises:
        OSError: it cannot be written.
        TypeError: somebody has an attribute that JSON cannot hold.
    """
    write_inputs(directory, stage, is_replay=is_replay)
    write_metadata(directory, simulation_id, stage)
