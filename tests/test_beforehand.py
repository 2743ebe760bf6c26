"""Communities that a script has put something into before their run: kept, and had again with the run."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.candidate import Candidate
from synthetic_communities.domain.feed import FeedPost
from synthetic_communities.domain.remark import Remark
from synthetic_communities.errors import RecordError, UsageError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.failures import ModelUnavailableError
from synthetic_communities.mediator import Mediator, Topic
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.offline.mind import OfflineMind
from synthetic_communities.persona import ChatEntry, Persona
from synthetic_communities.rerunning import replay_run, resume_run, verify_run
from synthetic_communities.runs.directory import INPUTS, PEOPLE, USAGE
from synthetic_communities.runs.row import LARGEST
from synthetic_communities.simulation.kept.plain_values import as_plain, from_plain
from synthetic_communities.social_media import Post
from synthetic_communities.testing.models import ScriptedModel
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import make_config, make_engine, read_json, read_record
from tests.test_rerunning import NAME, Counting, edit_json, edit_line, out_of_quota, reply

Put = Callable[[GameEngine], None]


def put_posts(engine: GameEngine) -> None:
    engine.social_media.add_post({"persona_id": "p0", "content": "Rents are too high."})
    engine.social_media.add_post(Post("a post", "p1", Remark("No trams!", stances={"t1": -0.1 - 0.2}), epoch=-1))
    engine.social_media.add_reaction("a post", "p0", "thumbs_down")


def put_positions(engine: GameEngine) -> None:
    first, second = engine.candidates
    first.state.policy_positions["t0"] = Remark("Cap them.", stances={"t0": 0.7}, source="by hand")
    second.state.policy_positions["t1"] = "No tram for now."
    second.state.memory.append("Speak slowly.")


def put_beliefs(engine: GameEngine) -> None:
    first, second, _ = engine.population.personas
    first.beliefs = {"t0": {"belief": "Too high.", "vote": "Aisha Noor", "stance": 1 / 3}, "overall_vote": "Johan Berg"}
    second.beliefs["t1"] = "Trams are fine."


def put_knowledge(engine: GameEngine) -> None:
    first, second, third = engine.population.personas
    first.debate_knowledge += ["Rents rose again.", Remark("I would cap them.", speaker_id="c0", stances={"t0": 0.25})]
    second.chats.append(ChatEntry("p0", "Person 0", [{"speaker_id": "p0", "message": "What do you make of it?"}]))
    third.social_media_knowledge.append({"id": "old", "persona_id": "p0", "content": "It was cheaper.", "epoch": 0})


def put_cast(engine: GameEngine) -> None:
    topics = [Topic("t0", "Rents", "Cap rents.", priors=("-t0",)), Topic("t2", "Parks", "More parks.", against="none")]
    engine.candidates[1:] = [Candidate("c9", "Cem Ak", "Terse.", [*topics, Topic("t3", "Bins", "?")], None)]
    engine.mediator = Mediator("moderator", topics, None)
    engine.mediator.state.memory.append("Be brief.")


def put_world(engine: GameEngine) -> None:
    engine.config = make_config(3, world_story=None)
    engine.candidates[0].world_story = "A town on a hill."


EVERYTHING = (put_posts, put_positions, put_beliefs, put_knowledge)


def put_everything(engine: GameEngine) -> None:
    for put in EVERYTHING:
        put(engine)


def prepare(folder: Path, put: Put, mind: Any) -> GameEngine:
    """Return a community of three whose run directory is made, with something put there."""
    engine = make_engine(make_config(3), mind)
    put(engine)
    engine.initialize_simulation_output(folder)
    return engine


def model(decide: Any = reply) -> LLMMind:
    return LLMMind(ScriptedModel(decide, name=NAME))


def break_off(folder: Path, put: Put, calls: int = 25) -> Path:
    engine = prepare(folder, put, model(out_of_quota(calls)))
    with pytest.raises(ModelUnavailableError):
        engine.run()
    assert engine.simulation_dir is not None
    return engine.simulation_dir


@pytest.mark.parametrize("put", [put_everything, put_cast, put_world])
def test_it_is_there_again_when_the_run_is_gone_on_with_verified_or_replayed(tmp_path: Path, put: Put) -> None:
    undisturbed = prepare(tmp_path / "whole", put, model()).run()
    path = break_off(tmp_path / "broken", put)
    rest = Counting()
    resume_run(path, model=rest.mind)
    assert read_record(path) == read_record(undisturbed.path)
    assert rest.calls
    assert verify_run(path, model=model()).word == "identical"
    again = replay_run(path, model=model(), base_dir=tmp_path / "again")
    assert read_record(again.path) == read_record(undisturbed.path)


def test_of_a_community_that_is_as_its_configuration_says_nothing_is_kept_twice(tmp_path: Path) -> None:
    path = prepare(tmp_path, lambda engine: None, None).run().path
    assert (read_json(path / INPUTS)["beforehand"], read_json(path / INPUTS)["not_kept"]) == ({}, [])
    assert '"beforehand"' not in (path / PEOPLE).read_text(encoding="utf-8")


def test_a_community_put_together_anew_goes_on_only_with_what_was_there_then(tmp_path: Path) -> None:
    path = break_off(tmp_path / "broken", put_everything)

    def go_on(put: Put) -> None:
        engine = make_engine(make_config(3), model())
        put(engine)
        engine.go_on(path)
        engine.run()

    with pytest.raises(
        RecordError, match=r"began with something else: candidates: 2 of them then, not there now; put there"
    ):
        go_on(put_beliefs)
    with pytest.raises(RecordError, match=r"people.p0.beliefs: .* then, not there now"):
        go_on(lambda engine: [put(engine) for put in (put_posts, put_positions, put_knowledge)] and None)
    go_on(put_everything)
    assert verify_run(path, model=model()).word == "identical"


def test_another_configuration_would_drop_it_and_is_refused(tmp_path: Path) -> None:
    path = prepare(tmp_path, put_everything, None).run().path
    names = "candidates, posts, reactions, beliefs, debate_knowledge, chats, social_media_knowledge"
    with pytest.raises(UsageError, match=rf"began with what a script had put there \({names}\), of which another conf"):
        replay_run(path, make_config(3), base_dir=tmp_path)


def own_minds(engine: GameEngine) -> None:
    engine.population.personas[1].llm_client = ScriptedMind()
    engine.candidates[0].llm_client = ScriptedMind()


def own_mediator(engine: GameEngine) -> None:
    assert engine.mediator is None
    engine.mediator = Mediator("mediator", None, OfflineMind())


def lived_before(engine: GameEngine) -> None:
    person = engine.population.personas[2]
    person.debate_knowledge.append("Rents rose again.")
    person.llm_client = OfflineMind()
    person.update_beliefs()
    person.llm_client = None


class Stubborn(Persona):
    """Whom posts do not reach."""

    def see(self, feed: tuple[FeedPost, ...]) -> None:
        pass


def own_class(engine: GameEngine) -> None:
    first = engine.population.personas[0]
    engine.population.personas[0] = Stubborn(first.id, first.features)


def own_function(engine: GameEngine) -> None:
    engine.population.personas[1].has_news = lambda category: False  # type: ignore[method-assign]


def unlike_anything(engine: GameEngine) -> None:
    engine.population.personas[0].beliefs["t0"] = {"belief": "Well.", "stance": 0.5, "found": object()}


def unlike_beliefs(engine: GameEngine) -> None:
    engine.population.personas[0].beliefs = {"t0": {"belief": {"remark": 5}}}


@pytest.mark.parametrize(
    ("put", "told"),
    [
        (own_minds, r"Persona\('p1'\) \(and 1 more\) thought with a mind of its own, 'scripted'"),
        (own_mediator, r"Mediator\('mediator'\) thought with a mind of its own, 'offline'"),
        (lived_before, r"Persona\('p2'\) had acted before the run"),
        (own_class, r"Persona\('p0'\) was of a class of its own, Stubborn"),
        (own_function, r"Persona\('p1'\) had a function of its own, has_news"),
        (unlike_anything, r"beliefs of Persona\('p0'\) hold what cannot be kept: a value of the type object"),
        (unlike_beliefs, r"beliefs of Persona\('p0'\) hold what cannot be kept: the words of a text are none"),
    ],
)
def test_what_no_file_can_hold_is_named_at_once_and_nothing_is_changed(tmp_path: Path, put: Put, told: str) -> None:
    path = prepare(tmp_path, put, model()).run().path
    (path / USAGE).unlink()
    before = {file: file.read_bytes() for file in path.iterdir()}
    for make_again in (resume_run, verify_run, replay_run):
        with pytest.raises(RecordError, match=rf"{path} cannot be made again from what it holds: {told}"):
            make_again(path)
    assert {file: file.read_bytes() for file in path.iterdir()} == before


def test_minds_of_their_own_go_on_with_the_community_put_together_anew(tmp_path: Path) -> None:
    undisturbed = prepare(tmp_path / "whole", own_mediator, model()).run()
    path = break_off(tmp_path / "broken", own_mediator)
    engine = make_engine(make_config(3), model())
    own_mediator(engine)
    engine.go_on(path)
    assert read_record(engine.run().path) == read_record(undisturbed.path)


@pytest.mark.parametrize("mind", [None, model(), ScriptedMind()], ids=["offline", "a model", "a script's"])
def test_a_mind_that_everybody_has_anyway_is_none_of_their_own(tmp_path: Path, mind: Any) -> None:
    def put(engine: GameEngine) -> None:
        engine.candidates[0].llm_client = mind or OfflineMind()
        engine.population.personas[0].llm_client = (
            model() if isinstance(mind, LLMMind) else engine.candidates[0].llm_client
        )

    path = prepare(tmp_path, put, mind).run().path
    assert read_json(path / INPUTS)["not_kept"] == []
    assert verify_run(path, model=mind).word == "identical"


@pytest.mark.parametrize(
    ("file", "edit"),
    [
        (INPUTS, lambda value: value["beforehand"]["posts"][0].update(colour="red")),
        (INPUTS, lambda value: value["beforehand"]["candidates"][0].pop("notes")),
        (INPUTS, lambda value: value["beforehand"]["candidates"][0]["positions"]["t0"].update(colour="red")),
        (PEOPLE, lambda value: value["beforehand"].update(llm_client="me")),
        (INPUTS, lambda value: value["beforehand"]["posts"][0].update(likes=10**400)),
        (PEOPLE, lambda value: value["beforehand"]["beliefs"]["t0"].update(stance=10**400)),
    ],
    ids=["a post", "a candidate", "a position", "a person", "likes", "a stance"],
)
def test_what_was_kept_and_is_damaged_is_told(tmp_path: Path, file: str, edit: Callable[[Any], None]) -> None:
    path = prepare(tmp_path, put_everything, None).run().path
    edit_json(path / file, edit) if file == INPUTS else edit_line(path / file, 0, edit)
    with pytest.raises(RecordError, match=rf"^{path}: what was there before the run cannot be put back: .* damaged"):
        verify_run(path)


def places_in(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value at any depth."""
    yield place
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places_in(value[key], (*place, key))


def put_at(values: Any, place: tuple[Any, ...], value: Any) -> Any:
    """Return values with another one at a place."""
    if not place:
        return value
    copied = copy.copy(values)
    copied[place[0]] = put_at(values[place[0]], place[1:], value)
    return copied


def test_somebody_elses_run_may_have_anything_there(tmp_path: Path) -> None:
    path = (
        prepare(tmp_path, lambda engine: [put(engine) for put in (put_everything, put_cast)] and None, None).run().path
    )
    whole = read_json(path / INPUTS)
    draw = random.Random(1)
    cases = [(place, other) for place in places_in(whole["beforehand"]) for other in (5, None, [], {}, "x", [5])]
    told = Counter[str]()
    for place, other in draw.sample(cases, 80):
        edited = {**whole, "beforehand": put_at(whole["beforehand"], place, other)}
        (path / INPUTS).write_text(json.dumps(edited), encoding="utf-8")
        try:
            told[verify_run(path).word] += 1
        except RecordError:
            told["refused"] += 1
    assert told["refused"] > 40
    assert told["differs"] > 3


TEXTS = st.text(max_size=5)
REMARKS = st.builds(
    Remark,
    TEXTS,
    stances=st.dictionaries(TEXTS, st.floats(-1, 1), max_size=2),
    source=TEXTS,
    speaker_id=TEXTS,
    speaker_name=TEXTS,
)
HELD = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-LARGEST, LARGEST), st.floats(allow_nan=False), REMARKS),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXTS, inner)),
    max_leaves=8,
)


def spell(value: Any) -> Any:
    """Return a value with all that remarks know."""
    if isinstance(value, str):
        known = {name: getattr(value, name, "") for name in ("source", "speaker_id", "speaker_name")}
        return str(value), dict(getattr(value, "stances", {})), known
    if isinstance(value, list):
        return [spell(item) for item in value]
    if isinstance(value, dict):
        return {key: spell(item) for key, item in value.items()}
    return value, type(value)


@settings(max_examples=100, deadline=None)
@given(HELD)
def test_plain_values_are_the_same_when_they_come_back(value: Any) -> None:
    assert spell(from_plain(json.loads(json.dumps(as_plain(value))))) == spell(value)


@pytest.mark.parametrize("value", [object(), {1: "a"}, [{"a": {3, 4}}], b"bytes"])
def test_what_json_has_nothing_for_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"^a value of the type "):
        as_plain(value)
