"""Runs with everything told, against servers that repeat the key: nothing that is left of them holds it."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from synthetic_communities.cli.main import program
from synthetic_communities.config import Config
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.failures import ModelUnavailableError
from synthetic_communities.report.result import load_run
from synthetic_communities.testing.environment import build_environment
from tests.bad_servers import REPLIES, BadServer, Behave, Peer, head
from tests.model_communities import MODELS, use_policy

KEY = "sk-left-nowhere-0123456789"
VARIABLE = "KEY_OF_THIS_TEST"


async def repeat_in_a_reply(peer: Peer) -> None:
    """Reply soundly, with the whole head of the request as the words of the model and its name."""
    reply = REPLIES[peer.ask.path.partition("?")[0]]
    await peer.answer(fill(reply, peer.ask.head))


def fill(value: object, words: str) -> bytes:
    """Return a reply with these words in the place of its own, and of the model's name."""
    text = json.dumps(value)
    assert text.count('"Hello."') == text.count('"m"') == 1
    return text.replace('"Hello."', json.dumps(words)).replace('"m"', json.dumps(words)).encode()


def repeat_in_an_error(status: str, *headers: str) -> Behave:
    """Return what fails with the head of the request as its message, and in further headers."""

    async def repeat(peer: Peer) -> None:
        said = peer.ask.head.replace("\r\n", " ").replace('"', "'")
        body = f'{{"error": {{"message": "You sent {said}", "code": "{KEY}"}}}}'.encode()
        await peer.answer(body, f"x-sent: {KEY}", *headers, status=status)

    return repeat


async def repeat_in_the_kind(peer: Peer) -> None:
    """Send what is no JSON, of a content type that is the key."""
    await peer.send(head("content-length: 3", kind=f"text/{KEY}"), b"a b")


async def repeat_in_the_first_line(peer: Peer) -> None:
    """Send what is no HTTP."""
    await peer.send(f"HTTP/1.1 {KEY}\r\n\r\n".encode())


SERVERS: dict[str, Behave] = {
    "a reply": repeat_in_a_reply,
    "401": repeat_in_an_error("401 Unauthorized"),
    "400": repeat_in_an_error("400 Bad Request"),
    "403": repeat_in_an_error("403 Forbidden"),
    "500": repeat_in_an_error("500 Out of order", "retry-after: 0"),
    "redirect": repeat_in_an_error("302 Found", f"location: https://elsewhere.example/{KEY}"),
    "content type": repeat_in_the_kind,
    "first line": repeat_in_the_first_line,
}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key, and few tries without long waits."""
    monkeypatch.setenv(VARIABLE, KEY)
    use_policy(monkeypatch, max_tries=2)


def write_config(folder: Path, server: BadServer, protocol: str, **changes: object) -> Path:
    """Write a configuration of two people who ask this server with the key."""
    base_url = f"{server.url}/v1" if protocol == "openai" else server.url
    config = Config.bundled(population_size=2, num_epochs=1, questions_per_topic=1, turns_per_question=1)
    values = {name: value for name, value in vars(config).items() if value is not None and name != "world_file"}
    changes = {"model": MODELS[protocol], "base_url": base_url, "api_key_env": VARIABLE, **changes}
    file = folder / "town.yaml"
    file.write_text(yaml.safe_dump({**values, **changes}), encoding="utf-8")
    return file


def find_key(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, of whatever kind and however deep, that hold the key."""
    return (path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes())


@pytest.mark.parametrize("protocol", MODELS)
@pytest.mark.parametrize("behave", SERVERS.values(), ids=SERVERS)
def test_a_run_leaves_no_key(
    protocol: str,
    behave: Behave,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)  # of all loggers there are, those of HTTP clients among them
    monkeypatch.chdir(tmp_path)
    options = ["-vv", "--log-bodies", "bodies.jsonl", "--output", "runs"]
    with BadServer(behave) as server:
        config = write_config(tmp_path, server, protocol)
        done = CliRunner().invoke(program, ["run", config.name, *options])
        assert server.asks, "nobody asked"
        assert any(KEY in ask.head for ask in server.asks), "the key was not sent"

    assert KEY not in done.stdout + done.stderr
    assert KEY not in caplog.text
    assert len(list(tmp_path.rglob("metadata.json"))) == 1
    assert (tmp_path / "bodies.jsonl").stat().st_size > 0
    assert list(find_key(tmp_path)) == []
    if behave is repeat_in_a_reply:
        assert "[key]" in (tmp_path / "bodies.jsonl").read_text(encoding="utf-8"), "nothing was there to be masked"


@pytest.mark.parametrize("protocol", MODELS)
@pytest.mark.parametrize("status", ["401 Unauthorized", "403 Forbidden"])
def test_the_traceback_of_a_script_shows_no_key(protocol: str, status: str, tmp_path: Path) -> None:
    with BadServer(repeat_in_an_error(status)) as server:
        engine = GameEngine.from_config(write_config(tmp_path, server, protocol))
        engine.initialize_simulation_output(tmp_path)
        with pytest.raises(ModelUnavailableError) as failed:
            engine.run()
    assert KEY not in "".join(traceback.format_exception(failed.value))


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks at processes as Linux shows them")
def test_a_key_out_of_a_command_is_in_no_list_of_processes(tmp_path: Path) -> None:
    listed: list[bytes] = []

    async def look(peer: Peer) -> None:
        if not listed:
            listed.extend(_command_lines())
        await repeat_in_a_reply(peer)

    (tmp_path / "key.py").write_text(f"print({KEY!r})", encoding="utf-8")
    with BadServer(look) as server:
        command = f"{sys.executable} -S key.py"
        config = write_config(tmp_path, server, "openai", api_key_env=None, api_key_command=command)
        config.write_text(config.read_text(encoding="utf-8").replace("api_key_env: null\n", ""), encoding="utf-8")
        typed = [sys.executable, "-m", "synthetic_communities", "run", config.name, "-vv", "--output", "runs"]
        environment = {name: value for name, value in build_environment().items() if name != VARIABLE}
        done = subprocess.run(typed, cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False)
        assert any(KEY in ask.head for ask in server.asks)
    assert any(config.name.encode() in line for line in listed), "the run was not among them"
    assert not [line for line in listed if KEY.encode() in line]
    assert KEY.encode() not in done.stdout + done.stderr
    assert [path.name for path in find_key(tmp_path)] == ["key.py"]


def _command_lines() -> Iterator[bytes]:
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                yield (process / "cmdline").read_bytes()
            except OSError:
                continue


def test_what_is_left_can_be_read(tmp_path: Path) -> None:
    with BadServer(repeat_in_a_reply) as server:
        engine = GameEngine.from_config(write_config(tmp_path, server, "openai", max_failures=1))
        engine.initialize_simulation_output(tmp_path)
        engine.run()
    assert engine.simulation_dir is not None
    posts = load_run(engine.simulation_dir).debates
    assert any("[key]" in row["text"] for row in posts)
