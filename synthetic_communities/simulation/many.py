"""Several runs: the replicates of one configuration, and how far all of them are, told as if they were one."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ..cast.arguments import check_count
from ..config import Config
from ..llm.money.meter import Spend
from ..runs.directory import REPLICATES_FOLDER, make_run_directory
from .gathering import load_config
from .watching import Moment

Observer = Callable[[Moment], None]


class Together:
    """Tells an observer how far several runs are together."""

    def __init__(self, runs: int, observer: Observer) -> None:
        """Take how many runs there are, and who is told."""
        self._moments: list[Moment | None] = [None] * runs
        self._observer = observer

    def observer_of(self, number: int) -> Observer:
        """Return what one of the runs tells how far it is."""

        def observe(moment: Moment) -> None:
            """Tell of all runs together whenever this one is a step further."""
            self._moments[number] = moment
            self._observer(add_up(moment, [each for each in self._moments if each is not None]))

        return observe


def plan_replicates(config: str | Path | Config, n: int, *, resample: bool) -> list[Config]:
    """Return a configuration for each of `n` runs of one.

    Raises:
        ConfigurationError: everything wrong with the file.
        UsageError: `n` is no whole number from 1 up.
    """
    check_count("n", n, 1)
    base = config if isinstance(config, Config) else load_config(config)
    changes = {"resample_people": True} if resample else {}
    return [base.changed(replicate=base.replicate + number, **changes) for number in range(n)]


def make_replicates_folder(base_dir: str | Path) -> Path:
    """Make and return the folder that the run directories of replicates go to.

    Raises:
        OSError: it cannot be made.
    """
    return make_run_directory(Path(base_dir), f"{REPLICATES_FOLDER}{datetime.now(UTC):%Y%m%d_%H%M%S}")


def add_up(latest: Moment, moments: Sequence[Moment]) -> Moment:
    """Return how far several runs are together: what is done is added up, and the slowest has the epoch.

    Args:
        latest: of the run that was heard of last: its step and its words are told.
        moments: of all runs that were heard of, the latest among them.
    """
    spent = [moment.spend for moment in moments if moment.spend is not None]
    return replace(
        latest,
        epoch=min(moment.epoch for moment in moments),
        epochs=max(moment.epochs for moment in moments),
        done=sum(moment.done for moment in moments),
        total=sum(moment.total for moment in moments),
        in_flight=sum(moment.in_flight for moment in moments),
        missing=sum(moment.missing for moment in moments),
        spend=sum(spent, Spend()) if spent else None,
        held_up=latest.held_up if all(moment.held_up for moment in moments if moment.in_flight) else "",
    )
