"""What `check` says of a configuration in which nothing is wrong."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from ..configuration.checks import are_offline
from ..game_engine import GameEngine
from ..report.steps import ACTS, name_acts
from ..report.text import align_row, clean_text, measure_width
from ..simulation.forecast import StepForecast, count_drawn_priors, forecast_run
from ..simulation.stage import build_course

WIDTH = 80
NUMBER_WIDTHS = (10, 10)


def describe_run(engine: GameEngine) -> str:
    """Return what is not stated and will be assumed, what is drawn, and what a run will do."""
    blocks = [
        headed("Not stated, and therefore assumed:", wrap(engine.config.assumptions())),
        headed("Not known, and therefore drawn:", wrap(find_gaps(engine))),
        headed("A run will make these acts:", forecast_lines(forecast_engine(engine))),
        [describe_calls(engine)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def find_gaps(engine: GameEngine) -> Iterator[str]:
    """Yield a sentence for every topic on which people have no prior belief."""
    people = [persona.person() for persona in engine.population.personas]
    for topic in engine.mediator.topics if engine.mediator else ():
        drawn = count_drawn_priors(people, topic)
        if drawn:
            yield (
                f"{drawn:,} of {len(people):,} people have no prior belief on {topic.title}: one is drawn from the seed"
            )


def forecast_engine(engine: GameEngine) -> tuple[StepForecast, ...]:
    """Return how many acts of every step a run of this engine will make."""
    people = [persona.id for persona in engine.population.personas]
    candidates = [candidate.id for candidate in engine.candidates]
    topics = [topic.id for topic in engine.mediator.topics] if engine.mediator else []
    return forecast_run(build_course(engine.config, people, candidates, topics))


def forecast_lines(steps: Sequence[StepForecast]) -> list[str]:
    """Return a line for every step, and one for all of them."""
    total = StepForecast("", sum(step.acts for step in steps), is_exact=all(step.is_exact for step in steps))
    steps = sorted(steps, key=_place)
    rows = [[name_acts(step.step), *_cells(step)] for step in steps] + [["in all", *_cells(total)]]
    label_width = max(measure_width(row[0]) for row in rows)
    return [f"  {align_row(row, (label_width, *NUMBER_WIDTHS))}" for row in rows]


def describe_calls(engine: GameEngine) -> str:
    """Return how many calls to models a run will make."""
    models = {"model": engine.expected_model(), "candidate_model": engine.config.candidate_model}
    if are_offline(models):
        return "Model calls: 0. The offline mind asks no model and spends nothing."
    return "Model calls: at most one for each act, and more where one has to be tried again."


def headed(head: str, lines: Iterable[str]) -> list[str]:
    """Return the lines under their head, nothing if there are none."""
    lines = list(lines)
    return [head, *lines] if lines else []


def wrap(sentences: Iterable[str]) -> Iterator[str]:
    """Yield the lines of sentences, each one beginning a new line."""
    for sentence in sentences:
        yield from textwrap.wrap(
            clean_text(sentence), WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )


def _place(step: StepForecast) -> int:
    known = list(ACTS)
    return known.index(step.step) if step.step in known else len(known)


def _cells(step: StepForecast) -> list[str]:
    return ["" if step.is_exact else "at most", f"{step.acts:,}"]
