"""The offline mind answers every view by its rules, and its words add up."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.domain.ballot import Choice
from synthetic_communities.domain.belief import Belief, Opinion
from synthetic_communities.domain.chance import Chance
from synthetic_communities.domain.debate import Question, Topic
from synthetic_communities.domain.feed import FeedPost, ReactionKind, Reactions
from synthetic_communities.domain.outcome import Done, NotAsked
from synthetic_communities.domain.person import MEDIA, SHARES, TRAITS, Person, parse_person
from synthetic_communities.domain.remark import Remark
from synthetic_communities.domain.scene import CandidateCard, Scene
from synthetic_communities.errors import UsageError
from synthetic_communities.minds import views
from synthetic_communities.minds.base import Mind
from synthetic_communities.minds.offline.choices import perceived_stance
from synthetic_communities.minds.offline.mind import ACTS, OfflineMind
from synthetic_communities.minds.offline.temper import Temper, measure_temper
from synthetic_communities.minds.offline.words import signed

REACTIONS: tuple[ReactionKind, ...] = get_args(ReactionKind)
RENTS = Topic("rents", "Rents", "Should rents be capped?", priors=("rents", "-market_freedom"))
HARBOUR = Topic("harbour", "The harbour", "Should the terminal grow?", against="keep it", in_favour="let it grow")
AISHA = CandidateCard("noor", "Aisha Noor", positions={"rents": 0.6, "harbour": 0.2})
JOHAN = CandidateCard("berg", "Johan Berg", positions={"rents": -0.7, "harbour": 0.2})
SCENE = Scene("A town.", (RENTS, HARBOUR), (AISHA, JOHAN))
QUESTION = Question("q1", "Caps, yes or no?", RENTS)


def make_person(**attributes: Any) -> Person:
    """Make a person of whom nothing else is known."""
    return parse_person("ann", {"name": "Ann", **attributes})


def make_view(kind: type[views.View], person: Person | None = None, **known: Any) -> Any:
    """Make a view of this kind; a person's view if one is given."""
    who = {"person": person} if person else {}
    return kind(**{"key": "test", "scene": SCENE, "chance": Chance(1, 0, "ann"), **who, **known})


def say(speaker: CandidateCard, stance: float, topic: Topic = RENTS) -> Remark:
    """Return a statement of a candidate."""
    return Remark(
        "Words.", stances=MappingProxyType({topic.id: stance}), speaker_id=speaker.id, speaker_name=speaker.name
    )


def write(author: str, stance: float, topic: Topic = RENTS, number: int = 0) -> FeedPost:
    """Return a post."""
    text = Remark(
        "Words.", stances=MappingProxyType({topic.id: stance}), speaker_id=author, speaker_name=author.title()
    )
    return FeedPost(f"{author}{number}", author, text)


def believe(stance: float, topic: Topic = RENTS) -> Belief:
    """Return a belief."""
    return Belief(topic.id, "Words.", stance=stance)


def ask(view: views.View) -> Any:
    """Return the value the offline mind answers with."""
    answer = asyncio.run(OfflineMind().answer(view))
    assert isinstance(answer, Done)
    assert isinstance(answer.value, view.expects)
    return answer.value


def stance_on(opinion: Opinion, topic: Topic = RENTS) -> float:
    """Return the stance of an opinion on a topic."""
    return next(
        belief.stance for belief in opinion.beliefs if belief.topic_id == topic.id and belief.stance is not None
    )


def sentence_on(opinion: Opinion, topic: Topic = RENTS) -> str:
    """Return the sentence of an opinion on a topic."""
    return next(belief.sentence for belief in opinion.beliefs if belief.topic_id == topic.id)


def hear(person: Person, *heard: Remark, own: float = 0.0, **known: Any) -> Opinion:
    """Return the opinion after a debate; the prior is the own stance unless the person has another."""
    opinion: Opinion = ask(make_view(views.DebateUpdateView, person, heard=heard, beliefs=(believe(own),), **known))
    return opinion


def chat(person: Person, stance: float, own: float = 0.0) -> Opinion:
    """Return the opinion after talking with Bo."""
    talk = (
        Remark("Mine.", stances={"rents": 0.9}, speaker_id="ann", speaker_name="Ann"),
        Remark("Bo's.", stances={"rents": stance}, speaker_id="bo", speaker_name="Bo"),
    )
    known: dict[str, Any] = {"conversation": talk, "peer_id": "bo", "peer_name": "Bo", "beliefs": (believe(own),)}
    opinion: Opinion = ask(make_view(views.ChatUpdateView, person, **known))
    return opinion


def read(person: Person, *posts: FeedPost, own: float = 0.0, **known: Any) -> Opinion:
    """Return the opinion after reading these posts, all unseen unless said otherwise."""
    known = {"unseen": tuple(post.id for post in posts), "beliefs": (believe(own),), **known}
    opinion: Opinion = ask(make_view(views.SocialUpdateView, person, feed=posts, **known))
    return opinion


def react(person: Person, *posts: FeedPost, own: float = 0.0) -> Mapping[str, str]:
    """Return the reactions to these posts, all considered."""
    considered = tuple(post.id for post in posts)
    view = make_view(views.ReactionView, person, feed=posts, considered=considered, beliefs=(believe(own),))
    reactions: Reactions = ask(view)
    return reactions.by_post


def neutral(**attributes: Any) -> Person:
    """Make a person whose prior on rents is 0."""
    return make_person(**{"prior_beliefs": {"rents": 0.0}, **attributes})


shares = st.floats(0, 1)
stances = st.floats(-1, 1)
people = st.builds(
    make_person,
    prior_beliefs=st.dictionaries(st.sampled_from(("rents", "market_freedom", "harbour")), stances),
    media_diet=st.dictionaries(st.sampled_from(MEDIA), shares),
    personality_traits=st.dictionaries(st.sampled_from(TRAITS), shares),
    **{name: st.one_of(st.none(), shares) for name in SHARES},
)
topics = st.sampled_from((RENTS, HARBOUR))
statements = st.lists(st.builds(say, st.sampled_from((AISHA, JOHAN)), stances, topics), max_size=6).map(tuple)
posts = st.lists(st.builds(write, st.sampled_from(("bo", "cy", "di")), stances, topics), max_size=6).map(
    lambda made: tuple(replace(post, id=str(place)) for place, post in enumerate(made))
)
beliefs = st.lists(st.builds(believe, stances, topics), max_size=2, unique_by=lambda belief: belief.topic_id).map(tuple)


@st.composite
def updates(draw: st.DrawFn) -> Any:
    """Draw a view of any of the three updates."""
    person, known = (
        draw(people),
        {"beliefs": draw(beliefs), "first_choice": draw(st.sampled_from((None, "noor", "berg")))},
    )
    kind = draw(st.sampled_from((views.DebateUpdateView, views.ChatUpdateView, views.SocialUpdateView)))
    if kind is views.DebateUpdateView:
        return make_view(kind, person, heard=draw(statements), **known)
    if kind is views.ChatUpdateView:
        return make_view(kind, person, conversation=draw(statements), peer_id="bo", peer_name="Bo", **known)
    feed = draw(posts)
    marks = draw(st.dictionaries(st.sampled_from("012345"), st.sampled_from(REACTIONS)))
    seen_now = tuple(post.id for post in feed)
    return make_view(kind, person, feed=feed, unseen=seen_now, reactions=Reactions(MappingProxyType(marks)), **known)


def spell_out(value: Any) -> Any:
    """Return all that a value holds, as plain tuples and strings."""
    if isinstance(value, Remark):
        return (str(value), dict(value.stances), value.source, value.speaker_id, value.speaker_name)
    if is_dataclass(value):
        return tuple(spell_out(getattr(value, one.name)) for one in fields(value))
    if isinstance(value, Mapping):
        return {key: spell_out(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(spell_out(one) for one in value)
    return value


class TestEveryAct:
    """The seam."""

    def test_it_is_a_mind(self) -> None:
        assert isinstance(OfflineMind(), Mind)
        assert (OfflineMind().name, OfflineMind().source) == ("offline", "template")

    def test_every_view_has_a_rule(self) -> None:
        asked = {kind for kind in vars(views).values() if isinstance(kind, type) and "act" in vars(kind)}
        assert asked == set(ACTS)

    def test_unknown_view(self) -> None:
        class Strange(views.View):
            pass

        with pytest.raises(UsageError, match="Strange"):
            asyncio.run(OfflineMind().answer(Strange(key="k", scene=SCENE, chance=Chance(1))))


class TestLaws:
    """What holds for every update of anybody."""

    @given(updates())
    @settings(deadline=None)
    def test_stances_stay_on_the_axis_and_every_topic_is_answered(self, view: Any) -> None:
        opinion = ask(view)
        assert [belief.topic_id for belief in opinion.beliefs] == ["rents", "harbour"]
        assert all(belief.stance is not None and -1 <= belief.stance <= 1 for belief in opinion.beliefs)
        assert all(belief.vote in ("noor", "berg") for belief in opinion.beliefs)

    @given(updates())
    @settings(deadline=None)
    def test_the_same_view_gets_the_same_answer_and_is_left_as_it_was(self, view: Any) -> None:
        before = spell_out(view)
        assert spell_out(ask(view)) == spell_out(ask(view))
        assert spell_out(view) == before

    @given(updates())
    @settings(deadline=None)
    def test_the_words_add_up(self, view: Any) -> None:
        for belief in ask(view).beliefs:
            numbers = r"[+-]\d\.\d\d"
            assert "-0.00" not in belief.sentence
            if "was " in belief.sentence:
                now, was = map(float, re.findall(numbers, belief.sentence)[:2])
                moves = [float(found) for found in re.findall(rf"(?:moved|pulled back) ({numbers})", belief.sentence)]
                assert now == pytest.approx(was + sum(moves), abs=0.005 * (len(moves) + 2) + 1e-9)

    @given(people, stances, stances)
    @settings(deadline=None)
    def test_a_conversation_moves_towards_who_is_near_and_nobody_else(
        self, person: Person, own: float, other: float
    ) -> None:
        at_prior = replace(person, prior_beliefs={"rents": own})
        after = stance_on(chat(at_prior, other, own))
        if abs(own - other) > measure_temper(person).bound:
            assert after == pytest.approx(own, abs=1e-12)
        else:
            assert min(own, other) - 1e-12 <= after <= max(own, other) + 1e-12

    @given(people, stances, stances)
    @settings(deadline=None)
    def test_a_debate_moves_towards_who_is_near_and_nobody_else(self, person: Person, own: float, other: float) -> None:
        at_prior = replace(person, prior_beliefs={"rents": own})
        after = stance_on(hear(at_prior, say(AISHA, other), own=own))
        if abs(own - other) > measure_temper(person).bound:
            assert after == pytest.approx(own, abs=1e-12)
        else:
            assert min(own, other) - 1e-12 <= after <= max(own, other) + 1e-12


class TestEveryAttributeActs:
    """What changes when one attribute does, and in which direction."""

    @pytest.mark.parametrize("name", ["susceptibility", "trust_institution"])
    def test_moves_more_in_debates(self, name: str) -> None:
        moves = [stance_on(hear(neutral(**{name: value}), say(AISHA, 0.4))) for value in (0.0, 0.2, 0.9)]
        assert moves[0] == 0 < moves[1] < moves[2]

    @pytest.mark.parametrize("channel", ["tv", "newspaper"])
    def test_media_diet_weighs_debates_and_hides_none(self, channel: str) -> None:
        diets = [{"tv": 0.0, "newspaper": 0.0}, {"tv": 0.0, "newspaper": 0.0, channel: 0.8}]
        moves = [stance_on(hear(neutral(media_diet=diet), say(AISHA, 0.4))) for diet in diets]
        assert 0 < moves[0] < moves[1]

    @pytest.mark.parametrize("channel", ["social_media", "blogs"])
    def test_media_diet_weighs_the_feed_and_hides_nothing(self, channel: str) -> None:
        diets = [{"social_media": 0.0, "blogs": 0.0}, {"social_media": 0.0, "blogs": 0.0, channel: 0.8}]
        moves = [stance_on(read(neutral(media_diet=diet), write("bo", 0.4))) for diet in diets]
        assert 0 < moves[0] < moves[1]

    @pytest.mark.parametrize("name", ["susceptibility", "social_network_influence"])
    def test_moves_more_among_peers(self, name: str) -> None:
        low, high = neutral(**{name: 0.1}), neutral(**{name: 0.9})
        assert 0 < stance_on(chat(low, 0.4)) < stance_on(chat(high, 0.4))
        assert 0 < stance_on(read(low, write("bo", 0.4))) < stance_on(read(high, write("bo", 0.4)))

    def test_agreeableness_moves_more_among_peers(self) -> None:
        low, high = (neutral(personality_traits={"agreeableness": value}) for value in (0.1, 0.9))
        assert 0 < stance_on(chat(low, 0.4)) < stance_on(chat(high, 0.4))

    def test_openness_widens_the_bound(self) -> None:
        low, high = (neutral(personality_traits={"openness": value}) for value in (0.1, 0.9))
        assert stance_on(chat(low, 0.6)) == 0 < stance_on(chat(high, 0.6))

    def test_neuroticism_narrows_the_bound(self) -> None:
        low, high = (neutral(personality_traits={"neuroticism": value}) for value in (0.1, 0.9))
        assert stance_on(chat(high, 0.55)) == 0 < stance_on(chat(low, 0.55))

    def test_confirmation_bias_narrows_the_bound_and_favours_the_first_choice(self) -> None:
        low, high = neutral(confirmation_bias=0.0), neutral(confirmation_bias=1.0)
        assert stance_on(chat(high, 0.6)) == 0 < stance_on(chat(low, 0.6))
        favoured = [stance_on(hear(one, say(AISHA, 0.3), first_choice="noor")) for one in (low, high)]
        plain = [stance_on(hear(one, say(AISHA, 0.3), first_choice="berg")) for one in (low, high)]
        assert favoured[0] == plain[0] == plain[1] < favoured[1]

    @pytest.mark.parametrize("attributes", [{"personality_traits": {"conscientiousness": 1.0}}, {"risk_aversion": 1.0}])
    def test_conscientiousness_and_risk_aversion_hold_to_the_prior(self, attributes: dict[str, Any]) -> None:
        prior = {"prior_beliefs": {"rents": -0.5}}
        free = make_person(**prior, personality_traits={"conscientiousness": 0.0}, risk_aversion=0.0)
        held = make_person(
            **{"personality_traits": {"conscientiousness": 0.0}, "risk_aversion": 0.0, **attributes, **prior}
        )
        assert stance_on(hear(free, say(JOHAN, -1.0), own=0.2)) == pytest.approx(0.2)
        assert stance_on(hear(held, say(JOHAN, -1.0), own=0.2)) == pytest.approx(0.2 - 0.1 * 0.7)

    def test_extraversion_gives_more_thumbs_up(self) -> None:
        low, high = (neutral(personality_traits={"extraversion": value}) for value in (0.1, 0.9))
        assert (react(low, write("bo", 0.3)), react(high, write("bo", 0.3))) == ({}, {"bo0": "thumbs_up"})

    def test_turnout_propensity(self) -> None:
        never, always = neutral(turnout_propensity=0.0), neutral(turnout_propensity=1.0)
        assert ask(make_view(views.BallotView, never)).candidate_id is None
        assert ask(make_view(views.BallotView, always)).candidate_id is not None

    def test_prior_beliefs_open_and_anchor(self) -> None:
        low, high = (make_person(prior_beliefs={"rents": value}) for value in (-0.2, 0.2))
        assert [stance_on(ask(make_view(views.OpeningView, one))) for one in (low, high)] == [-0.2, 0.2]
        assert stance_on(hear(low, say(JOHAN, 0.1))) < stance_on(hear(high, say(JOHAN, 0.1)))


class TestOpening:
    """Where people start."""

    def test_mean_of_the_priors_that_are_known_signs_turned(self) -> None:
        opinion = ask(make_view(views.OpeningView, make_person(prior_beliefs={"rents": 0.4, "market_freedom": -0.2})))
        belief = opinion.beliefs[0]
        assert belief.stance == pytest.approx(0.3)
        assert belief.sentence == "Rents +0.30: mean of prior beliefs rents (+0.40), minus market_freedom (-0.20)."
        assert not belief.drawn

    def test_default_subject_is_the_id_of_the_topic(self) -> None:
        opinion = ask(make_view(views.OpeningView, make_person(prior_beliefs={"harbour": 0.7})))
        assert stance_on(opinion, HARBOUR) == 0.7

    def test_unknown_prior_is_drawn_and_says_so(self) -> None:
        first, second = (ask(make_view(views.OpeningView, make_person())).beliefs[0] for _ in range(2))
        assert first == second
        assert first.drawn
        assert (
            first.sentence == f"Rents {signed(first.stance)}: drawn from the seed, as no prior belief on it is known."
        )

    def test_the_draw_depends_on_seed_person_and_topic_not_on_the_epoch(self) -> None:
        def drawn(person: Person, chance: Chance) -> tuple[float, ...]:
            opinion = ask(make_view(views.OpeningView, person, chance=chance))
            return tuple(stance_on(opinion, topic) for topic in (RENTS, HARBOUR))

        ann, bo = make_person(), parse_person("bo", {})
        assert drawn(ann, Chance(1, 0, "ann")) == drawn(ann, Chance(1, 5, "ann"))
        assert drawn(ann, Chance(1, 0, "ann")) != drawn(ann, Chance(2, 0, "ann"))
        assert drawn(ann, Chance(1, 0, "ann")) != drawn(bo, Chance(1, 0, "bo"))
        assert len(set(drawn(ann, Chance(1)))) == 2

    def test_vote_a_topic_and_over_all(self) -> None:
        scene = replace(SCENE, candidates=(AISHA, replace(JOHAN, positions={"rents": -0.3, "harbour": 0.9})))
        person = make_person(prior_beliefs={"rents": -0.1, "harbour": 0.2})
        opinion = ask(make_view(views.OpeningView, person, scene=scene))
        assert [belief.vote for belief in opinion.beliefs] == ["berg", "noor"]
        assert opinion.first_choice == "noor"

    def test_ties_go_to_the_first_shown_which_is_drawn_for_each_person(self) -> None:
        scene = replace(SCENE, candidates=(AISHA, replace(AISHA, id="twin")))
        for shown in (scene.candidates, scene.candidates[::-1]):
            view = make_view(views.OpeningView, neutral(), scene=scene, candidates=shown)
            assert ask(view).first_choice == shown[0].id

    def test_no_candidates(self) -> None:
        opinion = ask(make_view(views.OpeningView, neutral(), scene=replace(SCENE, candidates=())))
        assert opinion.first_choice is None
        assert {belief.vote for belief in opinion.beliefs} == {None}

    def test_no_topics(self) -> None:
        assert ask(make_view(views.OpeningView, neutral(), scene=replace(SCENE, topics=()))) == Opinion(())


class TestDebateUpdate:
    """What debates do."""

    def test_words_of_near_and_far(self) -> None:
        person = make_person(prior_beliefs={"rents": 0.4})
        assert sentence_on(hear(person, say(AISHA, 0.1), say(JOHAN, -0.7), own=0.31)) == (
            "Rents +0.26, was +0.31. Heard Aisha Noor at +0.10: moved -0.07. "
            "Heard Johan Berg at -0.70: beyond my bound of 0.55, no effect. Prior +0.40 pulled back +0.02."
        )

    @pytest.mark.parametrize(("share", "chosen"), [(1.0, "noor"), (0.01, "berg")])
    def test_chooses_by_the_stance_it_will_hold_not_by_the_one_asked_for(self, share: float, chosen: str) -> None:
        """The way from -0.1 to where Aisha Noor is nearer is longer than a bound of 0.01 lets it go."""
        opinion = hear(neutral(), say(AISHA, 0.3), own=-0.1, max_change_share=share)
        rents = next(belief for belief in opinion.beliefs if belief.topic_id == "rents")
        assert (opinion.first_choice, rents.vote) == (chosen, chosen)
        assert rents.stance is not None
        assert rents.stance > -0.05, "the stance is asked for freely"

    def test_who_repeats_itself_weighs_no_more(self) -> None:
        once = hear(neutral(), say(AISHA, 0.4), say(JOHAN, -0.2))
        often = hear(neutral(), say(AISHA, 0.3), say(JOHAN, -0.2), say(AISHA, 0.5), say(AISHA, 0.4))
        assert stance_on(often) == pytest.approx(stance_on(once))

    def test_plain_strings_move_nobody_and_are_mentioned(self) -> None:
        opinion = hear(neutral(), Remark("So."), Remark("And so."), own=0.2)
        assert stance_on(opinion) == 0.2
        assert sentence_on(opinion) == (
            "Rents +0.20, unchanged: nothing on it to go by. 2 texts could not be placed on the axis: no effect."
        )

    def test_the_mediator_is_no_source(self) -> None:
        opinion = hear(neutral(), Remark("Welcome.", speaker_id="mediator", speaker_name="Chair"), own=0.2)
        assert sentence_on(opinion) == "Rents +0.20, unchanged: nothing on it to go by."

    @pytest.mark.parametrize("known", [(), (Belief("rents", "A script's words."),)])
    def test_without_a_stance_it_starts_from_the_prior(self, known: tuple[Belief, ...]) -> None:
        person = make_person(prior_beliefs={"rents": 0.3})
        opinion = ask(make_view(views.DebateUpdateView, person, beliefs=known, heard=(say(AISHA, 0.5),)))
        assert 0.3 < stance_on(opinion) < 0.5
        assert "was +0.30 (prior)." in sentence_on(opinion)

    def test_topic_not_heard_of_keeps_its_stance_or_opens(self) -> None:
        person = make_person(prior_beliefs={"harbour": 0.3})
        opinion = hear(person, say(AISHA, 0.4))
        assert (stance_on(opinion, HARBOUR), sentence_on(opinion, HARBOUR)) == (
            0.3,
            "The harbour +0.30: mean of prior beliefs harbour (+0.30).",
        )

    def test_a_drawn_prior_stays_marked(self) -> None:
        assert [belief.drawn for belief in hear(neutral(), say(AISHA, 0.4)).beliefs] == [False, True]


class TestPeers:
    """What conversations and the feed do."""

    def test_words_of_a_conversation(self) -> None:
        assert sentence_on(chat(neutral(), 0.4)) == (
            "Rents +0.09, was +0.00. Talked with Bo at +0.40: moved +0.10. Prior +0.00 pulled back -0.01."
        )

    def test_half_the_way_at_most(self) -> None:
        eager = neutral(susceptibility=1.0, social_network_influence=1.0, personality_traits={"agreeableness": 1.0})
        assert measure_temper(eager).chat_step == 0.5

    def test_only_unseen_posts_count(self) -> None:
        feed = (write("bo", 0.4), write("cy", -0.4))
        assert stance_on(read(neutral(), *feed, unseen=("bo0",))) == stance_on(read(neutral(), feed[0]))

    def test_an_author_of_many_posts_is_one_source(self) -> None:
        many = [write("bo", 0.4, number=number) for number in range(3)]
        assert stance_on(read(neutral(), *many)) == pytest.approx(stance_on(read(neutral(), many[0])))

    def test_liked_posts_weigh_more_and_disliked_ones_less(self) -> None:
        cases: list[dict[str, ReactionKind]] = [{"bo0": "thumbs_down"}, {}, {"bo0": "thumbs_up"}]
        moves = [stance_on(read(neutral(), write("bo", 0.4), reactions=Reactions(case))) for case in cases]
        assert 0 < moves[0] < moves[1] < moves[2]

    def test_reactions_by_distance(self) -> None:
        feed = (write("bo", 0.1), write("cy", 0.5), write("di", 0.9), FeedPost("ed0", "ed", Remark("Hello.")))
        assert react(neutral(), *feed) == {"bo0": "thumbs_up", "di0": "thumbs_down"}

    def test_reacts_only_to_what_it_considers(self) -> None:
        feed = (write("bo", 0.1), write("cy", 0.1))
        view = make_view(views.ReactionView, neutral(), feed=feed, considered=("cy0",), beliefs=(believe(0.0),))
        assert ask(view).by_post == {"cy0": "thumbs_up"}

    def test_chat_turn_tells_stances_and_distance(self) -> None:
        known: dict[str, Any] = {"beliefs": (believe(0.31), believe(-0.2, HARBOUR)), "peer_name": "Bo", "peer_id": "bo"}
        said = (Remark("Words.", stances={"rents": 0.8}, speaker_id="bo", speaker_name="Bo"),)
        remark = ask(make_view(views.ChatTurnView, neutral(), conversation=said, **known))
        assert remark == ("Rents +0.31, The harbour -0.20. Bo on Rents +0.80: 0.49 from me, within my bound of 0.55.")
        assert (remark.stances, remark.source) == ({"rents": 0.31, "harbour": -0.2}, "template")

    def test_posts_on_what_it_holds_strongest(self) -> None:
        remark = ask(make_view(views.PostView, neutral(), beliefs=(believe(0.31), believe(-0.8, HARBOUR))))
        assert remark == "The harbour -0.80, the furthest I am from 0 on any topic."
        assert (remark.stances, remark.source) == ({"harbour": -0.8}, "template")

    @pytest.mark.parametrize("kind", [views.ChatTurnView, views.PostView])
    def test_nothing_to_speak_about(self, kind: type[views.View]) -> None:
        answer = asyncio.run(OfflineMind().answer(make_view(kind, neutral(), scene=Scene())))
        assert answer == NotAsked("no topic to speak about")


class TestDocumentation:
    """The page about this mind."""

    page = (Path(__file__).parent.parent / "docs" / "offline-mind.md").read_text(encoding="utf-8")

    @pytest.mark.parametrize("name", [one.name for one in fields(Temper)])
    def test_names_every_coefficient(self, name: str) -> None:
        assert f"| `{name}`" in self.page

    @pytest.mark.parametrize("name", [*SHARES, *TRAITS, *MEDIA])
    def test_names_every_attribute(self, name: str) -> None:
        assert f"`{name}`" in self.page


class TestBallot:
    """How people vote."""

    known: Mapping[str, Any] = MappingProxyType({"beliefs": (believe(0.45), believe(0.2, HARBOUR))})

    def test_nearest_candidate_with_the_arithmetic(self) -> None:
        view = make_view(views.BallotView, neutral(turnout_propensity=1.0), **self.known)
        draw = view.chance.draw("turnout")
        assert ask(view) == Choice(
            "noor",
            f"Mean squared distance: Aisha Noor 0.01, Johan Berg 0.66. Turnout draw {draw:.2f} below 1.00: votes.",
            first_choice="noor",
        )

    def test_who_abstains_has_a_first_choice_all_the_same(self) -> None:
        choice = ask(make_view(views.BallotView, neutral(turnout_propensity=0.0), **self.known))
        assert (choice.candidate_id, choice.first_choice) == (None, "noor")
        assert choice.reason.endswith("not below 0.00: abstains.")

    def test_unknown_turnout_is_usual_turnout(self) -> None:
        turnouts = [
            ask(make_view(views.BallotView, neutral(), chance=Chance(seed, 0, "ann"))).candidate_id is not None
            for seed in range(400)
        ]
        assert 0.6 < sum(turnouts) / 400 < 0.8

    def test_only_who_stands_can_be_chosen(self) -> None:
        view = make_view(views.BallotView, neutral(turnout_propensity=1.0), candidates=(JOHAN,), **self.known)
        assert ask(view).candidate_id == "berg"

    @pytest.mark.parametrize("scene", [replace(SCENE, candidates=()), replace(SCENE, topics=())])
    def test_nothing_to_choose_by(self, scene: Scene) -> None:
        answer = asyncio.run(OfflineMind().answer(make_view(views.BallotView, neutral(), scene=scene)))
        assert isinstance(answer, NotAsked)


class TestCandidates:
    """Where candidates stand, and what they say."""

    @pytest.mark.parametrize(("count", "places"), [(1, [0.0]), (2, [-0.5, 0.5]), (3, [-2 / 3, 0.0, 2 / 3])])
    def test_undeclared_positions_are_spread_evenly(self, count: int, places: list[float]) -> None:
        scene = replace(SCENE, candidates=tuple(CandidateCard(str(number), str(number)) for number in range(count)))
        assert [perceived_stance(scene, card.id, "rents") for card in scene.candidates] == pytest.approx(places)

    def test_declared_positions_win_topic_by_topic(self) -> None:
        half = CandidateCard("half", "Half", positions={"harbour": 0.9})
        scene = replace(SCENE, candidates=(AISHA, half))
        assert [perceived_stance(scene, "half", topic.id) for topic in scene.topics] == [0.5, 0.9]

    def test_opening_positions(self) -> None:
        positions = ask(make_view(views.PositionView, candidate=AISHA, wanted=(HARBOUR,))).by_topic
        assert positions == {"harbour": "The harbour +0.20."}
        assert positions["harbour"].stances == {"harbour": 0.2}

    def test_own_position_wins_where_it_has_a_stance(self) -> None:
        said = [
            ask(make_view(views.StatementView, candidate=AISHA, positions={"rents": own}, question=QUESTION, turn=0))
            for own in (Remark("Mine.", stances={"rents": -0.1}), Remark("Vague."))
        ]
        assert [remark.stances["rents"] for remark in said] == [-0.1, 0.6]

    def test_candidate_unknown_to_the_scene(self) -> None:
        remark = ask(make_view(views.StatementView, candidate=CandidateCard("new", "New"), question=QUESTION, turn=0))
        assert remark.stances["rents"] == pytest.approx(2 / 3)

    def test_statement_and_reflection(self) -> None:
        known: dict[str, Any] = {
            "candidate": AISHA,
            "question": QUESTION,
            "said": (say(AISHA, 0.6), say(JOHAN, -0.5), say(JOHAN, -0.7)),
        }
        statement = ask(make_view(views.StatementView, turn=1, **known))
        assert statement == "Rents +0.60. Johan Berg on Rents -0.70: 1.30 from me."
        assert (statement.stances, statement.source) == ({"rents": 0.6}, "template")
        assert ask(make_view(views.ReflectionView, **known)) == (
            "Rents +0.60, unchanged. Johan Berg on Rents -0.70: 1.30 from me."
        )

    def test_reading(self) -> None:
        feed = (write("bo", 0.1), write("cy", 0.5), FeedPost("ed0", "ed", Remark("Hello.")))
        assert ask(make_view(views.ReadingView, candidate=AISHA, feed=feed)) == (
            "Read 3 posts. Rents: 2 posts, mean +0.30; I am at +0.60, 0.30 away. "
            "1 post could not be placed on the axis. No position changed."
        )

    def test_reading_a_text(self) -> None:
        note = ask(make_view(views.ReadingView, candidate=AISHA, feed_text="Rents are too high!"))
        assert note == "Read 0 posts. The feed is a text that could not be placed on the axis. No position changed."


class TestMediator:
    """What the mediator says."""

    def test_question(self) -> None:
        asked = [ask(make_view(views.QuestionView, topic=topic, number=1)) for topic in (RENTS, HARBOUR)]
        assert asked == [
            "Rents, question 2: where do you stand between -1 (rejected) and +1 (supported)?",
            "The harbour, question 2: where do you stand between -1 (keep it) and +1 (let it grow)?",
        ]

    def test_introduction(self) -> None:
        introduction = ask(make_view(views.IntroductionView, question=QUESTION))
        assert introduction == "The question is about Rents. Caps, yes or no?"
        assert (introduction.stances, introduction.source) == ({}, "template")
