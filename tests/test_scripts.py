"""The scripts a person types first, tried on a machine made of a few shell tools and fake Pythons. No network."""

import configparser
import os
import re
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
COPIED = (
    *(".ci/run", "scripts/_venv.sh", "scripts/run", "scripts/test"),
    *("setup.cfg", "pyproject.toml", "constraints.txt"),
)
SHELL_TOOLS = ("bash", "cat", "cksum", "cp", "dirname", "env", "head", "ln", "mkdir", "rm", "sed")

# Answers the scripts' questions, makes environments that hold a copy of itself, and notes what else it is asked to do.
FAKE_PYTHON = """\
#!/bin/sh
case $* in
    *sys.version_info*) echo {version}; exit ;;
    *"import ensurepip, venv"*) exit {venv_status} ;;
esac
printf '%s\\n' "$PWD: $*" >>"$FAKE_CALLS"
printf '%s\\n' "${{PYTHONPATH-}}${{PIP_TARGET-}}${{PIP_USER-}}" >>"$FAKE_STRAY"
case $* in
    "-P -m venv --clear "*) rm -rf "$5"; mkdir -p "$5/bin" && cp "$0" "$5/bin/python" ;;
    "$FAKE_FAILS_AT"*) echo "the reason it failed"; exit "${{FAKE_STATUS-3}}" ;;
esac
"""


@dataclass(frozen=True)
class Machine:
    """A repository and a PATH; `pythons` comes first on that PATH."""

    root: Path
    pythons: Path
    tools: Path

    @property
    def stamp(self) -> Path:
        return self.root / ".venv" / "ready"

    @property
    def lock(self) -> Path:
        return self.root / ".venv.lock"

    def add_python(self, name: str, version: str, *, has_venv: bool = True, folder: Path | None = None) -> Path:
        path = (folder or self.pythons) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(FAKE_PYTHON.format(version=version, venv_status=0 if has_venv else 1))
        path.chmod(0o755)
        return path

    def call(
        self, script: str, *arguments: str, fails_at: str = "nothing", **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a script of the repository from a directory elsewhere; `fails_at` is how a failing call begins."""
        elsewhere = self.root.parent / "else where"
        elsewhere.mkdir(exist_ok=True)
        return subprocess.run(
            [self.root / script, *arguments],
            cwd=elsewhere,
            env={
                "PATH": f"{self.pythons}:{self.tools}",
                "FAKE_CALLS": str(self.root.parent / "calls"),
                "FAKE_STRAY": str(self.root.parent / "stray"),
                "FAKE_FAILS_AT": fails_at,
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def take_calls(self) -> list[str]:
        """What the fake Pythons were asked to do since the last look, without the directory it was asked in."""
        return [call.partition(": ")[2] for call in self.take_located_calls()]

    def take_located_calls(self) -> list[str]:
        calls = self.root.parent / "calls"
        lines = calls.read_text().splitlines() if calls.exists() else []
        calls.unlink(missing_ok=True)
        return lines


def count_pip(calls: list[str]) -> int:
    return sum("-m pip install" in call for call in calls)


def count_venv(calls: list[str]) -> int:
    return sum("-m venv" in call for call in calls)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    root = tmp_path / "a path (with) [all] sorts"
    for name in COPIED:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, root / name)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in SHELL_TOOLS:
        found = shutil.which(name)
        assert found is not None, name
        (tools / name).symlink_to(found)
    pythons = tmp_path / "pythons"
    pythons.mkdir()
    return Machine(root, pythons, tools)


@pytest.fixture
def ready(machine: Machine) -> Machine:
    """A machine on which scripts/run was called before."""
    machine.add_python("python3", "3.11.9")
    assert machine.call("scripts/run").returncode == 0
    machine.take_calls()
    return machine


# Which Python


def test_an_old_python_is_named_with_what_to_install(machine: Machine) -> None:
    python = machine.add_python("python3", "3.9.18")
    result = machine.call("scripts/run")
    assert result.returncode == 1
    assert f"{python}: Python 3.9.18, too old" in result.stderr
    assert "needs Python 3.11 or newer" in result.stderr
    for hint in (
        "sudo apt install python3-venv",
        "sudo dnf install python3",
        "brew install python3",
        "python3.11-venv",
    ):
        assert hint in result.stderr
    assert result.stdout == ""
    assert machine.take_calls() == []
    assert not machine.lock.exists()


def test_a_python_without_venv_is_named_with_what_to_install(machine: Machine) -> None:
    python = machine.add_python("python3.11", "3.11.2", has_venv=False)
    result = machine.call("scripts/test")
    assert result.returncode == 1
    assert f"{python}: Python 3.11.2, without its venv and ensurepip modules" in result.stderr
    assert "sudo apt install python3-venv" in result.stderr
    assert machine.take_calls() == []


def test_no_python_at_all_is_said(machine: Machine) -> None:
    result = machine.call("scripts/run")
    assert result.returncode == 1
    assert "no python3 at all" in result.stderr


def test_a_python_that_does_not_start_is_said(machine: Machine) -> None:
    machine.add_python("python3", "3.12.1").write_text("#!/bin/sh\nexit 127\n")
    result = machine.call("scripts/run")
    assert result.returncode == 1
    assert "python3: does not start" in result.stderr


@pytest.mark.parametrize("name", ["python3.11", "python3.12", "python3.13", "python3.14"])
def test_a_newer_python_by_name_is_used_in_place_of_an_old_one(machine: Machine, name: str) -> None:
    machine.add_python("python3", "3.10.1")
    machine.add_python(name, f"{name.removeprefix('python')}.0")
    assert machine.call("scripts/run").returncode == 0
    assert count_venv(machine.take_calls()) == 1


def test_an_old_python_may_stand_before_a_good_one_of_the_same_name(machine: Machine) -> None:
    machine.add_python("python3", "3.8.0")
    machine.add_python("python3", "3.11.0", folder=machine.tools)
    assert machine.call("scripts/run").returncode == 0


def test_the_oldest_python_is_read_from_the_metadata(machine: Machine) -> None:
    setup = machine.root / "setup.cfg"
    setup.write_text(setup.read_text().replace("python_requires = >=3.11", "python_requires = >=3.12"))
    machine.add_python("python3", "3.11.9")
    result = machine.call("scripts/run")
    assert result.returncode == 1
    assert "needs Python 3.12 or newer" in result.stderr


# Tested versions


def test_the_tested_versions_are_exact_and_of_everything_that_is_asked_for() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {spell_name(line.partition("==")[0]) for line in lines}
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []
    assert len(pinned) == len(lines)
    declared = configparser.ConfigParser()
    declared.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    wanted = [declared["options"]["install_requires"], *declared["options.extras_require"].values()]
    names = {spell_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)", "\n".join(wanted), re.MULTILINE)}
    assert names - {"synthetic-communities"} - pinned == set()
    assert len(names) > 15


def spell_name(name: str) -> str:
    """Return the name of a package as all spellings of it are compared."""
    return re.sub(r"[._-]+", "-", name).lower()


# Installing once


def test_the_first_call_installs_then_runs_in_the_callers_directory(machine: Machine) -> None:
    machine.add_python("python3", "3.11.9")
    result = machine.call("scripts/run", "run", "two words")
    assert result.returncode == 0
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert str(machine.root / ".venv") in result.stderr
    venv, pip, run = machine.take_located_calls()
    assert venv.endswith(f"-m venv --clear {machine.root}/.venv")
    assert pip.startswith(f"{machine.root}: -P -m pip install")
    assert pip.endswith("--constraint constraints.txt --editable .")
    assert run == f"{machine.root.parent}/else where: -P -m synthetic_communities run two words"


def test_the_second_call_installs_nothing_and_says_nothing(ready: Machine) -> None:
    result = ready.call("scripts/run", "--help")
    assert result.stderr == ""
    assert ready.take_calls() == ["-P -m synthetic_communities --help"]


@pytest.mark.parametrize("name", ["setup.cfg", "pyproject.toml", "constraints.txt"])
def test_a_changed_declaration_installs_again_in_the_same_environment(ready: Machine, name: str) -> None:
    with (ready.root / name).open("a") as declaration:
        declaration.write("# changed\n")
    ready.call("scripts/run")
    calls = ready.take_calls()
    assert (count_venv(calls), count_pip(calls)) == (0, 1)
    ready.call("scripts/run")
    assert count_pip(ready.take_calls()) == 0


def test_an_environment_for_running_does_not_serve_the_tests(ready: Machine) -> None:
    ready.call("scripts/test")
    calls = ready.take_calls()
    assert count_venv(calls) == 0
    assert [call for call in calls if "-m pip" in call and call.endswith("--editable .[dev]")]


def test_an_environment_for_the_tests_serves_to_run(machine: Machine) -> None:
    machine.add_python("python3", "3.11.9")
    machine.call("scripts/test")
    machine.take_calls()
    machine.call("scripts/run")
    machine.call("scripts/test")
    assert count_pip(machine.take_calls()) == 0


def test_another_python_version_makes_the_environment_anew(ready: Machine) -> None:
    ready.add_python("python", "3.11.10", folder=ready.root / ".venv" / "bin")
    ready.call("scripts/run")
    calls = ready.take_calls()
    assert (count_venv(calls), count_pip(calls)) == (1, 1)


def test_a_moved_repository_makes_its_environment_anew(ready: Machine) -> None:
    moved = Machine(ready.root.rename(ready.root.with_name("moved")), ready.pythons, ready.tools)
    moved.call("scripts/run")
    calls = moved.take_calls()
    assert (count_venv(calls), count_pip(calls)) == (1, 1)


# Trouble on the way


def test_a_half_made_environment_is_cleared(machine: Machine) -> None:
    machine.add_python("python3", "3.11.9")
    left_over = machine.add_python("left over", "3.11.9", folder=machine.root / ".venv")
    assert machine.call("scripts/run").returncode == 0
    calls = machine.take_calls()
    assert (count_venv(calls), count_pip(calls)) == (1, 1)
    assert not left_over.exists()


def test_an_environment_that_lost_its_python_is_made_anew(ready: Machine) -> None:
    (ready.root / ".venv/bin/python").unlink()
    assert ready.call("scripts/run").returncode == 0
    assert count_venv(ready.take_calls()) == 1


def test_the_broken_environment_itself_is_not_asked_to_make_the_new_one(ready: Machine) -> None:
    ready.stamp.unlink()
    inside = ready.add_python("python3", "3.11.9", folder=ready.root / ".venv" / "bin")
    inside.write_text("#!/bin/sh\necho 3.11.9; exit 0\n")
    assert ready.call("scripts/run", PATH=f"{inside.parent}:{ready.pythons}:{ready.tools}").returncode == 0
    assert count_venv(ready.take_calls()) == 1


def test_a_failed_installation_shows_why_and_is_taken_up_again(machine: Machine) -> None:
    machine.add_python("python3", "3.11.9")
    result = machine.call("scripts/run", fails_at="-P -m pip")
    assert result.returncode == 1
    assert "the reason it failed" in result.stderr
    assert "-m pip install" in result.stderr
    assert not machine.stamp.exists()
    assert not machine.lock.exists()
    machine.take_calls()
    assert machine.call("scripts/run").returncode == 0
    assert count_pip(machine.take_calls()) == 1


def test_a_failed_installation_of_changes_leaves_no_environment_called_ready(ready: Machine) -> None:
    (ready.root / "setup.cfg").write_text((ready.root / "setup.cfg").read_text() + "# changed\n")
    assert ready.call("scripts/run", fails_at="-P -m pip").returncode == 1
    assert not ready.stamp.exists()


def test_the_lock_of_a_dead_process_is_no_hindrance(machine: Machine) -> None:
    machine.add_python("python3", "3.11.9")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    machine.lock.write_text(f"{dead.pid}\n")
    assert machine.call("scripts/run").returncode == 0
    assert not machine.lock.exists()


def test_settings_for_other_environments_do_not_reach_this_one(machine: Machine) -> None:
    machine.add_python("python3", "3.11.9")
    machine.call("scripts/run", PYTHONPATH="/astray", PIP_TARGET="/astray", PIP_USER="1")
    assert (machine.root.parent / "stray").read_text().split() == []


# The steps of scripts/test and .ci/run


TESTS = (
    "-m pytest --numprocesses auto --dist loadfile -m not timing",
    "-m pytest --reruns 2 --reruns-delay 5 -m timing",
)

STEPS = ("-m ruff check .", "-m ruff format --check .", "-m mypy", *TESTS)
NAMES = ("ruff check", "ruff format --check", "mypy", "pytest", "pytest -m timing")


def test_the_steps_come_in_order_in_the_repository_and_pytest_gets_the_arguments(machine: Machine) -> None:
    machine.add_python("python3", "3.11.9")
    assert machine.call("scripts/test", "-k", "two words").returncode == 0
    _venv, _pip, *steps = machine.take_located_calls()
    assert steps == [f"{machine.root}: {step}" for step in (*STEPS[:3], "-m pytest -k two words")]


@pytest.mark.parametrize("index", range(len(STEPS)))
def test_the_first_step_to_fail_is_named_and_the_last_to_run(machine: Machine, index: int) -> None:
    machine.add_python("python3", "3.11.9")
    result = machine.call("scripts/test", fails_at=STEPS[index])
    assert result.returncode == 1
    name = NAMES[index]
    assert result.stderr.endswith(f"{name} failed\n")
    _venv, _pip, *steps = machine.take_calls()
    assert steps == list(STEPS[: index + 1])


def test_the_checks_before_a_change_is_taken_end_with_the_benchmark_where_there_is_one(machine: Machine) -> None:
    machine.add_python("python3", "3.11.9")
    assert machine.call(".ci/run").returncode == 0
    assert machine.take_calls()[-1] == TESTS[1]
    (machine.root / "scripts/benchmark.py").touch()
    assert machine.call(".ci/run").returncode == 0
    assert machine.take_calls()[-2:] == [TESTS[1], "scripts/benchmark.py --quick"]


@pytest.mark.parametrize(("status", "passes"), [(1, False), (2, False), (3, True)])
def test_a_machine_too_busy_to_tell_fails_no_change(machine: Machine, status: int, passes: bool) -> None:
    machine.add_python("python3", "3.11.9")
    (machine.root / "scripts/benchmark.py").touch()
    checked = machine.call(".ci/run", fails_at="scripts/benchmark.py --quick", FAKE_STATUS=str(status))
    assert (checked.returncode == 0) == passes


def test_the_benchmark_does_not_run_after_failed_tests(machine: Machine) -> None:
    machine.add_python("python3", "3.11.9")
    (machine.root / "scripts/benchmark.py").touch()
    assert machine.call(".ci/run", fails_at=TESTS[0]).returncode != 0
    assert machine.take_calls()[-1] == TESTS[0]


@pytest.mark.parametrize("name", [".ci/run", "scripts/run", "scripts/test"])
def test_what_a_person_types_can_be_executed_by_everyone_who_may_read_it(name: str) -> None:
    mode = os.stat(REPOSITORY / name).st_mode
    assert mode & stat.S_IXUSR
    assert mode & 0o111 == (mode & 0o444) >> 2
