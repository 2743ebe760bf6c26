"""One cap over every act, never exceeded and reached where the work allows; and only those with news are asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.domain.debate import CandidateStatement, DebateTranscript, Question, Topic
from synthetic_communities.domain.outcome import Failed
from synthetic_communities.domain.remark import Remark
from synthetic_communities.errors import SyntheticCommunitiesError
from synthetic_communities.minds import views
from synthetic_communities.minds.views import View
from synthetic_communities.persona import ChatEntry, Persona
from synthetic_communities.population import Population
from synthetic_communities.testing.scripted import ScriptedMind
from synthetic_communities.testing.virtual_time import run_in_virtual_time, virtual_seconds
from tests.small_communities import (
    draw_delay,
    make_attributes,
    make_config,
    make_engine,
    read_json,
    run_community,
    run_engine,
)

RENTS = Topic("rents", "Rents", "Cap rents.")
QUESTION = Question("q0", "Caps?", RENTS)
NAMES = ["Aisha Noor", "Johan Berg"]


def hold_debate(*words: str) -> DebateTranscript:
    """Return a transcript in which Aisha Noor says these words."""
    statements = [CandidateStatement("noor", "Aisha Noor", text, QUESTION) for text in words or ("Cap them.",)]
    return DebateTranscript(statements, "mediator", 0, 0, 0, RENTS, QUESTION)


def make_population(people: int, mind: ScriptedMind) -> Population:
    """Return people made by hand, who know nothing yet."""
    population = Population("A town.", model=mind)
    for number in range(people):
        population.add_persona(Persona(f"p{number}", make_attributes(number)))
    return population


def timed(act: Awaitable[Any]) -> float:
    """Do something in virtual time and return how many seconds it took."""

    async def do() -> float:
        await act
        return virtual_seconds()

    return run_in_virtual_time(do())


# The cap over a run.


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 11])
def test_the_cap_of_a_run_is_reached_and_never_exceeded(limit: int, tmp_path: Path) -> None:
    mind = ScriptedMind(delay_seconds=draw_delay(1))
    result = run_community(tmp_path, mind, 12, max_concurrent=limit)

    assert mind.peak_in_flight == limit
    assert mind.in_flight == 0
    assert result.measured["peak_in_flight"] == limit


def test_where_the_cap_is_wide_everything_that_may_start_has_started(tmp_path: Path) -> None:
    mind = ScriptedMind(delay_seconds=1.0)
    run_community(tmp_path, mind, 12, max_concurrent=100)
    assert mind.peak_in_flight == 12 + 2 + 1, "everybody's opening, and the first question"


def test_the_cap_covers_every_kind_of_act(tmp_path: Path) -> None:
    """With a cap of one, nothing at all overlaps: no kind of act goes past it."""
    mind = ScriptedMind(delay_seconds=1.0)
    took = timed(run_in(tmp_path, mind, max_concurrent=1))
    assert mind.peak_in_flight == 1
    assert {type(view) for view in mind.asked} == ALL_VIEWS
    assert took == pytest.approx(len(mind.asked))


ALL_VIEWS = {
    views.PositionView,
    views.OpeningView,
    views.ReadingView,
    views.QuestionView,
    views.IntroductionView,
    views.StatementView,
    views.ReflectionView,
    views.DebateUpdateView,
    views.ChatTurnView,
    views.ChatUpdateView,
    views.PostView,
    views.ReactionView,
    views.SocialUpdateView,
    views.BallotView,
}


def run_in(directory: Path, mind: ScriptedMind, **changes: Any) -> Coroutine[Any, Any, Any]:
    """Return a run that has not begun."""
    engine = make_engine(make_config(**changes), mind)
    engine.initialize_simulation_output(directory)
    return engine.run_async()


def test_one_cap_covers_all_minds(tmp_path: Path) -> None:
    """People and candidates with minds of their own share the one cap."""
    everybody = ScriptedMind(delay_seconds=draw_delay(3))
    engine = make_engine(make_config(12, max_concurrent=4), everybody)
    for member in (*engine.population.personas[::2], *engine.candidates):
        member.llm_client = ScriptedMind(otherwise=everybody)
    run_engine(engine, tmp_path)

    assert everybody.peak_in_flight == 4
    assert all(member.llm_client.asked for member in (*engine.population.personas[::2], *engine.candidates))


def test_the_default_cap_is_twenty(tmp_path: Path) -> None:
    mind = ScriptedMind(delay_seconds=1.0)
    run_community(tmp_path, mind, 40, num_epochs=1)
    assert mind.peak_in_flight == 20


def test_failing_acts_give_their_places_back(tmp_path: Path) -> None:
    failing = ScriptedMind(
        {"*[02468]": Failed("connection"), "*[13]": OSError("gone")},
        delay_seconds=lambda view: 99.0 if view.key.endswith("5") else 1.0,
    )
    result = run_community(tmp_path, failing, 12, max_concurrent=3, call_timeout_seconds=10.0)
    assert failing.peak_in_flight == 3
    assert {"connection", "OSError", "timeout"} <= {row["reason"] for row in result.failures}


# The cap of verbs called on their own.


@pytest.mark.parametrize(
    ("update", "category"),
    [
        (Population.update_beliefs_from_debate_async, "debate_knowledge"),
        (Population.update_beliefs_from_chat_async, "chats"),
        (Population.update_beliefs_from_social_media_async, "social_media_knowledge"),
    ],
)
@pytest.mark.parametrize(("argument", "cap"), [({}, 20), ({"max_concurrent": 6}, 6), ({"max_concurrent": 99}, 30)])
def test_a_belief_verb_has_its_own_cap(
    update: Callable[..., Awaitable[None]], category: str, argument: dict[str, int], cap: int
) -> None:
    mind = ScriptedMind(delay_seconds=draw_delay(2))
    population = make_population(30, mind)
    for persona in population.personas:
        learn_something(persona, category)
    timed(update(population, **argument))
    assert len(mind.asked) == 30
    assert mind.peak_in_flight == cap


def learn_something(persona: Persona, category: str, word: str = "one") -> None:
    """Give somebody something new in one of the lists of knowledge, as scripts do."""
    news: dict[str, Any] = {
        "debate_knowledge": f"Cap them, {word}.",
        "chats": ChatEntry("z", "Zoe", [{"speaker_id": "z", "message": f"Cap them, {word}."}]),
        "social_media_knowledge": {"id": f"post-{word}", "persona_id": "z", "content": f"Cap them, {word}."},
    }
    getattr(persona, category).append(news[category])


def test_an_argument_wins_over_the_configuration() -> None:
    mind = ScriptedMind(delay_seconds=1.0)
    engine = make_engine(make_config(30, max_concurrent=4), mind)
    engine.population.community = make_population(0, mind).community
    engine.population.consume_debate_content(hold_debate())
    timed(engine.population.update_beliefs_from_debate_async(max_concurrent=9))
    assert mind.peak_in_flight == 9


VERBS: dict[str, Callable[[Population], Awaitable[Any]]] = {
    "update": lambda population: population.update_beliefs_async(),
    "post": lambda population: population.create_social_media_posts_async(1.0),
    "react": lambda population: population.react_to_posts_async(
        [{"id": "post-1", "persona_id": "z", "content": "Cap them."}], None, 1.0
    ),
    "vote": lambda population: population.conduct_vote_async(NAMES),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
@pytest.mark.parametrize(("cap", "expected"), [(None, 20), (4, 4), (50, 30)])
def test_a_verb_without_a_cap_of_its_own_takes_the_configurations(
    verb: Callable[[Population], Awaitable[Any]], cap: int | None, expected: int
) -> None:
    mind = ScriptedMind(delay_seconds=1.0)
    settings = {} if cap is None else {"max_concurrent": cap}
    engine = make_engine(make_config(30, **settings))
    population = engine.population
    for persona in population.personas:
        persona.llm_client = mind
    population.consume_debate_content(hold_debate())
    timed(verb(population))
    assert len(mind.asked) == 30
    assert mind.peak_in_flight == expected


@pytest.mark.parametrize(("people", "pairs"), [(0, 0), (1, 0), (2, 1), (3, 1), (11, 5), (50, 20)])
def test_conversations_go_on_side_by_side_and_turns_of_one_in_order(people: int, pairs: int) -> None:
    mind = ScriptedMind(delay_seconds=2.0)
    population = make_population(people, mind)
    population.consume_debate_content(hold_debate())
    took = timed(population.chat_with_peers_async(2, 0))

    assert mind.peak_in_flight == pairs
    assert len(mind.asked) == people // 2 * 4
    if people <= 40:
        assert took == (8.0 if pairs else 0.0)


def test_conversations_take_the_cap_of_the_configuration() -> None:
    mind = ScriptedMind(delay_seconds=draw_delay(4))
    population = make_engine(make_config(30, max_concurrent=4)).population
    for persona in population.personas:
        persona.llm_client = mind
    timed(population.chat_with_peers_async())
    assert mind.peak_in_flight == 4


def test_a_hundred_people_take_the_time_of_five_calls() -> None:
    mind = ScriptedMind(delay_seconds=2.0)
    population = make_population(100, mind)
    population.consume_debate_content(hold_debate())
    assert timed(population.update_beliefs_from_debate_async()) == 10.0
    assert timed(population.conduct_vote_async(NAMES)) == 10.0


MEANINGLESS: dict[str, Callable[[Population], Awaitable[Any]]] = {
    "max_concurrent of 0": lambda population: population.update_beliefs_from_debate_async(max_concurrent=0),
    "max_concurrent of -1": lambda population: population.update_beliefs_from_debate_async(max_concurrent=-1),
    "max_change_percentage of 50": lambda population: population.update_beliefs_from_debate_async(20, 50),
    "post_probability of 7": lambda population: population.create_social_media_posts_async(7),
    "reaction_probability of -1": lambda population: population.react_to_posts_async([], None, -1),
    "num_rounds_mean of -3": lambda population: population.chat_with_peers_async(-3, 1),
}


@pytest.mark.parametrize("what", MEANINGLESS)
def test_an_argument_that_means_nothing_is_refused_before_anybody_is_asked(what: str) -> None:
    mind = ScriptedMind()
    population = make_population(2, mind)
    population.consume_debate_content(hold_debate())
    with pytest.raises(SyntheticCommunitiesError, match=what.split()[0]):
        timed(MEANINGLESS[what](population))
    assert mind.asked == []


# Only those with something new are asked.


@pytest.mark.parametrize("category", ["debate_knowledge", "chats", "social_media_knowledge"])
def test_only_those_with_something_new_are_asked(category: str) -> None:
    mind = ScriptedMind()
    population = make_population(5, mind)
    population.consume_debate_content(DebateTranscript([], "mediator", 0, 0, 0, RENTS, QUESTION))

    assert asked_by_updating(population, mind, category) == []
    for number in (1, 3):
        learn_something(population.personas[number], category)
    assert asked_by_updating(population, mind, category) == ["p1", "p3"]
    assert asked_by_updating(population, mind, category) == []
    learn_something(population.personas[3], category, "two")
    assert asked_by_updating(population, mind, category) == ["p3"]


def asked_by_updating(population: Population, mind: ScriptedMind, category: str) -> list[str]:
    """Update everybody's beliefs and return who was asked."""
    before = len(mind.asked)
    timed(population._run_parallel_belief_updates(category))
    return [view.person.id for view in mind.asked[before:]]


@pytest.mark.parametrize("category", ["debate_knowledge", "chats", "social_media_knowledge"])
@pytest.mark.parametrize("word", ["two", "one"])
def test_clearing_the_list_and_adding_again_asks_again(word: str, category: str) -> None:
    """Whether what is added is new or, to the letter, what was there before."""
    mind = ScriptedMind()
    population = make_population(1, mind)
    persona = population.personas[0]
    learn_something(persona, category)
    assert asked_by_updating(population, mind, category) == ["p0"]
    getattr(persona, category).clear()
    assert asked_by_updating(population, mind, category) == []
    learn_something(persona, category, word)
    assert asked_by_updating(population, mind, category) == ["p0"]
    assert asked_by_updating(population, mind, category) == []


def test_clearing_the_list_and_hearing_the_same_transcript_again_asks_again() -> None:
    """As a script does that measures one debate twice; what a mind said comes as remarks, which know their speaker."""
    mind = ScriptedMind()
    population = make_population(1, mind)
    transcript = hold_debate(Remark("Cap them.", speaker_id="noor", speaker_name="Aisha Noor"))
    population.consume_debate_content(transcript)
    assert asked_by_updating(population, mind, "debate_knowledge") == ["p0"]
    population.personas[0].debate_knowledge.clear()
    population.consume_debate_content(transcript)
    assert asked_by_updating(population, mind, "debate_knowledge") == ["p0"]


def test_clearing_the_list_and_adding_the_same_objects_again_asks_again() -> None:
    mind = ScriptedMind()
    population = make_population(1, mind)
    words = "Cap them."
    for _ in range(2):
        population.personas[0].debate_knowledge.clear()
        population.personas[0].debate_knowledge.append(words)
        assert asked_by_updating(population, mind, "debate_knowledge") == ["p0"]


def test_who_gave_no_answer_is_asked_again() -> None:
    replies = iter([Failed("connection"), None, None])
    mind = ScriptedMind(lambda view: next(replies))
    population = make_population(1, mind)
    population.consume_debate_content(hold_debate())
    assert asked_by_updating(population, mind, "debate_knowledge") == ["p0"]
    assert asked_by_updating(population, mind, "debate_knowledge") == ["p0"]
    assert asked_by_updating(population, mind, "debate_knowledge") == []


def test_in_a_run_nobody_is_asked_about_a_feed_without_news(tmp_path: Path) -> None:
    """Posts come in the first epoch only: in the second there is nothing new in anybody's feed."""
    mind = ScriptedMind({"e1/post/*": Failed("connection")})
    result = run_community(tmp_path, mind)

    learned = [view.key for view in mind.asked if isinstance(view, views.SocialUpdateView)]
    assert len(learned) == 5
    assert all(key.startswith("e0/") for key in learned)
    statuses = {(row["epoch"], row["status"]) for row in result.beliefs if row["step"] == "social"}
    assert statuses == {(0, "done"), (1, "not_asked")}
    assert not [row for row in result.failures if row["step"] == "social_update"]


def test_only_unseen_posts_count_as_new(tmp_path: Path) -> None:
    mind = ScriptedMind()
    run_community(tmp_path, mind, num_epochs=3)
    seen: dict[str, set[str]] = {}
    for view in mind.asked:
        if isinstance(view, views.SocialUpdateView):
            before = seen.setdefault(view.person.id, set())
            assert set(view.unseen) == {post.id for post in view.feed} - before
            before |= set(view.unseen)
    assert len(seen) == 5


def test_the_limits_stand_in_what_was_measured(tmp_path: Path) -> None:
    result = run_community(tmp_path, ScriptedMind(), 2, max_concurrent=3, num_epochs=1)
    limits = read_json(result.path / "usage.json")["limits"]
    assert limits["max_concurrent"] == 3


def test_every_view_is_asked_once_a_task(tmp_path: Path) -> None:
    mind = ScriptedMind(delay_seconds=lambda view: draw_delay(5)(view))
    run_community(tmp_path, mind)
    assert len(set(mind.asked_keys)) == len(mind.asked)
    assert all(isinstance(view, View) for view in mind.asked)
