"""Whole runs against models on the loopback server: every act, over every protocol, and everything that goes wrong."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.cast.asking import ask
from synthetic_communities.cast.sessions import held_open
from synthetic_communities.cast.thinking import MindSettings, build_llm_mind
from synthetic_communities.domain.outcome import Done, Failed, Outcome, Refused, Unreadable
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.call_log import CallLog
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.llm.rules import PROMPT_VERSION
from synthetic_communities.minds.views import ReactionView, View
from synthetic_communities.persona import Persona
from synthetic_communities.population import Population
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.report.steps import STEP_OF_ACT
from synthetic_communities.testing.loopback import LoopbackServer
from tests.model_calls import note_in
from tests.model_communities import (
    KEYS,
    MODELS,
    address_of,
    make_engine,
    mark_requests,
    read_metadata,
    read_usage,
    run_engine,
    set_keys,
    use_policy,
)
from tests.small_communities import TOPICS, make_attributes, read_record
from tests.small_views import JUDGING, KINDS, make_view

ACTS = {kind.act for kind in KINDS}


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    """A server on which nothing goes wrong but what a prompt calls for."""
    with LoopbackServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    set_keys(monkeypatch)


protocols = pytest.mark.parametrize("protocol", list(MODELS))


def open_mind(protocol: str, server: LoopbackServer, **settings: Any) -> LLMMind:
    """Return the mind of a protocol's model, reached at the server."""
    model = MODELS[protocol]
    settings = {"base_url": address_of(model, server), "window_tokens": 16_000, **settings}
    return build_llm_mind(model, "sk-of-this-call", MindSettings(**settings))


def ask_all(mind: LLMMind, views: list[View]) -> list[Outcome[Any]]:
    """Return what a mind answers to some views, asked side by side."""

    async def gather() -> list[Outcome[Any]]:
        async with held_open([mind]), asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(mind, view)) for view in views]
        return [task.result() for task in tasks]

    return asyncio.run(gather())


# A run in which nothing goes wrong.


@dataclass(frozen=True)
class Run:
    """A run over one protocol, and what the server counted of it."""

    protocol: str
    engine: GameEngine
    result: SimulationResult
    stats: Mapping[str, Any]

    @property
    def usage(self) -> Any:
        return read_usage(self.engine)

    def rows(self, name: str) -> list[dict[str, Any]]:
        assert self.engine.simulation_dir is not None
        text = (self.engine.simulation_dir / name).read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module", params=list(MODELS))
def run(server: LoopbackServer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Run:
    """A run over each protocol."""
    with pytest.MonkeyPatch.context() as patched:
        set_keys(patched)
        engine = make_engine(server, MODELS[request.param])
        server.reset()
        result = run_engine(engine, tmp_path_factory.mktemp(request.param))
    return Run(request.param, engine, result, server.stats())


def test_every_act_is_answered_by_the_model(run: Run) -> None:
    assert run.result.is_complete
    assert run.result.failures == []
    statuses = {step: act["statuses"] for step, act in run.usage["acts"].items()}
    assert set(statuses) == set(STEP_OF_ACT.values())
    assert all(set(counts) <= {"done", "not_asked"} for counts in statuses.values()), statuses
    done = {step: counts["done"] for step, counts in statuses.items()}
    assert run.usage["model_calls"] == sum(done.values()) == run.stats["calls"]
    assert {STEP_OF_ACT[act]: totals["calls"] for act, totals in run.usage["calls_by_act"].items()} == done


def test_what_calls_took_stands_in_the_usage(run: Run) -> None:
    usage, stats = run.usage, run.stats
    name = MODELS[run.protocol].partition(":")[2]
    assert usage["calls"]["models"] == {name: usage["model_calls"]}
    assert usage["calls"]["outcomes"] == {"end": usage["model_calls"]}
    assert usage["calls"]["uncounted"] == 0
    tokens = usage["calls"]["tokens"]
    assert tokens["input_tokens"] + (tokens["cache_read_tokens"] or 0) == stats["prompt_tokens"] > 0
    assert tokens["output_tokens"] == stats["output_tokens"] > 0
    by_act = usage["calls_by_act"].values()
    for category in ("input_tokens", "output_tokens"):
        assert sum(totals["tokens"][category] for totals in by_act) == tokens[category]
    assert 0 < usage["calls"]["peak_in_flight"] <= usage["peak_in_flight"] <= usage["limits"]["max_concurrent"]


def test_texts_are_recorded_as_a_models(run: Run) -> None:
    epochs = run.rows("epochs.jsonl")
    debates = [debate for epoch in epochs for debate in epoch["debates"]]
    texts = [debate["question"] for debate in debates]
    texts += [statement for debate in debates for statement in debate["statements"]]
    texts += [post for epoch in epochs for post in epoch["newsfeed"]["posts"]]
    texts += run.rows("conversations.jsonl") + run.rows("beliefs.jsonl") + run.rows("ballots.jsonl")
    assert {text["source"] for text in texts} == {"model"}
    kept = [candidate["sources"] for epoch in epochs for candidate in epoch["candidates"]]
    assert {source for sources in kept for source in sources["policy_positions"].values()} == {"model"}
    assert {source for sources in kept for source in sources["state_memory"]} == {"model"}
    assert all(candidate["stances"].keys() == {"t0", "t1"} for epoch in epochs for candidate in epoch["candidates"])


def test_who_thought_and_why_stands_in_the_metadata(run: Run) -> None:
    provenance = read_metadata(run.engine)["provenance"]
    assert (provenance["mind"], provenance["candidate_mind"]) == (MODELS[run.protocol], MODELS[run.protocol])
    assert provenance["mind_because"] == provenance["candidate_mind_because"] == "the configuration names it"
    assert provenance["prompt_version"] == PROMPT_VERSION
    assert read_metadata(run.engine)["candidates"][0]["initial_stances"].keys() == {"t0", "t1"}


def test_no_key_enters_the_record(run: Run) -> None:
    assert run.engine.simulation_dir is not None
    written = [path.read_bytes() for path in run.engine.simulation_dir.iterdir()]
    assert len(written) >= 8
    assert not [text for text in written if any(key.encode() in text for key in KEYS.values())]


def test_the_asynchronous_twin_of_a_run_leaves_the_same_record(
    server: LoopbackServer, run: Run, tmp_path: Path
) -> None:
    twin = make_engine(server, MODELS[run.protocol])
    twin.initialize_simulation_output(tmp_path)
    asyncio.run(twin.run_async())
    assert run.engine.simulation_dir is not None
    assert twin.simulation_dir is not None
    assert read_record(run.engine.simulation_dir) == read_record(twin.simulation_dir)


def test_candidates_may_ask_another_model_than_people(server: LoopbackServer, tmp_path: Path) -> None:
    engine = make_engine(server, "ollama:llama3.2:3b", candidate_model="offline", num_epochs=1)
    run_engine(engine, tmp_path)
    usage = read_usage(engine)

    assert (usage["mind"], usage["candidate_mind"]) == ("ollama:llama3.2:3b", "offline mind")
    own = {"statement", "question", "introduction", "reflection", "reading of the feed", "opening position"}
    assert set(usage["calls_by_act"]) == ACTS - own


def test_a_window_is_asked_for_that_the_longest_prompt_fits_in(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    with LoopbackServer(log=log) as logging_server:
        engine = make_engine(logging_server, MODELS["ollama"], num_epochs=1)
        assert run_engine(engine, tmp_path).failures == []
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    windows = {row["body"]["options"]["num_ctx"] for row in rows if row["path"] == "/api/chat"}
    assert len(windows) == 1
    assert min(windows) > 4096, "the window a server has by default, to which it would cut prompts in silence"


# Synchronous verbs and their twins.


def make_population(server: LoopbackServer, protocol: str, people: int = 4) -> Population:
    population = Population("A town.", model=open_mind(protocol, server))
    for number in range(people):
        population.add_persona(Persona(f"p{number}", make_attributes(number)))
    return population


@protocols
def test_verbs_and_their_twins_agree(server: LoopbackServer, tmp_path: Path, protocol: str) -> None:
    sync, twin = make_population(server, protocol), make_population(server, protocol)

    def live(population: Population) -> list[Any]:
        chats = population.chat_with_peers(2, 0)
        population.update_beliefs_from_chat()
        posts = population.create_social_media_posts(1.0)
        reactions = population.react_to_posts(posts, None, 1.0)
        population.update_beliefs_from_social_media()
        votes = population.conduct_vote(["Aisha Noor", "Johan Berg"])
        return [chats, posts, reactions, dict(votes), population.get_voting_data()]

    async def live_async(population: Population) -> list[Any]:
        chats = await population.chat_with_peers_async(2, 0)
        await population.update_beliefs_from_chat_async()
        posts = await population.create_social_media_posts_async(1.0)
        reactions = await population.react_to_posts_async(posts, None, 1.0)
        await population.update_beliefs_from_social_media_async()
        votes = await population.conduct_vote_async(["Aisha Noor", "Johan Berg"])
        return [chats, posts, reactions, dict(votes), population.get_voting_data()]

    lived = live(sync)
    assert lived == asyncio.run(live_async(twin))
    assert lived[1]
    assert lived[2]["total_reactions"] > 0


# What goes wrong, act by act.

SPEAKING_KINDS = [kind for kind in KINDS if kind not in JUDGING]


@protocols
@pytest.mark.parametrize("fault", ["refuse", "cut", "500", "cut-prompt", "thinking", "filter-400", "malformed"])
def test_every_act_counts_what_went_wrong_as_what_it_is(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, protocol: str, fault: str
) -> None:
    use_policy(monkeypatch, max_tries=2)
    mark_requests(monkeypatch, dict.fromkeys(ACTS, f"{fault}:0"))
    log = CallLog()
    answers = ask_all(open_mind(protocol, server, observe=note_in(log)), [make_view(kind) for kind in KINDS])
    told = {kind.act: answer for kind, answer in zip(KINDS, answers, strict=True)}

    expected = expect(fault, protocol)
    unlike = {act: answer for act, answer in told.items() if not is_like(answer, expected, act)}
    assert unlike == {}
    assert set(log.totals().outcomes) == EXPECTED_CALLS[fault if fault not in PLAIN.get(protocol, ()) else "plain"]


PLAIN = {"ollama": ("refuse", "filter-400")}
"""Faults that a protocol has no words for: there, the model refuses in so many words."""

EXPECTED_CALLS = {
    "refuse": {"refused"},
    "filter-400": {"refused"},
    "cut": {"cut"},
    "500": {"server error"},
    "cut-prompt": {"prompt cut by the server"},
    "thinking": {"end", "cut"},
    "malformed": {"malformed reply"},
    "plain": {"end"},
}


def expect(fault: str, protocol: str) -> Outcome[Any] | type[Done[Any]] | type[Unreadable]:
    if fault in PLAIN.get(protocol, ()):
        return Unreadable
    return {
        "refuse": Refused(),
        "filter-400": Refused(),
        "cut": Unreadable,
        "500": Failed("server error"),
        "cut-prompt": Failed("prompt cut by the server"),
        "thinking": Done,
        "malformed": Failed("malformed reply"),
    }[fault]


def is_like(answer: Outcome[Any], expected: Any, act: str) -> bool:
    if expected is Unreadable and isinstance(answer, Done):
        # Of a text, any words that came to an end will do: a refusal in so many words cannot be told from them.
        return act in {kind.act for kind in SPEAKING_KINDS} - {"opening position"} and "I'm sorry" in answer.value
    if isinstance(expected, type):
        return isinstance(answer, expected)
    if isinstance(expected, Failed):
        return isinstance(answer, Failed) and answer.kind == expected.kind
    return isinstance(answer, type(expected))


@protocols
@pytest.mark.parametrize("fault", ["malformed-text", "two-objects", "wrong-shape-text", "ignore-schema"])
def test_judgements_that_cannot_be_read_are_asked_for_once_more(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, protocol: str, fault: str
) -> None:
    mark_requests(monkeypatch, dict.fromkeys(ACTS, f"{fault}:0"))
    log = CallLog()
    # Two objects that come to the same reactions are no two answers.
    kinds = [kind for kind in JUDGING if fault != "two-objects" or kind is not ReactionView]
    answers = ask_all(open_mind(protocol, server, observe=note_in(log)), [make_view(kind) for kind in kinds])

    assert {type(answer) for answer in answers} == {Unreadable}
    assert all(answer.text for answer in answers if isinstance(answer, Unreadable))
    assert Counter(entry.attempt for entry in log.entries) == {1: len(kinds), 2: len(kinds)}


@protocols
@pytest.mark.parametrize("fault", ["prose", "fenced"])
def test_judgements_among_other_words_are_read(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, protocol: str, fault: str
) -> None:
    mark_requests(monkeypatch, dict.fromkeys(ACTS, f"{fault}:0"))
    answers = ask_all(open_mind(protocol, server), [make_view(kind) for kind in JUDGING])
    assert {type(answer) for answer in answers} == {Done}


FAULTS = ("refuse", "cut", "cut-prompt", "malformed-text", "500", "thinking")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.act)
def test_a_run_counts_what_went_wrong_with_an_act(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: type[View]
) -> None:
    use_policy(monkeypatch, max_tries=2)
    for number, fault in enumerate(FAULTS):
        if fault == "malformed-text" and kind not in JUDGING:
            continue
        protocol = ("openai", "anthropic")[(KINDS.index(kind) + number) % 2]
        usage, record = run_with_fault(server, monkeypatch, tmp_path / fault, protocol, kind.act, fault)
        statuses = Counter(usage["acts"][STEP_OF_ACT[kind.act]]["statuses"])
        asked = statuses.total() - statuses["not_asked"] - statuses["skipped"]
        status, reason = STATUS_OF[fault]
        assert statuses[status] == asked > 0, (kind.act, fault, statuses)
        outcomes = usage["calls_by_act"][kind.act]["outcomes"]
        assert set(outcomes) <= EXPECTED_CALLS.get(fault, {"end"}), (kind.act, fault)
        failed = [row for row in record.failures if row["step"] == STEP_OF_ACT[kind.act] and row["status"] != "skipped"]
        if kind.act != "ballot" and status != "done":
            assert {(row["status"], row["reason"]) for row in failed} == {(status, reason)}
            assert all(bool(row["raw_text"]) == (status == "unreadable") for row in failed)


STATUS_OF = {
    "refuse": ("refused", ""),
    "cut": ("unreadable", ""),
    "cut-prompt": ("failed", "prompt cut by the server"),
    "malformed-text": ("unreadable", ""),
    "500": ("failed", "server error"),
    "thinking": ("done", ""),
}


def run_with_fault(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, directory: Path, protocol: str, act: str, fault: str
) -> tuple[Any, SimulationResult]:
    """Run two people, with one fault in all the prompts of one act."""
    epochs = 2 if act == "reading of the feed" else 1
    small = {"num_epochs": epochs, "turns_per_question": 1, "num_rounds_mean": 1, "topics": TOPICS[:1]}
    engine = make_engine(server, MODELS[protocol], people=2, **small)
    with monkeypatch.context() as patched:
        mark_requests(patched, {act: f"{fault}:0"})
        result = run_engine(engine, directory)
    return read_usage(engine), result


# By texts that occur in prompts, as a user of the server would call for faults.


def test_faults_called_for_by_what_stands_in_a_prompt(tmp_path: Path) -> None:
    rules = {
        "BALLOT: whom": "refuse:0",
        "REACT: which": "malformed-text:0",
        "POST: what": "thinking",
        "CHAT with": "cut:0",
    }
    with LoopbackServer(when=rules) as faulty:
        engine = make_engine(faulty, MODELS["openai"], num_epochs=1)
        result = run_engine(engine, tmp_path)
        stats = faulty.stats()
    acts = read_usage(engine)["acts"]

    assert acts["ballot"]["statuses"] == {"refused": 4}
    assert acts["reaction"]["statuses"] == {"unreadable": 4}
    assert acts["post"]["statuses"] == {"done": 4}
    assert acts["chat_turn"]["statuses"]["unreadable"] == 2
    assert result.vote_counts is not None
    assert (result.vote_counts.refused, result.vote_counts.counted) == (4, 0)
    assert stats["faults"]["refuse"] == 4
    assert stats["faults"]["malformed-text"] == 8, "each is asked once more"


@protocols
def test_thinking_is_a_category_of_its_own(tmp_path: Path, protocol: str) -> None:
    with LoopbackServer(faults={"thinking": 1.0}, fault_times=0, thinking_tokens=40) as thinking:
        engine = make_engine(thinking, MODELS[protocol], num_epochs=1)
        assert run_engine(engine, tmp_path).failures == []
        stats = thinking.stats()
    tokens = read_usage(engine)["calls"]["tokens"]

    assert stats["thinking_tokens"] > 0
    if protocol == "ollama":  # it does not say how many there were
        assert tokens["thinking_tokens"] is None
    else:
        assert tokens["thinking_tokens"] == stats["thinking_tokens"]
    assert tokens["output_tokens"] == stats["output_tokens"], "thinking included"


def test_a_reply_cut_off_is_asked_for_again_with_twice_the_room(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server thinks 200 tokens' worth although told not to, more than there is room for in a post.
    mark_requests(monkeypatch, {"post": "thinking:0"})
    log = CallLog()
    mind = open_mind("openai", server, observe=note_in(log))
    (view,) = (make_view(kind) for kind in KINDS if kind.act == "post")
    (answer,) = ask_all(mind, [view])

    assert isinstance(answer, Done)
    assert [(entry.attempt, entry.outcome) for entry in log.entries] == [(1, "cut"), (2, "end")]
    thought = [entry.usage.thinking_tokens for entry in log.entries if entry.usage]
    assert len(thought) == 2
    assert thought[1] == 200
