"""Keys that a command prints, and settings that say where a key is: what is refused, and never shown."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.config import Config
from synthetic_communities.errors import ConfigurationError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.access.key_command import run_key_command
from synthetic_communities.llm.access.keys import find_key
from synthetic_communities.llm.naming import PROVIDERS
from synthetic_communities.testing.loopback import LoopbackServer
from tests.small_communities import make_config, read_json

KEY = "sk-out-of-a-command-0123456789"
GEMINI, VLLM = PROVIDERS["gemini"], PROVIDERS["vllm"]


def write_command(folder: Path, *lines: str) -> str:
    """Return the command line of a program of these lines; `folder` has a space in its name."""
    place = folder / "my keys"
    place.mkdir(exist_ok=True)
    program = place / "key.py"
    program.write_text("\n".join(["import sys, time", *lines]), encoding="utf-8")
    return shlex.join([sys.executable, "-S", str(program)])


@contextmanager
def own_input(content: bytes) -> Iterator[None]:
    """Let this process have something to read on its standard input."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    before = os.dup(0)
    os.dup2(reading, 0)
    try:
        yield
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(reading)


def fail(command: str, **settings: Any) -> str:
    """Return what is said of a command that gives no key, having looked through the whole of it for one."""
    with pytest.raises(ConfigurationError) as failed:
        run_key_command(command, **settings)
    assert KEY not in "".join(traceback.format_exception(failed.value))
    return str(failed.value)


class TestCommand:
    @pytest.mark.parametrize("printed", [f"{KEY}\\n", KEY, f"  {KEY} \\r\\nuser: ann\\nsk-another\\n"])
    def test_the_first_line_is_the_key(self, tmp_path: Path, printed: str) -> None:
        assert run_key_command(write_command(tmp_path, f"sys.stdout.write('{printed}')")) == KEY

    def test_it_is_no_shell_and_has_no_input(self, tmp_path: Path) -> None:
        command = write_command(tmp_path, "print(len(sys.stdin.read()), *sys.argv[1:])")
        with own_input(b"of this program"):
            assert run_key_command(f"{command} '$HOME' '|' a;b") == "0 $HOME | a;b"

    def test_one_that_fails(self, tmp_path: Path) -> None:
        told = fail(write_command(tmp_path, f"print('{KEY}'); print('{KEY}', file=sys.stderr); sys.exit(3)"))
        assert told == "api_key_command: ended with status 3; run it in a terminal to see why"

    def test_one_that_takes_too_long(self, tmp_path: Path) -> None:
        command = write_command(tmp_path, f"print('{KEY}', flush=True); time.sleep(60)")
        assert "took more than 0.5 s" in fail(command, timeout_seconds=0.5)

    @pytest.mark.parametrize(
        ("command", "told"),
        [
            ("", "is no command line"),
            (" ", "is no command line"),
            ("pass 'show", "is no command line"),
            ("no-such-program-as-this show", "cannot be started: No such file or directory"),
            ("a\0b", "cannot be started: it holds a character"),
            (f"echo {KEY}", "holds the key itself"),
        ],
    )
    def test_one_that_is_none(self, command: str, told: str) -> None:
        assert told in fail(command)

    @pytest.mark.parametrize("printed", ["", "\\n", f"\\n{KEY}\\n"])
    def test_one_that_prints_no_first_line(self, tmp_path: Path, printed: str) -> None:
        assert "printed no key on its first line" in fail(write_command(tmp_path, f"sys.stdout.write('{printed}')"))

    def test_nothing_of_what_it_says_itself_is_passed_on(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        run_key_command(write_command(tmp_path, f"print('{KEY}'); print('unlocking', file=sys.stderr)"))
        assert capfd.readouterr() == ("", "")


class TestFinding:
    def test_it_goes_before_the_variables_and_works_where_there_is_none(self, tmp_path: Path) -> None:
        command = write_command(tmp_path, f"print('{KEY}')")
        assert find_key(GEMINI, {"GEMINI_API_KEY": "g-key"}, look_up=lambda: run_key_command(command)) == KEY
        assert find_key(VLLM, {}, look_up=lambda: run_key_command(command)) == KEY

    def test_what_can_be_no_key_is_refused_without_being_shown(self, tmp_path: Path) -> None:
        command = write_command(tmp_path, f"print('{KEY} and more')")
        with pytest.raises(ConfigurationError, match="the output of api_key_command holds characters") as failed:
            find_key(GEMINI, {}, look_up=lambda: run_key_command(command))
        assert KEY not in str(failed.value)

    def test_a_key_in_the_place_of_a_variables_name_is_not_shown(self) -> None:
        key = "AIzaSyNotToBeShown0123456789"
        with pytest.raises(ConfigurationError, match="the variable that api_key_env names is not set") as failed:
            find_key(GEMINI, {}, api_key_env=key)
        assert key not in str(failed.value)


def problems_of(**settings: Any) -> list[str]:
    return [str(problem) for problem in make_config(0, **settings).find_problems()]


class TestSettings:
    def test_a_key_in_the_place_of_a_variables_name(self) -> None:
        (told,) = problems_of(model="openai:m", api_key_env=KEY)
        assert "api_key_env: is no name of an environment variable" in told
        assert KEY not in told

    def test_one_of_the_two(self) -> None:
        assert problems_of(model="openai:m", api_key_env="A", api_key_command="b") == [
            "api_key_command: is given beside api_key_env; leave one of the two out"
        ]

    def test_a_command_that_is_none(self) -> None:
        (told,) = problems_of(model="openai:m", api_key_command="'")
        assert told.startswith("api_key_command: is no command line")

    def test_the_offline_mind_takes_none(self) -> None:
        (told,) = problems_of(api_key_command="pass show key")
        assert told.startswith("api_key_command: the offline mind takes no api_key_command")

    @pytest.mark.parametrize("setting", ["api_key_env", "api_key_command"])
    def test_one_key_goes_to_one_provider(self, setting: str) -> None:
        both = {"model": "anthropic", "candidate_model": "openai:m", setting: "MY_KEY"}
        assert problems_of(**both) == [
            f"{setting}: would send one key to anthropic and openai; leave it out, and set each provider's own variable"
        ]
        assert problems_of(**both, base_url="https://gateway.example") == []
        assert problems_of(**{**both, "candidate_model": "anthropic:claude-opus-5-5"}) == []
        assert problems_of(**{**both, "candidate_model": "offline"}) == []

    @pytest.mark.parametrize("address", ["https://ann:{}@host/v1", "https://host/v1?key={}", "https://host/#{}"])
    def test_a_key_in_an_address_is_refused_and_not_shown(self, address: str) -> None:
        (told,) = problems_of(model="openai:m", base_url=address.format(KEY))
        assert told.startswith("base_url: 'https://")
        assert KEY not in told


class TestRun:
    def test_a_run_asks_with_it_and_runs_it_once(self, tmp_path: Path) -> None:
        runs = tmp_path / "runs.txt"
        command = write_command(tmp_path, f"open({str(runs)!r}, 'a').write('run '); print('{KEY}')")
        with LoopbackServer() as server:
            config = Config.bundled(
                population_size=2,
                num_epochs=1,
                model="openai:gpt-5-mini",
                candidate_model="openai:gpt-5",
                base_url=f"{server.url}/v1",
                api_key_command=command,
            )
            engine = GameEngine.from_config(config)
            assert not runs.exists(), "looking at a configuration runs nothing"
            engine.initialize_simulation_output(tmp_path / "data")
            result = engine.run()
        assert not result.failures
        assert runs.read_text(encoding="utf-8") == "run "
        metadata = read_json(result.path / "metadata.json")
        assert "api_key_env" in metadata["config"]
        assert "api_key_command" not in metadata["config"]
        assert "api_key_command" not in metadata["provenance"]["settings"]
