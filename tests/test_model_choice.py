"""Which model is asked, and why: as a rule, in scripts in the old style, and in the command as it is typed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthetic_communities import llm_client
from synthetic_communities.candidate import Candidate
from synthetic_communities.domain.debate import Question, Topic
from synthetic_communities.errors import ConfigurationError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.choice import choose_model
from synthetic_communities.mediator import Mediator
from synthetic_communities.persona import Persona
from synthetic_communities.testing.loopback import LoopbackServer
from tests.small_communities import SETTINGS, make_attributes, make_config, make_engine, read_json

NAMES = ["Aisha Noor", "Johan Berg"]
GEMINI, ANTHROPIC = "gemini:gemini-2.5-flash-lite", "anthropic:claude-haiku-5-5"
MODEL, REQUIRE = "SYNTHETIC_COMMUNITIES_MODEL", "SYNTHETIC_COMMUNITIES_REQUIRE_LLM"
NEW, OLD = False, True
KEY = "sk-not-to-be-shown-7f3a"


# The rule.

GEMINI_KEY, ANTHROPIC_KEY, OPENAI_KEY = {"GEMINI_API_KEY": "g"}, {"ANTHROPIC_API_KEY": "a"}, {"OPENAI_API_KEY": "o"}


@pytest.mark.parametrize(
    ("argument", "configured", "environment", "looks_for_keys", "name"),
    [
        ("vllm:a", "vllm:b", {MODEL: "vllm:c", **GEMINI_KEY}, OLD, "vllm:a"),
        ("vllm:a", "vllm:b", {MODEL: "vllm:c", **GEMINI_KEY}, NEW, "vllm:a"),
        (None, "vllm:b", {MODEL: "vllm:c", **GEMINI_KEY}, OLD, "vllm:b"),
        (None, None, {MODEL: "vllm:c", **GEMINI_KEY, **ANTHROPIC_KEY}, OLD, "vllm:c"),
        (None, None, {MODEL: "vllm:c"}, NEW, "vllm:c"),
        (None, None, {MODEL: "offline", **GEMINI_KEY}, OLD, "offline"),
        (None, None, {MODEL: "", **GEMINI_KEY}, OLD, GEMINI),
        (None, None, {**ANTHROPIC_KEY, **GEMINI_KEY}, OLD, GEMINI),
        (None, None, {**ANTHROPIC_KEY, **OPENAI_KEY}, OLD, ANTHROPIC),
        (None, None, {"GEMINI_API_KEY": "", **ANTHROPIC_KEY}, OLD, ANTHROPIC),
        (None, None, OPENAI_KEY, OLD, "offline"),
        (None, None, {}, OLD, "offline"),
        (None, None, {**GEMINI_KEY, **ANTHROPIC_KEY, **OPENAI_KEY}, NEW, "offline"),
        (None, None, {}, NEW, "offline"),
        ("offline", "vllm:b", GEMINI_KEY, OLD, "offline"),
        (None, "offline", {REQUIRE: "1"}, NEW, "offline"),
        (None, None, {REQUIRE: "1", **GEMINI_KEY}, OLD, GEMINI),
        (None, None, {REQUIRE: "0"}, NEW, "offline"),
    ],
)
def test_which_model_is_asked(
    argument: str | None, configured: str | None, environment: dict[str, str], looks_for_keys: bool, name: str
) -> None:
    assert choose_model(argument, configured, environment, looks_for_keys=looks_for_keys).name == name


@pytest.mark.parametrize(
    ("environment", "looks_for_keys"), [({}, NEW), ({}, OLD), (OPENAI_KEY, OLD), (GEMINI_KEY, NEW)]
)
def test_offline_is_an_error_where_a_model_is_required(environment: dict[str, str], looks_for_keys: bool) -> None:
    with pytest.raises(ConfigurationError, match=REQUIRE):
        choose_model(None, None, {**environment, REQUIRE: "1"}, looks_for_keys=looks_for_keys)


def test_only_where_one_was_looked_for_is_offline_a_fallback() -> None:
    assert choose_model(None, None, {}, looks_for_keys=OLD).is_fallback
    assert not choose_model(None, None, {}, looks_for_keys=NEW).is_fallback
    assert not choose_model(None, None, GEMINI_KEY, looks_for_keys=OLD).is_fallback


# Scripts in the old style.


class Script:
    """A script in the old style, which replaced what asks a model by something that keeps what it is asked with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        self.created: list[tuple[str, str | None]] = []
        monkeypatch.setattr(llm_client, "create_client", self._create)
        monkeypatch.setattr(llm_client, "generate_response", lambda *_: '{"vote": "A"}')
        monkeypatch.setattr(llm_client, "_told", set())

    def _create(self, api_key: str, *, model: str | None = None, **_: Any) -> object:
        self.created.append((api_key, model))
        return object()

    def vote(self) -> str | None:
        """Vote, as one persona made by hand."""
        return Persona("p", {"name": "Ann", "turnout_propensity": 1.0}).vote(NAMES)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Script:
    """A script in a folder two floors below one that may hold a `.env`, with nothing in the environment."""
    folder = tmp_path / "project" / "scripts"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv(MODEL)
    return Script(monkeypatch, folder)


@pytest.mark.parametrize("floors", [0, 1, 2])
def test_a_script_with_only_a_dotenv(script: Script, floors: int, capsys: pytest.CaptureFixture[str]) -> None:
    place = [script.folder, *script.folder.parents][floors]
    (place / ".env").write_text(f"GEMINI_API_KEY={KEY}\n", encoding="utf-8")
    assert script.vote() in NAMES
    assert script.created == [(KEY, GEMINI)]
    told = capsys.readouterr()
    assert told.err == f"synthetic_communities: {GEMINI}, because GEMINI_API_KEY is set\n"
    assert KEY not in told.out


def test_a_script_with_two_keys_is_told_which_was_taken(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    (script.folder / ".env").write_text("ANTHROPIC_API_KEY=a-key\nGEMINI_API_KEY=g-key\n", encoding="utf-8")
    script.vote()
    assert script.created == [("g-key", GEMINI)]
    told = capsys.readouterr().err
    assert re.search(r"GEMINI_API_KEY is set; ANTHROPIC_API_KEY is set too and is not used", told)


def test_the_choice_is_told_once(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    (script.folder / ".env").write_text("GEMINI_API_KEY=g-key\n", encoding="utf-8")
    script.vote()
    script.vote()
    assert capsys.readouterr().err.count("synthetic_communities:") == 1


def test_the_environment_goes_before_the_dotenv(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    (script.folder / ".env").write_text("GEMINI_API_KEY=of-the-file\n", encoding="utf-8")
    monkeypatch.setenv("GEMINI_API_KEY", "of-the-environment")
    script.vote()
    assert script.created == [("of-the-environment", GEMINI)]


def test_a_script_with_the_other_key(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a-key")
    script.vote()
    assert script.created == [("a-key", ANTHROPIC)]


@pytest.mark.parametrize("openai", [False, True])
def test_a_script_without_a_key_is_warned_and_runs_offline(
    script: Script, monkeypatch: pytest.MonkeyPatch, openai: bool
) -> None:
    if openai:
        monkeypatch.setenv("OPENAI_API_KEY", "o-key")
    with pytest.warns(UserWarning, match="offline.*GEMINI_API_KEY and ANTHROPIC_API_KEY"):
        script.vote()
    assert script.created == []


TOPIC = Topic("t0", "Rents", "Cap rents.")
QUESTION = Question("q", "Why?", TOPIC)
VERBS: dict[str, Callable[[], object]] = {
    "a person": lambda: Persona("p", {"name": "Ann", "turnout_propensity": 1.0}).vote(NAMES),
    "a candidate": lambda: Candidate("c", "Ann", "", [TOPIC], None, None).craft_debate_statement(QUESTION, 0, []),
    "a mediator": lambda: Mediator("m", [TOPIC], None, None).propose_question(TOPIC, []),
    "an engine": lambda: make_engine(make_config(1, num_epochs=1)).run(),
}


@pytest.mark.parametrize("is_in_a_loop", [False, True])
@pytest.mark.parametrize("who", VERBS)
def test_the_warning_stands_at_the_line_of_the_script(script: Script, who: str, is_in_a_loop: bool) -> None:
    verb = VERBS[who]

    async def call_in_a_loop() -> object:
        return verb()

    with pytest.warns(UserWarning, match="offline") as caught:
        asyncio.run(call_in_a_loop()) if is_in_a_loop else verb()
    places = {(warning.filename, warning.lineno) for warning in caught}
    assert places == {(__file__, verb.__code__.co_firstlineno)}


def test_a_script_without_a_key_fails_where_a_model_is_required(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(REQUIRE, "1")
    with pytest.raises(ConfigurationError, match=REQUIRE):
        script.vote()


def test_an_engine_made_by_hand_looks_for_keys(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "g-key")
    assert GameEngine(make_config()).expected_model() == GEMINI


def test_an_engine_by_hand_records_that_nothing_was_found(script: Script, tmp_path: Path) -> None:
    engine = make_engine(make_config(2, num_epochs=1))
    engine.initialize_simulation_output(tmp_path / "runs")
    with pytest.warns(UserWarning, match="GEMINI_API_KEY"):
        result = engine.run()
    assert engine.simulation_dir is not None
    provenance = read_json(engine.simulation_dir / "metadata.json")["provenance"]
    assert provenance["mind"] == "offline mind"
    assert "GEMINI_API_KEY and ANTHROPIC_API_KEY" in provenance["mind_because"]
    assert "GEMINI_API_KEY and ANTHROPIC_API_KEY" in " ".join(result.summary().split())


def test_an_engine_from_a_configuration_does_not_look_for_keys(
    script: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "g-key")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        engine = GameEngine.from_config(write_config(tmp_path))
        assert engine.expected_model() == "offline"
        engine.initialize_simulation_output(tmp_path / "runs")
        engine.run()
    assert script.created == []
    assert engine.simulation_dir is not None
    provenance = read_json(engine.simulation_dir / "metadata.json")["provenance"]
    assert (provenance["mind"], provenance["mind_because"]) == ("offline mind", "no model was named")


# The command.


def write_config(folder: Path, people: int = 2, **changes: Any) -> Path:
    """Write a small configuration and its people, and return its path."""
    rows = [{"id": f"p{number}", **make_attributes(number)} for number in range(people)]
    (folder / "people.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    small = {"num_epochs": 1, "turns_per_question": 1, "population_file": "people.jsonl", "population_size": people}
    path = folder / "town.yaml"
    path.write_text(yaml.safe_dump({**SETTINGS, **small, **changes}), encoding="utf-8")
    return path


def type_command(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with nothing of ours in its environment but these variables."""
    environment = {name: value for name, value in os.environ.items() if name != MODEL} | variables
    command = [sys.executable, "-m", "synthetic_communities", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60, encoding="utf-8"
    )


def find_run(folder: Path) -> Path:
    """Return the one run directory below `data/simulation`."""
    (directory,) = (folder / "data" / "simulation").iterdir()
    return directory


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


def test_the_command_does_not_look_for_keys(tmp_path: Path) -> None:
    write_config(tmp_path)
    done = type_command(tmp_path, "run", "town.yaml", GEMINI_API_KEY=KEY, ANTHROPIC_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].startswith("Offline mind: no model was asked")
    assert "because no model was named" in done.stdout
    assert "GEMINI" not in done.stderr


def test_the_command_fails_offline_where_a_model_is_required(tmp_path: Path) -> None:
    write_config(tmp_path)
    done = type_command(tmp_path, "run", "town.yaml", SYNTHETIC_COMMUNITIES_REQUIRE_LLM="1")
    assert done.returncode == 2
    assert REQUIRE in done.stderr


def test_choice_and_reason_are_told_recorded_and_shown(server: LoopbackServer, tmp_path: Path) -> None:
    write_config(tmp_path, base_url=f"{server.url}/v1", model="openai:gpt-x")
    done = type_command(tmp_path, "run", "town.yaml", OPENAI_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert "synthetic_communities: openai:gpt-x, because the configuration names it\n" in done.stderr
    provenance = read_json(find_run(tmp_path) / "metadata.json")["provenance"]
    assert (provenance["mind"], provenance["mind_because"]) == ("openai:gpt-x", "the configuration names it")
    shown = type_command(tmp_path, "show", str(find_run(tmp_path))).stdout
    assert shown.startswith("Everybody thought with openai:gpt-x,\n  because the configuration names it\n")
    typed = (" show ", "One run is one draw")  # what to type next is told as the run was started
    ran, again = (
        [line for line in text.splitlines() if not any(part in line for part in typed)] for text in (done.stdout, shown)
    )
    assert ran[1:] == again


def test_a_model_on_the_command_line_was_named(server: LoopbackServer, tmp_path: Path) -> None:
    write_config(tmp_path, base_url=f"{server.url}/v1", model="openai:other")
    done = type_command(tmp_path, "run", "town.yaml", "--model", "openai:gpt-x", OPENAI_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert "openai:gpt-x, because it was named" in done.stderr
    assert read_json(find_run(tmp_path) / "metadata.json")["provenance"]["mind_because"] == "it was named"


@pytest.mark.parametrize("named_by", ["environment", "option"])
def test_a_base_url_without_a_model_beside_it(server: LoopbackServer, tmp_path: Path, named_by: str) -> None:
    write_config(tmp_path, base_url=f"{server.url}/v1")
    if named_by == "environment":
        done = type_command(tmp_path, "run", "town.yaml", OPENAI_API_KEY=KEY, **{MODEL: "openai:gpt-x"})
    else:
        done = type_command(tmp_path, "run", "town.yaml", "--model", "openai:gpt-x", OPENAI_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    because = {"environment": f"{MODEL} names it", "option": "it was named"}[named_by]
    assert f"openai:gpt-x, because {because}" in done.stderr
    assert because in done.stdout
    usage = read_json(find_run(tmp_path) / "usage.json")
    assert usage["model_calls"] > 0


@pytest.mark.parametrize("with_address", [False, True])
def test_check_tells_of_calls_where_the_environment_names_a_model(tmp_path: Path, with_address: bool) -> None:
    write_config(tmp_path, **({"base_url": "http://127.0.0.1:1/v1"} if with_address else {}))
    told = type_command(tmp_path, "check", "town.yaml", OPENAI_API_KEY=KEY, **{MODEL: "openai:gpt-x"})
    assert told.returncode == 0, told.stderr
    assert "A run will ask models:" in told.stdout
    assert "Model calls: 0" not in told.stdout


def test_a_key_is_shown_nowhere(server: LoopbackServer, tmp_path: Path) -> None:
    write_config(tmp_path, base_url=f"{server.url}/v1", model="openai:gpt-x")
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={KEY}\n", encoding="utf-8")
    done = type_command(tmp_path, "run", "town.yaml", "-vv", "--log-bodies", "bodies.jsonl")
    assert done.returncode == 0, done.stderr
    files = [*find_run(tmp_path).rglob("*"), tmp_path / "bodies.jsonl"]
    texts = {str(path): path.read_bytes() for path in files if path.is_file()}
    assert len(texts) >= 8
    assert all(texts.values())
    texts |= {"stdout": done.stdout.encode(), "stderr": done.stderr.encode()}
    assert [name for name, text in texts.items() if KEY.encode() in text or KEY[3:].encode() in text] == []


# What is said where no call can succeed.


def test_a_missing_key_is_wrong_usage_and_its_variable_is_named(tmp_path: Path) -> None:
    write_config(tmp_path, model="openai:gpt-x", base_url="http://127.0.0.1:1/v1")
    done = type_command(tmp_path, "run", "town.yaml")
    assert done.returncode == 2
    assert "OPENAI_API_KEY is not set" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_where_nobody_listens_it_is_said_what_to_type(tmp_path: Path) -> None:
    write_config(tmp_path, model="vllm:small", base_url="http://127.0.0.1:1/v1")
    done = type_command(tmp_path, "run", "town.yaml")
    assert done.returncode == 1
    assert "nobody listens at http://127.0.0.1:1/v1" in done.stderr
    assert "vllm serve small" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_is_not_pulled(server: LoopbackServer, tmp_path: Path) -> None:
    write_config(tmp_path, model="ollama:unknown-x", base_url=server.url)
    done = type_command(tmp_path, "run", "town.yaml")
    assert done.returncode == 1
    assert "ollama pull unknown-x" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_key_ends_the_run_at_once(tmp_path: Path) -> None:
    with LoopbackServer() as server:
        write_config(tmp_path, 12, model="openai:gpt-x", base_url=f"{server.url}/v1", max_concurrent=2)
        done = type_command(tmp_path, "run", "town.yaml", OPENAI_API_KEY="wrong-key")
        stats = server.stats()
    assert done.returncode == 1
    assert "the key in OPENAI_API_KEY was refused" in done.stderr
    assert done.stderr.count("Error:") == 1
    assert "wrong-key" not in done.stderr + done.stdout
    assert 1 <= stats["calls"] <= 4, "those that were under way, and hardly another"
