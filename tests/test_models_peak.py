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
from tests.patience import Servers
from tests.small_communities import TOPICS, make_attributes

PEOPLE = 12
POSTERS = 7
TOPIC = Topic("t0", "Rents", "Cap rents.")
QUESTION = Question("q0", "Who should pay?", TOPIC)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Servers of which one is slow enough for all calls that may be in flight to be there before one is answered."""
    with Servers(latency=0.1) as all_of_them:
        yield all_of_them


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """A server slow enough for calls that are not to overlap to be seen to overlap."""
    with LoopbackServer(latency=0.1) as running:
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
    """Let `POSTERS` people post: as many as this share draws."""
    return population.create_social_media_posts(0.4)


VERBS: dict[str, tuple[Callable[[Population], Any], int]] = {
    "reactions": (react, PEOPLE),
    "ballots": (lambda population: population.conduct_vote(["Aisha Noor", "Johan Berg"]), PEOPLE),
    "conversations": (lambda population: population.chat_with_peers(1, 0), PEOPLE // 2),
    "posts": (post, POSTERS),
}
"""Name to a verb, and to how many calls there can be at once."""
UPDATES: dict[str, Callable[[Population, int], None]] = {
    "debate": lambda population, limit: population.update_beliefs_from_debate(max_concurrent=limit),
    "chat": lambda population, limit: population.update_beliefs_from_chat(max_concurrent=limit),
    "social media": lambda population, limit: population.update_beliefs_from_social_media(max_concurrent=limit),
}


@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("verb", list(UPDATES))
def test_belief_updates_are_made_for_as_many_people_at_once_as_the_call_allows(
    servers: Servers, verb: str, limit: int
) -> None:
    people = PEOPLE if limit > 1 else 2

    def update(server: LoopbackServer) -> None:
        population = make_population(server, limit=2)
        population.personas = population.personas[:people]
        UPDATES[verb](population, limit)

    assert servers.reach(min(limit, people), update)["calls"] == people


@pytest.mark.parametrize("limit", [3, 100])
@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_as_many_calls_in_flight_as_there_can_be(servers: Servers, verb: str, limit: int) -> None:
    act, possible = VERBS[verb]

    def do(server: LoopbackServer) -> None:
        done = act(make_population(server, limit))
        if verb in ("conversations", "posts"):
            assert len(done) == possible

    servers.reach(min(limit, possible), do)


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

QUICK: dict[str, Any] = {"num_epochs": 1, "num_rounds_mean": 1, "turns_per_question": 1, "topics": TOPICS[:1]}


@pytest.fixture(scope="module")
def quick_servers() -> Iterator[Servers]:
    with Servers(latency=0.01, no_auth=True) as all_of_them:
        yield all_of_them


@pytest.mark.parametrize("limit", [1, 5])
def test_a_run_never_has_more_calls_in_flight_than_it_may(quick_servers: Servers, tmp_path: Path, limit: int) -> None:
    def run(server: LoopbackServer) -> None:
        engine = make_engine(server, MODELS["openai"], people=8, num_epochs=1, max_concurrent=limit)
        run_engine(engine, tmp_path)
        assert read_usage(engine)["limits"]["max_concurrent"] == limit

    quick_servers.reach(limit, run)


@pytest.mark.parametrize("model", ["ollama:llama3.2:3b", "lmstudio:qwen3-8b"])
@pytest.mark.parametrize(("stated", "expected"), [({}, 4), ({"max_concurrent": 8}, 8), ({"max_concurrent": 2}, 2)])
def test_local_servers_are_asked_four_at_once_unless_something_else_is_stated(
    quick_servers: Servers, tmp_path: Path, model: str, stated: dict[str, int], expected: int
) -> None:
    usages = []

    def run(local: LoopbackServer) -> None:
        engine = make_engine(local, model, people=10, **QUICK, **stated)
        run_engine(engine, tmp_path)
        usages.append(read_usage(engine))

    quick_servers.reach(expected, run)
    assert usages[-1]["limits"]["max_concurrent"] == expected
    assert usages[-1]["calls"]["peak_in_flight"] == expected


def test_the_general_default_holds_where_a_hosted_model_is_asked(server: LoopbackServer, tmp_path: Path) -> None:
    engine = make_engine(server, MODELS["openai"], people=2, **QUICK)
    run_engine(engine, tmp_path)
    assert read_usage(engine)["limits"]["max_concurrent"] == 20


def test_a_verb_may_have_more_in_flight_than_the_configuration_says(servers: Servers) -> None:
    def populate(server: LoopbackServer) -> Population:
        return make_engine(server, MODELS["openai"], people=8, num_epochs=1, max_concurrent=3).population

    def update(server: LoopbackServer) -> None:
        population = populate(server)
        population.consume_debate_content(make_transcript())
        population.update_beliefs_from_debate(max_concurrent=100)

    servers.reach(8, update)
    servers.reach(3, lambda server: populate(server).conduct_vote(["Aisha Noor", "Johan Berg"]))
