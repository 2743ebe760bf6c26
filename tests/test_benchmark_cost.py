"""The benchmark's measure of cost: what is counted, how it is rearranged, and all of it on a handful of people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.benchmark.cost.arrangements import (
    Arrangement,
    PromptTokens,
    account_for,
    add_up,
    as_it_is,
    person_first,
    without_cache,
)
from synthetic_communities.benchmark.cost.calls import NotedCall
from synthetic_communities.benchmark.cost.cost import (
    DEFAULT_LIMIT,
    RULE,
    SLOW,
    SLOW_AND_FEW,
    SLOW_SECONDS,
    CostPlan,
    account_for_slower,
    describe_acts,
    describe_small,
    find_count_faults,
    list_cost_figures,
    read_served,
    take_cost,
)
from synthetic_communities.benchmark.cost.marks import a_format_per_act, marked_anew
from synthetic_communities.benchmark.cost.one_form import count_more_characters, find_schema, one_form
from synthetic_communities.benchmark.cost.town import (
    REPLY_CHARACTERS,
    CostTown,
    build_behaviour,
    build_cost_config,
    lengthen,
    write_long_people,
)
from synthetic_communities.benchmark.timing import Timed
from synthetic_communities.config import Config
from synthetic_communities.domain.person import parse_person
from synthetic_communities.llm.caching.policy import SHORT_LIFE_SECONDS, expect_seconds_between
from synthetic_communities.minds.llm.parts import count_between
from synthetic_communities.minds.llm.wording import describe_person
from synthetic_communities.minds.views import DebateUpdateView
from synthetic_communities.testing.server.caching import Block, CacheTerms
from synthetic_communities.testing.server.prompt import Prompt
from tests.small_views import make_view

SNAPSHOTS = Path(__file__).resolve().parent / "snapshots" / "prompts"
WORLD, PERSON = Block("W" * 3999, "5m"), Block("THE PERSON\n" + "P" * 788, "5m")
FEED = Block(
    "THE FEED\n"
    "By Ann (0 up, 0 down):\n| one\n| By nobody:\n"
    "Post 1, by Bo (1 up, 0 down):\n| two\n"
    "Post 2, by Cy (2 up, 1 down):\n| three"
)


def note(
    act: str, *blocks: Block, began: float = 0.0, ended: float | None = None, beginning: str = "plain"
) -> NotedCall:
    prompt = Prompt("claude-haiku-5-5", "", blocks=blocks, beginning=beginning, terms=CacheTerms(512))
    return NotedCall(act, prompt, began=began, ended=began + 1 if ended is None else ended)


def count(calls: Sequence[NotedCall], arrange: Arrangement = as_it_is, *, slower: float = 1.0) -> PromptTokens:
    return add_up(account_for(calls, arrange, RULE, slower=slower).values())


class TestTokens:
    def test_what_they_cost_beside_plain_ones(self) -> None:
        tokens = PromptTokens(100, 40, 10, 1000, calls=3)
        assert tokens.total == 1150
        assert tokens.as_plain == pytest.approx(100 + 1.25 * 40 + 2 * 10 + 0.1 * 1000)
        assert tokens.share_read == pytest.approx(1000 / 1150)
        assert PromptTokens().share_read == 0

    def test_they_add_up(self) -> None:
        assert add_up([PromptTokens(1, 2, 3, 4, calls=5)] * 2) == PromptTokens(2, 4, 6, 8, calls=10)

    def test_the_servers_are_added_up_over_protocols(self) -> None:
        tokens = {"plain": 1, "written_5m": 2, "written_1h": 3, "read": 4}
        assert read_served({"prompt_by_path": {"/one": tokens, "/other": tokens}}) == PromptTokens(2, 4, 6, 8)


class TestAccounts:
    def test_what_was_answered_before_is_read(self) -> None:
        calls = [note("post", WORLD, Block("one"), began=0), note("post", WORLD, Block("two"), began=2)]
        assert count(calls) == PromptTokens(2, 1000, 0, 1000, calls=2)

    def test_what_is_under_way_is_not(self) -> None:
        calls = [note("post", WORLD, Block("one"), began=0), note("post", WORLD, Block("two"), began=0.5)]
        assert count(calls) == PromptTokens(2, 2000, 0, 0, calls=2)

    def test_what_ends_in_the_moment_in_which_another_begins_comes_first(self) -> None:
        calls = [note("post", WORLD, Block("one"), began=1), note("post", WORLD, Block("two"), began=0)]
        assert count(calls).read == 1000

    def test_slower_replies_outlive_what_is_cached(self) -> None:
        calls = [note("post", WORLD, Block("one"), began=0), note("post", WORLD, Block("two"), began=2)]
        assert [count(calls, slower=times).read for times in (1, 290, 310)] == [1000, 1000, 0]

    def test_a_lower_limit_makes_everything_take_longer(self) -> None:
        calls = [note("post", WORLD, Block(words), began=began) for words, began in (("one", 0), ("two", 51))]
        found = account_for_slower(calls, 2 * DEFAULT_LIMIT)
        assert {name: tokens.read for name, tokens in found.items()} == {SLOW: 1000, SLOW_AND_FEW: 0}, "150 s, 300 s"
        assert (SLOW_SECONDS, SLOW_AND_FEW) == (3.0, "replies of 3 s, limit 20")

    def test_the_policy_sets_the_same_marks_for_500_people_at_the_limit_where_nobody_says_so(self) -> None:
        assert Config.bundled().max_concurrent == DEFAULT_LIMIT
        view = make_view(DebateUpdateView)
        assert expect_seconds_between(count_between(view, 500), DEFAULT_LIMIT) <= SHORT_LIFE_SECONDS
        assert expect_seconds_between(count_between(view, 501), DEFAULT_LIMIT) > SHORT_LIFE_SECONDS

    def test_they_are_told_by_act(self) -> None:
        calls = [note("post", WORLD, began=0), note("chat turn", WORLD, began=2)]
        found = account_for(calls, as_it_is, RULE)
        assert found == {"chat turn": PromptTokens(read=1000, calls=1), "post": PromptTokens(0, 1000, calls=1)}
        *_, last = describe_acts(found)
        assert last.split() == ["in", "all", "2", "0", "1,000", "0", "1,000", "1,350", "0.500"]


class TestSmall:
    def test_warming_is_held_against_the_same_run_without(self) -> None:
        served = PromptTokens(100_000, 0, 0, 900_000)
        values = describe_small(CostTown(100, 100), served, warmed=51.5, unwarmed=50.0)
        assert values == pytest.approx(
            {
                "read from cache, 100 people": 0.9,
                "prompt tokens, 100 people": 0.19,
                "more time for warming": 0.03,
                "the run without warming": 50.0,
            }
        )


class TestArrangements:
    def test_a_format_per_act_shares_only_within_an_act(self) -> None:
        calls = [note(act, WORLD, began=2 * place) for place, act in enumerate(("post", "chat turn", "post"))]
        assert (count(calls).read, count(calls, a_format_per_act(calls)).read) == (2000, 1000)

    def test_what_nobody_else_of_an_act_begins_with_is_not_written(self) -> None:
        acts = ("post", "chat turn", "post")
        calls = [note(act, WORLD, Block("x" * 799, "5m"), began=2 * place) for place, act in enumerate(acts)]
        asked_once = count(calls[1:], a_format_per_act(calls[1:]))
        assert asked_once == PromptTokens(2 * 1200, calls=2)
        assert count(calls, a_format_per_act(calls)) == PromptTokens(1200, 1200, 0, 1200, calls=3)

    def test_a_beginning_of_another_form_is_another_one(self) -> None:
        calls = [note("post", WORLD, began=2 * place, beginning=f"form {place}") for place in range(2)]
        assert count(calls, marked_anew(calls, lambda call: call.prompt)) == PromptTokens(2000, calls=2)

    def test_without_a_cache_all_of_it_is_plain(self) -> None:
        calls = [note("post", WORLD, PERSON, began=2 * place) for place in range(3)]
        assert count(calls, without_cache) == PromptTokens(3 * 1200, calls=3)

    def test_the_person_comes_first(self) -> None:
        [prompt] = person_first(note("post", WORLD, PERSON, Block("POST")))
        assert [block.text for block in prompt.blocks] == [PERSON.text, WORLD.text, "POST"]
        assert not any(block.mark for block in prompt.blocks)

    def test_another_person_shares_nothing_then(self) -> None:
        other = Block(PERSON.text.replace("P", "Q"))
        calls = [note("post", WORLD, each, began=2 * place) for place, each in enumerate((PERSON, other, PERSON))]
        assert count(calls, person_first).read == 1200
        assert count(calls).read == 2 * 1000 + 200

    def test_a_reaction_is_asked_for_post_by_post(self) -> None:
        prompts = list(person_first(note("reaction", WORLD, PERSON, FEED, Block("REACT"))))
        assert [prompt.blocks[2].text for prompt in prompts] == [
            "THE FEED\nPost 1, by Bo (1 up, 0 down):\n| two",
            "THE FEED\nPost 2, by Cy (2 up, 1 down):\n| three",
        ]
        [update] = person_first(note("update from social media", WORLD, PERSON, FEED))
        assert update.blocks[2].text == FEED.text

    @given(st.lists(st.sampled_from([WORLD, PERSON, FEED, Block("x")]), min_size=1, max_size=5))
    def test_no_arrangement_loses_a_token(self, blocks: list[Block]) -> None:
        calls = [note("post", *blocks, began=2 * place) for place in range(2)]
        arrangements = (as_it_is, without_cache, a_format_per_act(calls), person_first)
        totals = {count(calls, arrange).total for arrange in arrangements}
        assert len(totals) == 1


class TestOneForm:
    SCHEMA = Block('{"properties": {"vote": {}, "reason": {}}}')

    def calls(self, *, judges: bool = True) -> list[NotedCall]:
        form = (self.SCHEMA,) * judges
        return [
            note("post", WORLD, PERSON, Block("POST"), began=0),
            note("ballot", *form, WORLD, PERSON, Block("BALLOT"), began=2, beginning="judgement"),
            note("post", WORLD, Block("another"), began=4),
        ]

    def test_words_and_judgements_share_what_they_begin_with(self) -> None:
        calls = self.calls()
        # World and person are read from the cache in both forms, and written in one.
        assert (count(calls).read, count(calls, one_form(calls)).read) == (1000, 1211 + 1011)
        assert count(calls, one_form(calls)).written_5m == 1211 < count(calls).written_5m

    def test_only_what_comes_again_is_marked(self) -> None:
        calls = self.calls()
        prompts = [prompt for call in calls for prompt in one_form(calls)(call)]
        assert [[block.mark for block in prompt.blocks] for prompt in prompts] == [
            [None, "5m", "5m", None],
            [None, "5m", "5m", None],
            [None, "5m", None],
        ]
        assert {prompt.blocks[0] for prompt in prompts} == {self.SCHEMA}
        assert len({prompt.beginning for prompt in prompts}) == 1

    def test_fields_that_are_none_of_its_business_make_a_reply_longer(self) -> None:
        words, judgement = '{"words": "", "vote": null, "reason": null}', '"words": null, '
        assert count_more_characters(self.calls()) == 2 * len(words) + len(judgement)

    def test_where_nobody_judges_there_is_one_form_already(self) -> None:
        calls = self.calls(judges=False)
        assert (find_schema(calls), count_more_characters(calls)) == ("", 0)
        assert count(calls, one_form(calls)).total == count(calls).total


class TestTown:
    def test_people_and_world_have_the_lengths_that_are_asked_for(self, tmp_path: Path) -> None:
        config = build_cost_config(CostTown(30, 5), tmp_path)
        assert config.world_story is not None
        assert len(config.world_story) == 5_000
        lines = [json.loads(line) for line in Path(config.population_file).read_text("utf-8").splitlines()]
        assert {len(describe_person(parse_person(line["id"], line))) for line in lines} == {1_200}
        assert (config.post_probability, config.num_rounds_mean, config.num_rounds_variance) == (0.07, 3, 1)
        assert (config.opening_opinions, len(config.topics or []), len(config.candidates or [])) == (True, 1, 2)

    def test_settings_may_be_changed(self, tmp_path: Path) -> None:
        config = build_cost_config(CostTown(3, 5, changes=(("feed_size", 2),)), tmp_path)
        assert config.feed_size == 2

    def test_people_are_written_once(self, tmp_path: Path) -> None:
        path = write_long_people(tmp_path, 2, 1_500)
        path.write_text("kept")
        assert write_long_people(tmp_path, 2, 1_500).read_text() == "kept"

    @given(st.text(max_size=30), st.integers(1, 100))
    def test_a_text_is_as_long_as_it_is_to_be(self, text: str, characters: int) -> None:
        resized = lengthen(text, characters)
        assert len(resized) == characters
        assert not resized[-1].isspace()

    @pytest.mark.parametrize("words", REPLY_CHARACTERS)
    def test_lengths_of_replies_are_found_by_words_of_one_act(self, words: str) -> None:
        prompts = {path.stem: path.read_text("utf-8") for path in SNAPSHOTS.glob("*.txt")}
        assert len([name for name, prompt in prompts.items() if words in prompt]) == 1

    def test_the_server_caches_and_counts_four_characters_a_token(self) -> None:
        behaviour = build_behaviour(latency=0.5)
        assert (behaviour.cache, behaviour.token_chars, behaviour.latency) == (True, RULE.characters, 0.5)


class TestWhatMustNotBe:
    def test_two_counts_that_differ(self) -> None:
        timed = Timed(1.0, 1.0, calls=2, peak_in_flight=1, endings={"200": 2})
        ours = PromptTokens(100, 0, 0, 900, calls=2)
        assert list(find_count_faults(PromptTokens(140, 0, 0, 860), ours, timed)) == []
        assert len(list(find_count_faults(PromptTokens(160, 0, 0, 840), ours, timed))) == 1
        assert len(list(find_count_faults(PromptTokens(101, 0, 0, 900), ours, timed))) == 1
        assert len(list(find_count_faults(ours, PromptTokens(100, 0, 0, 900, calls=3), timed))) == 1


def test_all_of_it_is_measured_on_a_handful_of_people() -> None:
    town = CostTown(3, 3, epochs=1, world_characters=600, changes=(("post_probability", 1.0),))
    plan = CostPlan(town, town, latency_seconds=0.02, warming_seconds=0.001)
    told: list[str] = []
    [sample] = take_cost(plan, told.append)
    values = sample.values
    assert sample.faults == ()
    assert set(values) == {figure.name for figure in list_cost_figures(plan)}
    assert values["calls: person first, a call a post"] >= values["calls"] > 20
    assert values["prompt tokens: no cache"] > values["prompt tokens: a format per act"] > values["prompt tokens"]
    assert values["read from cache"] > values["read from cache: a format per act"] > 0.1
    assert values["read from cache: no cache"] == 0
    assert values["read from cache: one form for everything"] > values["read from cache"]
    assert values["prompt tokens: one form for everything"] < values["prompt tokens"]
    assert 0 < values["longer replies: one form for everything"] < values["prompt tokens"]
    assert values["read from cache: person first, a call a post"] > 0.1
    assert any(line.startswith("update from chat") for line in told)
