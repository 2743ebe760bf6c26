"""What a run will do, told beforehand, held against what runs do."""

from __future__ import annotations

import io
import json
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.config import Config
from synthetic_communities.domain.debate import Topic
from synthetic_communities.engine.ledger import Ledger, Task
from synthetic_communities.errors import ConfigurationError
from synthetic_communities.forecast.assumed import ZERO
from synthetic_communities.forecast.counting import AT_MOST, measure_levels
from synthetic_communities.forecast.forecast import Forecast, StepForecast, describe_forecast
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm import choice
from synthetic_communities.llm_client import create_client
from synthetic_communities.mediator import Mediator
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.offline.mind import OfflineMind
from synthetic_communities.persona import Persona
from synthetic_communities.population import Population
from synthetic_communities.report.steps import ACTS, STEP_OF_ACT
from synthetic_communities.simulation.expectation import find_actor
from synthetic_communities.simulation.stage import build_course, build_plan
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.scripted import ScriptedMind
from synthetic_communities.testing.virtual_time import run_in_virtual_time, virtual_seconds
from tests.model_communities import make_engine as make_model_engine
from tests.model_communities import run_engine, set_keys
from tests.small_communities import make_config, make_engine, read_record

# Two epochs; in each, one question on each of two topics, to which each of two candidates speaks twice. One pair of the
# three people talks for two rounds; everybody posts.
SMALL = {
    "opening_position": 2,
    "opening_opinion": 3,
    "reading": 2,  # not in the first epoch
    "question": 2 * 2,
    "introduction": 2 * 2,
    "statement": 2 * 2 * 2 * 2,
    "reflection": 2 * 2 * 2,
    "debate_update": 2 * 3,
    "chat_turn": 2 * 2 * 2,
    "chat_update": 2 * 2,
    "post": 2 * 3,
    "reaction": 2 * 3,
    "social_update": 2 * 3,
    "ballot": 3,
}
# In the first epoch two debates of question, introduction and four statements; an update, four turns, an update, a
# post, a reaction. In the second a reading, and the same again. Then the update from the feed, and the ballot.
SMALL_LEVELS = (2 * 6 + 1 + 4 + 1 + 1 + 1) + 1 + (2 * 6 + 1 + 4 + 1 + 1 + 1) + 1 + 1

MODEL = "openai:gpt-5-mini"
OF_CANDIDATES = ("opening_position", "reading", "question", "introduction", "statement", "reflection")


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


def calls_of(forecast: Forecast) -> Mapping[str, int | None]:
    return {step.step: step.calls for step in forecast.steps}


# Acts.


def test_acts_of_a_small_community_as_worked_out_by_hand() -> None:
    forecast = make_engine(make_config(3)).forecast()
    assert {step.step: step.acts for step in forecast.steps} == SMALL
    assert [step.step for step in forecast.steps] == list(ACTS), "in the order in which they take place"
    assert forecast.acts == 78
    assert [step.step for step in forecast.steps if not step.is_exact] == [
        *("opening_position", "reading", "reaction", "social_update")
    ]
    assert not forecast.is_exact


def test_what_is_forecast_is_what_a_run_does(tmp_path: Path) -> None:
    engine = GameEngine.from_config(Config.bundled(population_size=9, num_epochs=2))
    engine.initialize_simulation_output(tmp_path)
    forecast = engine.forecast()
    done = engine.run().measured["acts"]

    assert {step.step: step.acts for step in forecast.steps} == {
        name: sum(act["statuses"].values()) for name, act in done.items()
    }
    not_asked = {name for name, act in done.items() if "not_asked" in act["statuses"]}
    assert not_asked <= set(AT_MOST) == {step.step for step in forecast.steps if not step.is_exact}
    assert engine.forecast() == forecast, "after the run as before it"


def test_a_step_that_is_not_in_the_plan_is_not_in_the_forecast() -> None:
    config = make_config(1, num_epochs=1, topics=None, candidates=None, opening_opinions=False, post_probability=0.0)
    assert make_engine(config).forecast() == Forecast(
        (
            StepForecast("reaction", 1, is_exact=False, calls=0),
            StepForecast("social_update", 1, is_exact=False, calls=0),
        ),
        levels=2,
        max_concurrent=20,
    )


def test_topics_are_those_the_mediator_has_else_those_of_the_configuration() -> None:
    engine = make_engine(make_config(3))
    engine.mediator = Mediator("m")
    assert engine.forecast().acts == 78
    assert engine.mediator.topics == [], "a forecast changes nothing"
    engine.mediator.add_topic(Topic("rents", "Rents", "?"))
    assert engine.forecast().acts == 78 - 2 * (1 + 1 + 4 + 2), (
        "a question less in each epoch, and all that is said to it"
    )


# Levels.


def test_levels_of_a_small_community_as_worked_out_by_hand() -> None:
    assert make_engine(make_config(3)).forecast().levels == SMALL_LEVELS == 43


@pytest.mark.parametrize("schedule", ["dependencies", "phases"])
def test_a_run_takes_as_long_as_its_levels_where_every_act_takes_a_second(schedule: str, tmp_path: Path) -> None:
    engine = make_engine(make_config(3, max_concurrent=1_000, schedule=schedule), ScriptedMind(delay_seconds=1.0))
    engine.initialize_simulation_output(tmp_path)

    async def run() -> float:
        result = await engine.run_async()
        assert not any(epoch["failures"] for epoch in result.epochs)
        return virtual_seconds()

    assert run_in_virtual_time(run()) == engine.forecast().levels


def count_rounds(tasks: Iterable[Task]) -> int:
    """Return how many rounds a plan takes where all acts that may start do so at once, and end together."""
    ledger, rounds = Ledger(tasks), 0
    while ledger.unfinished:
        while (gate := ledger.take(acts_allowed=False)) is not None:
            ledger.end(gate, "done")
        started: list[Task] = []
        while (act := ledger.take(acts_allowed=True)) is not None:
            started.append(act)
        for act in started:
            ledger.end(act, "done")
        rounds += bool(started)
    return rounds


@pytest.mark.parametrize("people", [1, 2, 7])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_epochs": 1},
        {"candidates": None},
        {"topics": None},
        {"opening_opinions": False, "post_probability": 0.0, "num_epochs": 3},
        {"schedule": "phases"},
        {"num_rounds_mean": 4, "num_rounds_variance": 3, "turns_per_question": 1, "questions_per_topic": 3},
    ],
)
def test_levels_are_the_rounds_that_acts_side_by_side_take(people: int, changes: dict[str, Any]) -> None:
    engine = make_engine(make_config(people, **changes))
    assert engine.forecast().levels == count_rounds(plan_of(engine))


def test_a_barrier_between_steps_makes_the_longest_chain_longer() -> None:
    freely, in_phases = (make_engine(make_config(3, schedule=name)).forecast() for name in ("dependencies", "phases"))
    assert (freely.acts, freely.levels) == (in_phases.acts, 43)
    assert in_phases.levels > 43


def plan_of(engine: GameEngine) -> Sequence[Task]:
    people = [persona.id for persona in engine.population.personas]
    candidates = [candidate.id for candidate in engine.candidates]
    topics = [topic["id"] for topic in engine.config.topics or ()]
    return build_plan(build_course(engine.config, people, candidates, topics), engine.config)


def test_what_is_no_act_takes_no_level_and_hands_on_those_before_it() -> None:
    tasks = [
        Task("a", ""),
        Task("b", "", waits_for=("a",)),
        Task("gate", "", needs=("b",), is_act=False),
        Task("c", "", needs_any=("a", "gate")),
        Task("d", ""),
        Task("end", "", waits_for=("c", "d"), is_act=False),
    ]
    assert measure_levels(tasks) == 3
    assert measure_levels([]) == 0


# Calls.


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        (MODEL, {}),
        (MODEL, {"topics": None}),
        (MODEL, {"candidates": None}),
        (MODEL, {"opening_opinions": False, "candidate_model": "offline"}),
        ("offline", {"candidate_model": MODEL}),
    ],
)
def test_calls_are_those_a_server_gets(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, changes: dict[str, Any]
) -> None:
    set_keys(monkeypatch)
    engine = make_model_engine(server, model, people=3, **changes)
    forecast = engine.forecast()
    file = io.StringIO()
    engine.log_bodies(file)
    run_engine(engine, tmp_path)
    made = Counter(
        STEP_OF_ACT[call["act"]]
        for call in map(json.loads, file.getvalue().splitlines())
        if (call["attempt"], call["tries"]) == (1, 1)  # whatever is asked again comes on top
    )

    told = calls_of(forecast)
    assert {step: number for step, number in told.items() if number and step not in AT_MOST} == {
        step: number for step, number in made.items() if step not in AT_MOST
    }
    assert all(made[step] <= (told[step] or 0) for step in told if step in AT_MOST)
    assert 0 < made.total() <= (forecast.calls or 0)


def test_a_call_an_act_where_everybody_asks_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)
    forecast = make_engine(make_config(3, model=MODEL)).forecast()
    assert calls_of(forecast) == SMALL
    assert forecast.calls == forecast.acts == 78


def test_none_where_everybody_is_offline() -> None:
    forecast = make_engine(make_config(3)).forecast()
    assert calls_of(forecast) == dict.fromkeys(SMALL, 0)
    assert forecast.calls == 0


def test_a_model_that_nobody_has_a_question_for_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)
    nothing: dict[str, Any] = {"topics": [], "candidates": [], "post_probability": 0.0}
    engine = GameEngine.from_config(Config.bundled(model=MODEL, population_size=1, **nothing))
    forecast = engine.forecast()
    assert forecast.acts > 0, "a person alone looks at a feed in which nothing stands"
    assert (forecast.calls, forecast.asked, forecast.cost_usd) == (0, None, ZERO)
    for told in (str(forecast), forecast._repr_html_()):
        assert "Model calls: 0. No language model is asked, and nothing is spent." in told


def test_candidates_and_mediator_may_ask_another_mind_than_people() -> None:
    people = dict.fromkeys(SMALL, 0) | {step: SMALL[step] for step in SMALL if step not in OF_CANDIDATES}
    cast = dict.fromkeys(SMALL, 0) | {step: SMALL[step] for step in SMALL if step in OF_CANDIDATES}
    assert calls_of(make_engine(make_config(3, model=MODEL, candidate_model="offline")).forecast()) == people
    assert calls_of(make_engine(make_config(3, model="offline", candidate_model=MODEL)).forecast()) == cast
    given = make_engine(make_config(3, candidate_model=MODEL), OfflineMind())
    assert calls_of(given.forecast()) == cast


def test_how_many_calls_a_mind_of_somebody_else_makes_is_not_known() -> None:
    forecast = make_engine(make_config(3), ScriptedMind()).forecast()
    assert calls_of(forecast) == dict.fromkeys(SMALL, None)
    assert forecast.calls is None
    assert forecast.acts == 78


def test_a_mind_that_asks_a_model_makes_a_call_an_act() -> None:
    mind = LLMMind(ScriptedModel([]))
    assert make_engine(make_config(3), mind).forecast().calls == 78
    engine = make_engine(make_config(3))
    people = engine.population.personas
    engine.population = Population(model=mind)
    for persona in people:
        engine.population.add_persona(persona)
    assert engine.forecast().calls == 78
    engine.config.model = "offline"
    assert engine.forecast().calls == 0, "what the configuration names goes before what the population came with"


def test_minds_of_ones_own_count_where_they_are_asked() -> None:
    client = create_client("a-key", model=MODEL)
    engine = make_engine(make_config(3))
    first, _ = {find_actor(task)[1] for task in plan_of(engine) if task.step == "chat_update" and task.epoch == 0}
    engine.population.personas[int(first[1:])].llm_client = client
    told = calls_of(engine.forecast())
    assert [task.key for task in plan_of(engine) if task.is_act and find_actor(task) == (Persona, first)] == [
        task.key for task in plan_of(engine) if _acts_for(task, first)
    ]
    of_one = [task.step for task in plan_of(engine) if _acts_for(task, first)]
    assert told == dict.fromkeys(SMALL, 0) | dict(Counter(of_one))
    assert told["chat_turn"] == of_one.count("chat_turn") >= 2


def _acts_for(task: Task, who: str) -> bool:
    """Say whether somebody acts in a task: by its key, or by whose turn it is in the conversation its key names."""
    if task.step != "chat_turn":
        return task.is_act and task.key.endswith(f"/{who}")
    pair, number = task.key.split("/")[2:]
    return pair.split("+")[int(number) % 2] == who


def test_a_candidate_and_the_mediator_may_have_minds_of_their_own_too() -> None:
    client = create_client("a-key", model=MODEL)
    engine = make_engine(make_config(3))
    engine.candidates[1].llm_client = client
    none = dict.fromkeys(SMALL, 0)
    own = {"opening_position": 1, "reading": 1, "statement": 2 * 2 * 2, "reflection": 2 * 2}
    assert calls_of(engine.forecast()) == none | own
    engine.mediator = Mediator("m", None, client)
    assert calls_of(engine.forecast()) == none | own | {"question": 4, "introduction": 4}
    engine.mediator.llm_client = ScriptedMind()
    forecast = engine.forecast()
    assert calls_of(forecast) == none | own | {"question": None, "introduction": None}
    assert (forecast.calls, forecast.own_acts) == (sum(own.values()), 8)


def test_what_others_take_is_told_beside_a_mind_of_somebody_else() -> None:
    engine = make_engine(make_config(3, model=MODEL))
    whole = engine.forecast()
    engine.population.personas[0].llm_client = ScriptedMind()
    forecast = engine.forecast()
    assert forecast.calls == 78 - forecast.own_acts
    assert calls_of(forecast) == {**SMALL, **{step.step: step.acts - step.own_acts for step in forecast.steps}}
    assert {step.step: step.own_acts for step in forecast.steps}["ballot"] == 1
    assert forecast.cost_usd is not None
    assert whole.cost_usd is not None
    assert 0.6 < forecast.cost_usd.high / whole.cost_usd.high < 0.9
    said = f"{forecast.own_acts} acts of a mind that is not of this package: what it asks is not counted."
    assert said in describe_forecast(forecast)
    assert str(forecast).splitlines()[0].split() == ["acts", "calls"]
    assert "not of this package" not in str(whole)
    assert engine.forecast(replicates=2).own_acts > forecast.own_acts


def test_the_bearers_of_ids_that_are_alike_are_told_apart() -> None:
    engine = make_engine(make_config(3), ids=("c0", "c1", "mediator"))
    engine.candidates[0].llm_client = create_client("a-key", model=MODEL)
    told = calls_of(engine.forecast())
    assert {step for step, calls in told.items() if calls} == {"opening_position", "reading", "statement", "reflection"}


# Limits.


def test_the_limit_is_that_of_the_run(server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)
    for number, changes in enumerate([{}, {"max_concurrent": 7}, {"candidate_model": "offline"}]):
        engine = make_model_engine(server, "ollama:llama3", people=1, num_epochs=1, **changes)
        forecast = engine.forecast()
        measured = run_engine(engine, tmp_path / str(number)).measured
        assert forecast.max_concurrent == measured["limits"]["max_concurrent"] == (7 if number == 1 else 4)


def test_the_limit_is_the_lowest_that_a_server_in_the_run_bears() -> None:
    engine = make_engine(make_config(3))
    assert engine.forecast().max_concurrent == 20
    engine.population.personas[2].llm_client = create_client("a-key", model="ollama:llama3")
    assert engine.forecast().max_concurrent == 4
    for changes in ({"model": "ollama:m"}, {"candidate_model": "ollama:m"}):
        assert make_engine(make_config(3, **changes)).forecast().max_concurrent == 4


# What it leaves alone.


def test_nothing_is_made_asked_printed_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mind = ScriptedMind()
    engine = make_engine(make_config(3), mind)
    assert engine.forecast() == engine.forecast()
    assert mind.asked == []
    assert engine.mediator is None
    assert engine.simulation_dir is None
    assert [engine.candidates[0].state.policy_positions, engine.population.personas[0].memory] == [{}, []]
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_the_record_is_the_same_whether_a_run_was_forecast_or_not(tmp_path: Path) -> None:
    first, second = make_engine(make_config(3)), make_engine(make_config(3))
    first.forecast()
    assert read_record(run_engine(first, tmp_path / "a").path) == read_record(run_engine(second, tmp_path / "b").path)


def test_no_key_is_needed() -> None:
    assert make_engine(make_config(3, model="anthropic")).forecast().calls == 78


def test_an_engine_that_looks_for_keys_neither_warns_nor_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(choice.MODEL_VARIABLE)
    engine = make_engine(make_config(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert engine.forecast().calls == 0
        monkeypatch.setenv("GEMINI_API_KEY", "k")
        assert engine.forecast().calls == 78
    assert capfd.readouterr() == ("", "")


def test_what_could_not_be_run_is_not_forecast() -> None:
    with pytest.raises(ConfigurationError, match="num_epochs"):
        make_engine(make_config(3, num_epochs=-1)).forecast()
    with pytest.raises(ConfigurationError, match="nothing to run"):
        GameEngine(make_config(0, topics=None)).forecast()
    with pytest.raises(ConfigurationError, match="candidate_model"):
        make_engine(make_config(3, candidate_model="other:m")).forecast()


# In words.

STEPS = (
    StepForecast("opening_position", 2, is_exact=False, calls=2),
    StepForecast("ballot", 1_200, is_exact=True, calls=1_200),
)


def test_rows_are_plain() -> None:
    assert Forecast(STEPS, levels=3, max_concurrent=20).rows() == [
        {"step": "opening_position", "acts": 2, "is_exact": False, "calls": 2, "own_acts": 0},
        {"step": "ballot", "acts": 1_200, "is_exact": True, "calls": 1_200, "own_acts": 0},
    ]


def test_as_text_it_is_a_table_with_its_sums() -> None:
    assert str(Forecast(STEPS, levels=1_003, max_concurrent=20)).splitlines() == [
        "                                 acts     calls",
        "opening positions   at most         2         2",
        "ballots                         1,200     1,200",
        "in all              at most     1,202     1,202",
        "",
        "The longest chain of acts that wait for one another: 1,003.",
        "At most 20 acts are under way at once.",
        "Model calls: at most 1,202, and more where one has to be tried again.",
    ]


def test_calls_that_are_not_known_are_said_to_be() -> None:
    unknown = StepForecast("post", 3, is_exact=True, calls=None, own_acts=3)
    lines = str(Forecast((STEPS[1], unknown), levels=2, max_concurrent=20)).splitlines()
    assert lines[:4] == [
        "                       acts     calls",
        "ballots               1,200     1,200",
        "posts                     3         -",
        "in all                1,203     1,200",
    ]
    assert lines[-2] == "3 acts of a mind that is not of this package: what it asks is not counted."
    offline = replace(STEPS[1], calls=0)
    lines = str(Forecast((offline, unknown), levels=2, max_concurrent=20)).splitlines()
    assert lines[3].split() == ["in", "all", "1,203", "-"]
    assert lines[-1] == "Model calls: not known, as there is a mind that is not of this package."


def test_where_no_model_is_asked_there_is_no_column_for_it() -> None:
    lines = str(Forecast((StepForecast("post", 3, is_exact=True, calls=0),), levels=1, max_concurrent=20)).splitlines()
    assert lines[:3] == ["                      acts", "posts                    3", "in all                   3"]
    assert lines[-1] == "Model calls: 0. No language model is asked, and nothing is spent."


def test_at_most_is_said_of_calls_only_where_it_is_true_of_them() -> None:
    steps = (StepForecast("reading", 3, is_exact=False, calls=0), STEPS[1])
    last = str(Forecast(steps, levels=1, max_concurrent=20)).splitlines()[-1]
    assert last == "Model calls: 1,200, and more where one has to be tried again."
