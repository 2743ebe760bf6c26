"""The README and the pages under docs/: that they are complete, that their links lead somewhere, that their code runs.

Blocks run page by page and in order, in one namespace and one empty directory a page:

* ```python blocks are executed;
* lines of ```console blocks that begin with `$ synthetic-communities` are run as commands, and what is printed must
  be what stands below them, where a line of `...` stands for any lines, and times and names of runs for any others;
* a ```yaml block below `<!-- add to: FILE -->` is added to that file, as its reader is asked to do.

A block below `<!-- needs: NAME -->` uses a package that the `dev` extra does not install: it runs where there is one.
"""

from __future__ import annotations

import configparser
import dataclasses
import importlib
import importlib.util
import inspect
import json
import re
import shlex
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from synthetic_communities.config import Config
from synthetic_communities.domain.ballot import VoteCounts
from synthetic_communities.domain.outcome import Failed, Refused, Unreadable
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.journal.journal import JOURNAL
from synthetic_communities.minds import views
from synthetic_communities.minds.views import BallotView, ChatTurnView, View
from synthetic_communities.runs.directory import CONFIG, FINAL_VOTE, PEOPLE
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.testing.scripted import ScriptedMind

ROOT = Path(__file__).resolve().parent.parent
FILES = (ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md")))
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in FILES}

README = "README.md"
API = "docs/migration.md"
RECORD = "docs/record-format.md"

API_MODULES = (
    *("config", "game_engine", "population", "persona", "candidate", "mediator", "social_media"),
    *("llm_client", "errors", "rerunning"),
)
"""Modules whose every public name stands in the API list of the migration page."""

OTHER_MODULES = (
    *("report.result", "minds.base"),
    *("testing.scripted", "testing.virtual_time", "testing.models", "testing.loopback"),
    *("forecast.forecast", "forecast.probe", "report.pictures.plots"),
)
"""Modules whose every public name stands on some page."""

GLOSSARY = (
    *("persona", "mind", "belief", "stance", "axis", "ballot", "epoch", "act", "step", "task", "plan", "ledger", "run"),
    *("run directory", "record", "scene", "chance", "stream", "remark", "outcome", "clamp", "feed", "exposure"),
    *("journal", "resume", "replay", "verify"),
)

BLOCK = re.compile(r"(?:^<!-- (needs|add to): (\S+) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block of a page, with what the comment above it says."""

    language: str
    code: str
    needs: str
    add_to: str


def find_blocks(text: str) -> list[Block]:
    return [
        Block(language, code, needs=said if kind == "needs" else "", add_to=said if kind == "add to" else "")
        for kind, said, language, code in BLOCK.findall(text)
    ]


def blocks_of(page: str, language: str) -> list[str]:
    return [block.code for block in find_blocks(PAGES[page]) if block.language == language]


def without_blocks(text: str) -> str:
    return BLOCK.sub("", text)


def find_words(text: str) -> set[str]:
    """Return every identifier that stands in code, in a block or in the running text."""
    code = [*re.findall(r"`([^`]+)`", without_blocks(text)), *(block.code for block in find_blocks(text))]
    return {word for piece in code for word in re.findall(r"\w+", piece)}


def section_of(page: str, heading: str) -> str:
    """Return what stands under a heading, up to the next one of its rank or above."""
    lines = PAGES[page].splitlines()
    start = next(place for place, line in enumerate(lines) if re.fullmatch(rf"#+ {re.escape(heading)}", line))
    rank = lines[start].index(" ")
    ends = (place for place in range(start + 1, len(lines)) if re.match(rf"#{{1,{rank}}} ", lines[place]))
    return "\n".join(lines[start + 1 : next(ends, len(lines))])


def find_rows(text: str) -> list[list[str]]:
    """Return the cells of every table row that begins with code."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| `")]


class TestPages:
    @pytest.mark.parametrize("page", PAGES)
    def test_every_relative_link_leads_somewhere(self, page: str) -> None:
        targets = re.findall(r"\]\(([^)\s]+)\)", without_blocks(PAGES[page]))
        for target in [target for target in targets if "://" not in target]:
            path, _, anchor = target.partition("#")
            file = (ROOT / page).parent / path if path else ROOT / page
            assert file.exists(), f"{page} links to {target}"
            assert not anchor or anchor in find_anchors(file.read_text("utf-8")), f"{page} links to {target}"

    def test_the_readme_leads_to_every_page(self) -> None:
        linked = re.findall(r"\]\((docs/[^)#\s]+|SECURITY\.md)\)", PAGES[README])
        notebooks = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.ipynb")}
        assert set(linked) == set(PAGES) - {README} | notebooks

    @pytest.mark.parametrize("page", PAGES)
    def test_no_page_names_a_place_on_somebodys_machine(self, page: str) -> None:
        assert not re.findall(r"(?<![\w.])/(?:home|root|tmp|Users|work)\b|\.\./shared", PAGES[page])

    @pytest.mark.parametrize("word", GLOSSARY)
    def test_the_glossary_has_the_word(self, word: str) -> None:
        assert f"| **{word}** |" in PAGES["docs/glossary.md"]


def find_anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", without_blocks(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


class TestExamples:
    @pytest.fixture(autouse=True)
    def workplace(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "80")

    @pytest.mark.parametrize("page", PAGES)
    def test_everything_runs(self, page: str) -> None:
        namespace: dict[str, Any] = {"__name__": "example"}
        for block in find_blocks(PAGES[page]):
            if block.add_to:
                append(Path(block.add_to), block.code)
            elif block.language == "console":
                follow_console(block.code)
            elif block.language == "python" and (not block.needs or importlib.util.find_spec(block.needs)):
                exec(compile(block.code, page, "exec", dont_inherit=True), namespace)

    def test_the_readme_has_ten_lines_of_python(self) -> None:
        (code,) = blocks_of(README, "python")
        assert len(code.splitlines()) <= 10

    def test_the_readme_shows_what_is_printed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SYNTHETIC_COMMUNITIES_COMMAND", "scripts/run")  # as that script does
        picture = blocks_of(README, "text")[0]
        assert_printed(invoke("synthetic-communities").stdout, picture.splitlines())


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def follow_console(code: str) -> None:
    """Run the commands of a console block, and hold what they print against what stands below them."""
    for command, shown in re.findall(r"^\$ (synthetic-communities.*)\n((?:(?!\$ ).*\n)*)", code, flags=re.MULTILINE):
        assert_printed(invoke(command).stdout, shown.splitlines())


def invoke(line: str) -> Result:
    """Run a command line in this process; the name of a run stands for that of the latest."""
    if re.search(RUN_NAME, line):
        latest = max(Path("data/simulation").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        line = re.sub(RUN_NAME, latest.name, line)
    name, *arguments = shlex.split(line)
    unnamed: dict[str, str | None] = {"SYNTHETIC_COMMUNITIES_MODEL": None}  # as where nobody has set anything
    result = CliRunner().invoke(find_program(), arguments, prog_name=name, env=unnamed, catch_exceptions=False)
    assert result.exit_code == 0, f"{line}: {result.output}"
    return result


def find_program() -> click.Command:
    """Return the command that setup.cfg installs."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    module, _, name = setup["options.entry_points"]["console_scripts"].partition("=")[2].strip().partition(":")
    source = inspect.getmodule(importlib.import_module(module))
    commands = [value for value in vars(source).values() if isinstance(value, click.Group)]
    assert len(commands) == 1, f"{module}:{name} starts one of {commands}"
    return commands[0]


RUN_NAME = r"run_\d{8}_\d{6}(_\d+)?"


def assert_printed(output: str, shown: Iterable[str]) -> None:
    """Hold what was printed against what a page shows, where a line of `...` stands for any lines."""
    pattern = "".join(r"(?:.*\n)*" if line == "..." else f"{re.escape(steady(line))}\n" for line in shown)
    printed = "".join(f"{steady(line)}\n" for line in output.splitlines())
    assert re.fullmatch(pattern, printed), f"printed was:\n{printed}"


def steady(line: str) -> str:
    """Return a line without what differs from run to run: its name, and seconds."""
    return re.sub(r"\d+\.\d s\b", "<time>", re.sub(RUN_NAME, "<run>", line)).rstrip()


class TestNames:
    def test_every_command_and_option_is_described(self) -> None:
        described = set(re.findall(r"--?[\w-]+|\w+", section_of("docs/quickstart.md", "The commands")))
        for command in [command for command in walk(find_program()) if not command.hidden]:
            names = [name for parameter in command.params for name in names_of(parameter)]
            assert {command.name, *names} - {find_program().name} <= described, command.name

    @pytest.mark.parametrize("name", API_MODULES)
    def test_the_api_list_has_every_name(self, name: str) -> None:
        listed = find_words(section_of(API, f"`{name}`"))
        for public, value in find_public(importlib.import_module(f"synthetic_communities.{name}")):
            assert public in listed, f"{API}, `{name}`: {public} is missing"
            if inspect.isclass(value):
                missing = find_members(value) - find_words(class_section(public))
                assert not missing, f"{API}, `{public}`: {', '.join(sorted(missing))} missing"

    @pytest.mark.parametrize("name", OTHER_MODULES)
    def test_every_other_name_stands_on_some_page(self, name: str) -> None:
        words = {word for text in PAGES.values() for word in find_words(text)}
        for public, value in find_public(importlib.import_module(f"synthetic_communities.{name}")):
            members = find_members(value) if inspect.isclass(value) else set()
            assert {public, *members} <= words, name

    def test_every_attribute_of_a_tally_is_named(self) -> None:
        assert {*vars(VoteCounts([], [])), *find_members(VoteCounts)} <= find_words(PAGES[API])

    def test_every_view_is_described(self) -> None:
        words = find_words(section_of("docs/minds.md", "Views"))
        for kind in [kind for kind in vars(views).values() if inspect.isclass(kind) and issubclass(kind, View)]:
            assert {kind.__name__, *(field.name for field in dataclasses.fields(kind))} <= words, kind

    def test_every_setting_is_described(self) -> None:
        rows = find_rows(section_of("docs/configuration.md", "Settings"))
        assert [row[0].strip("`") for row in rows] == [field.name for field in dataclasses.fields(Config)]


def walk(command: click.Command) -> Iterator[click.Command]:
    yield command
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        yield from walk(inner)


def names_of(parameter: click.Parameter) -> list[str]:
    return (
        list(parameter.opts) if isinstance(parameter, click.Option) else [parameter.make_metavar(CONTEXT).strip("[]")]
    )


CONTEXT = click.Context(click.Command(None))


def find_public(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield what a module defines, or says that it passes on, under a name without a leading underscore."""
    constants = re.findall(r"^([A-Z][A-Z_]+)\b[^=\n]*=", inspect.getsource(module), flags=re.MULTILINE)
    passed_on = {*constants, *getattr(module, "__all__", ())} - {"V", "T"}
    for name, value in vars(module).items():
        is_defined = inspect.isclass(value) or inspect.isfunction(value)
        if name in passed_on or (is_defined and value.__module__ == module.__name__ and not name.startswith("_")):
            yield name, value


def find_members(kind: type) -> set[str]:
    """Return the names a class and its bases of this package add: methods, properties, fields, listed attributes."""
    names = {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set[str]()
    inherited: set[str] = set()
    for base in kind.__mro__:
        if base.__module__.startswith("synthetic_communities."):
            _, _, listed = (base.__doc__ or "").partition("Attributes:\n")
            names |= {*vars(base), *re.findall(r"^ {8}(\w+):", listed, flags=re.MULTILINE)}
        else:
            inherited |= set(vars(base))
    return {name for name in names - inherited if not name.startswith("_")}


def class_section(name: str) -> str:
    """Return what the API list says under the heading of a class."""
    (heading,) = re.findall(rf"^#### (`{name}\b.*)$", PAGES[API], flags=re.MULTILINE)
    return section_of(API, heading)


PRICES = {"vllm:small": {"input": 1.0, "output": 4.0, "cache_read": 0.1}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A run in which some acts are refused, some fail, some cannot be read; and one that asks a model."""
    troubles = {"BALLOT: whom": "malformed-text:0", "INTRODUCTION: how": "500:1"}
    rates = {"requests_per_second": 2_000, "bucket": 500}
    with LoopbackServer(no_auth=True, when=troubles, rate_headers=True, **rates) as server:
        model = {"model": "vllm:small", "base_url": f"{server.url}/v1"}
        return [
            run_troubled(tmp_path_factory.mktemp("troubled")),
            run_small(tmp_path_factory.mktemp("small"), prices=PRICES, **model),
        ]


def run_small(folder: Path, **changes: Any) -> Path:
    engine = GameEngine.from_config(Config.bundled(population_size=2, num_epochs=1, **changes))
    engine.initialize_simulation_output(folder)
    engine.foretold()
    return engine.run().path


def run_troubled(folder: Path) -> Path:
    mind = ScriptedMind(
        {
            ChatTurnView: lambda view: Failed("timeout") if view.key.endswith("/1") else None,
            BallotView: lambda view: Unreadable("?") if view.person.id < "p050" else Refused(),
            "e0/belief/debate/*": Refused(),
            "e1/debate/*/q0/t0/*": Unreadable("Hm."),
        }
    )
    config = Config.bundled(population_size=21, num_epochs=2, post_probability=0.5, max_failures=1.0)
    engine = GameEngine.from_config(config, mind)
    engine.social_media.add_post({"persona_id": "somebody", "content": "It begins."})
    engine.population.personas[0].debate_knowledge.append("It has begun.")
    engine.initialize_simulation_output(folder)
    return engine.run().path


KINDS: Mapping[str, tuple[type, ...]] = {
    "any": (object,),
    "bytes": (bytes,),
    "list": (list,),
    "mapping": (dict,),
    "null": (type(None),),
    "number": (int, float),
    "text": (str,),
    "true or false": (bool,),
    "whole number": (int,),
}
"""Types as the page names them; it joins two of them by `or`."""


class TestRecord:
    def test_every_file_is_described(self, runs: list[Path]) -> None:
        assert set(documented_files()) == {path.name for run in runs for path in run.iterdir()}

    def test_every_key_is_described_with_its_type_and_every_key_described_exists(self, runs: list[Path]) -> None:
        for file in documented_files():
            kinds = documented_keys(file)
            patterns = {key: to_pattern(key) for key in kinds}
            key_of: dict[str, str | None] = {}
            for path, value in (item for run in runs for row in read_rows(run / file) for item in flatten(row)):
                if path not in key_of:
                    key_of[path] = next((key for key, pattern in patterns.items() if pattern.fullmatch(path)), None)
                key = key_of[path]
                assert key is not None, f"{file}: {path} is not described"
                assert is_of_kind(value, kinds[key]), f"{file}: {path} is {value!r}, described as {kinds[key]}"
            found = {*key_of.values()}
            assert found == set(patterns), f"{file}: {set(patterns) - found} do not occur"

    def test_keys_stand_in_the_order_of_the_tables(self, runs: list[Path]) -> None:
        for file in [file for file in documented_files() if file not in (CONFIG, FINAL_VOTE, JOURNAL)]:
            top = [key for key in documented_keys(file) if not re.search(r"[.\[]", key)]
            for row in (row for run in runs for row in read_rows(run / file)):
                assert set(top) - set(row) <= set(LEFT_OUT.get(file, ())), file
                assert list(row) == [key for key in top if key in row], file

    def test_columns_of_the_journal_stand_in_their_order(self, runs: list[Path]) -> None:
        with open_journal(runs[-1] / JOURNAL) as journal:
            columns = [f"{table}.{column}" for table in tables_of(journal) for column in columns_of(journal, table)]
        assert list(documented_keys(JOURNAL)) == columns


LEFT_OUT: Mapping[str, tuple[str, ...]] = {
    PEOPLE: ("beforehand",),
}
"""Keys of a file that a run may leave out, as the page says."""


def documented_files() -> list[str]:
    return re.findall(r"^## `(.+)`$", PAGES[RECORD], flags=re.MULTILINE)


def documented_keys(file: str) -> dict[str, str]:
    """Return the keys of a file that the page describes, and their types."""
    return {row[0].strip("`"): row[1] for row in find_rows(section_of(RECORD, f"`{file}`"))}


def read_rows(file: Path) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    if file.name == JOURNAL:
        return read_tables(file)
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [json.loads(file.read_text("utf-8"))] if file.suffix == ".json" else []


def open_journal(file: Path) -> closing[sqlite3.Connection]:
    journal = sqlite3.connect(f"file:{file}?immutable=1", uri=True)
    journal.row_factory = sqlite3.Row
    return closing(journal)


def read_tables(file: Path) -> list[dict[str, Any]]:
    """Return every row of every table, its columns under `table.column`."""
    with open_journal(file) as journal:
        return [
            {f"{table}.{column}": value for column, value in dict(row).items()}
            for table in tables_of(journal)
            for row in journal.execute(f"SELECT * FROM {table}")
        ]


def tables_of(journal: sqlite3.Connection) -> list[str]:
    return [row[0] for row in journal.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY rowid")]


def columns_of(journal: sqlite3.Connection, table: str) -> list[str]:
    return [row["name"] for row in journal.execute(f"PRAGMA table_info({table})")]


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key at any depth, with the path to it, and its value."""
    if isinstance(value, dict):
        for key, item in value.items():
            inner = f"{path}.{key}" if path else key
            yield inner, item
            yield from flatten(item, inner)
    elif isinstance(value, list):
        for item in value:
            yield from flatten(item, f"{path}[]")


def is_of_kind(value: object, kind: str) -> bool:
    kinds = KINDS.get(kind) or tuple(each for name in kind.split(" or ") for each in KINDS[name])
    return isinstance(value, kinds) and (not isinstance(value, bool) or kind in ("true or false", "any"))


def to_pattern(key: str) -> re.Pattern[str]:
    """Return what matches the paths that a documented key stands for."""
    whole = re.escape(key).replace(r"\.\*", r"\..+")
    return re.compile(re.sub(r"<[^>]+>", r"[^.\\[]+", whole))
