"""Several runs side by side under one limit: any configurations, or replicates of one."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .cast.arguments import check_count
from .config import Config
from .engine.bridge import run_sync
from .engine.runner import Places
from .engine.together import run_together
from .errors import RecordError, RunStoppedError, UsageError
from .late import Late
from .llm.journal.shared import SharedOpening
from .llm.key_command import run_key_command
from .minds.base import Mind
from .notebook.showing import at_home_in_notebook
from .report.result import SimulationResult
from .runs.directory import PLAN, REPLICATES
from .runs.plan import write_plan
from .simulation.journals import find_cache
from .simulation.many import Together, make_replicates_folder, plan_replicates
from .simulation.planned import share_opening
from .simulation.progress import describe_interrupted_replicates, describe_interrupted_runs
from .simulation.stage import Stage
from .simulation.watching import Moment

if TYPE_CHECKING:
    from .report import replicates
    from .report.replicates import Replicates
else:  # a run needs nothing of it
    replicates = Late(f"{__package__}.report.replicates")


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
    def _lay_out(self, stage: Stage, base_dir: Path) -> Path:
        """Make the run directory with all that is needed to go on from there, and return it."""

    @abstractmethod
    def _share_opening(self, shared: SharedOpening | None) -> None:
        """Make each call of the opening once for all replicates that share it."""

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
            UsageError: `max_concurrent` is no whole number from 1 up.
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
        _check_limit(max_concurrent)
        engines = [cls.from_config(config, model) for config in configs]
        ask_for_keys(engines)
        _share_cache(engines, cache)
        return engines

    @classmethod
    def run_replicates(
        cls,
        config: str | Path | Config,
        n: int,
        *,
        resample: bool = False,
        max_concurrent: int | None = None,
        model: str | Mind | None = None,
        cache: str | Path | None = None,
        base_dir: str | Path = "data/simulation",
        folder: str | Path | None = None,
        observer: Callable[[Moment], None] | None = None,
    ) -> "Replicates":
        """Run one configuration `n` times side by side, and return what came of it.

        Every replicate has chance of its own, over the same people and opening opinions, each of which a model is asked
        for once; the first is what `run` does. All are laid out before any starts, so that all can be gone on with.
        Where one fails or Ctrl-C ends them, all end, and their folder can be read as far as they came.

        Args:
            config: a YAML file, or a configuration.
            n: how many runs, at least 1.
            resample: whether each draws its own people from the file.
            max_concurrent: how many acts may be under way at once in all; None: as many as one run may have.
            model: what everybody thinks with; None: what the configuration names.
            cache: a folder of answers that runs share; None: none.
            base_dir: where the folder is made that holds the run directories.
            folder: an empty folder that is there to hold them; None: it is made in `base_dir`.
            observer: called with every step forward, all runs taken together; None: as for a single run.

        Raises:
            ConfigurationError: everything wrong with the configuration; nothing has run.
            UsageError: `n` or `max_concurrent` is no whole number from 1 up; or there are replicates in `folder`.
            RunStoppedError: a limit stopped one of them; the others have come to their ends.
            OSError: a directory cannot be made.
            KeyboardInterrupt: Ctrl-C, or a notebook's stop button; the message says where the runs are.
        """
        engines = cls._build_replicates(config, n, resample, max_concurrent, model, cache)
        running = cls._run_replicates(engines, max_concurrent, cache, Path(base_dir), folder, observer)
        try:
            return run_sync(running, twin="GameEngine.run_replicates_async")
        except KeyboardInterrupt:
            if engines[0].simulation_dir is None:
                raise
            raise KeyboardInterrupt(describe_interrupted_replicates(engines[0].simulation_dir.parent)) from None

    @classmethod
    async def run_replicates_async(
        cls,
        config: str | Path | Config,
        n: int,
        *,
        resample: bool = False,
        max_concurrent: int | None = None,
        model: str | Mind | None = None,
        cache: str | Path | None = None,
        base_dir: str | Path = "data/simulation",
        folder: str | Path | None = None,
        observer: Callable[[Moment], None] | None = None,
    ) -> "Replicates":
        """As `run_replicates`; when cancelled, all runs are, and their folder can be read as far as they came."""
        engines = cls._build_replicates(config, n, resample, max_concurrent, model, cache)
        return await cls._run_replicates(engines, max_concurrent, cache, Path(base_dir), folder, observer)

    @classmethod
    def _build_replicates(
        cls,
        config: str | Path | Config,
        n: int,
        resample: bool,
        max_concurrent: int | None,
        model: str | Mind | None,
        cache: str | Path | None,
    ) -> list[Self]:
        _check_limit(max_concurrent)
        engines = [cls.from_config(each, model) for each in plan_replicates(config, n, resample=resample)]
        ask_for_keys(engines)
        _share_cache(engines, cache)
        return engines

    @classmethod
    async def _run_replicates(
        cls,
        engines: Sequence["SeveralRuns"],
        max_concurrent: int | None,
        cache: str | Path | None,
        base_dir: Path,
        folder: str | Path | None,
        observer: Callable[[Moment], None] | None,
    ) -> "Replicates":
        if folder is not None and (Path(folder) / PLAN).exists():
            raise UsageError(f"{folder} holds replicates already; name an empty folder")
        stages = [engine._set_stage() for engine in engines]
        place = Path(folder) if folder is not None else make_replicates_folder(base_dir)
        is_shared = not engines[0].config.resample_people
        write_plan(place, (), shares_opening=is_shared)
        laid_out = [
            (engine.config.replicate, engine._lay_out(stage, place))
            for engine, stage in zip(engines, stages, strict=True)
        ]
        plan = write_plan(place, laid_out, shares_opening=is_shared)
        shared = share_opening(plan, len(engines), find_cache(cache))
        for engine in engines:
            engine._share_opening(shared)
        return await cls._run_in_folder(engines, stages, max_concurrent, place, observer)

    @classmethod
    async def _resume_in_folder(
        cls,
        engines: Sequence["SeveralRuns"],
        max_concurrent: int | None,
        place: Path,
        observer: Callable[[Moment], None] | None,
        complete: Sequence[tuple[int, Path]],
    ) -> "Replicates":
        stages = [engine._set_stage() for engine in engines]
        return await cls._run_in_folder(engines, stages, max_concurrent, place, observer, complete)

    @classmethod
    async def _run_in_folder(
        cls,
        engines: Sequence["SeveralRuns"],
        stages: Sequence[Stage],
        max_concurrent: int | None,
        place: Path,
        observer: Callable[[Moment], None] | None,
        complete: Sequence[tuple[int, Path]] = (),
    ) -> "Replicates":
        """Run replicates in a folder, beside those that are complete already, and write what they say together."""

        def write() -> None:
            made = [(each.config.replicate, each.simulation_dir) for each in engines if each.simulation_dir]
            replicates.write_replicates(place, sorted([*complete, *made]))

        try:
            await cls._run_together(engines, stages, max_concurrent, place, observer)
        except BaseException as error:
            try:
                write()
            except (OSError, RecordError) as another:  # why the runs ended is what is told
                error.add_note(f"not all of them stand in {place / REPLICATES}: {another}")
            raise
        write()
        return replicates.Replicates(place)

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


def _share_cache(engines: Iterable[SeveralRuns], folder: str | Path | None) -> None:
    for engine in engines if folder is not None else ():
        engine.use_cache(folder)


def _check_limit(max_concurrent: int | None) -> None:
    if max_concurrent is not None:
        check_count("max_concurrent", max_concurrent, 1)
