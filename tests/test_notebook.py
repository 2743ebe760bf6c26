"""A notebook, run by a real kernel: the synchronous API inside its running loop, with nothing on stderr."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config as Traits

KERNEL = "the-tests-own"

# Sockets in the file system need no network; elsewhere their paths are too short for a temporary directory's.
HAS_IPC = sys.platform == "linux"

CELLS = [
    """
import asyncio
from synthetic_communities import Config, GameEngine
asyncio.get_running_loop().is_running()
""",
    """
engine = GameEngine.from_config(Config.bundled(population_size=7, num_epochs=2))
engine.initialize_simulation_output("runs")
result = engine.run()
result.is_complete, len(result.epochs), result.votes.population
""",
    """
population = engine.population
population.update_beliefs_from_debate()
chats = population.chat_with_peers()
posts = population.create_social_media_posts(1.0)
reactions = population.react_to_posts(posts, None, 1.0)
population.update_beliefs_from_chat()
population.update_beliefs_from_social_media()
votes = population.conduct_vote(engine.candidates)
len(chats), len(posts), reactions["total_reactions"] > 0, votes.population
""",
    """
ann = population.personas[0]
counts = engine.conduct_final_vote()
sum(counts.values()) + counts.abstained, ann.vote(["Noor"]) in ("Noor", None)
""",
    """
again = await population.conduct_vote_async(engine.candidates)
again.population
""",
    """
import gc, threading
gc.collect()
[thread.name for thread in threading.enumerate() if "synthetic" in thread.name], len(asyncio.all_tasks()) >= 1
""",
]

EXPECTED = [
    "True",
    "(True, 2, 7)",
    "(3, 7, True, 7)",
    "(7, True)",
    "7",
    "([], True)",
]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """Return where Jupyter is to look and write: nowhere but in a directory of this test; home cannot be written to."""
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    folders = {name: tmp_path / name.lower() for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    for folder in folders.values():
        folder.mkdir()
    with tempfile.TemporaryDirectory(prefix="k") as runtime:
        yield {
            **{name: str(folder) for name, folder in folders.items()},
            "JUPYTER_PATH": folders["JUPYTER_DATA_DIR"].as_posix(),
            "JUPYTER_RUNTIME_DIR": runtime,
            "JUPYTER_PLATFORM_DIRS": "1",
            "HOME": str(home),
        }


@pytest.fixture
def notebook(tmp_path: Path, environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> NotebookClient:
    """Return a client of a kernel of this very interpreter, for a notebook of `CELLS`."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    spec = {
        # Every warning is shown, and one that a cell causes is shown below the cell.
        "argv": [sys.executable, "-W", "default", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": KERNEL,
        "language": "python",
    }
    folder = Path(environment["JUPYTER_DATA_DIR"]) / "kernels" / KERNEL
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS]
    kernel_manager = {"transport": "ipc", "ip": f"{environment['JUPYTER_RUNTIME_DIR']}/ipc"} if HAS_IPC else {}
    resources = {"metadata": {"path": str(tmp_path)}}
    return NotebookClient(
        nbformat.v4.new_notebook(cells=cells),
        timeout=60,
        kernel_name=KERNEL,
        resources=resources,
        allow_errors=True,
        config=Traits({"KernelManager": kernel_manager}),
    )


def outputs_of(cell: Mapping[str, Any]) -> list[str]:
    """Return what a cell put out: its value as it is, everything else with its kind before it."""
    found: list[str] = []
    for output in cell["outputs"]:
        match output["output_type"]:
            case "execute_result":
                found.append(output["data"]["text/plain"])
            case "stream":
                found.append(f"{output['name']}: {output['text']}")
            case "error":
                found.append(f"{output['ename']}: {output['evalue']}")
    return found


def test_the_synchronous_api_inside_a_kernel(
    notebook: NotebookClient, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    executed = notebook.execute()
    assert [outputs_of(cell) for cell in executed.cells] == [[value] for value in EXPECTED]
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "usage.json").read_text(encoding="utf-8"))["status"] == "complete"
    # What the kernel itself has to say there is not ours.
    errors = capfd.readouterr().err
    assert "synthetic_communities" not in errors
    assert "Traceback" not in errors
