"""Event loops come and go; nothing of a model's connections outlives the loop they were opened on."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.cast.thinking import MindSettings, build_llm_mind
from synthetic_communities.domain.outcome import Done
from synthetic_communities.errors import UsageError
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.views import View
from synthetic_communities.persona import ChatEntry, Persona
from synthetic_communities.population import Population
from synthetic_communities.testing.loopback import LoopbackServer
from tests.model_communities import MODELS, address_of, make_engine, run_engine, set_keys
from tests.small_communities import make_attributes

ROOT = Path(__file__).resolve().parent.parent
protocols = pytest.mark.parametrize("protocol", list(MODELS))

SCRIPT = """
import asyncio, gc, os, sys, tempfile, threading, warnings
from pathlib import Path
from synthetic_communities.domain.outcome import Done
from synthetic_communities.persona import ChatEntry, Persona
from synthetic_communities.population import Population
from synthetic_communities.cast.thinking import MindSettings, build_llm_mind
from tests.model_communities import make_engine, run_engine
from synthetic_communities.testing.loopback import LoopbackServer

model, url = sys.argv[1:]

def sockets():
    gc.collect()
    return sorted(os.readlink(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")
                  if os.path.exists(f"/proc/self/fd/{each}")
                  and os.readlink(f"/proc/self/fd/{each}").startswith("socket"))

class At:  # a server that runs in another process
    def __init__(self, url): self.url = url

before, threads = sockets(), threading.active_count()
loops, run = [], asyncio.run

def noted(main, **how):
    async def told():
        loops.append(asyncio.get_running_loop())
        result = await main
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, others
        return result
    return run(told(), **how)
asyncio.run = noted

population = Population("A town.", model=build_llm_mind(model, "sk-x", MindSettings(base_url=url)))
for number in range(3):
    population.add_persona(Persona(f"p{number}", {"name": f"P {number}"}))
first = population.create_social_media_posts(1.0)
second = population.create_social_media_posts(1.0)
assert len(first) == len(second) == 3, [p.outcomes for p in population.personas]
assert sockets() == before, (before, sockets())

lone = Persona("lone", {"name": "Lone"})
lone.llm_client = population.community.mind
for _ in range(2):
    assert lone.vote(["Aisha Noor", "Johan Berg"]) in (None, "Aisha Noor", "Johan Berg")
    assert isinstance(lone.outcomes["vote"], Done), lone.outcomes
assert sockets() == before

home = At(url.removesuffix("/v1"))
for _ in range(3):
    engine = make_engine(home, model, people=2, num_epochs=1)
    with tempfile.TemporaryDirectory() as directory:
        result = run_engine(engine, Path(directory))
        assert result.is_complete and not result.failures, result.failures
    assert sockets() == before
assert len({id(loop) for loop in loops}) == len(loops) == 7
assert all(loop.is_closed() for loop in loops)
assert threading.active_count() == threads, threading.enumerate()
print("nothing left")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


def open_mind(server: LoopbackServer, protocol: str) -> LLMMind:
    model = MODELS[protocol]
    return build_llm_mind(model, "sk-x", MindSettings(base_url=address_of(model, server)))


def make_population(server: LoopbackServer, protocol: str, people: int = 3) -> Population:
    population = Population("A town.", model=open_mind(server, protocol))
    for number in range(people):
        population.add_persona(Persona(f"p{number}", make_attributes(number)))
    return population


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open sockets are counted as Linux lists them")
@protocols
def test_verbs_and_runs_one_after_the_other_leave_nothing_behind(
    server: LoopbackServer, tmp_path: Path, protocol: str
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "dev",
            "-W",
            "error",
            "-c",
            SCRIPT,
            MODELS[protocol],
            address_of(MODELS[protocol], server),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "nothing left\n"), done.stderr
    # Under -X dev a loop tells of what takes it long: here, importing the client when a model is first opened.
    usual = re.compile(r"synthetic_communities: .* because the configuration names it|Executing <.* seconds")
    assert [line for line in done.stderr.splitlines() if not usual.fullmatch(line)] == []


@protocols
def test_sockets_are_closed_when_a_verb_has_ended(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    population = make_population(server, protocol)
    opened: list[Any] = []
    create = asyncio.BaseEventLoop.create_connection

    async def noted(self: Any, *arguments: Any, **options: Any) -> Any:
        transport, made = await create(self, *arguments, **options)
        opened.append(transport)
        return transport, made

    monkeypatch.setattr(asyncio.BaseEventLoop, "create_connection", noted)
    for _ in range(2):
        before = len(opened)
        assert len(population.create_social_media_posts(1.0)) == 3
        assert len(opened) > before, "connections of another loop were used again"
    assert all(transport.is_closing() for transport in opened)


@protocols
def test_the_synchronous_face_inside_a_running_loop(server: LoopbackServer, tmp_path: Path, protocol: str) -> None:
    population = make_population(server, protocol)

    async def cell() -> list[int]:
        twice = [len(population.create_social_media_posts(1.0)) for _ in range(2)]
        twice.append(len(await population.create_social_media_posts_async(1.0)))
        engine = make_engine(server, MODELS[protocol], people=2, num_epochs=1)
        assert run_engine(engine, tmp_path).failures == []
        return twice

    assert asyncio.run(cell()) == [3, 3, 3]


def test_loops_in_several_threads_share_a_mind(server: LoopbackServer) -> None:
    import threading

    mind = open_mind(server, "openai")
    counts: list[int] = []

    def live(number: int) -> None:
        population = Population("A town.", model=mind, seed=number)
        for each in range(4):
            population.add_persona(Persona(f"p{each}", make_attributes(each)))
        counts.append(len(population.create_social_media_posts(1.0)))

    threads = [threading.Thread(target=live, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [4, 4, 4, 4]


# People without a population.


def make_persona(server: LoopbackServer, protocol: str) -> Persona:
    persona = Persona("ann", {"name": "Ann", "job": "nurse"}, "A town.")
    persona.llm_client = open_mind(server, protocol)
    return persona


@protocols
def test_verbs_of_a_lone_persona(server: LoopbackServer, protocol: str) -> None:
    persona = make_persona(server, protocol)
    post = persona.create_social_media_post([])
    assert post is not None
    assert post.content.source == "model"
    assert persona.chat_with_peers([{"speaker_id": "bo", "message": "Rents are high."}], "bo", "Bo")
    persona.react_to_post({"id": "n1", "persona_id": "bo", "content": "Rents are high."})
    persona.vote(["Aisha Noor", "Johan Berg"])
    assert {type(outcome) for outcome in persona.outcomes.values()} == {Done}
    assert set(persona.outcomes) == {"create_social_media_post", "chat_with_peers", "react_to_post", "vote"}


@protocols
def test_twins_of_a_lone_personas_verbs_agree_and_share_a_loop(server: LoopbackServer, protocol: str) -> None:
    sync, twin = make_persona(server, protocol), make_persona(server, protocol)

    async def live() -> list[Any]:
        post = await twin.create_social_media_post_async([])
        said = await twin.chat_with_peers_async([], "bo", "Bo")
        return [post and post.content, said, await twin.vote_async(["Aisha Noor", "Johan Berg"])]

    post = sync.create_social_media_post([])
    lived = [post and post.content, sync.chat_with_peers([], "bo", "Bo"), sync.vote(["Aisha Noor", "Johan Berg"])]
    assert lived == asyncio.run(live())


def test_side_by_side_verbs_of_lone_personas_with_one_mind(server: LoopbackServer) -> None:
    mind = open_mind(server, "openai")
    people = [Persona(f"p{number}", {"name": f"P {number}"}) for number in range(5)]
    for persona in people:
        persona.llm_client = mind

    async def live() -> list[Any]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(persona.create_social_media_post_async([])) for persona in people]
        return [task.result() for task in tasks]

    assert all(asyncio.run(live()))


def test_a_mind_that_calls_a_synchronous_verb_is_told_what_to_await(server: LoopbackServer) -> None:
    persona = make_persona(server, "openai")
    other = make_persona(server, "openai")

    class Nested(LLMMind):
        async def answer(self, view: View) -> Any:
            return Done(other.chat_with_peers([], "x"))

    persona.llm_client = Nested(open_mind(server, "openai").model_asked)
    with pytest.raises(UsageError, match=r"await Persona\.chat_with_peers_async"):
        persona.create_social_media_post([])


def test_updates_of_a_lone_persona_that_knows_topics(server: LoopbackServer) -> None:
    from synthetic_communities.domain.debate import CandidateStatement, DebateTranscript, Question, Topic

    persona, topic = make_persona(server, "anthropic"), Topic("rents", "Rents", "Cap rents.")
    question = Question("q0", "Who should pay?", topic)
    statement = CandidateStatement("noor", "Aisha Noor", "Rents must fall.", question)
    persona.consume_debate_content(DebateTranscript([statement], "mediator", 0, 0, 0, topic, question))
    persona.update_beliefs()
    assert isinstance(persona.outcomes["update_beliefs"], Done)
    assert persona.beliefs["rents"]["belief"]
    persona.chats.append(ChatEntry("bo", "Bo", [{"speaker_id": "bo", "message": "Rents are high."}]))
    persona.update_beliefs("chats", 0.1)
    assert isinstance(persona.outcomes["update_beliefs"], Done)
