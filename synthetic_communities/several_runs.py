"""Several runs side by side under one limit."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

from .cast.arguments import check_count
from .config import Config
from .engine.bridge import run_sync
from .engine.runner import Places
from .engine.together import run_together
from .errors import RunStoppedError, UsageError
from .llm.access.key_command import run_key_command
from .minds.base import Mind
from .notebook.showing import at_home_in_notebook
from .report.result import SimulationResult
from .simulation.many import Together
from .simulation.progress import describe_interrupted_runs
from .simulation.stage import Stage
from .simulation.watching import Moment


class SeveralRuns(ABC):
    """What an engine can do with several of its kind.

    Attributes:
        config: the settings.
        simulation_dir: the run directory; None before there is one.
        observer: called with every step forward of a run; None: nobody watches.
    """

    config: Config
    simulation_dir: Path | None
    observer: Callable[[Moment], None] | None

    @classmethod
    @abstractmethod
    def from_config(cls, path_or_config: str | Path | Config, model: str | Mind | None = None) -> Self:
        """Return an engine, ready to run."""

    @abstractmethod
    def initialize_simulation_output(self, base_dir: str | Path = "data/simulation") -> None:
        """Make the run directory."""

    @abstractmethod
    def use_cache(self, folder: str | Path | None) -> None:
        """Take answers from what runs share, and add to it."""

    @abstractmethod
    def _set_stage(self) -> Stage:
        """Return what a run is made of, checked."""

    @abstractmethod
    def ask_for_key(self, run_key_command: Callable[[str], str] | None = None) -> None:
        """Have a command that prints a key run now, by `run_key_command` if that is given."""

    @abstractmethod
    async def _run(self, stage: Stage, places: Places) -> SimulationResult:
        """Run once, taking places that others take too."""

    @classmethod
    def run_many(
        cls,
        configs: Iterable[str | Path | Config],
        *,
        max_concurrent: int | None = None,
        model: str | Mind | None = None,
        cache: str | Path | None = None,
        base_dir: str | Path = "data/simulation",
        observer: Callable[[Moment], None] | None = None,
    ) -> list[SimulationResult]:
        """Run several communities side by side under one limit, and return what came of each, in order.

        A debate is one long chain of acts; while one run waits for it, the others fill the places. Their records are
        those they would have one after the other.

        Args:
            configs: YAML files or configurations.
            max_concurrent: how many acts may be under way at once in all; None: the most that one of them allows.
            model: what everybody thinks with; None: what each configuration names.
            cache: a folder of answers that runs share; None: none.
            base_dir: the folder the run directories are made in.
            observer: called with every step forward, all runs taken together; None: as for a single run.

        Raises:
            ConfigurationError: everything wrong with the first configuration in which something is; nothing has run.
            UsageError: `max_concurrent` is no whole number from 1 up; or `configs` is one and no list.
            OSError: a run directory cannot be made.
            RunStoppedError: a limit stopped one of them; the others have come to their ends.
            KeyboardInterrupt: Ctrl-C, or a notebook's stop button; the message says where the runs are.
        """
        engines = cls._build_many(configs, max_concurrent, model, cache)
        running = cls._run_many(engines, max_concurrent, Path(base_dir), observer)
        try:
            return run_sync(running, twin="GameEngine.run_many_async")
        except KeyboardInterrupt:
            made = [engine.simulation_dir for engine in engines if engine.simulation_dir is not None]
            if not made:
                raise
            raise KeyboardInterrupt(describe_interrupted_runs(made)) from None

    @classmethod
    async def run_many_async(
        cls,
        configs: Iterable[str | Path | Config],
        *,
        max_concurrent: int | None = None,
        model: str | Mind | None = None,
        cache: str | Path | None = None,
        base_dir: str | Path = "data/simulation",
        observer: Callable[[Moment], None] | None = None,
    ) -> list[SimulationResult]:
        """As `run_many`; when one run fails or this is cancelled, all are, and the epochs that had ended stand."""
        engines = cls._build_many(configs, max_concurrent, model, cache)
        return await cls._run_many(engines, max_concurrent, Path(base_dir), observer)

    @classmethod
    async def _run_many(
        cls,
        engines: Sequence["SeveralRuns"],
        max_concurrent: int | None,
        base_dir: Path,
        observer: Callable[[Moment], None] | None,
    ) -> list[SimulationResult]:
        stages = [engine._set_stage() for engine in engines]
        return await cls._run_together(engines, stages, max_concurrent, base_dir, observer)

    @classmethod
    def _build_many(
        cls,
        configs: Iterable[str | Path | Config],
        max_concurrent: int | None,
        model: str | Mind | None,
        cache: str | Path | None,
    ) -> list[Self]:
        check_limit(max_concurrent)
        if isinstance(configs, (str, Path, Config)):  # the letters of a name are no files
            raise UsageError(f"configs is one configuration, {configs!r:.80}; give a list of them, or call `run`")
        engines = [cls.from_config(config, model) for config in configs]
        ask_for_keys(engines)
        share_cache(engines, cache)
        return engines

    @staticmethod
    async def _run_together(
        engines: Sequence["SeveralRuns"],
        stages: Sequence[Stage],
        max_concurrent: int | None,
        base_dir: Path,
        observer: Callable[[Moment], None] | None,
    ) -> list[SimulationResult]:
        places = Places(max_concurrent or max((stage.limit() for stage in stages), default=1))
        for engine in engines:
            if engine.simulation_dir is None:
                engine.initialize_simulation_output(base_dir)
        with at_home_in_notebook(base_dir, is_watched=observer is not None) as display:
            watching = observer or display
            if watching is not None:
                together = Together(len(engines), watching)
                for number, engine in enumerate(engines):
                    engine.observer = together.observer_of(number)
            runs = [engine._run(stage, places) for engine, stage in zip(engines, stages, strict=True)]
            return await run_together(runs, held_back=RunStoppedError)


def ask_for_keys(engines: Iterable[SeveralRuns]) -> None:
    """Have each command that prints a key run once for all of these engines, before anything is made.

    Raises:
        ConfigurationError: one prints no key, or the model cannot be asked for another reason.
    """
    run_once = functools.cache(run_key_command)
    for engine in engines:
        engine.ask_for_key(run_once)


def share_cache(engines: Iterable[SeveralRuns], folder: str | Path | None) -> None:
    """Have all of these engines take answers from a folder, and add to it; None: there is none.

    Raises:
        OSError: it cannot be made.
    """
    for engine in engines if folder is not None else ():
        engine.use_cache(folder)


def check_limit(max_concurrent: int | None) -> None:
    """Check a limit for several runs; None: each one's own.

    Raises:
        UsageError: it is no whole number from 1 up.
    """
    if max_concurrent is not None:
        check_count("max_concurrent", max_concurrent, 1)
