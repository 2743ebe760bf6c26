"""How many calls are in flight at once, as the server counts them: as many as there can be, and never more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.candidate import Candidate
from synthetic_communities.cast.thinking import MindSettings, build_llm_mind
from synthetic_communities.domain.debate import CandidateStatement, DebateTranscript, Question, Topic
from synthetic_communities.mediator import Mediator
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.persona import ChatEntry, Persona
from synthetic_communities.population import Population
from synthetic_communities.testing.loopback import LoopbackServer
from tests.model_communities import MODELS, address_of, make_engine, read_usage, run_engine, set_keys
from tests.small_communities import TOPICS, make_attributes

PEOPLE = 12
POSTERS = 5
TOPIC = Topic("t0", "Rents", "Cap rents.")
QUESTION = Question("q0", "Who should pay?", TOPIC)


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """A server slow enough for all calls that may be in flight to be there before the first is answered."""
    with LoopbackServer(latency=0.2) as running:
        yield running


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


def open_mind(server: LoopbackServer, model: str = MODELS["openai"], **settings: Any) -> LLMMind:
    return build_llm_mind(model, "sk-x", MindSettings(base_url=address_of(model, server), **settings))


def make_population(server: LoopbackServer, limit: int, model: str = MODELS["openai"]) -> Population:
    """Return people who all have something new to learn from debates, conversations and posts."""
    population = Population("A town.", model=open_mind(server, model))
    for number in range(PEOPLE):
        population.add_persona(Persona(f"p{number}", make_attributes(number)))
    population.consume_debate_content(make_transcript())
    said = [{"speaker_id": "x", "message": "Rents are high."}]
    for persona in population.personas:
        persona.chats.append(ChatEntry("x", "Xaver", said))
        persona.social_media_knowledge.append({"id": "n1", "persona_id": "x", "content": "Rents are high."})
    return with_limit(population, limit)


def make_transcript() -> DebateTranscript:
    statement = CandidateStatement("c0", "Aisha Noor", "Rents must fall.", QUESTION)
    return DebateTranscript([statement], "mediator", 0, 0, 0, TOPIC, QUESTION)


def with_limit(population: Population, limit: int) -> Population:
    population.members()
    population.community = replace(population.community, max_concurrent=limit)
    return population


def react(population: Population) -> Any:
    posts = [{"id": "n1", "persona_id": "x", "content": "Rents are high."}]
    return population.react_to_posts(posts, None, 1.0)


def post(population: Population) -> list[Any]:
    """Let `POSTERS` people post: those are drawn, so the share is chosen that draws as many."""
    return population.create_social_media_posts(SHARE)


SHARE = 0.4
VERBS: dict[str, tuple[Callable[[Population], Any], Callable[[Any], int]]] = {
    "reactions": (react, lambda _: PEOPLE),
    "ballots": (lambda population: population.conduct_vote(["Aisha Noor", "Johan Berg"]), lambda _: PEOPLE),
    "conversations": (lambda population: population.chat_with_peers(1, 0), len),
    "posts": (post, len),
}
UPDATES: dict[str, Callable[[Population, int], None]] = {
    "debate": lambda population, limit: population.update_beliefs_from_debate(max_concurrent=limit),
    "chat": lambda population, limit: population.update_beliefs_from_chat(max_concurrent=limit),
    "social media": lambda population, limit: population.update_beliefs_from_social_media(max_concurrent=limit),
}


@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("verb", list(UPDATES))
def test_belief_updates_are_made_for_as_many_people_at_once_as_the_call_allows(
    server: LoopbackServer, verb: str, limit: int
) -> None:
    population = make_population(server, limit=2)
    people = population.personas if limit > 1 else population.personas[:2]
    population.personas = list(people)
    server.reset()
    UPDATES[verb](population, limit)
    stats = server.stats()
    assert stats["calls"] == len(people)
    assert stats["peak_in_flight"] == min(limit, len(people))


@pytest.mark.parametrize("limit", [3, 100])
@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_as_many_calls_in_flight_as_there_can_be(server: LoopbackServer, verb: str, limit: int) -> None:
    population = make_population(server, limit)
    server.reset()
    act, count = VERBS[verb]
    possible = count(act(population))
    assert possible > 3
    assert (possible < PEOPLE) == (verb in ("conversations", "posts"))
    assert server.stats()["peak_in_flight"] == min(limit, possible)


def test_a_conversation_is_one_call_after_the_other(server: LoopbackServer) -> None:
    population = make_population(server, limit=100)
    population.personas = population.personas[:2]
    server.reset()
    (conversation,) = population.chat_with_peers(2, 0)
    assert len(conversation["conversation"]) == server.stats()["calls"] == 4
    assert server.stats()["peak_in_flight"] == 1


def test_a_debate_is_one_call_after_the_other(server: LoopbackServer) -> None:
    mind = open_mind(server)
    mediator = Mediator("mediator", [TOPIC], mind)
    candidates = [Candidate(f"c{number}", f"C {number}", "Calm.", [TOPIC], mind) for number in range(3)]
    for candidate in candidates:
        candidate.state.policy_positions["t0"] = "For it."
    server.reset()
    question = mediator.propose_question(TOPIC, [])
    mediator.introduce_question(question)
    statements = mediator.orchestrate_debate_turn(question, candidates, 0, [])
    assert len(statements) == 3
    assert server.stats()["calls"] == 5
    assert server.stats()["peak_in_flight"] == 1


# Runs.


@pytest.fixture(scope="module")
def quick_server() -> Iterator[LoopbackServer]:
    with LoopbackServer(latency=0.01) as running:
        yield running


@pytest.mark.parametrize("limit", [1, 5])
def test_a_run_never_has_more_calls_in_flight_than_it_may(
    quick_server: LoopbackServer, tmp_path: Path, limit: int
) -> None:
    quick_server.reset()
    engine = make_engine(quick_server, MODELS["openai"], people=8, num_epochs=1, max_concurrent=limit)
    run_engine(engine, tmp_path)
    assert quick_server.stats()["peak_in_flight"] == limit
    assert read_usage(engine)["limits"]["max_concurrent"] == limit


@pytest.mark.parametrize("model", ["ollama:llama3.2:3b", "lmstudio:qwen3-8b"])
@pytest.mark.parametrize(("stated", "expected"), [({}, 4), ({"max_concurrent": 8}, 8), ({"max_concurrent": 2}, 2)])
def test_local_servers_are_asked_four_at_once_unless_something_else_is_stated(
    tmp_path: Path, model: str, stated: dict[str, int], expected: int
) -> None:
    quick = {"num_epochs": 1, "num_rounds_mean": 1, "turns_per_question": 1, "topics": TOPICS[:1]}
    with LoopbackServer(latency=0.02, no_auth=True) as local:
        engine = make_engine(local, model, people=10, **quick, **stated)
        run_engine(engine, tmp_path)
        assert local.stats()["peak_in_flight"] == expected
    usage = read_usage(engine)
    assert usage["limits"]["max_concurrent"] == expected
    assert usage["calls"]["peak_in_flight"] == expected


def test_the_general_default_holds_where_a_hosted_model_is_asked(quick_server: LoopbackServer, tmp_path: Path) -> None:
    engine = make_engine(quick_server, MODELS["openai"], people=2, num_epochs=1)
    run_engine(engine, tmp_path)
    assert read_usage(engine)["limits"]["max_concurrent"] == 20


def test_a_verb_may_have_more_in_flight_than_the_configuration_says(server: LoopbackServer) -> None:
    engine = make_engine(server, MODELS["openai"], people=8, num_epochs=1, max_concurrent=3)
    server.reset()
    engine.population.consume_debate_content(make_transcript())
    engine.population.update_beliefs_from_debate(max_concurrent=100)
    assert server.stats()["peak_in_flight"] == 8
    server.reset()
    engine.population.conduct_vote(["Aisha Noor", "Johan Berg"])
    assert server.stats()["peak_in_flight"] == 3
