"""Replicates: one configuration run several times side by side, in a folder that tells of all of them."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .config import Config
from .engine.bridge import run_sync
from .errors import RecordError, UsageError
from .late import Late
from .llm.journal.shared import SharedOpening
from .minds.base import Mind
from .runs.directory import PLAN, REPLICATES
from .runs.plan import Plan, write_plan
from .several_runs import SeveralRuns, ask_for_keys, check_limit, share_cache
from .simulation.files import write_forecast
from .simulation.journals import find_cache
from .simulation.many import make_replicates_folder, plan_replicates
from .simulation.planned import share_opening
from .simulation.progress import describe_interrupted_replicates
from .simulation.stage import Stage
from .simulation.watching import Moment

if TYPE_CHECKING:
    from .report import replicates
    from .report.replicates import Replicates
else:  # a run needs nothing of it
    replicates = Late(f"{__package__}.report.replicates")


class Replicated(SeveralRuns):
    """What an engine can do with several runs of one configuration."""

    @abstractmethod
    def _lay_out(self, stage: Stage, base_dir: Path) -> Path:
        """Make the run directory with all that is needed to go on from there, and return it."""

    @abstractmethod
    def _share_opening(self, shared: SharedOpening | None) -> None:
        """Make each call of the opening once for all replicates that share it."""

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
        check_limit(max_concurrent)
        engines = [cls.from_config(each, model) for each in plan_replicates(config, n, resample=resample)]
        ask_for_keys(engines)
        share_cache(engines, cache)
        return engines

    @classmethod
    async def _run_replicates(
        cls,
        engines: Sequence["Replicated"],
        max_concurrent: int | None,
        cache: str | Path | None,
        base_dir: Path,
        folder: str | Path | None,
        observer: Callable[[Moment], None] | None,
        foretold: Mapping[str, Any] | None = None,
    ) -> "Replicates":
        if folder is not None and (Path(folder) / PLAN).exists():
            raise UsageError(f"{folder} holds replicates already; name an empty folder")
        stages = [engine._set_stage() for engine in engines]
        place = Path(folder) if folder is not None else make_replicates_folder(base_dir)
        shared = share_opening(_lay_out_all(engines, stages, place), len(engines), find_cache(cache))
        if foretold is not None:
            write_forecast(place, foretold)
        for engine in engines:
            engine._share_opening(shared)
        return await cls._run_in_folder(engines, stages, max_concurrent, place, observer)

    @classmethod
    async def _resume_in_folder(
        cls,
        engines: Sequence["Replicated"],
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
        engines: Sequence["Replicated"],
        stages: Sequence[Stage],
        max_concurrent: int | None,
        place: Path,
        observer: Callable[[Moment], None] | None,
        complete: Sequence[tuple[int, Path]] = (),
    ) -> "Replicates":
        """Run replicates in a folder, beside those that are complete already, and write what they say together."""

        def write() -> None:
            """Write down the replicates that are there by now, in their order."""
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


def _lay_out_all(engines: Sequence[Replicated], stages: Sequence[Stage], folder: Path) -> Plan:
    """Write all that is needed to go on with any of the runs, and say so in the folder once it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    is_shared = not engines[0].config.resample_people
    write_plan(folder, (), shares_opening=is_shared)
    laid_out = [
        (each.config.replicate, each._lay_out(stage, folder)) for each, stage in zip(engines, stages, strict=True)
    ]
    return write_plan(folder, laid_out, shares_opening=is_shared)
