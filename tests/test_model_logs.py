"""What logs tell of a run over a model: acts, calls, beliefs, and whole texts where they are asked for."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.llm.logged import SHOWN_CHARACTERS
from synthetic_communities.testing.loopback import LoopbackServer
from tests.model_communities import KEYS, make_engine, read_usage, run_engine, set_keys
from tests.small_communities import read_json
from tests.test_model_choice import find_run, type_command, write_config

ACT_LINE = re.compile(r"\S+ (done|not_asked|refused|unreadable|failed|skipped)(: .*)?")
CALL_LINE = re.compile(
    r"(?P<who>\S+) \((?P<act>[a-z ]+)\) attempt (?P<attempt>\d+) try \d+: \w+ after (?P<seconds>\d+\.\d+) s, "
    r"waited (?P<waited>\d+\.\d+) s, (?P<in_flight>\d+) in flight, "
    r"cost (?P<cost>not known|[0-9.,]+ USD); prompt (?P<prompt>['\"].+['\"]); reply (?P<reply>.+)"
)
BELIEF_LINE = re.compile(r"(?P<who>\S+) (?P<topic>t\d): (?P<before>\S+) before, (?P<after>\S+) after")


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


def run_typed(server: LoopbackServer, folder: Path, *options: str) -> tuple[list[str], Any]:
    """Run two people from the command line, and return the lines on stderr and what was measured."""
    write_config(folder, base_url=f"{server.url}/v1", model="openai:gpt-x")
    done = type_command(folder, "run", "town.yaml", *options, OPENAI_API_KEY=KEYS["OPENAI_API_KEY"])
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines(), read_json(find_run(folder) / "usage.json")


def count_acts(usage: Any) -> int:
    return sum(sum(act["statuses"].values()) for act in usage["acts"].values())


def test_without_an_option_nothing_is_logged(server: LoopbackServer, tmp_path: Path) -> None:
    lines, _ = run_typed(server, tmp_path)
    assert not [line for line in lines if ACT_LINE.fullmatch(line) or CALL_LINE.fullmatch(line)]


def test_v_tells_a_line_an_act(server: LoopbackServer, tmp_path: Path) -> None:
    lines, usage = run_typed(server, tmp_path, "-v")
    acts = [line for line in lines if ACT_LINE.fullmatch(line)]
    assert len(acts) == len(set(acts)) == count_acts(usage) > 20
    assert not [line for line in lines if CALL_LINE.fullmatch(line) or BELIEF_LINE.fullmatch(line)]
    assert "ballot/p1 done" in acts


def test_vv_tells_of_every_act_every_call_and_every_belief(server: LoopbackServer, tmp_path: Path) -> None:
    lines, usage = run_typed(server, tmp_path, "-vv")
    assert len([line for line in lines if ACT_LINE.fullmatch(line)]) == count_acts(usage)
    calls = [match for match in map(CALL_LINE.fullmatch, lines) if match]
    assert len(calls) == usage["model_calls"] > 20
    assert {match["act"] for match in calls} == set(usage["calls_by_act"])
    assert {match["attempt"] for match in calls} == {"1"}
    assert max(int(match["in_flight"]) for match in calls) == usage["calls"]["peak_in_flight"]
    beliefs = [match for match in map(BELIEF_LINE.fullmatch, lines) if match]
    assert {(match["who"], match["topic"]) for match in beliefs} >= {
        (f"{key}/{who}", topic)
        for key in ("opening/opinion", "e0/belief/debate", "e0/belief/chat")
        for who in ("p0", "p1")
        for topic in ("t0", "t1")
    }


def test_every_change_of_the_limit_is_told_and_kept_with_its_reason(tmp_path: Path) -> None:
    with LoopbackServer(requests_per_second=50, bucket=20, rate_headers=True) as server:
        lines, usage = run_typed(server, tmp_path, "-v")
    changes = usage["limit_changes"]
    told = [line for line in lines if line.startswith("openai:gpt-x: max_concurrent calls at once")]
    assert [line.rsplit(": ", 1)[1] for line in told] == [change["reason"] for change in changes]
    assert changes[0]["reason"] == "the server tells of a limit of 20 requests"
    assert {change["model"] for change in changes} == {"openai:gpt-x"}
    assert {change["limit"] for change in changes} == {None}, "the pace is what is limited"
    moments = [change["seconds"] for change in changes]
    assert 0 < moments[0] <= moments[-1] < usage["seconds"]
    assert moments == sorted(moments)
    assert all(set(change) == set(changes[0]) for change in changes)


def test_a_limit_that_never_changed_has_no_changes(server: LoopbackServer, tmp_path: Path) -> None:
    _, usage = run_typed(server, tmp_path)
    assert usage["limit_changes"] == []


# Through logging, as a script does it.


@pytest.fixture
def told(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Any:
    """A run logged at level DEBUG: its engine, its messages, and its bodies."""
    set_keys(monkeypatch)
    engine = make_engine(server, "openai:gpt-x", people=2, num_epochs=1)
    path = tmp_path / "bodies.jsonl"
    with path.open("w", encoding="utf-8") as bodies, caplog.at_level(logging.DEBUG, logger="synthetic_communities"):
        engine.log_bodies(bodies)
        run_engine(engine, tmp_path)
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("synthetic_communities")]
    return engine, messages, [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_belief_is_told_as_it_was_and_as_it_is(told: Any) -> None:
    engine, messages, _ = told
    after: dict[tuple[str, str], str] = {}
    for match in filter(None, map(BELIEF_LINE.fullmatch, messages)):
        held = (match["who"].rsplit("/", 1)[1], match["topic"])
        assert match["before"] == after.get(held, match["before"]), "what it was is what the update before left"
        after[held] = match["after"]
    now = {
        (persona.id, belief.topic_id): str(belief.stance)
        for persona in engine.population.personas
        for belief in persona.held_beliefs()
    }
    assert after == now
    assert len(now) == 4


def test_a_call_is_told_with_the_beginning_of_its_texts(told: Any) -> None:
    _, messages, bodies = told
    calls = {match["who"]: match for match in map(CALL_LINE.fullmatch, messages) if match}
    assert len(calls) == len(bodies)
    for body in bodies:
        prompt = "\n\n".join(body["user"])
        assert calls[body["key"]]["prompt"] == repr(prompt[:SHOWN_CHARACTERS])
        assert calls[body["key"]]["reply"] == repr(body["reply"][:SHOWN_CHARACTERS])
    assert SHOWN_CHARACTERS == 200
    assert any(len("\n\n".join(body["user"])) > SHOWN_CHARACTERS for body in bodies)


def test_bodies_hold_whole_texts_a_line_a_call(told: Any) -> None:
    engine, messages, bodies = told
    usage = read_usage(engine)
    assert len(bodies) == usage["model_calls"]
    assert len({(body["key"], body["attempt"], body["tries"]) for body in bodies}) == len(bodies)
    assert {body["model"] for body in bodies} == {"gpt-x"}
    assert all("A town by the water." in "".join(body["system"]) for body in bodies)
    ballots = [body for body in bodies if body["act"] == "ballot"]
    assert len(ballots) == 2
    assert all("BALLOT" in body["user"][-1] and json.loads(body["reply"]) for body in ballots)
    everything = "\n".join([*messages, *map(json.dumps, bodies)])
    assert not [key for key in KEYS.values() if key in everything]


def test_bodies_of_a_typed_run(server: LoopbackServer, tmp_path: Path) -> None:
    lines, usage = run_typed(server, tmp_path, "--log-bodies", "bodies.jsonl")
    bodies = [json.loads(line) for line in (tmp_path / "bodies.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(bodies) == usage["model_calls"] > 20
    assert not [line for line in lines if CALL_LINE.fullmatch(line)]


def test_calls_without_a_reply_are_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_keys(monkeypatch)
    with LoopbackServer(when={"BALLOT: whom": "malformed-text:0"}) as faulty:
        engine = make_engine(faulty, "openai:gpt-x", people=2, num_epochs=1)
        with caplog.at_level(logging.DEBUG, logger="synthetic_communities"):
            run_engine(engine, tmp_path)
    calls = [match for match in map(CALL_LINE.fullmatch, caplog.messages) if match]
    assert sorted(match["attempt"] for match in calls if match["act"] == "ballot") == ["1", "1", "2", "2"]
    assert len([text for text in caplog.messages if re.match(r"ballot/p\d unreadable", text)]) == 2
