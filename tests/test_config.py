"""Configurations: what they hold, everything that can be wrong with them, and what they assume."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import os
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.config import NAMES, Config, build_candidate_cards, build_topics
from synthetic_communities.configuration import settings, text_files
from synthetic_communities.configuration.yaml_files import load_yaml
from synthetic_communities.domain.debate import Topic
from synthetic_communities.domain.scene import CandidateCard
from synthetic_communities.errors import ConfigurationError

DOCS = Path(__file__).parents[1] / "docs" / "configuration.md"

REQUIRED = """\
population_size: 0
questions_per_topic: 1
turns_per_question: 1
num_epochs: 1
random_seed: 1
"""

TOPICS = """\
topics:
  - id: rents
    title: Rents
    description: Cap them?
"""


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a configuration, apart from the working directory."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return tmp_path / "town.yaml"


def read(town: Path, text: str) -> Config:
    town.write_text(text, encoding="utf-8")
    return Config.from_yaml(town)


def problems_of(town: Path, text: str | bytes) -> list[str]:
    """What reading the text complains about, without the folder's name."""
    town.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigurationError) as caught:
        Config.from_yaml(town)
    return [str(problem).replace(f"{town.parent}{os.sep}", "") for problem in caught.value.problems]


def made(**changes: Any) -> Config:
    return dataclasses.replace(Config(0, 1, 1, 1, 1), **changes)


def found_in(config: Config) -> list[str]:
    return [str(problem) for problem in config.find_problems()]


class TestShape:
    def test_order_and_defaults_are_those_that_scripts_rely_on(self) -> None:
        parameters = inspect.signature(Config).parameters.values()
        assert [(each.name, each.default) for each in parameters][5:] == [
            ("post_probability", 0.07),
            ("reaction_probability", 0.4),
            ("num_rounds_mean", 3),
            ("num_rounds_variance", 1),
            ("max_change_percentage", 0.5),
            ("max_concurrent", 20),
            ("population_file", "data/personas/swiss_population_50.jsonl"),
            ("world_file", None),
            ("topics", None),
            ("candidates", None),
            ("world_story", None),
            ("model", None),
            ("candidate_model", None),
            ("base_url", None),
            ("api_key_env", None),
            ("temperature", None),
            ("effort", None),
            ("feed_size", 10),
            ("memory_epochs", 1),
            ("opening_opinions", True),
            ("call_timeout_seconds", None),
            ("name", None),
            ("requests_per_minute", None),
            ("tokens_per_minute", None),
            ("replicate", 0),
            ("resample_people", False),
            ("schedule", "dependencies"),
            ("feed_candidates", 200),
            ("max_reply_bytes", None),
            ("api_key_command", None),
            ("max_cost_usd", None),
            ("max_tokens", None),
            ("max_calls", None),
            ("deadline_seconds", None),
            ("max_failures", 0.2),
            ("prices", None),
            ("prompt_cache", "auto"),
        ]
        assert [(each.name, each.default) for each in parameters][:5] == [
            (name, inspect.Parameter.empty)
            for name in ("population_size", "questions_per_topic", "turns_per_question", "num_epochs", "random_seed")
        ]

    def test_the_table_has_every_setting_in_order(self) -> None:
        assert tuple(setting.name for setting in settings.SETTINGS) == NAMES

    def test_the_table_knows_which_settings_may_be_none(self) -> None:
        may_be_none = {each.name for each in dataclasses.fields(Config) if each.default is None}
        assert {setting.name for setting in settings.SETTINGS if setting.absent} == may_be_none

    def test_making_one_reads_and_checks_nothing(self) -> None:
        config = Config("many", -1, None, 0, 0, world_file="nowhere.md")  # type: ignore[arg-type]
        config.num_epochs = 4
        assert list(vars(config).values())[:5] == ["many", -1, None, 4, 0]
        assert config.world_story is None

    def test_its_variables_are_its_settings(self, town: Path) -> None:
        config = read(town, REQUIRED)
        assert tuple(vars(config)) == tuple(dataclasses.asdict(config)) == NAMES

    @pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda config: pickle.loads(pickle.dumps(config))])
    def test_copies_are_equal_and_remember_what_was_stated(self, town: Path, copied: Any) -> None:
        config = read(town, REQUIRED + "post_probability: 0.07\n" + TOPICS)
        assert copied(config) == config
        assert copied(config).assumptions() == config.assumptions()

    def test_importing_it_loads_nothing_heavy(self) -> None:
        code = "import sys, synthetic_communities.config; print(*sys.modules)"
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
        assert not {"pydantic", "httpx", "anthropic", "rich", "click"} & set(loaded)


class TestReading:
    def test_values_are_read_as_written(self, town: Path) -> None:
        config = read(town, REQUIRED + "post_probability: .25\nopening_opinions: false\nmodel: offline\n" + TOPICS)
        assert (config.post_probability, config.opening_opinions, config.model) == (0.25, False, "offline")
        assert config.topics == [{"id": "rents", "title": "Rents", "description": "Cap them?"}]
        assert config.candidates is None

    def test_a_byte_order_mark_is_no_matter(self, town: Path) -> None:
        town.write_bytes(b"\xef\xbb\xbf" + REQUIRED.encode())
        assert Config.from_yaml(str(town)).population_size == 0

    def test_every_problem_is_told_at_once_with_its_place(self, town: Path) -> None:
        text = 'population_size: "3"\nepochs: 3\nquestions_per_topic: 1\nturns_per_question: 1\nrandom_seed: 1\n'
        assert problems_of(town, text + "post_probability: 50\nworld_file: none.md\npopulation_file: none.jsonl") == [
            "town.yaml: epochs (line 2): 'epochs' is no setting; did you mean num_epochs?",
            "town.yaml: num_epochs: is missing; add it",
            "town.yaml: population_size (line 1): '3' is text, no number; write it plainly, as in 3 or 0.5",
            "town.yaml: post_probability (line 6): 50 is out of range; for 50 % write 0.5",
            f"town.yaml: population_file (line 8): there is no file 'none.jsonl' in {town.parent} "
            "or the working directory; correct the path",
            f"town.yaml: world_file (line 7): there is no file 'none.md' in {town.parent} "
            "or the working directory; correct the path",
        ]

    def test_long_lists_of_problems_are_cut_and_counted(self, town: Path) -> None:
        told = problems_of(town, REQUIRED + "".join(f"unknown_{number}: 1\n" for number in range(60)))
        assert len(told) == 51
        assert told[-1] == "town.yaml: 10 more problems not shown; mend these first"


class TestFiles:
    def test_beside_the_configuration_comes_first(self, town: Path) -> None:
        (town.parent / "world.md").write_text("beside")
        (town.parent / "people.jsonl").write_text("")
        config = read(town, REQUIRED + "world_file: world.md\npopulation_file: people.jsonl")
        assert config.world_story == "beside"
        assert config.world_file == str(town.parent / "world.md")
        assert config.population_file == str(town.parent / "people.jsonl")

    def test_then_the_working_directory(self, town: Path) -> None:
        Path("world.md").write_text("here")
        config = read(town, REQUIRED + "world_file: world.md")
        assert (config.world_story, config.world_file) == ("here", "world.md")

    def test_if_both_differ_which_was_taken_is_said(self, town: Path) -> None:
        (town.parent / "world.md").write_text("beside")
        Path("world.md").write_text("here")
        with pytest.warns(UserWarning, match=r"took .*world\.md; world\.md has the same name") as caught:
            config = read(town, REQUIRED + "world_file: world.md")
        assert config.world_story == "beside"
        assert caught[0].filename == __file__

    def test_if_both_are_the_same_nothing_is_said(self, town: Path) -> None:
        (town.parent / "world.md").write_text("same")
        Path("world.md").write_text("same")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert read(town, REQUIRED + "world_file: world.md").world_story == "same"

    def test_absolute_paths_are_taken_as_they_are(self, town: Path) -> None:
        world = Path("world.md").absolute()
        world.write_text("here")
        assert read(town, REQUIRED + f"world_file: {world}").world_file == str(world)

    def test_the_default_people_are_needed_only_where_people_are_drawn(self, town: Path) -> None:
        assert read(town, REQUIRED).population_file == "data/personas/swiss_population_50.jsonl"
        assert problems_of(town, REQUIRED.replace("population_size: 0", "population_size: 1")) == [
            f"town.yaml: population_file: there is no file 'data/personas/swiss_population_50.jsonl' in {town.parent} "
            "or the working directory; state population_file: this is its default"
        ]

    def test_a_story_and_a_file_for_it_are_too_much(self, town: Path) -> None:
        Path("world.md").write_text("here")
        assert problems_of(town, REQUIRED + "world_file: world.md\nworld_story: there") == [
            "town.yaml: world_file (line 6): is given beside world_story; "
            "remove world_file to keep the text of world_story, or world_story to read the file"
        ]

    def test_a_world_that_is_not_utf_8_is_told_beside_the_rest(self, town: Path) -> None:
        (town.parent / "world.md").write_bytes(b"one\ntw\xff")
        told = problems_of(town, REQUIRED + "world_file: world.md\npopulation_file: none.jsonl\n")
        assert told[1:] == [
            "town.yaml: world_file (line 6): world.md is not UTF-8: byte 0xff on line 2; save it as UTF-8"
        ]
        assert "population_file" in told[0]


class TestUnreadableFiles:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "town.yaml: is empty, no mapping; write settings as `name: value`"),
            ("# only a comment", "town.yaml: is empty, no mapping; write settings as `name: value`"),
            ("- a", "town.yaml: is a list, no mapping; write settings as `name: value`"),
            ("5", "town.yaml: is a single value, no mapping; write settings as `name: value`"),
            ("a: " + "[" * 100_000, "town.yaml: is nested deeper than 50 lists and mappings; nest fewer"),
            ("a:\n " + "[" * 50 + "]" * 50, "town.yaml:2: is nested deeper than 50 lists and mappings; nest fewer"),
            ("a: 1\nb\x00: 1", "town.yaml:2: holds the character '\\x00', which YAML does not allow; remove it"),
            (b"a: 1\nb: \xff", "town.yaml: is not UTF-8: byte 0xff on line 2; save it as UTF-8"),
            (
                "a: 1\nb: c: d",
                "town.yaml:2: is no YAML at column 5: mapping values are not allowed here; "
                "correct it there: indentation by spaces, texts with ? : # in quotes",
            ),
            (
                "a: {b: Is it so?, c: 1}",
                "town.yaml:1: is no YAML at column 16: while parsing a flow mapping, expected ',' or '}', but got '?'; "
                "correct it there: indentation by spaces, texts with ? : # in quotes",
            ),
            (
                "a: &x [1]\nb: *x",
                "town.yaml:2: is no YAML at column 4: *x is an alias; "
                "write the value out, or put it in quotes if it is text",
            ),
            (
                "a: 1\n---\nb: 2",
                "town.yaml:2: is no YAML at column 1: expected a single document in the stream, "
                "but found another document",
            ),
        ],
    )
    def test_one_clear_message(self, town: Path, text: str | bytes, told: str) -> None:
        assert problems_of(town, text) == [told]

    @pytest.mark.parametrize("text", ["1:" * 300 + "1", "1" * 101, f"{'1' * 100}.5", "-0x" + "f" * 98])
    def test_what_is_too_long_for_a_number_is_text(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "x.yaml").write_text(f"long: {text}\nshort: 1:30", encoding="utf-8")
        assert load_yaml(tmp_path / "x.yaml").data == {"long": text, "short": 90}

    def test_an_alias_bomb_is_refused_unread(self, town: Path) -> None:
        bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20))
        assert [told.partition(";")[0] for told in problems_of(town, bomb)] == [
            "town.yaml:2: is no YAML at column 10: *a0 is an alias"
        ]

    def test_missing(self, town: Path) -> None:
        with pytest.raises(ConfigurationError, match="does not exist; correct the path") as caught:
            Config.from_yaml(town)
        assert caught.value.problems[0].where == str(town)

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="is a folder; name a file"):
            Config.from_yaml(tmp_path)

    def test_a_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ConfigurationError, match="is no regular file"):
            Config.from_yaml(tmp_path / "pipe")

    def test_a_name_no_file_can_have(self) -> None:
        with pytest.raises(ConfigurationError, match="cannot be read: File name too long"):
            Config.from_yaml("x" * 5000)

    def test_too_large(self, town: Path) -> None:
        assert problems_of(town, "#" * (text_files.MAX_TEXT_BYTES + 1)) == [
            "town.yaml: is larger than 1000000 bytes; shorten it"
        ]
        comment = "#" * (text_files.MAX_TEXT_BYTES - len(REQUIRED) - 1)
        assert read(town, f"{comment}\n{REQUIRED}").num_epochs == 1

    @given(text=st.text(st.characters(codec="utf-8"), max_size=80))
    def test_any_text_gives_a_configuration_or_its_problems(
        self, tmp_path_factory: pytest.TempPathFactory, text: str
    ) -> None:
        path = tmp_path_factory.mktemp("any") / "town.yaml"
        path.write_bytes((REQUIRED + text).encode())
        with contextlib.suppress(ConfigurationError):
            assert Config.from_yaml(path).find_problems() == []


class TestKeys:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("num_epochs: 2", "num_epochs (line 6): is given twice, first on line 4; remove one of the two"),
            (
                "Max-Concurrent: 2",
                "Max-Concurrent (line 6): 'Max-Concurrent' is no setting; did you mean max_concurrent?",
            ),
            ("zzz: 2", "zzz (line 6): 'zzz' is no setting; docs/configuration.md lists what there is"),
            ("<<: {a: b}", "<< (line 6): '<<' is no setting; docs/configuration.md lists what there is"),
            (
                "world_story: !secret x",
                "world_story (line 6): has the tag !secret, which is not read here; remove the tag",
            ),
        ],
    )
    def test_of_settings(self, town: Path, text: str, told: str) -> None:
        assert problems_of(town, REQUIRED + text) == [f"town.yaml: {told}"]

    def test_that_are_no_text(self, town: Path) -> None:
        told = problems_of(town, REQUIRED + "? [a]\n: 1\nno: 2\n")
        assert told[:2] == [
            "town.yaml (line 6): has a list as a key; keys are texts",
            'town.yaml: no (line 8): the key `no` is read as false, not as text; write it in quotes: "no"',
        ]

    def test_the_first_of_two_is_judged(self, town: Path) -> None:
        told = problems_of(town, REQUIRED + "feed_size: -1\nfeed_size: 3")
        assert told == [
            "town.yaml: feed_size (line 7): is given twice, first on line 6; remove one of the two",
            "town.yaml: feed_size (line 6): -1 is out of range; write a whole number, 0 or more",
        ]


class TestValues:
    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("population_size", True, "True is of the wrong kind; write a whole number, 0 or more"),
            ("population_size", 2.0, "2.0 is of the wrong kind; write a whole number, 0 or more"),
            ("population_size", -1, "-1 is out of range; write a whole number, 0 or more"),
            ("questions_per_topic", -1, "-1 is out of range; write a whole number, 0 or more"),
            ("turns_per_question", 0, "0 is out of range; write a whole number, 1 or more"),
            ("num_epochs", 0, "0 is out of range; write a whole number, 1 or more"),
            ("random_seed", None, "has no value; write a whole number"),
            ("random_seed", "7", "'7' is text, no number; write it plainly, as in 3 or 0.5"),
            ("post_probability", 1.01, "1.01 is out of range; for 1.01 % write 0.0101"),
            ("post_probability", -0.01, "-0.01 is out of range; write a number, 0 to 1"),
            ("reaction_probability", float("nan"), "nan is out of range; write a number, 0 to 1"),
            ("num_rounds_mean", 0, "0 is out of range; write a whole number, 1 or more"),
            ("num_rounds_variance", -1, "-1 is out of range; write a whole number, 0 or more"),
            ("num_rounds_variance", 0.5, "0.5 is of the wrong kind; write a whole number, 0 or more"),
            ("max_change_percentage", 50, "50 is out of range; for 50 % write 0.5"),
            ("max_concurrent", 0, "0 is out of range; write a whole number, 1 or more"),
            ("feed_size", -1, "-1 is out of range; write a whole number, 0 or more"),
            ("memory_epochs", -1, "-1 is out of range; write a whole number, 0 or more"),
            ("opening_opinions", 1, "1 is of the wrong kind; write true or false"),
            ("call_timeout_seconds", 0, "0 is out of range; write a number, more than 0"),
            ("call_timeout_seconds", float("inf"), "inf is out of range; write a number, more than 0"),
            ("population_file", ["a"], "['a'] is no text; write one text"),
            ("world_story", 7, '`7` is read as a number, not as text; write it in quotes: "7"'),
            (
                "world_story",
                "\ud800",
                "holds half a surrogate pair, which no file can keep; write the character itself",
            ),
            ("topics", {"id": "rents"}, "{'id': 'rents'} is of the wrong kind; write a list"),
            ("candidates", "noor", "'noor' is of the wrong kind; write a list"),
        ],
    )
    def test_that_do_not_fit(self, name: str, value: Any, told: str) -> None:
        assert found_in(made(**{name: value})) == [f"{name}: {told}"]

    @pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute"])
    def test_that_only_models_take(self, name: str) -> None:
        remedy = "write a number, more than 0"
        assert found_in(made(model="ollama:m", **{name: 0})) == [f"{name}: 0 is out of range; {remedy}"]
        assert found_in(made(model="ollama:m", **{name: "60"})) == [
            f"{name}: '60' is text, no number; write it plainly, as in 3 or 0.5"
        ]
        assert found_in(made(model="ollama:m", **{name: 0.5})) == []

    def test_that_is_room_for_what_servers_tell_of_themselves(self) -> None:
        told = "max_reply_bytes: 99999 is out of range; write a whole number, 100000 or more"
        assert found_in(made(model="ollama:m", max_reply_bytes=99_999)) == [told]
        assert found_in(made(model="ollama:m", max_reply_bytes=100_000)) == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"post_probability": 0, "reaction_probability": 1, "max_change_percentage": 0},
            {"num_rounds_mean": 1, "num_rounds_variance": 0, "max_concurrent": 1},
            {"feed_size": 0, "memory_epochs": 0, "questions_per_topic": 0, "random_seed": -(10**30)},
            {
                "call_timeout_seconds": 0.001,
                "opening_opinions": False,
                "model": "offline",
                "candidate_model": "offline",
            },
            {"topics": (), "candidates": []},
        ],
    )
    def test_at_the_edge_that_do(self, changes: dict[str, Any]) -> None:
        assert found_in(made(**changes)) == []

    def test_a_value_with_nothing_after_its_key(self, town: Path) -> None:
        assert problems_of(town, REQUIRED + "feed_size:\nworld_story:\n") == [
            "town.yaml: feed_size (line 6): has no value; write a whole number, 0 or more"
        ]

    def test_files_that_a_run_would_read(self, tmp_path: Path) -> None:
        config = made(population_size=1, population_file=str(tmp_path), world_file=str(tmp_path / "none.md"))
        assert found_in(config) == [
            f"population_file: {tmp_path} is a folder; name a file",
            f"world_file: {tmp_path / 'none.md'} does not exist; correct the path, or make the file",
        ]
        assert config.find_problems(check_files=False) == []
        assert found_in(dataclasses.replace(config, population_size=0, world_story="told")) == []

    def test_a_path_may_be_a_path(self, tmp_path: Path) -> None:
        people = tmp_path / "people.jsonl"
        people.write_text("")
        assert found_in(made(population_size=1, population_file=people)) == []

    def test_what_a_script_changed_is_not_said_to_stand_in_the_file(self, town: Path) -> None:
        config = read(town, REQUIRED + TOPICS)
        config.num_epochs = 0
        config.topics[0]["priors"] = "taxes"  # type: ignore[index]
        assert found_in(config) == [
            "num_epochs: 0 is out of range; write a whole number, 1 or more",
            "topics[0].priors: 'taxes' is no list; write [subject, -another subject]",
        ]


class TestName:
    @pytest.mark.parametrize("name", [None, "x", "Norrhaven", 'Norrhaven, with "caps" & <trams>', "東京", "n" * 80])
    def test_one_line_of_what_prints_is_taken(self, name: str | None) -> None:
        assert found_in(made(name=name)) == []

    @pytest.mark.parametrize(
        ("name", "what"),
        [
            ("", "is empty; write something"),
            (" ", "is empty; write something"),
            ("n" * 81, "has 81 characters; write a text, one line of at most 80 characters"),
            ("n" * 10_000, "has 10,000 characters; write a text, one line of at most 80 characters"),
            ("two\nlines", "'two\\nlines' has spaces around it, or characters that do not print; remove them"),
            (" Norrhaven", "' Norrhaven' has spaces around it, or characters that do not print; remove them"),
            ("\x1b[31mred", "'\\x1b[31mred' has spaces around it, or characters that do not print; remove them"),
            ("\u202egnp", "'\\u202egnp' has spaces around it, or characters that do not print; remove them"),
            ("\ud800", "holds half a surrogate pair, which no file can keep; write the character itself"),
            (["Norrhaven"], "['Norrhaven'] is no text; write one text"),
        ],
    )
    def test_anything_else_is_refused(self, name: Any, what: str) -> None:
        assert found_in(made(name=name)) == [f"name: {what}"]

    def test_a_number_in_the_file_is_no_name(self, town: Path) -> None:
        assert problems_of(town, REQUIRED + "name: 2026\n") == [
            'town.yaml: name (line 6): `2026` is read as a number, not as text; write it in quotes: "2026"'
        ]


class TestModels:
    def test_a_name_names_offline_or_a_provider_and_a_model(self) -> None:
        known = (
            "offline, anthropic:MODEL, openai:MODEL, gemini:MODEL, openrouter:MODEL, vllm:MODEL, lmstudio:MODEL, "
            "llamacpp:MODEL, openai-compatible:MODEL, ollama:MODEL"
        )
        assert found_in(made(model="gpt-5", candidate_model="Offline", base_url="http://localhost")) == [
            f"model: 'gpt-5' names no provider; did you mean openai:gpt-5? Else write one of {known}",
            f"candidate_model: 'Offline' names no provider; did you mean offline? Else write one of {known}",
        ]
        assert found_in(made(model="mine:small")) == [f"model: 'mine:small' names no provider; write one of {known}"]
        assert found_in(made(model="openai")) == ["model: 'openai' names no model; write openai:MODEL"]
        assert found_in(made(model="anthropic", candidate_model="ollama:llama3.2:3b")) == []

    @pytest.mark.parametrize(
        ("model", "meant"),
        [
            ("opnai:gpt-5-mini", "openai:gpt-5-mini"),
            ("OpenAI:gpt-5-mini", "openai:gpt-5-mini"),
            ("google:gemini-2.5-flash", "gemini:gemini-2.5-flash"),
            ("claude-haiku-5-5", "anthropic:claude-haiku-5-5"),
            ("OLAMA:qwen3:8b", "ollama:qwen3:8b"),
        ],
    )
    def test_a_name_like_one_is_told(self, model: str, meant: str) -> None:
        (told,) = found_in(made(model=model))
        assert told.startswith(f"model: {model!r} names no provider; did you mean {meant}? Else write one of offline, ")

    @pytest.mark.parametrize("model", [None, "offline"])
    def test_it_takes_no_settings_of_language_models(self, model: str | None) -> None:
        given = {"base_url": "http://localhost", "api_key_env": "KEY", "temperature": 0.5, "effort": "low"}
        given |= {"requests_per_minute": 60, "tokens_per_minute": 10_000, "max_reply_bytes": 10**6}
        assert found_in(made(model=model, **given)) == [
            f"{name}: the offline mind takes no {name}; remove it, or name a model that takes it" for name in given
        ]

    @pytest.mark.parametrize("named", [{"model": "anthropic"}, {"candidate_model": "anthropic"}])
    @pytest.mark.parametrize("effort", ["none", "bogus"])
    def test_an_effort_that_a_provider_never_takes_is_refused(self, named: dict[str, str], effort: str) -> None:
        assert found_in(made(**named, effort=effort)) == [
            f"effort: anthropic takes no effort '{effort}'; write low, medium, high, xhigh or max, or leave it out for "
            "as little thinking as there is"
        ]
        assert found_in(made(**named, effort="max")) == []
        assert found_in(made(model="openai:gpt-5-mini", effort=effort)) == []

    def test_their_values_are_checked_all_the_same(self) -> None:
        assert found_in(made(temperature=3))[0] == "temperature: 3 is out of range; write a number, 0 to 2"


ENTRIES = """\
topics:
  - id: no
    title: 2024-01-01
    description:
    priors: taxes
  - id: "007"
    title: 2024-13-45
    description: x
    priors: [a, -a, '', 3]
    agains: x
  - title: ' '
  - foo
candidates:
  - id: x
    name: 'A '
    description: d
    positions: {no: 2, bb: .nan, "007": yes}
  - id: x
    name: x
    descripton: d
    positions: [1]
"""


class TestEntries:
    def test_everything_wrong_with_topics_and_candidates(self, town: Path) -> None:
        assert problems_of(town, REQUIRED + ENTRIES) == [
            f"town.yaml: {told}"
            for told in (
                "candidates[0].positions.no (line 22): the key `no` is read as false, not as text; "
                'write it in quotes: "no"',
                "topics[2].id (line 16): is missing; add it",
                "topics[2].description (line 16): is missing; add it",
                "topics[3] (line 17): 'foo' is no mapping; give it the keys id, title, description",
                "candidates[1].description (line 23): is missing; add it",
                'topics[0].id (line 7): `no` is read as false, not as text; write it in quotes: "no"',
                "topics[0].title (line 8): `2024-01-01` is read as a date, not as text; "
                'write it in quotes: "2024-01-01"',
                "topics[0].description (line 9): has no value; write a text",
                "topics[0].priors (line 10): 'taxes' is no list; write [subject, -another subject]",
                "topics[1].agains (line 15): 'agains' is no key of topics[1]; did you mean against?",
                "topics[1].priors[1] (line 14): 'a' is given twice; remove one of the two",
                "topics[1].priors[2] (line 14): is empty; write something",
                'topics[1].priors[3] (line 14): `3` is read as a number, not as text; write it in quotes: "3"',
                "topics[2].title (line 16): is empty; write something",
                "candidates[0].name (line 20): 'A ' has spaces around it, or characters that do not print; remove them",
                "candidates[0].positions.no (line 22): 2 is no number from -1 to 1; "
                "for 2 % write 0.02, or leave it out",
                "candidates[0].positions.bb (line 22): there is no topic 'bb'; known are no, 007",
                "candidates[0].positions.bb (line 22): nan is no number from -1 to 1; correct it, or leave it out",
                "candidates[0].positions.007 (line 22): True is no number from -1 to 1; correct it, or leave it out",
                "candidates[1].descripton (line 25): 'descripton' is no key of candidates[1]; "
                "did you mean description?",
                "candidates[1].positions (line 26): [1] is no mapping; write {topic id: stance from -1 to 1}",
                "candidates[1].id (line 23): 'x' is also the id of candidates[0]; give one of them another",
                "candidates[1].name (line 24): 'x' is also the id of candidates[0]; give one of them another",
            )
        ]

    def test_labels_given_twice(self) -> None:
        topic = {"id": "rents", "title": "Rents", "description": ""}
        people = [{"id": name, "name": "Aisha", "description": ""} for name in ("noor", "berg")]
        assert found_in(made(topics=[topic, topic], candidates=people)) == [
            "topics[1].id: 'rents' is also the id of topics[0]; give one of them another",
            "candidates[1].name: 'Aisha' is also the name of candidates[0]; give one of them another",
        ]

    def test_a_topic_cannot_take_the_place_of_the_overall_vote(self) -> None:
        topic = {"id": "overall_vote", "title": "t", "description": ""}
        assert found_in(made(topics=[topic])) == [
            "topics[0].id: overall_vote is taken by the program; give the topic another id"
        ]

    def test_a_position_on_a_topic_nearly_there(self) -> None:
        topic = {"id": "Rents", "title": "t", "description": ""}
        candidate = {"id": "noor", "name": "Aisha", "description": "", "positions": {"rentz": 0.5}}
        assert found_in(made(topics=[topic], candidates=[candidate])) == [
            "candidates[0].positions.rentz: there is no topic 'rentz'; did you mean Rents?"
        ]

    def test_topics_are_built(self, town: Path) -> None:
        config = read(town, REQUIRED + TOPICS + "    for: cap\n    against: no cap\n    priors: [rents, -market]\n")
        assert build_topics(config) == (
            Topic("rents", "Rents", "Cap them?", against="no cap", in_favour="cap", priors=("rents", "-market")),
        )

    def test_candidates_are_built(self, town: Path) -> None:
        text = "candidates:\n  - {id: noor, name: Aisha, description: d, positions: {rents: 1}}\n"
        cards = build_candidate_cards(read(town, REQUIRED + TOPICS + text))
        assert cards == (CandidateCard("noor", "Aisha", positions={"rents": 1.0}),)

    def test_without_any_there_are_none(self) -> None:
        assert build_topics(made()) == ()
        assert build_candidate_cards(made()) == ()

    def test_what_cannot_be_built_is_told(self) -> None:
        with pytest.raises(ConfigurationError, match=r"topics: 'rents' is of the wrong kind"):
            build_topics(made(topics="rents"))
        with pytest.raises(ConfigurationError, match=r"candidates\[0\].name: is missing"):
            build_candidate_cards(made(candidates=[{"id": "noor", "description": ""}]))


class TestChanging:
    def test_changed_copies(self) -> None:
        config = made(topics=[{"id": "rents", "title": "Rents", "description": ""}])
        changed = config.changed(num_epochs=9)
        changed.topics.append({})  # type: ignore[union-attr]
        assert (config.num_epochs, changed.num_epochs) == (1, 9)
        assert len(config.topics or ()) == 1

    def test_unknown_names_are_told_with_the_nearest(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            made().changed(epochs=3, zzz=1)
        assert str(caught.value) == (
            "epochs: there is no such setting; did you mean num_epochs?\n"
            "zzz: there is no such setting; docs/configuration.md lists what there is"
        )

    def test_what_changed_counts_as_stated_even_if_it_is_the_default(self) -> None:
        assert any(line.startswith("feed_size") for line in made().assumptions())
        assert not any(line.startswith("feed_size") for line in made().changed(feed_size=10).assumptions())

    def test_what_was_stated_stays_so(self, town: Path) -> None:
        config = read(town, REQUIRED + "feed_size: 10\n").changed(num_epochs=0)
        assert not any(line.startswith("feed_size") for line in config.assumptions())
        assert found_in(config) == ["num_epochs: 0 is out of range; write a whole number, 1 or more"]

    def test_a_new_world_file_is_read(self, town: Path) -> None:
        config = read(town, REQUIRED + "world_story: old")
        Path("world.md").write_text("new")
        changed = config.changed(world_file="world.md")
        assert (changed.world_file, changed.world_story) == ("world.md", "new")
        assert (config.world_file, config.world_story) == (None, "old")
        told = changed.changed(world_story="told")
        assert (told.world_file, told.world_story) == (None, "told")
        gone = changed.changed(world_file=None)
        assert (gone.world_file, gone.world_story) == (None, None)

    def test_a_world_file_that_is_not_there_is_told(self) -> None:
        with pytest.raises(ConfigurationError, match=r"world_file: none\.md does not exist"):
            made().changed(world_file="none.md")
        with pytest.raises(ConfigurationError, match="world_file: is given beside world_story"):
            made().changed(world_file="none.md", world_story="told")

    def test_the_story_is_loaded_where_a_script_named_its_file(self, town: Path) -> None:
        Path("world.md").write_text("here")
        assert made(world_file="world.md").load_world_story() == "here"
        assert made(world_file="world.md", world_story="told").load_world_story() == "told"
        assert made().load_world_story() == ""


class TestBundled:
    def test_it_is_sound_and_leaves_nothing_about_its_entries_to_be_assumed(self) -> None:
        config = Config.bundled()
        assert config.find_problems() == []
        assert config.name == "Norrhaven"
        assert not [line for line in config.assumptions() if line.startswith(("topics", "candidates", "world"))]
        assert (config.population_size, len(build_topics(config)), len(build_candidate_cards(config))) == (100, 2, 3)
        assert config.world_story

    def test_settings_can_be_changed(self) -> None:
        assert Config.bundled(population_size=3).population_size == 3
        with pytest.raises(ConfigurationError, match="population: there is no such setting; did you mean population_"):
            Config.bundled(population=3)

    def test_files_of_the_same_name_in_the_working_directory_are_no_matter(self, town: Path) -> None:
        Path("people.jsonl").write_text("other")
        Path("world.md").write_text("other")
        assert Config.bundled().world_story != "other"


class TestAssumptions:
    def test_settings_left_at_their_defaults(self) -> None:
        assert made(max_concurrent=7).assumptions() == [
            "post_probability is not stated: 0.07 (share)",
            "reaction_probability is not stated: 0.4 (share)",
            "num_rounds_mean is not stated: 3 (rounds)",
            "num_rounds_variance is not stated: 1 (rounds)",
            "max_change_percentage is not stated: 0.5 (share)",
            "population_file is not stated: data/personas/swiss_population_50.jsonl",
            "world_file is not stated: none",
            "topics is not stated: none: there is no debate",
            "candidates is not stated: none: nobody is voted for",
            "world_story is not stated: none: nothing is told",
            "model is not stated: offline",
            "candidate_model is not stated: the same as `model`",
            "feed_size is not stated: 10 (posts)",
            "memory_epochs is not stated: 1 (epochs)",
            "opening_opinions is not stated: true",
            "call_timeout_seconds is not stated: no limit; calls of models 120 s, of local servers 600 s",
            "name is not stated: none: tables and lists go without",
            "replicate is not stated: 0",
            "resample_people is not stated: false",
            "schedule is not stated: dependencies",
            "feed_candidates is not stated: 200 (posts)",
            "deadline_seconds is not stated: no limit",
            "max_failures is not stated: 0.2 (share)",
            "prompt_cache is not stated: auto",
        ]

    def test_gaps_of_topics_and_candidates(self, town: Path) -> None:
        text = (
            "    for: cap\n  - {id: harbour, title: t, description: d, against: a, for: f, priors: [p]}\ncandidates:\n"
        )
        some = (
            "  - {id: noor, name: Aisha, description: d, positions: {rents: 1}}\n  - {id: b, name: B, description: d}\n"
        )
        told = read(town, REQUIRED + TOPICS + text + some).assumptions()
        assert [line for line in told if line.startswith(("topics", "candidates"))] == [
            "topics[0] (rents) has no `against`: -1 on its axis means the proposal rejected",
            "topics[0] (rents) has no `priors`: prior beliefs on the subject of its id speak to it",
            "candidates[0] (noor) has no position on harbour: "
            "the offline mind spreads candidates evenly over the axis in the order listed",
            "candidates[1] (b) has no position on rents, harbour: "
            "the offline mind spreads candidates evenly over the axis in the order listed",
        ]

    def test_of_the_story_and_its_file_one_is_enough(self, town: Path) -> None:
        assert not any(line.startswith("world") for line in made(world_story="told").assumptions())


class TestDocs:
    def test_every_setting_stands_there_with_range_unit_and_default(self) -> None:
        rows = re.findall(r"^\| `(\w+)` \|(.*)\|(.*)\|(.*)\|(.*)\|$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
        told = {name: tuple(cell.strip() for cell in cells) for name, *cells in rows}
        assert told == {setting.name: self.row_of(setting) for setting in settings.SETTINGS}

    def row_of(self, setting: settings.Setting) -> tuple[str, str, str, str]:
        default = inspect.signature(Config).parameters[setting.name].default
        spelled = f"`{str(default).lower() if isinstance(default, bool) else default}`"
        if default is inspect.Parameter.empty:
            spelled = "required"
        elif default is None:
            spelled = setting.absent
        return setting.range, setting.unit, spelled, setting.meaning

    def test_its_example_is_sound(self, town: Path) -> None:
        (example,) = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
        (town.parent / "people.jsonl").write_text("")
        assert read(town, example).find_problems() == []

    def test_the_messages_it_shows_are_those_given(self, town: Path) -> None:
        text = "population_size: 0\nquestions_per_topic: 1\nturns_per_question: 1\nepochs: 1\nrandom_seed: 1\n"
        text += "post_probability: 7\n\ntopics:\n  - id: no\n    title: t\n    description: d\n"
        (shown,) = re.findall(r"```text\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
        assert problems_of(town, text) == shown.splitlines()
