"""Whole runs against servers that misbehave: they end, everybody is counted once, and the record says what failed."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.failures import ModelUnavailableError
from synthetic_communities.llm.limits import limiter
from synthetic_communities.llm.model import Call, ModelReply, ModelRequest
from synthetic_communities.llm.timed import Timed
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.views import DebateUpdateView, View
from synthetic_communities.persona import Persona
from synthetic_communities.runs.directory import FAILED_CALLS
from synthetic_communities.simulation.gathering import build_candidates
from synthetic_communities.testing.loopback import LoopbackServer
from tests.bad_servers import (
    BadServer,
    Behave,
    Peer,
    close_in_the_middle,
    say_hardly_anything,
    say_nothing,
    send_bomb,
    send_huge_in_chunks,
    send_page,
)
from tests.model_communities import MODELS, run_engine, set_keys, use_policy
from tests.model_communities import make_engine as make_sound_engine
from tests.patience import CALL_SECONDS, AdjustableLoop, run_on
from tests.small_communities import make_attributes, make_config

PEOPLE = 4
FAR_LESS_THAN_HUGE = 400_000_000
SMALL: dict[str, Any] = {"num_epochs": 1, "turns_per_question": 1, "num_rounds_mean": 1, "call_timeout_seconds": 60.0}


def ask_for(wait: str, status: str = "500 Out of order") -> Behave:
    """Return what fails and asks to wait."""

    async def refuse(peer: Peer) -> None:
        await peer.answer(b'{"error": {"message": "\\ud800"}}', f"retry-after: {wait}", status=status)

    return refuse


def make_engine(server: BadServer, protocol: str, *, people: int = PEOPLE, **changes: Any) -> GameEngine:
    """Return a community of which everybody asks this server."""
    base_url = f"{server.url}/v1" if protocol == "openai" else server.url
    config = make_config(people, model=MODELS[protocol], base_url=base_url, **{**SMALL, **changes})
    engine = GameEngine(config)
    for number in range(people):
        engine.population.add_persona(Persona(f"p{number}", make_attributes(number), config.world_story))
    engine.candidates = build_candidates(config, config.world_story)
    return engine


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, and few tries without long waits."""
    set_keys(monkeypatch)
    use_policy(monkeypatch, max_tries=3)


@pytest.mark.parametrize("protocol", MODELS)
@pytest.mark.parametrize(
    ("behave", "kind", "tries"),
    [
        (say_nothing, "timeout", 2),
        (say_hardly_anything, "timeout", 2),
        (close_in_the_middle, "connection", 3),
        (send_huge_in_chunks, "reply too large", 1),
        (send_bomb, "reply too large", 1),
        (send_page, "malformed reply", 1),
        (ask_for("soon"), "server error", 3),
        (ask_for("31536000"), "server error", 1),
    ],
)
def test_a_run_goes_on_to_its_end_and_records_what_failed(
    protocol: str, behave: Behave, kind: str, tries: int, tmp_path: Path
) -> None:
    with BadServer(behave) as server:
        timeout = 0.1 if kind == "timeout" else 60.0
        result = run_engine(make_engine(server, protocol, call_timeout_seconds=timeout), tmp_path)
        assert server.wait_until_closed()
    assert (result.vote_counts.failed, result.vote_counts.population) == (PEOPLE, PEOPLE)
    assert {row["status"] for row in result.ballots} == {"failed"}
    assert {row["reason"] for row in result.ballots} == {kind}
    failures = Counter((row["status"], row["reason"]) for epoch in result.epochs for row in epoch["failures"])
    assert {reason for status, reason in failures if status == "failed"} == {kind}
    assert {status for status, _ in failures} <= {"failed", "skipped"}
    assert set(result.measured["calls"]["outcomes"]) == {kind}
    lines = (result.path / FAILED_CALLS).read_text("utf-8").splitlines()
    per_task = Counter(json.loads(line)["task"] for line in lines)
    assert set(per_task.values()) == {tries}
    assert server.written < FAR_LESS_THAN_HUGE


@pytest.mark.parametrize("protocol", MODELS)
def test_a_quota_for_a_year_stops_a_run_and_says_what_to_do(
    protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "FIRST_PAUSE_SECONDS", 0.001)
    told = r"asked 3 times in a row for a wait that is too long, last 31,536,000 s .* run again later"
    with BadServer(ask_for("31536000", "429 Too Many Requests")) as server:
        with pytest.raises(ModelUnavailableError, match=told):
            run_engine(make_engine(server, protocol), tmp_path)
        assert server.wait_until_closed()
    assert len(server.asks) < 30


@pytest.mark.parametrize("protocol", MODELS)
def test_the_setting_bounds_what_is_read(protocol: str, tmp_path: Path) -> None:
    async def pad(peer: Peer) -> None:
        await peer.answer(b"{}".ljust(150_000))

    kinds = []
    for most in (149_999, 150_000):
        with BadServer(pad) as server:
            engine = make_engine(server, protocol, max_reply_bytes=most)
            kinds.append(set(run_engine(engine, tmp_path / str(most)).measured["calls"]["outcomes"]))
    assert kinds == [{"reply too large"}, {"malformed reply"}]


def watch_calls(monkeypatch: pytest.MonkeyPatch, watch: Callable[[set[str], Sequence[str]], None]) -> None:
    """Let it be told, whenever a call has ended, whose calls are under way and whose have ended, in order."""
    under_way: set[str] = set()
    ended: list[str] = []
    reply = Timed.reply

    async def noted(model: Timed, request: ModelRequest, call: Call) -> ModelReply:
        under_way.add(call.key)
        try:
            return await reply(model, request, call)
        finally:
            under_way.discard(call.key)
            ended.append(call.key)
            watch(under_way, ended)

    monkeypatch.setattr(Timed, "reply", noted)


@pytest.mark.parametrize("protocol", MODELS)
def test_a_person_who_is_not_answered_holds_nobody_up(
    protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build: Callable[[LLMMind, View], ModelRequest] = LLMMind.build_request

    def build_marked(mind: LLMMind, view: View) -> ModelRequest:
        request = build(mind, view)
        if not (isinstance(view, DebateUpdateView) and view.person.id == "p0"):
            return request
        return replace(request, user=("[[loopback:slow:0]]", *request.user))

    monkeypatch.setattr(LLMMind, "build_request", build_marked)
    use_policy(monkeypatch, max_timeouts=1)
    file, loop = io.StringIO(), AdjustableLoop()
    slow, others = "e0/belief/debate/p0", {f"e0/belief/debate/p{number}" for number in range(1, 8)}

    def others_have_gone_on(under_way: set[str], ended: Sequence[str]) -> bool:
        return under_way == {slow} and others <= {*ended} and any("/chat/" in key for key in ended)

    watch_calls(monkeypatch, lambda *calls: loop.let_calls_time_out() if others_have_gone_on(*calls) else None)
    with LoopbackServer(byte_seconds=0.5) as server:
        settings = {**SMALL, "call_timeout_seconds": CALL_SECONDS}
        engine = make_sound_engine(server, MODELS[protocol], people=8, **settings)
        engine.log_bodies(file)
        engine.initialize_simulation_output(tmp_path)
        result = run_on(loop, engine.run_async())
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [line["key"] for line in lines if line["outcome"] == "timeout"] == [slow], "when all others had gone on"
    assert result.vote_counts.counted == result.vote_counts.population == 8


PERSON = re.compile(rb"Person (\d+)")
VOTE = '{"opinions": null, "first_choice": "A", "vote": "A", "reason": "So.", "thumbs_up": null, "thumbs_down": null}'
TEXTS: dict[str, str] = {
    VOTE: "choice",
    f"Sure! {VOTE} Anything else?": "choice",
    f"```json\n{VOTE}\n```": "choice",
    f"<think>B? {{B}}</think>\n{VOTE}": "choice",
    VOTE.replace('"vote": "A"', '"vote": "abstain"'): "abstained",
    VOTE.replace('"vote": "A"', '"vote": "Q"'): "unreadable",
    VOTE.replace('"vote": "A"', '"vote": 1'): "unreadable",
    VOTE.replace('"vote": "A"', '"choice": "A"'): "unreadable",
    VOTE.replace('"So."', "7"): "unreadable",
    VOTE.replace(",", ""): "unreadable",
    VOTE[:60]: "unreadable",
    f"{VOTE} {VOTE.replace('A', 'B')}": "unreadable",
    "[" * 10_000: "unreadable",
    '{"a":' * 10_000: "unreadable",
    "": "unreadable",
    "\u200b": "unreadable",
    "I vote for A.": "unreadable",
}
"""Reply to what becomes of the ballot of who gets it, whenever it asks."""

BODIES: tuple[bytes, ...] = (
    *(b"", b"\xff\xfe{", b'{"a": "\xff"}', b"[" * 10_000, b"{}", b"null", VOTE.encode()),
    b"{}".ljust(10_000_000),
)
"""Bodies that are no reply in any protocol."""


def hold_text(protocol: str, text: str, *, stop: str | None = None) -> bytes:
    """Return a sound body that holds a text, and says that it ended as usual or as told."""
    bodies: dict[str, Any] = {
        "openai": {"choices": [{"message": {"content": text}, "finish_reason": stop or "stop"}]},
        "anthropic": {"content": [{"type": "text", "text": text}], "stop_reason": stop or "end_turn"},
        "ollama": {"message": {"content": text}, "done_reason": stop or "stop"},
    }
    return json.dumps(bodies[protocol]).encode()


def list_answers(protocol: str) -> list[tuple[bytes, str]]:
    """Return bodies, and what becomes of the ballot of who gets it, whenever it asks."""
    cut, refused = {
        "openai": ("length", "content_filter"),
        "anthropic": ("max_tokens", "refusal"),
        "ollama": ("length", None),
    }[protocol]
    told = [(hold_text(protocol, text), status) for text, status in TEXTS.items()]
    told += [(body, "failed") for body in BODIES]
    told.append((hold_text(protocol, VOTE, stop=cut), "unreadable"))
    return told if refused is None else [*told, (hold_text(protocol, "No.", stop=refused), "refused")]


@pytest.mark.parametrize("protocol", MODELS)
def test_of_hundreds_who_are_answered_badly_each_has_the_ballot_its_answer_makes(protocol: str, tmp_path: Path) -> None:
    """Nobody has an opinion to form here, and few words are said: what matters are the ballots."""
    answers = list_answers(protocol)

    async def answer(peer: Peer) -> None:
        named = PERSON.search(peer.ask.body)
        assert named is not None
        await peer.answer(answers[int(named[1]) % len(answers)][0])

    people = 200
    with BadServer(answer) as server:
        result = run_engine(make_engine(server, protocol, people=people, topics=[], post_probability=0.0), tmp_path)
        assert server.wait_until_closed()
    became = {row["persona_id"]: row["status"] for row in result.ballots}
    assert became == {f"p{number}": answers[number % len(answers)][1] for number in range(people)}
    assert result.vote_counts.population == people
    assert {row["candidate_name"] for row in result.ballots if row["status"] != "choice"} == {""}
