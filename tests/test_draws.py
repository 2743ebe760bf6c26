"""What chance decides depends on the seed alone, and settings of chance act as they say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.config import Config
from synthetic_communities.domain.ballot import Choice
from synthetic_communities.domain.belief import Belief, Opinion
from synthetic_communities.domain.chance import Chance
from synthetic_communities.domain.feed import FeedPost, Reactions, draw_considered
from synthetic_communities.domain.feed_ranking import build_pool, rank_feed
from synthetic_communities.domain.outcome import Answer, Done
from synthetic_communities.domain.pairing import draw_conversations, draw_posters
from synthetic_communities.domain.remark import Remark
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.minds import views
from synthetic_communities.minds.base import Mind
from synthetic_communities.minds.views import View
from synthetic_communities.persona import Persona
from synthetic_communities.population import Population
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import CANDIDATES, TOPICS, make_attributes, run_community, run_engine

IDS = st.lists(st.text(max_size=4), max_size=12, unique=True)


class ChattyMind:
    """Stands in for a model: whatever it is asked, it answers unlike the offline mind."""

    name = "chatty"
    source = "model"

    async def answer(self, view: View) -> Answer[Any]:
        """Return an answer of the kind asked for, unlike the offline mind's."""
        return Done(self._value(view))

    def _value(self, view: Any) -> Any:
        match view:
            case views.PositionView():
                return views.Positions({topic.id: Remark("All of it, now.") for topic in view.wanted})
            case views.ReactionView():
                return Reactions(dict.fromkeys(view.considered, "thumbs_up"))
            case views.BallotView():
                return Choice(view.candidates[0].id, "Listed first.")
            case views.OpeningView() | views.DebateUpdateView() | views.ChatUpdateView() | views.SocialUpdateView():
                beliefs = [Belief(topic.id, f"Up, says {view.key}.", stance=0.9) for topic in view.scene.topics]
                return Opinion(tuple(beliefs), view.candidates[-1].id)
            case _:
                return Remark(f"A word on {view.key}.")


def run_sample(directory: Path, mind: Mind | None, seed: int = 5) -> tuple[ScriptedMind, SimulationResult]:
    """Run a sample of nine of thirty people, and return what was asked and what came of it."""
    file = directory / "people.jsonl"
    rows = [{"id": f"q{29 - number:02}", **make_attributes(number)} for number in range(30)]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    config = Config(
        9,
        1,
        1,
        3,
        seed,
        post_probability=0.5,
        reaction_probability=0.5,
        num_rounds_mean=3,
        num_rounds_variance=2,
        feed_size=6,
        population_file=str(file),
        topics=TOPICS,
        candidates=CANDIDATES,
    )
    watching = ScriptedMind(otherwise=mind)
    return watching, run_engine(GameEngine.from_config(config, model=watching), directory)


Sampled = tuple[ScriptedMind, SimulationResult]


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Sampled:
    """A run with the offline mind."""
    return run_sample(tmp_path_factory.mktemp("offline"), None)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Sampled:
    """A run with the same seed and a mind that answers everything otherwise."""
    return run_sample(tmp_path_factory.mktemp("model"), ChattyMind())


def views_of(run: Sampled, kind: type[View]) -> dict[str, Any]:
    """Return key to view of every act of one kind."""
    return {view.key: view for view in run[0].asked if isinstance(view, kind)}


def test_the_two_minds_differ_in_all_they_say(offline: Sampled, model: Sampled) -> None:
    """Else what follows would show nothing."""
    assert not {row["message"] for row in offline[1].conversations} & {row["message"] for row in model[1].conversations}
    assert offline[1].epochs[0]["stances"] != model[1].epochs[0]["stances"]
    likes = [[post["likes"] for post in run[1].epochs[-1]["newsfeed"]["posts"]] for run in (offline, model)]
    assert likes[0] != likes[1]


def test_two_minds_share_sample_pairs_rounds_and_posters(offline: Sampled, model: Sampled) -> None:
    results = [run[1] for run in (offline, model)]
    people = [[row["id"] for row in result.metadata["population"]] for result in results]
    conversations = [
        [(row["conversation_id"], row["turn"], row["num_rounds"]) for row in result.conversations] for result in results
    ]
    posts = [[post["id"] for post in result.epochs[-1]["newsfeed"]["posts"]] for result in results]
    assert people[0] == people[1]
    assert conversations[0] == conversations[1]
    assert posts[0] == posts[1]
    assert (len(people[0]), len({row[0] for row in conversations[0]})) == (9, 12)
    assert 3 < len(posts[0]) < 27


def test_two_minds_share_the_draws_of_who_considers_what(offline: Sampled, model: Sampled) -> None:
    """Which places in the feed are considered is drawn; what stands there follows from what people liked before."""
    drawn = [
        {
            key: [post.id in view.considered for post in view.feed]
            for key, view in views_of(run, views.ReactionView).items()
        }
        for run in (offline, model)
    ]
    assert drawn[0] == drawn[1]
    places = [place for view in drawn[0].values() for place in view]
    assert 0.3 < sum(places) / len(places) < 0.7


def test_two_minds_share_the_feeds_of_the_first_epoch(offline: Sampled, model: Sampled) -> None:
    feeds = [
        {
            key: [post.id for post in view.feed]
            for key, view in views_of(run, views.ReactionView).items()
            if key[1] == "0"
        }
        for run in (offline, model)
    ]
    assert feeds[0] == feeds[1] != {}


def test_two_minds_share_the_orders_candidates_are_shown_in(offline: Sampled, model: Sampled) -> None:
    orders = [
        {key: [card.id for card in view.candidates] for key, view in views_of(run, views.PersonView).items()}
        for run in (offline, model)
    ]
    shared = orders[0].keys() & orders[1].keys()
    assert len(shared) > 100
    assert {key: orders[0][key] for key in shared} == {key: orders[1][key] for key in shared}
    # Acts that judge nobody are not shown the candidates.
    counts = Counter(tuple(order) for order in orders[0].values() if order)
    assert set(counts) == {("c0", "c1"), ("c1", "c0")}
    assert min(counts.values()) > 0.35 * counts.total()


def test_the_order_of_candidates_differs_between_people_acts_and_epochs(offline: Sampled) -> None:
    seen = [
        (tuple(card.id for card in view.candidates), view.person.id, view.act, view.chance.epoch)
        for view in views_of(offline, views.PersonView).values()
    ]
    (someone, *_) = sorted(who for _, who, _, _ in seen)
    between_people = {order for order, _, act, epoch in seen if (act, epoch) == ("update from debate", 1)}
    between_acts = {order for order, who, _, epoch in seen if (who, epoch) == (someone, 1)}
    between_epochs = {(order, who, epoch) for order, who, act, epoch in seen if act == "update from debate"}
    changed = {who for _, who, _ in between_epochs if len({o for o, w, _ in between_epochs if w == who}) > 1}
    assert len(between_people) == len(between_acts) == 2
    assert changed


def test_every_epoch_draws_anew(offline: Sampled) -> None:
    result = offline[1]
    pairs = {row["conversation_id"] for row in result.conversations}
    assert len({pair.split("/")[-1] for pair in pairs}) > 8, "nine people make four pairs an epoch"
    posters: dict[int, set[str]] = {}
    for post in result.epochs[-1]["newsfeed"]["posts"]:
        posters.setdefault(post["epoch"], set()).add(post["persona_id"])
    assert len({frozenset(who) for who in posters.values()}) == 3
    considered: dict[str, set[tuple[bool, ...]]] = {}
    for view in views_of(offline, views.ReactionView).values():
        places = tuple(post.id in view.considered for post in view.feed[:3])
        considered.setdefault(view.person.id, set()).add(places)
    assert sum(len(draws) > 1 for draws in considered.values()) > 5


def test_another_seed_shares_nothing_of_this(offline: Sampled, tmp_path: Path) -> None:
    other = run_sample(tmp_path, None, seed=6)
    for take in (
        lambda result: [row["id"] for row in result.metadata["population"]],
        lambda result: [row["conversation_id"] for row in result.conversations],
        lambda result: [post["id"] for post in result.epochs[-1]["newsfeed"]["posts"]],
    ):
        assert take(offline[1]) != take(other[1])


# Probabilities act.


@pytest.mark.parametrize(("probability", "posters"), [(0.0, 0), (1.0, 10)])
def test_probabilities_of_posting_act_at_their_ends(probability: float, posters: int, tmp_path: Path) -> None:
    mind = ScriptedMind()
    result = run_community(tmp_path, mind, post_probability=probability)
    assert len(result.epochs[-1]["newsfeed"]["posts"]) == posters
    assert sum(isinstance(view, views.PostView) for view in mind.asked) == posters


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_probabilities_of_reacting_act_at_their_ends(probability: float, tmp_path: Path) -> None:
    mind = ScriptedMind()
    result = run_community(tmp_path, mind, reaction_probability=probability)

    asked = [view for view in mind.asked if isinstance(view, views.ReactionView)]
    assert len(asked) == (10 if probability else 0)
    assert all(view.considered == tuple(post.id for post in view.feed) for view in asked)
    assert bool(result.reactions) == bool(probability)
    assert sum(isinstance(view, views.SocialUpdateView) for view in mind.asked) == 10, "who reads need not react"


def test_verbs_draw_at_their_ends_too() -> None:
    posts = [{"id": f"post-{number}", "persona_id": "z", "content": "Cap them."} for number in range(12)]
    for probability, people in ((0.0, 0), (1.0, 5)):
        mind = ScriptedMind(otherwise=ChattyMind())
        population = make_population(5, mind)
        assert len(population.create_social_media_posts(probability)) == people
        counts = population.react_to_posts(posts, None, probability)
        assert counts == {"total_reactions": 10 * people, "thumbs_up": 10 * people, "thumbs_down": 0}
        assert len(mind.asked) == 2 * people


def make_population(people: int, mind: Mind, seed: int = 0) -> Population:
    """Return people made by hand."""
    population = Population(seed=seed, model=mind)
    for number in range(people):
        population.add_persona(Persona(f"p{number}", make_attributes(number)))
    return population


def test_the_nth_call_of_a_verb_draws_as_the_nth_epoch_does() -> None:
    population = make_population(30, ChattyMind(), seed=9)
    for call in range(3):
        posts = population.create_social_media_posts(0.3)
        drawn = draw_posters([persona.id for persona in population.personas], Chance(9, call), 0.3)
        assert [post["persona_id"] for post in posts] == list(drawn)
        pairs = [row["participants"] for row in population.chat_with_peers()]
        expected = draw_conversations([persona.id for persona in population.personas], Chance(9, call), 3, 1)
        assert pairs == [[pair.first, pair.second] for pair in expected]


# Pairs, rounds, samples.


@given(IDS, st.integers(0, 10_000), st.integers(0, 6), st.integers(0, 4))
def test_everybody_talks_with_one_other_but_for_one_of_an_odd_number(
    ids: list[str], seed: int, mean: int, half_range: int
) -> None:
    conversations = draw_conversations(ids, Chance(seed), mean, half_range)
    talking = [who for pair in conversations for who in (pair.first, pair.second)]
    assert len(talking) == len(set(talking)) == len(ids) // 2 * 2
    assert set(talking) <= set(ids)
    for pair in conversations:
        assert max(1, mean - half_range) <= pair.rounds <= max(1, mean + half_range)
        assert len(pair.turns) == 2 * pair.rounds
        assert Counter(speaker for speaker, _ in pair.turns) == {pair.first: pair.rounds, pair.second: pair.rounds}


def test_every_number_of_rounds_in_the_range_is_drawn_and_evenly() -> None:
    rounds = Counter(pair.rounds for pair in draw_conversations(map(str, range(6000)), Chance(1), 3, 1))
    assert set(rounds) == {2, 3, 4}
    assert max(rounds.values()) < 1.15 * min(rounds.values())


def test_people_post_as_often_as_the_probability_says_each_for_themselves() -> None:
    posts = [len(draw_posters(map(str, range(500)), Chance(3, epoch), 0.07)) for epoch in range(20)]
    assert 25 < min(posts) < sum(posts) / 20 < max(posts) < 50
    assert 32 < sum(posts) / 20 < 38


@given(IDS, st.integers(0, 10_000), st.floats(0, 1))
def test_who_posts_does_not_depend_on_who_else_is_there(ids: list[str], seed: int, probability: float) -> None:
    drawn = draw_posters(ids, Chance(seed), probability)
    assert drawn == tuple(who for who in ids if draw_posters([who], Chance(seed), probability))


def make_posts(counts: Mapping[str, int]) -> list[FeedPost]:
    """Return posts of these ids with that many likes."""
    return [FeedPost(key, f"by {key}", Remark("Words."), likes=likes) for key, likes in counts.items()]


def test_ties_in_the_feed_are_drawn_for_each_viewer() -> None:
    pool = build_pool(make_posts({f"post-{number}": 0 for number in range(5)}))
    first = Counter(rank_feed(pool, who, Chance(1, 0, who), feed_size=5)[0].id for who in map(str, range(200)))
    assert len(first) == 5
    assert max(first.values()) < 80


def test_considering_is_drawn_for_each_viewer_and_by_place() -> None:
    posts = make_posts({f"post-{number}": 0 for number in range(8)})
    draws = {who: draw_considered(posts, Chance(1, 0, who), 0.5) for who in map(str, range(50))}
    assert len(set(draws.values())) > 25
    for who, considered in draws.items():
        fewer = draw_considered(posts, Chance(1, 0, who), 0.2)
        assert set(fewer) <= set(considered), "a smaller probability drops some and adds none"
        assert list(considered) == [post.id for post in posts if post.id in considered]


@pytest.mark.parametrize("size", [0, 1, 7, 29, 30])
def test_a_sample_keeps_the_order_of_the_file(size: int, tmp_path: Path) -> None:
    file = tmp_path / "people.jsonl"
    ids = [f"z{(number * 7) % 30:02}" for number in range(30)]
    file.write_text("".join(f'{{"id": "{who}"}}\n' for who in ids), encoding="utf-8")
    samples = []
    for seed in (1, 1, 2):
        population = Population(seed=seed)
        population.load_from_jsonl(file, limit=size)
        samples.append([persona.id for persona in population.personas])
    for sample in samples:
        assert len(sample) == size
        assert sample == [who for who in ids if who in sample]
    assert samples[0] == samples[1]
    assert (samples[0] == samples[2]) == (size in (0, 30))


def test_a_sample_is_the_same_loaded_by_hand_and_by_the_engine(offline: Sampled) -> None:
    settings = offline[1].metadata["config"]
    population = Population(seed=settings["random_seed"])
    file = offline[1].path.parent / settings["population_file"]
    population.load_from_jsonl(file, limit=settings["population_size"])
    assert [persona.id for persona in population.personas] == [row["id"] for row in offline[1].metadata["population"]]
