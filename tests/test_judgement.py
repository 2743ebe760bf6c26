"""Judgements: what their fields mean for each act, and everything that makes one unreadable."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.cast.asking import find_fault
from synthetic_communities.domain.ballot import Choice
from synthetic_communities.domain.belief import Belief, Opinion
from synthetic_communities.domain.feed import Reactions
from synthetic_communities.domain.scene import CandidateCard
from synthetic_communities.minds import views
from synthetic_communities.minds.llm.judgement import read_judgement
from synthetic_communities.minds.llm.reading import UnreadableReplyError
from synthetic_communities.minds.llm.sections import candidate_letter
from synthetic_communities.minds.views import PersonView
from tests.small_views import JUDGING, make_view

OPINION = make_view(views.ChatUpdateView)
BALLOT = make_view(views.BallotView)
REACTION = make_view(views.ReactionView)
"""Shown is Johan Berg (c1) as A, Aisha Noor (c0) as B; topics are rents and trams; posts 1 and 2 are p2 and p3."""

STATED = {"topic": "rents", "sentence": "Cap them.", "stance": 0.5, "candidate": "B"}
HELD = Belief("rents", "Cap them.", stance=0.5, vote="c0")


def read(view: PersonView, **fields: Any) -> Any:
    """Return what a judgement of these fields means."""
    return read_judgement(json.dumps(fields), view)


def read_opinion(**changes: Any) -> Any:
    """Return what a judgement of one opinion means, with some of its fields changed."""
    return read(OPINION, opinions=[{**STATED, **changes}])


def reason_against(view: PersonView, **fields: Any) -> str:
    """Return why a judgement cannot be read."""
    with pytest.raises(UnreadableReplyError) as caught:
        read(view, **fields)
    return str(caught.value)


def reason_against_opinion(**changes: Any) -> str:
    """Return why a judgement of one opinion cannot be read."""
    return reason_against(OPINION, opinions=[{**STATED, **changes}])


# Opinions.


@pytest.mark.parametrize("kind", [kind for kind in JUDGING if kind.expects is Opinion])
def test_an_opinion_holds_a_belief_a_topic_and_the_first_choice(kind: type[PersonView]) -> None:
    other = {"topic": "trams", "sentence": " Wait. ", "stance": -1, "candidate": "none"}
    opinion = read(make_view(kind), opinions=[STATED, other], first_choice="A")
    assert opinion == Opinion((HELD, Belief("trams", "Wait.", stance=-1.0)), "c1")


def test_a_topic_may_be_left_out_and_so_may_candidates() -> None:
    stated = {"topic": "rents", "sentence": "Cap them.", "stance": 0.5}
    opinion = Opinion((replace(HELD, vote=None),))
    assert read(OPINION, opinions=[stated]) == opinion
    assert read(OPINION, opinions=[{**stated, "candidate": None}], first_choice=None) == opinion


@pytest.mark.parametrize("stance", [-1, -0.0, 0, 1, 0.25, 1e-9])
def test_a_stance_on_the_axis_is_taken_as_it_is(stance: float) -> None:
    assert read_opinion(stance=stance).beliefs[0].stance == stance


@pytest.mark.parametrize("stance", [1.2, -1.0000001, 40, -2, 10**400])
def test_a_stance_off_the_axis_is_not_moved_onto_it(stance: float) -> None:
    assert "stance" in reason_against_opinion(stance=stance)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_stance_that_is_no_number_is_none(number: str) -> None:
    text = json.dumps({"opinions": [STATED]}).replace("0.5", number)
    with pytest.raises(UnreadableReplyError):
        read_judgement(text, OPINION)


@pytest.mark.parametrize("stance", ["0.3", "+0.3", "", None, True, [0.3], {"value": 0.3}])
def test_a_stance_of_another_type_is_none(stance: Any) -> None:
    assert reason_against_opinion(stance=stance).startswith("opinions.0.stance")


@pytest.mark.parametrize("topic", ["wages", "", "rents trams", "Rent", "0", "overall_vote"])
def test_an_unknown_topic_is_named(topic: str) -> None:
    assert reason_against_opinion(topic=topic) == f"topic {topic!r} does not exist"


@pytest.mark.parametrize("topic", ["RENTS", "Rents", " rents "])
def test_topics_are_compared_without_case(topic: str) -> None:
    assert read_opinion(topic=topic) == Opinion((HELD,))


def test_a_topic_twice_is_unreadable_even_if_the_same_is_said() -> None:
    assert "twice" in reason_against(OPINION, opinions=[STATED, STATED])
    assert "twice" in reason_against(OPINION, opinions=[STATED, {**STATED, "topic": "RENTS", "stance": -1}])


@pytest.mark.parametrize("field", ["topic", "sentence", "stance"])
def test_every_opinion_has_topic_sentence_and_stance(field: str) -> None:
    less = {name: value for name, value in STATED.items() if name != field}
    assert reason_against(OPINION, opinions=[less]).startswith(f"opinions.0.{field}")


@pytest.mark.parametrize("opinions", [None, []])
def test_an_opinion_about_nothing_is_none(opinions: Any) -> None:
    assert reason_against(OPINION, opinions=opinions, first_choice="A", vote="A") == "opinions is empty"


@pytest.mark.parametrize("opinions", ["rents", {"rents": 0.5}, [0.5], ["rents"], [None], 1, [[STATED]]])
def test_opinions_of_another_type_are_none(opinions: Any) -> None:
    assert reason_against(OPINION, opinions=opinions).startswith("opinions")


# Candidates.


@pytest.mark.parametrize(("letter", "candidate"), [("A", "c1"), ("B", "c0"), ("a", "c1"), ("b", "c0"), (" B ", "c0")])
def test_letters_are_those_of_the_order_shown(letter: str, candidate: str) -> None:
    assert read(BALLOT, vote=letter) == Choice(candidate)
    assert read_opinion(candidate=letter).beliefs[0].vote == candidate
    assert read(OPINION, opinions=[STATED], first_choice=letter).first_choice == candidate
    turned = replace(BALLOT, candidates=BALLOT.candidates[::-1])
    assert {read(view, vote=letter).candidate_id for view in (BALLOT, turned)} == {"c0", "c1"}


@pytest.mark.parametrize("letter", ["C", "", " ", "AB", "A B", "A.", "1", "Aisha Noor", "c0", "abstain", "null"])
def test_an_unknown_letter_is_nobody_of_ours(letter: str) -> None:
    assert reason_against_opinion(candidate=letter) == f"candidate {letter!r} does not exist"
    assert reason_against(OPINION, opinions=[STATED], first_choice=letter) == f"first_choice {letter!r} does not exist"
    if letter != "abstain":
        assert letter in reason_against(BALLOT, vote=letter)


@pytest.mark.parametrize("word", ["none", "None", " NONE ", None], ids=ascii)
def test_none_is_nobody(word: str | None) -> None:
    assert read_opinion(candidate=word) == Opinion((replace(HELD, vote=None),))
    assert read(OPINION, opinions=[STATED], first_choice=word).first_choice is None


def test_more_candidates_than_letters_get_two() -> None:
    cards = tuple(CandidateCard(f"c{place}", f"Candidate {place}") for place in range(40))
    crowd = replace(BALLOT, candidates=cards, scene=replace(BALLOT.scene, candidates=cards))
    for place in (0, 25, 26, 39):
        assert read(crowd, vote=candidate_letter(place)) == Choice(f"c{place}")
    assert "does not exist" in reason_against(crowd, vote="AO")


@pytest.mark.parametrize("value", [1, True, ["A"], {"letter": "A"}, 0.5])
def test_a_letter_of_another_type_is_none(value: Any) -> None:
    assert reason_against_opinion(candidate=value).startswith("opinions.0.candidate")
    assert reason_against(OPINION, opinions=[STATED], first_choice=value).startswith("first_choice")
    assert reason_against(BALLOT, vote=value).startswith("vote")


# Ballots.


def test_a_ballot_holds_the_vote_the_reason_and_the_first_choice() -> None:
    assert read(BALLOT, vote="A", reason=" He is loud. ", first_choice="B") == Choice("c1", "He is loud.", "c0")
    assert read(BALLOT, vote="A", reason=None, first_choice="none") == Choice("c1")


@pytest.mark.parametrize("word", ["abstain", "Abstain", " ABSTAIN\n"])
def test_who_abstains_may_prefer_somebody(word: str) -> None:
    assert read(BALLOT, vote=word, first_choice="B") == Choice(None, "", "c0")


def test_no_vote_is_no_abstention() -> None:
    assert reason_against(BALLOT, vote=None, first_choice="A", reason="So.") == "vote is missing"
    assert reason_against(BALLOT, first_choice="A") == "vote is missing"
    assert reason_against(BALLOT, vote="none") == "vote 'none' is neither a letter nor 'abstain'"


@pytest.mark.parametrize("reason", [1, ["So."], False])
def test_a_reason_of_another_type_is_none(reason: Any) -> None:
    assert reason_against(BALLOT, vote="A", reason=reason).startswith("reason")


# Reactions.


@pytest.mark.parametrize(
    ("up", "down", "given"),
    [
        ([1], [2], {"p2": "thumbs_up", "p3": "thumbs_down"}),
        ([2, 1], None, {"p2": "thumbs_up", "p3": "thumbs_up"}),
        (None, [1, 1], {"p2": "thumbs_down"}),
        ([], [], {}),
        (None, [], {}),
    ],
)
def test_reactions_name_posts_by_their_number(up: Any, down: Any, given: dict[str, Any]) -> None:
    assert read(REACTION, thumbs_up=up, thumbs_down=down) == Reactions(given)


@pytest.mark.parametrize("number", [0, 3, -1, 10**400])
def test_a_post_that_is_not_there_is_not_reacted_to(number: int) -> None:
    for field in ("thumbs_up", "thumbs_down"):
        assert reason_against(REACTION, **{field: [1, number]}) == f"post {number} does not exist"


def test_a_post_shown_without_a_number_cannot_be_reacted_to() -> None:
    assert [post.id for post in REACTION.feed] == ["p2", "p1", "p3"]
    assert REACTION.considered == ("p2", "p3")
    assert read(REACTION, thumbs_up=[1, 2]) == Reactions({"p2": "thumbs_up", "p3": "thumbs_up"})


def test_a_post_gets_thumbs_up_or_thumbs_down() -> None:
    assert reason_against(REACTION, thumbs_up=[1, 2], thumbs_down=[2]) == "post 2 is given thumbs up and thumbs down"


def test_no_word_on_the_posts_is_no_reaction() -> None:
    assert "missing" in reason_against(REACTION, thumbs_up=None, thumbs_down=None)
    assert "missing" in reason_against(REACTION, vote="A")


@pytest.mark.parametrize("numbers", [1, "1", ["1"], [1.0], [True], [None], [[1]], {"1": 1}], ids=ascii)
def test_numbers_of_another_type_are_none(numbers: Any) -> None:
    for field in ("thumbs_up", "thumbs_down"):
        assert reason_against(REACTION, **{field: numbers}).startswith(field)


# The shape of all of them.

FULL: dict[str, Any] = {
    "opinions": [STATED],
    "first_choice": "A",
    "vote": "abstain",
    "reason": "So.",
    "thumbs_up": [1],
    "thumbs_down": [],
}


@pytest.mark.parametrize("view", [OPINION, BALLOT, REACTION], ids=lambda view: view.act)
def test_fields_an_act_is_not_about_are_passed_over_in_any_order(view: PersonView) -> None:
    assert read(view, **FULL) == read(view, **dict(reversed(FULL.items())))


@pytest.mark.parametrize("view", [OPINION, BALLOT, REACTION], ids=lambda view: view.act)
def test_a_field_too_many_is_one_too_many(view: PersonView) -> None:
    assert reason_against(view, **FULL, mood="calm").startswith("mood")
    assert reason_against(view, **{**FULL, "opinions": [{**STATED, "mood": "calm"}]}).startswith("opinions.0.mood")


@pytest.mark.parametrize("view", [OPINION, BALLOT, REACTION], ids=lambda view: view.act)
def test_a_wrong_type_in_a_field_an_act_is_not_about_makes_it_unreadable_too(view: PersonView) -> None:
    for field in FULL:
        assert reason_against(view, **{**FULL, field: 7}).startswith(field)


@pytest.mark.parametrize("view", [OPINION, BALLOT, REACTION], ids=lambda view: view.act)
def test_names_of_fields_are_compared_without_case(view: PersonView) -> None:
    loud = {name.upper(): value for name, value in FULL.items()}
    loud["OPINIONS"] = [{name.title(): value for name, value in STATED.items()}]
    assert read(view, **loud) == read(view, **FULL)


def test_an_echo_of_the_rules_is_no_judgement() -> None:
    for view in (OPINION, BALLOT, REACTION):
        assert reason_against(view, topic="rents", sentence="Cap them.", stance=0.5, candidate="B")
        assert reason_against(view, type="object", properties={}, required=[], additionalProperties=False)
        assert reason_against(view)


def test_two_different_objects_are_unreadable_even_where_they_mean_the_same() -> None:
    texts = [json.dumps({"vote": vote, "first_choice": first}) for vote, first in (("A", "none"), ("a", None))]
    assert read_judgement(f"{texts[0]} {texts[0]}", BALLOT) == Choice("c1")
    for other in (texts[1], '{"vote": "abstain"}'):
        with pytest.raises(UnreadableReplyError, match="two different"):
            read_judgement(f"{texts[0]} {other}", BALLOT)


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.floats(-2, 2),
        st.sampled_from(["A", "b", "none", "abstain", "rents", "TRAMS", "", "\ud800"]),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from([*STATED]), inner)),
    max_leaves=8,
)
GOOD = st.fixed_dictionaries(
    {},
    optional={
        "opinions": st.lists(
            st.fixed_dictionaries(
                {
                    "topic": st.sampled_from(["rents", "Trams"]),
                    "sentence": st.text(max_size=5),
                    "stance": st.floats(-1.1, 1.1),
                },
                optional={"candidate": st.sampled_from(["A", "b", "C", "none", None])},
            ),
            max_size=3,
        ),
        "first_choice": st.sampled_from(["A", "b", "C", "none", None]),
        "vote": st.sampled_from(["A", "b", "C", "abstain", "none", None]),
        "reason": st.text(max_size=5),
        "thumbs_up": st.lists(st.integers(0, 3), max_size=3),
        "thumbs_down": st.none() | st.lists(st.integers(0, 3), max_size=3),
    },
)
ANY = st.one_of(GOOD, st.dictionaries(st.sampled_from([*FULL, "mood", "\udfff"]), VALUES), VALUES)


@given(ANY, st.sampled_from([OPINION, BALLOT, REACTION]))
@settings(max_examples=200, deadline=None)
def test_any_value_is_an_answer_without_fault_or_unreadable(value: Any, view: PersonView) -> None:
    try:
        answer = read_judgement(json.dumps(value), view)
    except UnreadableReplyError:
        return
    assert isinstance(answer, view.expects)
    assert not find_fault(answer, view)
    if isinstance(answer, Opinion):
        assert all(belief.stance is not None and math.isfinite(belief.stance) for belief in answer.beliefs)
