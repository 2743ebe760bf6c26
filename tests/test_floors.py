"""Who may import whom: the floors of docs/design/architecture.md as a table, and what each room may know.

A new module stands in FLOORS, under its own name or that of its room; nothing else is to be edited.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "synthetic_communities"
ROOT = Path(__file__).resolve().parent.parent / PACKAGE

FLOORS: Mapping[int, tuple[str, ...]] = {
    0: ("errors", "domain", "waiting", "late", "warned"),
    1: ("llm", "runs", "voting"),
    2: ("minds", "report"),
    3: ("persona", "candidate", "mediator", "social_media", "conversation", "cast", "engine", "llm_client"),
    4: (
        *(
            "game_engine",
            "foreseeing",
            "several_runs",
            "replicated",
            "rerunning",
            "simulation",
            "forecast",
            "notebook",
            "population",
        ),
        *("config", "configuration", "scenario", "__init__"),
    ),
    5: ("experiments", "testing", "benchmark"),
    6: ("cli", "__main__"),
}
"""Imports point down or sideways. `testing` sees everything but `cli`; only `cli` and `benchmark` see `testing`."""

ROOMS: Mapping[str, tuple[str, ...]] = {
    "errors": (),
    "waiting": (),
    "late": (),
    "warned": (),
    "domain": ("errors", "domain"),
    "llm": ("errors", "domain", "waiting", "llm"),
    "runs": ("errors", "domain", "runs"),
    "voting": ("errors", "domain", "voting"),
    "minds": ("errors", "domain", "waiting", "llm", "minds"),
    "engine": ("errors", "domain", "waiting", "warned", "engine"),
    "scenario": ("errors", "domain", "scenario"),
    "report": ("errors", "domain", "late", "runs", "report"),
}
"""What a room may know of the others, where that is less than its floor allows."""

KEPT_FROM_DOMAIN = {
    "asyncio",
    "contextvars",
    "datetime",
    "io",
    "logging",
    "os",
    "pathlib",
    "secrets",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
}
"""Modules of the standard library that know a clock, a file, a place or a loop."""


@dataclass(frozen=True)
class Import:
    """One import of one module, with its dotted name and what is taken from it."""

    target: str
    name: str
    line: int
    is_local: bool


class Code:
    """The modules of a package, read and not run."""

    def __init__(self, root: Path, package: str) -> None:
        self.root = root
        self.package = package
        self.trees = {self._dotted(path): ast.parse(path.read_text(encoding="utf-8")) for path in root.rglob("*.py")}

    def _dotted(self, path: Path) -> str:
        parts = [self.package, *path.relative_to(self.root).with_suffix("").parts]
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)

    def path(self, module: str) -> Path:
        """Return the file of a module."""
        bare = self.root.joinpath(*module.split(".")[1:])
        return bare / "__init__.py" if bare.is_dir() else bare.with_suffix(".py")

    def own(self, name: str) -> str | None:
        """Return the module of this package that `name` is or is in; None if it is none of ours."""
        if name.split(".")[0] != self.package:
            return None
        while name not in self.trees and "." in name:
            name = name.rpartition(".")[0]
        return name if name in self.trees else f"{self.package}.__init__"

    def imports(self, module: str) -> Iterator[Import]:
        """Yield what a module imports, wherever in it."""
        local = {
            inner
            for function in ast.walk(self.trees[module])
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for inner in ast.walk(function)
        }
        for node in ast.walk(self.trees[module]):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, "", node.lineno, node in local)
            elif isinstance(node, ast.ImportFrom):
                base = self._base(module, node)
                for alias in node.names:
                    inside = f"{base}.{alias.name}"
                    target = inside if inside in self.trees else base
                    yield Import(target, alias.name, node.lineno, node in local)

    def _base(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = module.split(".")
        is_package = self.path(module).name == "__init__.py" and not module.endswith("__init__")
        kept = parts[: len(parts) - node.level + is_package]
        return ".".join([*kept, *(node.module or "").split(".")]).rstrip(".")

    def arrows(self, module: str) -> dict[str, Import]:
        """Return the modules of this package that a module imports, with where it does."""
        found = ((self.own(each.target), each) for each in self.imports(module))
        return {target: each for target, each in found if target is not None and target != module}


def room_of(module: str) -> str:
    """Return the room a module stands in: the second part of its dotted name."""
    return module.split(".")[1]


def floor_of(module: str) -> int | None:
    """Return the floor of a module, None if the table has none."""
    return next((floor for floor, rooms in FLOORS.items() if room_of(module) in rooms), None)


def find_upward(code: Code) -> list[str]:
    """Return every import that points up, as text."""
    floors = {module: floor_of(module) for module in code.trees}
    return sorted(
        f"{module}:{each.line} imports {target} above it"
        for module in code.trees
        for target, each in code.arrows(module).items()
        if (floors[target] or 0) > (floors[module] or 0)
    )


def find_trespass(code: Code) -> list[str]:
    """Return every import of a room by one that may not know it, as text."""
    return sorted(
        f"{module}:{each.line} may not know {target}"
        for module in code.trees
        for target, each in code.arrows(module).items()
        if room_of(target) not in ROOMS.get(room_of(module), (room_of(target),))
        or (room_of(target) == "testing" and room_of(module) not in ("testing", "benchmark", "cli"))
    )


def find_cycle(code: Code) -> list[str]:
    """Return modules that import one another in a circle, the first again at the end; empty if none do."""
    arrows = {module: sorted(code.arrows(module)) for module in code.trees}
    finished: set[str] = set()

    def visit(module: str, way: list[str]) -> list[str]:
        if module in way:
            return [*way[way.index(module) :], module]
        if module in finished:
            return []
        for target in arrows[module]:
            if circle := visit(target, [*way, module]):
                return circle
        finished.add(module)
        return []

    return next((circle for module in arrows if (circle := visit(module, []))), [])


def find_local(code: Code) -> list[str]:
    """Return every import of an own module inside a function, as text."""
    return sorted(
        f"{module}:{each.line} imports {each.target} inside a function"
        for module in code.trees
        for each in code.imports(module)
        if each.is_local and code.own(each.target) is not None
    )


def find_outsiders(code: Code, room: str) -> list[str]:
    """Return every import of a room from outside package and standard library, as text."""
    return sorted(
        f"{module}:{each.line} imports {each.target}"
        for module in code.trees
        if room_of(module) == room
        for each in code.imports(module)
        if code.own(each.target) is None and each.target.split(".")[0] not in sys.stdlib_module_names
    )


def find_impure(code: Code) -> list[str]:
    """Return what in the domain knows a clock, a file, a loop, or the generator that everybody shares."""
    found: list[str] = []
    for module in [module for module in code.trees if room_of(module) == "domain"]:
        for each in code.imports(module):
            if each.target.split(".")[0] in KEPT_FROM_DOMAIN:
                found.append(f"{module}:{each.line} imports {each.target}")
            is_random = each.target == "random"
            if is_random and (not module.endswith(".chance") or each.name not in ("", "Random")):
                found.append(f"{module}:{each.line} imports random {each.name}".rstrip())
        for node in ast.walk(code.trees[module]):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "random":
                if node.attr != "Random":
                    found.append(f"{module}:{node.lineno} uses random.{node.attr}")
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "input"):
                found.append(f"{module}:{node.lineno} calls {node.func.id}()")
    return sorted(found)


def find_undocumented(code: Code) -> list[str]:
    """Return every module, and every class and function of a public name, wherever it stands, without a docstring."""
    found: list[str] = []

    def look(node: ast.AST, name: str) -> None:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                look(child, name)
                continue
            if not (child.name.startswith("_") or _is_setter(child) or ast.get_docstring(child)):
                found.append(f"{name}:{child.lineno} {child.name}")
            look(child, f"{name}.{child.name}")

    for module, tree in code.trees.items():
        if not ast.get_docstring(tree):
            found.append(module)
        look(tree, module)
    return sorted(found)


def _is_setter(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(each, ast.Attribute) and each.attr in ("setter", "deleter") for each in node.decorator_list)


@pytest.fixture(scope="module")
def code() -> Code:
    """Return the package as it is."""
    return Code(ROOT, PACKAGE)


class TestPackage:
    def test_every_module_has_a_floor(self, code: Code) -> None:
        assert {module: floor_of(module) for module in code.trees if floor_of(module) is None} == {}

    def test_no_room_stands_on_two_floors(self) -> None:
        rooms = [room for rooms in FLOORS.values() for room in rooms]
        assert len(rooms) == len(set(rooms))

    def test_imports_point_down_or_sideways(self, code: Code) -> None:
        assert find_upward(code) == []

    def test_rooms_know_what_they_may(self, code: Code) -> None:
        assert find_trespass(code) == []

    def test_no_circle(self, code: Code) -> None:
        assert find_cycle(code) == []

    def test_no_own_module_is_imported_inside_a_function(self, code: Code) -> None:
        assert find_local(code) == []

    @pytest.mark.parametrize("room", ["errors", "domain", "waiting", "engine", "voting", "runs", "cast"])
    def test_rooms_of_the_standard_library_alone(self, code: Code, room: str) -> None:
        assert find_outsiders(code, room) == []

    def test_the_domain_knows_no_clock_no_file_no_loop_and_no_shared_generator(self, code: Code) -> None:
        assert find_impure(code) == []

    def test_everything_public_has_a_docstring(self, code: Code) -> None:
        assert find_undocumented(code) == []

    def test_inner_init_files_hold_a_docstring_only(self, code: Code) -> None:
        inner = [module for module in code.trees if code.path(module).name == "__init__.py"]
        inner = [module for module in inner if code.path(module).parent != ROOT]
        assert len(inner) > 5
        assert [module for module in inner if len(code.trees[module].body) != 1] == []

    def test_imports_are_found_at_all(self, code: Code) -> None:
        assert f"{PACKAGE}.config" in code.arrows(f"{PACKAGE}.__init__")
        assert f"{PACKAGE}.minds.views" in code.arrows(f"{PACKAGE}.minds.offline.mind")
        assert f"{PACKAGE}.errors" in code.arrows(f"{PACKAGE}.domain.person")


WRONG = {
    "__init__.py": '"""P."""\nfrom .config import x\n',
    "errors.py": '"""E."""\n',
    "config.py": (
        '"""C."""\nimport synthetic_communities.cli as cli\n\n\ndef public():\n    x = 1\n\n\n'
        "class _Hidden:\n    def seen(self):\n        def within():\n            pass\n"
    ),
    "cli.py": '"""C."""\nfrom . import config\n',
    "attic.py": '"""A."""\n',
    "domain/__init__.py": '"""D."""\nfrom .wrong import y\n',
    "domain/wrong.py": (
        '"""D."""\nimport random\nimport time\nimport yaml\nfrom os import path\nfrom ..minds import base\n\n\n'
        "def _roll():\n    from ..runs import files\n\n    open('x')\n    return random.random()\n"
    ),
    "domain/chance.py": '"""D."""\nimport random\nfrom random import shuffle\n\nstream = random.Random(1)\n',
    "minds/__init__.py": '"""M."""\n',
    "minds/base.py": '"""M."""\nfrom ..runs.files import write\n\n\nclass Mind:\n    def answer(self):\n        pass\n',
    "runs/__init__.py": "",
    "runs/files.py": '"""R."""\nfrom ..testing import fakes\n',
    "testing/__init__.py": '"""T."""\n',
    "testing/fakes.py": '"""T."""\n',
}


class TestChecks:
    """That what the checks look for is found: the same checks on a package in which everything is wrong."""

    @pytest.fixture
    def wrong(self, tmp_path: Path) -> Code:
        for name, text in WRONG.items():
            path = tmp_path / PACKAGE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Code(tmp_path / PACKAGE, PACKAGE)

    def test_a_module_of_no_floor(self, wrong: Code) -> None:
        assert [module for module in wrong.trees if floor_of(module) is None] == [f"{PACKAGE}.attic"]

    def test_upward(self, wrong: Code) -> None:
        assert find_upward(wrong) == [
            f"{PACKAGE}.config:2 imports {PACKAGE}.cli above it",
            f"{PACKAGE}.domain.wrong:10 imports {PACKAGE}.runs.files above it",
            f"{PACKAGE}.domain.wrong:6 imports {PACKAGE}.minds.base above it",
            f"{PACKAGE}.runs.files:2 imports {PACKAGE}.testing.fakes above it",
        ]

    def test_trespass(self, wrong: Code) -> None:
        assert find_trespass(wrong) == [
            f"{PACKAGE}.domain.wrong:10 may not know {PACKAGE}.runs.files",
            f"{PACKAGE}.domain.wrong:6 may not know {PACKAGE}.minds.base",
            f"{PACKAGE}.minds.base:2 may not know {PACKAGE}.runs.files",
            f"{PACKAGE}.runs.files:2 may not know {PACKAGE}.testing.fakes",
        ]

    def test_circle(self, wrong: Code) -> None:
        assert set(find_cycle(wrong)) in (
            {f"{PACKAGE}.config", f"{PACKAGE}.cli"},
            {f"{PACKAGE}.domain.wrong", f"{PACKAGE}.minds.base", f"{PACKAGE}.runs.files"},
        )

    def test_local(self, wrong: Code) -> None:
        assert find_local(wrong) == [f"{PACKAGE}.domain.wrong:10 imports {PACKAGE}.runs.files inside a function"]

    def test_outsiders_and_impurity(self, wrong: Code) -> None:
        assert find_outsiders(wrong, "domain") == [f"{PACKAGE}.domain.wrong:4 imports yaml"]
        assert find_impure(wrong) == [
            f"{PACKAGE}.domain.chance:3 imports random shuffle",
            f"{PACKAGE}.domain.wrong:12 calls open()",
            f"{PACKAGE}.domain.wrong:13 uses random.random",
            f"{PACKAGE}.domain.wrong:2 imports random",
            f"{PACKAGE}.domain.wrong:3 imports time",
            f"{PACKAGE}.domain.wrong:5 imports os",
        ]

    def test_undocumented(self, wrong: Code) -> None:
        assert find_undocumented(wrong) == [
            f"{PACKAGE}.config._Hidden.seen:11 within",
            f"{PACKAGE}.config._Hidden:10 seen",
            f"{PACKAGE}.config:5 public",
            f"{PACKAGE}.minds.base.Mind:6 answer",
            f"{PACKAGE}.minds.base:5 Mind",
            f"{PACKAGE}.runs",
        ]
