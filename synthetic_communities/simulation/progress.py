"""How far a run is, in plain words: what a log, a terminal and a notebook tell of it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from ..llm.money.meter import spell_spend
from .watching import Moment

DOINGS = {
    "": "getting ready",
    "opening_position": "candidates take their positions",
    "opening_opinion": "people say where they stand",
    "reading": "candidates read the feed",
    "question": "the mediator asks a question",
    "introduction": "the mediator introduces a question",
    "statement": "candidates debate",
    "reflection": "candidates look back on a debate",
    "debate_update": "people weigh what they heard in debates",
    "chat_turn": "people talk in pairs",
    "chat_update": "people weigh what their partner said",
    "post": "people post",
    "reaction": "people react to posts",
    "social_update": "people weigh what they read",
    "ballot": "people vote",
}
"""Step to what is going on."""

HELD_UP_SECONDS = 5.0
"""For how long no call has to have got a reply before what they wait for is told."""

OUTSIDE_EPOCHS = ("", "opening_position", "opening_opinion", "ballot")
"""Steps that belong to no epoch."""


class Progress:
    """What is known of a run under way; an engine's observer.

    Attributes:
        moment: how far it is; None before it begins.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin to count the time that passes.

        Args:
            clock: returns the time in seconds.
        """
        self.moment: Moment | None = None
        self._clock = clock
        self._began = clock()
        self._held_up_since = 0.0

    def __call__(self, moment: Moment) -> None:
        """Take note of how far the run is."""
        if moment.held_up and not (self.moment and self.moment.held_up):
            self._held_up_since = self.elapsed_seconds
        self.moment = moment

    @property
    def elapsed_seconds(self) -> float:
        """Time since the run began."""
        return self._clock() - self._began

    def rest(self, moment: Moment) -> str:
        """Return all but what is going on, what is done and what it has cost."""
        seconds = self.elapsed_seconds
        return describe_rest(moment, seconds, held_up_seconds=seconds - self._held_up_since)

    def line(self) -> str:
        """Return everything on one line."""
        if self.moment is None:
            return f"{DOINGS['']}, {spell_time(self.elapsed_seconds)} elapsed"
        parts = (describe_done(self.moment), describe_spend(self.moment), self.rest(self.moment))
        return f"{describe_doing(self.moment)}: {', '.join(filter(None, parts))}"


def describe_doing(moment: Moment) -> str:
    """Return what is going on: `epoch 2 of 3, people talk in pairs`."""
    if moment.stopped:
        return f"stopping, {moment.stopped}"
    doing = DOINGS.get(moment.step, moment.step)
    return doing if moment.step in OUTSIDE_EPOCHS else f"epoch {moment.epoch + 1} of {moment.epochs}, {doing}"


def describe_done(moment: Moment) -> str:
    """Return the acts done of all: `812 of 2,482 acts done`."""
    return f"{moment.done:,} of {moment.total:,} acts done"


def describe_spend(moment: Moment) -> str:
    """Return what calls of models have taken so far: `0.12 USD so far`; empty where there were none."""
    return f"{spell_spend(moment.spend)} so far" if moment.spend is not None else ""


def describe_rest(moment: Moment, elapsed_seconds: float, *, held_up_seconds: float = 0.0) -> str:
    """Return the acts in flight, those without an answer, the time passed and the time left.

    Where calls have been held up for a while, what they wait for stands before all that, and nobody knows what is left.
    """
    is_held_up = bool(moment.held_up) and held_up_seconds >= HELD_UP_SECONDS
    left = None if is_held_up else estimate_seconds_left(moment, elapsed_seconds)
    parts = [
        f"{moment.held_up} for {held_up_seconds:,.0f} s" if is_held_up else "",
        f"{moment.in_flight:,} in flight",
        describe_spent(moment, elapsed_seconds),
        f"about {spell_time(left)} left" if left is not None else "",
    ]
    return ", ".join(filter(None, parts))


def describe_spent(moment: Moment | None, elapsed_seconds: float) -> str:
    """Return the acts without an answer, if any, and the time passed."""
    missing = f"{moment.missing:,} without an answer, " if moment is not None and moment.missing else ""
    return f"{missing}{spell_time(elapsed_seconds)} elapsed"


def describe_interruption(directory: Path) -> str:
    """Return where an interrupted run is, how to read it, and how to go on with it, on one line."""
    going_on = f"from synthetic_communities import resume_run; result = resume_run({str(directory)!r})"
    return (
        f"the run was interrupted; what is recorded, up to the last epoch that ended, stands in {directory}; "
        f"to read it: {spell_loading(directory)}; to go on with it: {going_on}"
    )


def describe_interrupted_runs(directories: Sequence[Path]) -> str:
    """Return where interrupted runs are, and how to go on with them, on one line."""
    names = [str(directory) for directory in directories]
    going_on = f"from synthetic_communities import resume_run; results = [resume_run(path) for path in {names!r}]"
    return (
        "the runs were interrupted; what is recorded of each, up to the last epoch that ended, stands in "
        f"{', '.join(names)}; to go on with those that are not complete: {going_on}"
    )


def describe_interrupted_replicates(folder: Path) -> str:
    """Return where interrupted replicates are, how to read them, and how to go on with them, on one line."""
    reading = f"from synthetic_communities.report.replicates import Replicates; runs = Replicates({str(folder)!r})"
    resuming = "from synthetic_communities.rerunning import resume_replicates"
    return (
        f"the runs were interrupted; what is recorded of each, up to the last epoch that ended, stands in {folder}; "
        f"to read it: {reading}; to go on with them: {resuming}; runs = resume_replicates({str(folder)!r})"
    )


def spell_loading(directory: Path) -> str:
    """Return the Python that reads a run directory."""
    return f"from synthetic_communities import load_run; result = load_run({str(directory)!r})"


def estimate_seconds_left(moment: Moment, elapsed_seconds: float) -> float | None:
    """Return the time left if acts go on to end as fast as they did on average; None before the first has ended."""
    if not moment.done:
        return None
    return elapsed_seconds * (moment.total - moment.done) / moment.done


def spell_time(seconds: float) -> str:
    """Return a time as `1:02:03`, or `2:03` if it is shorter than an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
