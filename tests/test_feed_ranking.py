"""Which posts somebody is shown: candidates, scores, ties, and how much work that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.domain.chance import Chance
from synthetic_communities.domain.feed import FeedPost
from synthetic_communities.domain.feed_ranking import (
    AFFINITY_WEIGHT,
    ENGAGEMENT_WEIGHT,
    RECENCY_WEIGHT,
    FeedPool,
    build_pool,
    draw_candidates,
    measure_affinities,
    rank_feed,
    score_posts,
)
from synthetic_communities.domain.remark import Remark
from synthetic_communities.minds import views
from synthetic_communities.persona import Persona
from synthetic_communities.population import Population
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.social_media import SocialMedia
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import run_community


def write(number: int, author: str = "", *, epoch: int = 0, likes: int = 0, dislikes: int = 0) -> FeedPost:
    """Return a post, of an author of its own unless one is named."""
    return FeedPost(
        f"post{number}", author or f"by{number}", Remark("Words."), epoch=epoch, likes=likes, dislikes=dislikes
    )


def show(
    posts: Iterable[FeedPost] | FeedPool, who: str = "ann", *, size: int = 10, seed: int = 1, **options: Any
) -> list[str]:
    """Return the ids of the posts somebody is shown."""
    pool = posts if isinstance(posts, FeedPool) else build_pool(posts)
    return [post.id for post in rank_feed(pool, who, Chance(seed, 0, who), feed_size=size, **options)]


POSTS = st.lists(
    st.builds(
        write,
        st.integers(),
        st.sampled_from(["ann", "bo", "cem", "dee"]),
        epoch=st.integers(0, 4),
        likes=st.integers(0, 6),
        dislikes=st.integers(0, 6),
    ),
    max_size=60,
)


class TestScores:
    """The formula of the page on concepts, by hand."""

    def test_recency_halves_with_every_epoch_behind_the_newest(self) -> None:
        pool = build_pool([write(0, epoch=1), write(1, epoch=3), write(2, epoch=2)])
        assert score_posts(pool, [0, 1, 2], {}) == [0.25, 1.0, 0.5]

    def test_engagement_is_a_share_of_the_post_with_most_reactions_of_both_kinds(self) -> None:
        pool = build_pool([write(0, likes=1), write(1, likes=3, dislikes=5), write(2)])
        assert score_posts(pool, [2, 0, 1], {}) == [1.0, 1.0 + 0.5 / 8, 1.5]

    def test_affinity_is_added_for_the_authors_known(self) -> None:
        pool = build_pool([write(0, "bo"), write(1, "cem"), write(2, "dee")])
        assert score_posts(pool, [0, 1, 2], {"bo": 0.5, "dee": -0.75}) == [1.25, 1.0, 0.625]

    def test_weights_are_those_documented(self) -> None:
        assert (RECENCY_WEIGHT, ENGAGEMENT_WEIGHT, AFFINITY_WEIGHT) == (1.0, 0.5, 0.5)
        text = (Path(__file__).parents[1] / "docs" / "concepts.md").read_text(encoding="utf-8")
        assert f"{RECENCY_WEIGHT} * recency + {ENGAGEMENT_WEIGHT} * engagement + {AFFINITY_WEIGHT} * affinity" in text

    def test_affinity_grows_with_evidence_and_stays_within_its_bounds(self) -> None:
        up, down = ("bo", "thumbs_up"), ("bo", "thumbs_down")
        assert measure_affinities([up]) == {"bo": 0.5}
        assert measure_affinities([up, up, up]) == {"bo": 0.75}
        assert measure_affinities([down, up, down, ("cem", "thumbs_up")]) == {"bo": -0.25, "cem": 0.5}
        assert measure_affinities([up, down]) == {"bo": 0.0}
        assert measure_affinities([]) == {}
        assert -1 < measure_affinities([down] * 1000)["bo"] < -0.99

    def test_posts_of_any_epoch_and_of_any_counts_can_be_scored(self) -> None:
        pool = build_pool([write(0, epoch=-(10**40)), write(1, epoch=10**40, likes=-3), write(2, likes=-2)])
        assert score_posts(pool, [0, 1, 2], {}) == [0.0, 1.0 - 1.5, -1.0]
        assert build_pool([]).posts == ()
        assert show([]) == []


class TestOrder:
    """Who is shown what, and in which order."""

    @given(POSTS, st.integers(0, 12), st.dictionaries(st.sampled_from(["bo", "cem"]), st.floats(-1, 1)))
    def test_highest_scores_first_out_of_all_posts_of_others(
        self, posts: list[FeedPost], size: int, affinities: Mapping[str, float]
    ) -> None:
        pool = build_pool(posts)
        shown = rank_feed(pool, "ann", Chance(3, 0, "ann"), feed_size=size, affinities=affinities)
        score = dict(zip(map(id, posts), score_posts(pool, range(len(posts)), affinities), strict=True))
        others = [post for post in posts if post.author_id != "ann"]
        assert len(shown) == min(size, len(others))
        assert len({id(post) for post in shown}) == len(shown)
        expected = sorted((score[id(post)] for post in others), reverse=True)[: len(shown)]
        assert [score[id(post)] for post in shown] == expected

    def test_an_author_liked_before_comes_before_one_disliked(self) -> None:
        posts = [write(number, author) for number, author in enumerate(["bo", "cem", "dee"])]
        for seed in range(20):
            assert show(posts, seed=seed, affinities={"bo": -0.5, "dee": 0.5}) == ["post2", "post1", "post0"]

    def test_an_old_post_that_moves_many_comes_before_a_new_one_of_somebody_disliked(self) -> None:
        posts = [write(0, "bo", epoch=1), write(1, "cem", epoch=0, likes=9)]
        assert show(posts, affinities={"bo": -0.5}) == ["post1", "post0"]

    def test_own_posts_are_left_out(self) -> None:
        assert show([write(0, "ann"), write(1, "bo"), write(2, "ann")]) == ["post1"]
        assert show([write(number, "ann") for number in range(300)]) == []

    def test_the_same_seed_shows_the_same_and_another_reader_sees_another_order(self) -> None:
        posts = [write(number) for number in range(40)]
        feeds = [show(posts, who) for who in ("ann", "ann", "bo")]
        assert feeds[0] == feeds[1] != feeds[2]


class Counted(list[float]):
    """The merits of a pool, which count how often one is looked at."""

    looked_at = 0

    def __getitem__(self, place: Any) -> Any:
        self.looked_at += 1
        return super().__getitem__(place)


class TestCandidates:
    """Which posts are scored where there are many."""

    @pytest.mark.parametrize("number", [0, 1, 199, 200, 201, 5_000])
    def test_what_is_scored_for_one_reader_does_not_grow_with_the_number_of_posts(self, number: int) -> None:
        pool = build_pool(write(each) for each in range(number))
        merits = Counted(pool.merits)
        assert len(show(replace(pool, merits=merits))) == min(10, number)
        assert merits.looked_at == min(200, number)

    @pytest.mark.parametrize(("size", "candidates", "scored"), [(10, 30, 30), (50, 30, 50), (0, 8, 8), (1, 1, 1)])
    def test_the_setting_says_how_many_and_a_longer_feed_wins(self, size: int, candidates: int, scored: int) -> None:
        pool = build_pool(write(each) for each in range(1_000))
        merits = Counted(pool.merits)
        assert len(show(replace(pool, merits=merits), size=size, candidates=candidates)) == size
        assert merits.looked_at == scored

    def test_half_are_the_newest_a_quarter_the_liveliest_the_rest_drawn(self) -> None:
        posts = [write(number, epoch=number, likes=(1000 - number) if number < 900 else 0) for number in range(1_000)]
        stream = Chance(1, 0, "ann").stream("feed")
        places = draw_candidates(build_pool(posts), "ann", stream, 200)
        assert len(places) == len(set(places)) == 200
        assert places[:100] == list(range(999, 899, -1)), "the newest"
        assert places[100:150] == list(range(50)), "those with most reactions"
        assert all(50 <= place < 900 for place in places[150:])

    def test_of_equally_new_posts_it_is_drawn_which_count(self) -> None:
        """Else the first of an epoch would be everybody's candidates, and the others nobody's."""
        pool = build_pool(write(number, epoch=number >= 200) for number in range(1_200))
        seen: Counter[int] = Counter()
        for who in map(str, range(200)):
            places = draw_candidates(pool, who, Chance(5, 0, who).stream("feed"), 200)
            assert all(place >= 200 for place in places[:100])
            seen.update(places)
        of_newest = [seen[place] for place in range(200, 1_200)]
        assert min(of_newest) > 8, "200 readers with 100 of 1,000 newest each: about 20 and a few more"
        assert max(of_newest) < 70

    def test_of_posts_that_move_as_many_it_is_drawn_which_count(self) -> None:
        posts = [write(number, epoch=number < 300, likes=5 * (number >= 300)) for number in range(900)]
        pool = build_pool(posts)
        drawn = [draw_candidates(pool, who, Chance(5, 0, who).stream("feed"), 40)[20:30] for who in ("ann", "bo")]
        assert drawn[0] != drawn[1]
        assert all(place >= 300 for places in drawn for place in places)

    def test_of_a_few_too_many_it_is_drawn_which_count(self) -> None:
        pool = build_pool(write(number, epoch=number < 12, likes=5 * (number >= 12)) for number in range(40))
        drawn = [draw_candidates(pool, who, Chance(5, 0, who).stream("feed"), 20) for who in map(str, range(100))]
        newest = Counter(place for places in drawn for place in places[:10])
        liveliest = Counter(place for places in drawn for place in places[10:15])
        assert set(newest) == set(range(12))
        assert set(liveliest) == set(range(12, 40))
        assert max(newest.values()) < 98
        assert max(liveliest.values()) < 40

    @settings(max_examples=60)
    @given(POSTS, st.integers(1, 30), st.integers(0, 1_000))
    def test_candidates_are_distinct_posts_of_others_as_many_as_asked_for(
        self, posts: list[FeedPost], most: int, seed: int
    ) -> None:
        pool = build_pool(posts)
        others = {place for place, post in enumerate(posts) if post.author_id != "ann"}
        places = draw_candidates(pool, "ann", Chance(seed, 0, "ann").stream("feed"), most)
        assert len(places) == len(set(places)) == min(most, len(others))
        assert set(places) <= others
        newest = sorted((posts[place].epoch for place in others), reverse=True)
        if len(others) > most:
            assert [posts[place].epoch for place in places[: most // 2]] == newest[: most // 2]

    def test_a_reader_who_wrote_nearly_all_is_shown_the_rest(self) -> None:
        posts = [write(number, "ann" if number % 50 else "bo") for number in range(2_000)]
        assert set(show(posts, size=100)) == {f"post{number}" for number in range(0, 2_000, 50)}

    def test_a_reader_who_wrote_most_of_many_is_shown_posts_of_others(self) -> None:
        posts = [write(number, "ann" if number % 4 else f"by{number}") for number in range(8_000)]
        shown = show(posts, size=100)
        assert len(shown) == 100
        assert all(int(post_id.removeprefix("post")) % 4 == 0 for post_id in shown)


class TestInACommunity:
    """Feeds in runs and by verbs."""

    def test_the_feed_of_a_run_is_ranked_by_what_had_happened_at_the_end_of_the_epoch_before(
        self, tmp_path: Path
    ) -> None:
        mind = ScriptedMind()
        result = run_community(tmp_path, mind, people=8, num_epochs=3, feed_size=100)
        compared = 0
        for view in mind.asked:
            if isinstance(view, views.ReactionView):
                affinities = affinities_before(result, view.person.id, view.chance.epoch)
                score = scores_before(result, view.chance.epoch, affinities)
                in_order = [score[post.id] for post in view.feed]
                assert in_order == sorted(in_order, reverse=True), view.key
                compared += len(set(affinities.values())) > 1
        assert compared > 3, "some readers liked one author and disliked another"

    def test_a_run_scores_no_more_than_the_setting_says(self, tmp_path: Path) -> None:
        few = run_community(tmp_path, None, people=9, num_epochs=2, feed_size=2, feed_candidates=2)
        many = run_community(tmp_path, None, people=9, num_epochs=2, feed_size=2, feed_candidates=100)
        assert few.exposures != many.exposures
        assert all(len(row["shown"]) == 2 for row in few.exposures if row["step"] == "feed")

    def test_verbs_rank_by_what_is_noted_on_the_platform_they_are_given(self) -> None:
        platform = SocialMedia()
        posts = [{"id": author, "persona_id": author, "content": "Cap them."} for author in ("bo", "cem", "dee")]
        platform.add_posts(posts)
        platform.add_reactions([("bo", "p0", "thumbs_down"), ("dee", "p0", "thumbs_up")])
        assert platform.measure_affinities() == {"p0": {"bo": -0.5, "dee": 0.5}}
        mind = ScriptedMind()
        population = Population(model=mind)
        for who in ("p0", "p1"):
            population.add_persona(Persona(who))
        population.react_to_posts(posts, platform, 1.0)
        feeds = {view.person.id: [post.author_id for post in view.feed] for view in mind.asked}
        assert feeds["p0"] == ["dee", "cem", "bo"]
        assert sorted(feeds["p1"]) == ["bo", "cem", "dee"]


def affinities_before(result: SimulationResult, who: str, epoch: int) -> dict[str, float]:
    """Return how somebody had taken to authors when an epoch began, from the rows of the record."""
    authors = {post["id"]: post["persona_id"] for post in result.epochs[-1]["newsfeed"]["posts"]}
    own = [row for row in result.reactions if row["persona_id"] == who and row["epoch"] < epoch and row["reaction"]]
    last = {row["post_id"]: row["reaction"] for row in own}
    return measure_affinities((authors[post_id], kind) for post_id, kind in last.items())


def scores_before(result: SimulationResult, epoch: int, affinities: Mapping[str, float]) -> dict[str, float]:
    """Return the scores of the posts up to an epoch, with the counts of the end of the epoch before."""
    before = {post["id"]: post for row in result.epochs[:epoch] for post in row["newsfeed"]["posts"]}
    posts = [
        FeedPost(
            row["id"],
            row["persona_id"],
            Remark(row["content"]),
            epoch=row["epoch"],
            likes=before.get(row["id"], {}).get("likes", 0),
            dislikes=before.get(row["id"], {}).get("dislikes", 0),
        )
        for row in result.epochs[epoch]["newsfeed"]["posts"]
    ]
    scores = score_posts(build_pool(posts), range(len(posts)), affinities)
    return {post.id: score for post, score in zip(posts, scores, strict=True)}
