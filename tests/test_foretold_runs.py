"""Whole runs lie in what was foretold of them: the bundled scenario and two larger ones, before and after a probe."""

from __future__ import annotations

import pytest

from synthetic_communities.testing.server.settings import LoopbackSettings
from synthetic_communities.testing.server.tokens import FEWEST_CHARACTERS, MOST_CHARACTERS
from tests.foretold_runs import Taken, Trial, build_towns, compare, is_right

FEWEST, MOST = FEWEST_CHARACTERS, MOST_CHARACTERS

SETTINGS = LoopbackSettings(seed=2, latency=0.3, sigma=0.2)
"""Of this seed replies to a probe of the bundled community take longer than the others, by a tenth."""

TRIALS = [
    ("bundled", "openai:gpt-5-mini", [3.7, FEWEST, MOST]),
    ("200 people, 3 epochs", "anthropic:claude-haiku-5-5", [FEWEST, MOST]),
    ("500 people, 2 epochs", "anthropic:claude-haiku-5-5", [MOST, FEWEST]),
]
"""Community, who is asked, and characters of a token, which no forecast knows; a probe meets the first."""


@pytest.fixture(scope="module", params=TRIALS, ids=lambda trial: trial[0])
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Trial, dict[float, Taken]]:
    """A community, and what a run of it took by each rule."""
    name, model, rules = request.param
    folder = tmp_path_factory.mktemp("town")
    trial = Trial(build_towns(folder)[name], model, settings=SETTINGS)
    return trial, trial.run(rules, folder)


def test_what_a_run_takes_lies_in_its_forecast(trial: tuple[Trial, dict[float, Taken]]) -> None:
    town, taken = trial
    asked = town.foretell()
    for rule, took in taken.items():
        for figure, span, was in compare(asked, took, is_probed=False):
            assert is_right(span, was), f"{figure}: {was:,.2f} of {span}, {rule} characters a token"


def test_after_a_probe_how_long_it_takes_too(trial: tuple[Trial, dict[float, Taken]]) -> None:
    town, taken = trial
    rule, took = next(iter(taken.items()))
    asked = town.foretell(town.probe(rule).assumed())
    for figure, span, was in compare(asked, took, is_probed=True):
        assert is_right(span, was), f"{figure}: {was:,.2f} of {span}"
