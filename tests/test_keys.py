"""Where keys come from, and what is said where there is none."""

import copy
import pickle
from pathlib import Path

import pytest

from synthetic_communities.config import Config
from synthetic_communities.errors import ConfigurationError, Problem
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.access.keys import MissingKeyError, check_key, find_key, read_environment
from synthetic_communities.llm.naming import PROVIDERS

GEMINI, VLLM, OTHER = PROVIDERS["gemini"], PROVIDERS["vllm"], PROVIDERS["openai-compatible"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory two floors below one that may hold a `.env`."""
    inner = tmp_path / "project" / "scripts"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    return tmp_path


def test_a_key_comes_from_its_providers_variable() -> None:
    environment = {"GEMINI_API_KEY": " g-key\n", "OPENAI_API_KEY": "o-key"}
    assert find_key(GEMINI, environment) == "g-key"
    assert find_key(PROVIDERS["openai"], environment) == "o-key"


def test_a_variable_named_in_the_configuration_goes_first() -> None:
    environment = {"GEMINI_API_KEY": "g-key", "MY_KEY": "my-key"}
    assert find_key(GEMINI, environment, api_key_env="MY_KEY") == "my-key"
    assert find_key(VLLM, environment, api_key_env="MY_KEY") == "my-key"


def test_a_server_that_names_no_variable_is_sent_no_key() -> None:
    environment = {"OPENAI_API_KEY": "o-key", "VLLM_API_KEY": "v-key"}
    assert find_key(VLLM, environment) is None
    assert find_key(OTHER, environment) is None


@pytest.mark.parametrize(
    "environment", [{}, {"GEMINI_API_KEY": ""}, {"GEMINI_API_KEY": " \n"}, {"OPENAI_API_KEY": "o"}]
)
def test_a_missing_key_is_asked_for_by_the_name_of_its_variable(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=r"gemini needs a key, and GEMINI_API_KEY is not set; .*\.env"):
        find_key(GEMINI, environment)


def test_a_variable_named_in_the_configuration_has_to_be_set() -> None:
    with pytest.raises(ConfigurationError, match="openai-compatible is to be given a key, and MY_KEY is not set"):
        find_key(OTHER, {}, api_key_env="MY_KEY")


@pytest.mark.parametrize("key", ["“g-key”", "g key", "g-\x00key", "ключ", "g-key\nother"])
def test_what_can_be_no_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="GEMINI_API_KEY holds characters that no key has") as failed:
        find_key(GEMINI, {"GEMINI_API_KEY": key})
    assert key not in str(failed.value)
    with pytest.raises(ConfigurationError, match="api_key holds"):
        check_key(key, "api_key")


@pytest.mark.parametrize("place", ["project/scripts", "project", "."])
def test_a_file_in_the_working_directory_or_above_is_read(folder: Path, place: str) -> None:
    (folder / place / ".env").write_text("# keys\nGEMINI_API_KEY='g-${HOME}'\nexport A=b\nEMPTY\n", encoding="utf-8")
    assert read_environment({"OTHER": "x"}) == {"GEMINI_API_KEY": "g-${HOME}", "A": "b", "OTHER": "x"}


def test_the_environment_wins_over_the_file(folder: Path) -> None:
    (folder / ".env").write_text("GEMINI_API_KEY=from-the-file\n", encoding="utf-8")
    environment = read_environment({"GEMINI_API_KEY": "from-the-environment"})
    assert find_key(GEMINI, environment) == "from-the-environment"


def test_without_a_file_the_environment_is_all_there_is(folder: Path) -> None:
    assert read_environment({"A": "b"}) == {"A": "b"}


def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / ".env").write_bytes(b"GEMINI_API_KEY=\xff\xfe\n")
    with pytest.raises(ConfigurationError, match=r"\.env: cannot be read"):
        read_environment({})


def test_what_is_wrong_comes_whole_out_of_another_process() -> None:
    missing = MissingKeyError("openai", "OPENAI_API_KEY")
    wrong = ConfigurationError([Problem("model", "is not known", "name another")])
    for error in (missing, wrong):
        copied = pickle.loads(pickle.dumps(error))
        assert (type(copied), str(copied), copied.problems) == (type(error), str(error), error.problems)
    assert copy.copy(missing).variable == "OPENAI_API_KEY"


def test_which_keys_are_missing_is_looked_up_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    engine = GameEngine.from_config(Config.bundled().changed(model="openai:gpt-5-mini"))
    assert engine.missing_keys == ("No key for openai was found: set OPENAI_API_KEY before a run.",)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-any")
    assert engine.missing_keys == ()
