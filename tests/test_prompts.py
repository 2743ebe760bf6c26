"""The prompts: what each act reads, in which order, and what none of them says.

What every act reads stands in `tests/snapshots/prompts`. After a change of the words look at what it makes of them:

    RENEW_SNAPSHOTS=1 python -m pytest tests/test_prompts.py; git diff tests/snapshots
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from anthropic import transform_schema
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.domain.debate import Topic
from synthetic_communities.domain.person import SHARES, TRAITS, parse_person
from synthetic_communities.domain.scene import CandidateCard, Scene
from synthetic_communities.errors import UsageError
from synthetic_communities.llm.model import Call, ModelRequest
from synthetic_communities.minds import views
from synthetic_communities.minds.llm.judgement import judgement_format
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.llm.prompts import build_system, build_user
from synthetic_communities.minds.llm.sections import candidate_letter
from synthetic_communities.minds.llm.wording import DEGREES, LEANINGS, TRAIT_DEGREES, describe_person, word_degree
from synthetic_communities.minds.views import LifeView, PersonView, View
from synthetic_communities.testing.models import Reply, ScriptedModel
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import run_community
from tests.small_views import JUDGING, KINDS, make_view

SNAPSHOTS = Path(__file__).parent / "snapshots" / "prompts"
RENEW = "RENEW_SNAPSHOTS"
SYSTEM = "system"

UNSAID = re.compile(
    r"simulat|\bpersonas?\b|experiment|hypothes|polari[sz]|\bllm|language model|\bai\b|\bagents?\b", re.IGNORECASE
)
DECIMAL = re.compile(r"\d\.\d")

MIND = LLMMind(ScriptedModel([]))


def file_name(kind: type[View]) -> str:
    return kind.act.replace(" ", "_")


def show(texts: tuple[str, ...]) -> str:
    """Return texts as they stand in a snapshot, each under its number."""
    return "\n".join(f"[text {number}]\n{text}\n" for number, text in enumerate(texts, start=1))


def all_texts(request: ModelRequest) -> str:
    schema = json.dumps(request.reply_format.schema) if request.reply_format else ""
    return "\n".join((*request.system, *request.user, schema))


# What is asked, word for word.


def check_snapshot(name: str, text: str) -> None:
    """Hold a text against its snapshot, or renew that."""
    path = SNAPSHOTS / f"{name}.txt"
    if RENEW in os.environ:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"{path} is missing; {RENEW}=1 writes it"
    assert text == path.read_text(encoding="utf-8"), f"another prompt than in {path}; {RENEW}=1 renews it"


@pytest.mark.parametrize("kind", KINDS, ids=file_name)
def test_every_act_is_asked_in_these_words(kind: type[View]) -> None:
    request = MIND.build_request(make_view(kind))
    form = request.reply_format.name if request.reply_format else "plain text"
    check_snapshot(file_name(kind), f"{show(request.user)}\n[reply]\n{form}, {request.max_output_tokens} tokens\n")


def test_every_act_reads_these_rules() -> None:
    check_snapshot(SYSTEM, show(build_system(make_view(views.BallotView))))


def test_the_schema_of_judgements() -> None:
    schema = judgement_format(make_view(views.BallotView).scene).schema
    check_snapshot("judgement", json.dumps(schema, indent=2) + "\n")


def test_there_are_no_snapshots_of_what_is_not_asked() -> None:
    names = {path.stem for path in SNAPSHOTS.iterdir()}
    assert names == {*map(file_name, KINDS), SYSTEM, "judgement"}


def test_an_act_without_anything_to_read_is_asked_all_the_same() -> None:
    bare: dict[type[View], dict[str, Any]] = {
        views.PositionView: {"character": ""},
        views.ReadingView: {"feed": (), "character": "", "positions": {}, "notes": ()},
        views.QuestionView: {"earlier": (), "notes": ()},
        views.StatementView: {"said": ()},
    }
    for kind in KINDS:
        known: dict[str, Any] = {"scene": Scene()}
        if issubclass(kind, PersonView):
            known |= {"person": parse_person("ann", {}), "beliefs": (), "memory": (), "candidates": ()}
        if issubclass(kind, LifeView):
            known |= {"heard": (), "conversation": ()}
        view = make_view(kind, **known, **bare.get(kind, {}))
        assert len(build_system(view)) == 1
        assert build_user(view)[-1]
        assert all(text.strip() == text and text for text in build_user(view)), kind


def test_a_view_of_ones_own_making_has_no_prompt() -> None:
    class OwnView(views.BallotView):
        pass

    with pytest.raises(UsageError, match="OwnView"):
        build_user(make_view(OwnView))


# The order of what is asked, over a whole run.


@dataclass(frozen=True)
class Run:
    """Every act of a run, in the order asked, with the request it made."""

    acts: tuple[tuple[View, ModelRequest], ...]
    model: ScriptedModel

    @property
    def life(self) -> Mapping[tuple[int, str], list[tuple[LifeView, ModelRequest]]]:
        """Epoch and person to that person's acts in it, in order."""
        acts = defaultdict(list)
        for view, request in self.acts:
            if isinstance(view, LifeView):
                acts[view.chance.epoch, view.person.id].append((view, request))
        return acts


def reply_to(request: ModelRequest, call: Call) -> Reply:
    """Reply something that suits, and differs from call to call."""
    if request.reply_format is None:
        return f"t0: +0.4; Yes.\nt1: -0.2; No, says {call.key}." if "POSITIONS" in request.user[-1] else call.key
    stance = (len(call.key) + sum(map(ord, call.key))) % 21 / 10 - 1
    opinions = [{"topic": topic, "sentence": call.key, "stance": stance, "candidate": "A"} for topic in ("t0", "t1")]
    return json.dumps({"opinions": opinions, "first_choice": "b", "vote": "A", "thumbs_up": [1], "thumbs_down": None})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of six people over three epochs."""
    model = ScriptedModel(reply_to)
    mind = LLMMind(model)
    asked = ScriptedMind(otherwise=mind)
    result = run_community(tmp_path_factory.mktemp("prompts"), asked, people=6, num_epochs=3)
    assert not result.failures
    return Run(tuple((view, mind.build_request(view)) for view in asked.asked), model)


def test_every_kind_of_act_is_asked_in_the_run_once(run: Run) -> None:
    assert {type(view) for view, _ in run.acts} == set(KINDS)
    assert len(run.model.requests) == len(run.acts)
    assert {request.user for request in run.model.requests} == {request.user for _, request in run.acts}
    assert {call.attempt for call in run.model.calls} == {1}


def test_the_system_message_is_the_same_for_every_act(run: Run) -> None:
    assert len({request.system for _, request in run.acts}) == 1


def test_the_reply_format_of_judgements_is_the_same_for_all_and_other_acts_have_none(run: Run) -> None:
    formats = {id(request.reply_format) for view, request in run.acts if isinstance(view, JUDGING)}
    assert len(formats) == 1
    assert all(request.reply_format is None for view, request in run.acts if not isinstance(view, JUDGING))


def until_the_person(request: ModelRequest) -> tuple[str, ...]:
    titles = [text.startswith("THE PERSON\n") for text in request.user]
    assert titles.count(True) == 1
    return request.user[: titles.index(True)]


def test_requests_of_an_epoch_share_everything_up_to_the_person(run: Run) -> None:
    shared = defaultdict(set)
    for (epoch, _), acts in run.life.items():
        for _, request in acts:
            shared[epoch].add(until_the_person(request))
    assert [len(beginnings) for beginnings in shared.values()] == [1, 1, 1]
    assert all(beginning for beginnings in shared.values() for beginning in beginnings), "nothing was shared"


def test_ballots_share_everything_up_to_the_person(run: Run) -> None:
    ballots = [request for view, request in run.acts if isinstance(view, views.BallotView)]
    assert len({until_the_person(request) for request in ballots}) == 1
    assert len({request.user for request in ballots}) == len(ballots)


def test_what_varies_from_act_to_act_stands_in_the_last_text(run: Run) -> None:
    for view, request in run.acts:
        assert "CANDIDATES FOR THIS ACT" not in "\n".join(request.user[:-1]).splitlines(), view.key


def test_where_somebody_stands_stands_in_a_text_of_its_own_where_two_acts_share_it(run: Run) -> None:
    title, places = "WHERE THE PERSON STANDS NOW", defaultdict(set)
    for view, request in run.acts:
        found = [text for text in request.user if title in text.splitlines()]
        assert len(found) <= 1
        if found:
            places[type(view)].add(found[0] is request.user[-1])
    shared = {views.ChatTurnView, views.ReactionView, views.SocialUpdateView}
    assert {kind for kind, is_last in places.items() if is_last == {False}} == shared
    assert {kind for kind, is_last in places.items() if is_last == {True}} >= {views.DebateUpdateView, views.PostView}


def test_nothing_is_told_of_what_it_is_for(run: Run) -> None:
    small = [MIND.build_request(make_view(kind)) for kind in KINDS]
    texts = {all_texts(request) for request in (*small, *(request for _, request in run.acts))}
    assert not [found for found in map(UNSAID.search, texts) if found]


# People in words.


@given(st.data())
def test_no_attribute_stands_there_as_a_decimal(data: st.DataObject) -> None:
    share, leaning = st.floats(0, 1), st.floats(-1, 1)
    person = parse_person(
        "ann",
        {
            "age": data.draw(st.one_of(st.integers(0, 99), st.integers(0, 99).map(float))),
            **{name: data.draw(share) for name in SHARES},
            "personality_traits": {name: data.draw(share) for name in TRAITS},
            "media_diet": {name: data.draw(share) for name in ("tv", "town_radio")},
            "prior_beliefs": {"rents": data.draw(leaning)},
            "patience": data.draw(share),
            "habits": {"smoking": data.draw(share), "rest": [data.draw(share)]},
        },
    )
    text = describe_person(person)
    assert not DECIMAL.search(text), text
    assert not [name for name in (*SHARES, *TRAITS) if "_" in name and name in text]
    assert len(text.splitlines()) == 1 + 1 + len(SHARES) + 1 + 1 + 1 + 2


@pytest.mark.parametrize(
    ("attribute", "line"),
    [
        ({"trust_institution": 0.08}, "Trusts institutions: very little"),
        ({"trust_institution": 0}, "Trusts institutions: very little"),
        ({"trust_institution": 1}, "Trusts institutions: very much"),
        ({"susceptibility": 0.5}, "Lets others change their mind: to a fair degree"),
        (
            {"personality_traits": {"openness": 0.9, "extraversion": 0.2}},
            "Character: very open to new things, not very ",
        ),
        ({"media_diet": {"tv": 0.1, "social_media": 0.9}}, "Follows: social media very much, television very little"),
        ({"prior_beliefs": {"market_freedom": -0.7}}, "Stance so far on market freedom: strongly against"),
        ({"prior_beliefs": {"rents": 0}}, "Stance so far on rents: undecided"),
        ({"education_level": "secondary"}, "Education level: secondary"),
        ({"interests": ["rowing", 3]}, "Interests: rowing, 3"),
        ({"owns_boat": True}, "- Owns boat: yes"),
        ({"children": 1}, "- Children: 1"),
        ({"children": 1.0}, "- Children: 1"),
        ({"height_metres": 1.83}, "- Height metres: 1.83"),
        ({"patience": 0.2}, "- Patience: little"),
        ({"household": {"pets": ["a cat", "a dog"], "cars": 0}}, "- Household: pets a cat, a dog, cars 0"),
    ],
)
def test_an_attribute_in_words(attribute: dict[str, Any], line: str) -> None:
    assert any(said.startswith(line) for said in describe_person(parse_person("ann", attribute)).splitlines())


def test_a_person_is_worded_once_and_anew_when_a_list_of_its_attributes_grows() -> None:
    interests = ["rowing"]
    ann, twin = (parse_person("ann", {"interests": interests, "children": number}) for number in (1, 2))
    assert describe_person(ann) is describe_person(ann)
    assert describe_person(twin).endswith("- Children: 2")
    interests.append("chess")
    assert "Interests: rowing, chess" in describe_person(ann)
    assert describe_person(ann).endswith("- Children: 1")


def test_what_is_not_known_of_a_person_is_not_mentioned() -> None:
    nothing: dict[str, Any] = {"job": None, "interests": [], "media_diet": {}, "timestamp": "now", "_source": "file"}
    assert describe_person(parse_person("ann", nothing)) == "Name: ann"


@pytest.mark.parametrize("degrees", [DEGREES, TRAIT_DEGREES, LEANINGS])
def test_words_of_degrees_cover_their_range_and_rise(degrees: tuple[tuple[float, str], ...]) -> None:
    ends = [upper for upper, _ in degrees]
    assert ends == sorted(set(ends))
    assert ends[-1] == 1.0
    assert [word_degree(upper, degrees) for upper in ends] == [words for _, words in degrees]


# Candidates' letters.


@pytest.mark.parametrize("kind", [kind for kind in JUDGING if kind.shows_candidates], ids=file_name)
def test_letters_follow_the_order_shown(kind: type[PersonView]) -> None:
    view = make_view(kind)
    asked, turned = build_user(view)[-1], build_user(replace(view, candidates=view.candidates[::-1]))[-1]
    assert "CANDIDATES FOR THIS ACT\nA: Johan Berg\nB: Aisha Noor\n\n" in asked
    assert "CANDIDATES FOR THIS ACT\nA: Aisha Noor\nB: Johan Berg\n\n" in turned


def test_the_order_shown_changes_nothing_but_the_letters() -> None:
    view = make_view(views.BallotView)
    turned = replace(view, candidates=view.candidates[::-1])
    assert build_system(view) == build_system(turned)
    assert build_user(view)[:-1] == build_user(turned)[:-1]
    scene = replace(view.scene, candidates=view.scene.candidates[::-1])
    assert build_system(replace(view, scene=scene)) == build_system(view), "an order of no meaning"


def test_every_candidate_has_a_letter_of_its_own() -> None:
    letters = [candidate_letter(place) for place in range(702)]
    assert len({letter.casefold() for letter in letters}) == len(letters)
    assert letters[0] == "A"
    assert letters[25:28] == ["Z", "AA", "AB"]
    assert letters[-1] == "ZZ"


# The schema of judgements.

SCENES = {
    "town": make_view(views.BallotView).scene,
    "empty": Scene(),
    "large": Scene(
        topics=tuple(Topic(f"t{number}", "T", "") for number in range(40)),
        candidates=tuple(CandidateCard(f"c{number}", f"C{number}") for number in range(30)),
    ),
}
UNSUPPORTED = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"}
UNSUPPORTED |= {"minItems", "maxItems", "pattern", "format", "$ref", "$defs", "oneOf", "allOf", "not", "default"}


def all_schemas(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a schema and all those within it."""
    yield schema
    within = (*schema.get("properties", {}).values(), *schema.get("anyOf", ()))
    for inner in (*within, *([schema["items"]] if "items" in schema else ())):
        yield from all_schemas(inner)


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_the_schema_is_one_that_every_provider_takes(scene: Scene) -> None:
    schemas = list(all_schemas(judgement_format(scene).schema))
    objects = [schema for schema in schemas if schema.get("type") == "object"]
    assert len(objects) == 2
    for schema in objects:
        assert schema["additionalProperties"] is False
        assert schema["required"] == list(schema["properties"])
    assert not [schema for schema in schemas if UNSUPPORTED & set(schema)]
    assert sum(len(set(schema["properties"]) - set(schema["required"])) for schema in objects) <= 24
    assert sum("anyOf" in schema or isinstance(schema.get("type"), list) for schema in schemas) <= 16
    assert all(len(set(schema["enum"])) == len(schema["enum"]) > 0 for schema in schemas if "enum" in schema)


def without_types_of_enums(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema without the types of closed lists, which their entries have anyway."""
    kept = {key: value for key, value in schema.items() if not (key == "type" and "enum" in schema)}
    if "properties" in kept:
        kept["properties"] = {name: without_types_of_enums(inner) for name, inner in kept["properties"].items()}
    if "anyOf" in kept:
        kept["anyOf"] = [without_types_of_enums(inner) for inner in kept["anyOf"]]
    if "items" in kept:
        kept["items"] = without_types_of_enums(kept["items"])
    return kept


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_the_schema_means_the_same_after_the_sdk_has_prepared_it(scene: Scene) -> None:
    schema = judgement_format(scene).schema
    assert without_types_of_enums(transform_schema(dict(schema))) == without_types_of_enums(schema)


def test_the_schema_does_not_depend_on_who_judges_or_on_names() -> None:
    scene = SCENES["town"]
    renamed = replace(scene, candidates=tuple(CandidateCard(card.id, card.name[::-1]) for card in scene.candidates))
    assert judgement_format(scene) is judgement_format(renamed)
