"""What `check` says of a configuration in which nothing is wrong."""

import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..configuration.assumptions import NOT_STATED
from ..configuration.attributes import describe_misspelled, describe_unknown
from ..configuration.pricing import find_unused_prices
from ..forecast.counting import count_drawn_priors
from ..forecast.forecast import Forecast, describe_course, forecast_lines, is_told_by_calls
from ..forecast.table import calls_lines, describe_calls, spell_price
from ..game_engine import GameEngine
from ..llm.choice import OFFLINE
from ..report.text import clean_text, count_of
from .program import say

WIDTH = 80

MISSPELLED = "Attributes of people that look misspelled, and that nothing goes by"


def describe_check(config: Path, engine: GameEngine, forecast: Forecast) -> str:
    """Return that nothing is wrong with a configuration, what a run of it costs, and which prices are for nobody."""
    price = [] if forecast.asked is None else [spell_price(forecast.asked)]
    unused = (f"The price of {name} is not used: no such model is asked." for name in find_idle_prices(engine))
    return "\n".join([f"{config}: nothing is wrong with it.", *price, *unused])


def find_idle_prices(engine: GameEngine) -> tuple[str, ...]:
    """Return the models that have a price stated and are not asked in a run, as they are written there."""
    models = (engine.expected_model(), engine.config.candidate_model or OFFLINE)
    return find_unused_prices(engine.config.prices or {}, models)


def describe_run(engine: GameEngine, forecast: Forecast) -> str:
    """Return what is drawn, what a run will do, and what is not stated and will be assumed."""
    asked, runs, told_by_calls = forecast.asked, _name_runs(forecast), is_told_by_calls(forecast)
    blocks = [
        headed(f"{MISSPELLED}:", wrap(find_misspelled(engine))),
        headed("Not known of as many people as stand in brackets:", wrap(find_unknown(engine))),
        headed("Not known, and therefore drawn:", wrap(find_gaps(engine))),
        headed(f"{runs} will make these acts:", indent(forecast_lines(forecast)) if not told_by_calls else ()),
        headed(f"{runs} will ask models:", indent(calls_lines(asked)) if asked else ()),
        _wrap_plain([*describe_course(forecast), *(describe_calls(asked) if asked else ())]),
        headed("Not stated, and therefore assumed:", align_assumptions(engine.config.assumptions())),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _name_runs(forecast: Forecast) -> str:
    return "A run" if forecast.replicates == 1 else f"{count_of(forecast.replicates, 'runs')} together"


def run_as_data(engine: GameEngine, forecast: Forecast) -> dict[str, Any]:
    """Return the same as plain data."""
    return {
        "assumed": list(engine.config.assumptions()),
        "drawn": list(find_gaps(engine)),
        "unused_prices": list(find_idle_prices(engine)),
        "misspelled": find_misspelled(engine),
        "unknown": find_unknown(engine),
        "acts": forecast.rows(),
        "levels": forecast.levels,
        "max_concurrent": forecast.max_concurrent,
        "calls": forecast.calls,
        "replicates": forecast.replicates,
        "asked": None if forecast.asked is None else forecast.asked.as_data(),
    }


def find_gaps(engine: GameEngine) -> Iterator[str]:
    """Yield a sentence for every topic on which people have no prior belief."""
    people = [persona.person() for persona in engine.population.personas]
    for topic in engine.mediator.topics if engine.mediator else ():
        drawn = count_drawn_priors(people, topic)
        if drawn:
            yield (
                f"{drawn:,} of {len(people):,} people have no prior belief on {topic.title}: one is drawn from the seed"
            )


def find_misspelled(engine: GameEngine) -> list[str]:
    """Return in words which attributes of people look misspelled, so that nothing goes by them."""
    people = [persona.person() for persona in engine.population.personas]
    return describe_misspelled(people, are_offline=engine.expected_model() == OFFLINE)


def tell_misspelled(engine: GameEngine) -> None:
    """Warn on stderr, in one line, of attributes that look misspelled."""
    if misspelled := find_misspelled(engine):
        say(clean_text(f"Warning: {MISSPELLED}: {', '.join(misspelled)}"))


def find_unknown(engine: GameEngine) -> list[str]:
    """Return in words what the offline mind takes of people of whom it is not known; nothing of a model."""
    people = [persona.person() for persona in engine.population.personas]
    return list(describe_unknown(people)) if engine.expected_model() == OFFLINE else []


def align_assumptions(sentences: Iterable[str]) -> Iterator[str]:
    """Yield the lines of what is assumed: settings in a column with their values beside them, all else in sentences."""
    for sentence in sentences:
        setting, is_setting, value = sentence.partition(NOT_STATED)
        yield from indent([f"{setting:22}{value}"]) if is_setting else wrap([sentence])


def indent(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines two columns in."""
    return (f"  {line}" for line in lines)


def headed(head: str, lines: Iterable[str]) -> list[str]:
    """Return the lines under their head, nothing if there are none."""
    lines = list(lines)
    return [head, *lines] if lines else []


def _wrap_plain(sentences: Iterable[str]) -> Iterator[str]:
    for sentence in sentences:
        yield from textwrap.wrap(sentence, WIDTH, break_on_hyphens=False)


def wrap(sentences: Iterable[str]) -> Iterator[str]:
    """Yield the lines of sentences, each one beginning a new line."""
    for sentence in sentences:
        yield from textwrap.wrap(
            clean_text(sentence), WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )
