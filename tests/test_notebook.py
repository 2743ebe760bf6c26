"""A notebook, run by a real kernel: the synchronous API inside its running loop, with nothing on stderr.

A run shows one display, which is updated in place; the stop button ends it at once, and says where it is.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from traitlets.config import Config as Traits

from tests.kernels import KERNEL, TIMEOUT_SECONDS, jupyter_at

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
result.is_complete, len(result.epochs), result.vote_counts.population
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
    ["True"],
    ["display: The run has ended.", "(True, 2, 7)"],
    ["(3, 7, True, 7)"],
    ["(7, True)"],
    ["7"],
    ["([], True)"],
]


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[NotebookClient]:
    """Return a client of a kernel for a notebook of `CELLS`."""
    cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS]
    with jupyter_at(tmp_path) as reached:
        yield NotebookClient(
            nbformat.v4.new_notebook(cells=cells),
            timeout=TIMEOUT_SECONDS,
            kernel_name=KERNEL,
            resources={"metadata": {"path": str(tmp_path)}},
            allow_errors=True,
            config=Traits({"KernelManager": reached}),
        )


def outputs_of(cell: Mapping[str, Any]) -> list[str]:
    """Return what a cell put out: its value as it is, of a display its first line, everything else with its kind."""
    found: list[str] = []
    for output in cell["outputs"]:
        match output["output_type"]:
            case "execute_result":
                found.append(output["data"]["text/plain"])
            case "display_data":
                found.append(f"display: {output['data']['text/plain'].splitlines()[0]}")
            case "stream":
                found.append(f"{output['name']}: {output['text']}")
            case "error":
                found.append(f"{output['ename']}: {output['evalue']}")
    return found


def test_the_synchronous_api_inside_a_kernel(
    notebook: NotebookClient, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    executed = notebook.execute()
    assert [outputs_of(cell) for cell in executed.cells] == EXPECTED
    (run,) = (tmp_path / "runs").iterdir()
    assert json.loads((run / "usage.json").read_text(encoding="utf-8"))["status"] == "complete"
    # What the kernel itself has to say there is not ours.
    errors = capfd.readouterr().err
    assert "synthetic_communities" not in errors
    assert "Traceback" not in errors


PREPARE = """
import asyncio
from synthetic_communities import Config, GameEngine, load_run
from synthetic_communities.domain.outcome import Done
from synthetic_communities.domain.remark import Remark
from synthetic_communities.minds.offline.mind import OfflineMind
from synthetic_communities.notebook import showing

showing.REDRAWN_EVERY_SECONDS = 0.005

class Talking:
    name, source = "talking", "template"

    async def answer(self, view):
        if view.expects is Remark:  # whatever is said, so that it stands in every picture but the first
            return Done(Remark("<script>alert(1)</script>"))
        return await OfflineMind().answer(view)

class Stalling:
    name, source = "stalling", "template"

    async def answer(self, view):
        if view.key.startswith("e1/"):
            print("stalls", flush=True)
            await asyncio.Event().wait()
        return await OfflineMind().answer(view)

def build_engine(mind, people=5):
    engine = GameEngine.from_config(Config.bundled(population_size=people, num_epochs=2), model=mind)
    engine.initialize_simulation_output("runs")
    return engine
"""


@dataclass
class Ran:
    """What the kernel told while it ran a cell.

    Attributes:
        told: kind and content of every message about the cell, in order, but for its status and its source.
        seconds_to_stop: time from the stop button to the cell's end; None if it was not pressed.
    """

    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    seconds_to_stop: float | None = None

    @property
    def kinds(self) -> list[str]:
        """Kinds of the messages, in order."""
        return [kind for kind, _ in self.told]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the contents of the messages of these kinds, in order."""
        return [content for kind, content in self.told if kind in kinds]

    @property
    def frames(self) -> list[dict[str, str]]:
        """What was shown by display and updates, by media type."""
        return [content["data"] for content in self.of("display_data", "update_display_data")]

    @property
    def value(self) -> str:
        """The value of the cell's last line."""
        (content,) = self.of("execute_result")
        return str(content["data"]["text/plain"])


@dataclass
class Kernel:
    """A kernel and its client.

    Attributes:
        manager: the kernel's; its stop button.
        client: what sends cells to it.
        folder: its working directory.
    """

    manager: KernelManager
    client: BlockingKernelClient
    folder: Path

    def run(self, cell: str, stop_at: str | None = None) -> Ran:
        """Run a cell to its end; press the stop button as soon as it prints `stop_at`."""
        ran, stopped = Ran(), 0.0
        sent = self.client.execute(cell)
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT_SECONDS)
            assert message["parent_header"]["msg_id"] == sent, "everything lands in the cell that runs"
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                ran.seconds_to_stop = time.monotonic() - stopped if stopped else None
                return ran
            if kind not in ("status", "execute_input"):
                ran.told.append((kind, content))
            if kind == "stream" and stop_at is not None and stop_at in content["text"] and not stopped:
                self.manager.interrupt_kernel()
                stopped = time.monotonic()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """Return a kernel in which `PREPARE` has run."""
    folder = tmp_path_factory.mktemp("notebook")
    with jupyter_at(folder) as reached:
        manager = KernelManager(kernel_name=KERNEL, **reached)
        manager.start_kernel(cwd=str(folder))
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=TIMEOUT_SECONDS)
            kernel = Kernel(manager, client, folder)
            assert kernel.run(PREPARE).told == []
            yield kernel
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


RUNS = {"run()": "result = engine.run()", "await run_async()": "result = await engine.run_async()"}


class TestDisplay:
    @pytest.mark.timing
    @pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
    def test_one_display_is_updated_in_place_and_nothing_else_is_put_out(self, kernel: Kernel, run: str) -> None:
        ran = kernel.run(f"engine = build_engine(Talking(), people=40)\n{run}\nresult.path.as_posix()")

        assert ran.kinds[0] == "display_data"
        assert set(ran.kinds[1:-1]) == {"update_display_data"}
        assert ran.kinds[-1] == "execute_result"
        displays = ran.of("display_data", "update_display_data")
        assert len({content["transient"]["display_id"] for content in displays}) == 1

        bars = [re.findall(r'<progress value="(\d+)" max="(\d+)">', frame["text/html"]) for frame in ran.frames]
        done = [int(bar[0][0]) for bar in bars if bar]
        totals = {int(bar[0][1]) for bar in bars if bar}
        assert len(set(done)) > 3
        assert done == sorted(done)
        assert totals == {done[-1]}

        path = ran.value.strip("'")
        assert re.fullmatch(r"runs/run_\d{8}_\d{6}(_\d+)?", path)
        headline, counts, record, advice = ran.frames[-1]["text/plain"].splitlines()
        assert headline == "The run has ended."
        assert re.fullmatch(rf"{done[-1]:,} of {done[-1]:,} acts done, \d:\d\d elapsed", counts)
        assert record == f"Record: {path}"
        assert advice == f"To read it: from synthetic_communities import load_run; result = load_run('{path}')"
        assert f"<code>{path}</code>" in ran.frames[-1]["text/html"]

    def test_what_was_said_last_stands_below_as_text(self, kernel: Kernel) -> None:
        frames = kernel.run("build_engine(Talking(), people=40).run();").frames
        said = [frame["text/html"] for frame in frames if "alert(1)" in frame["text/html"]]
        assert said
        assert all("<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>" in html for html in said)
        assert not any("<script" in frame["text/html"] for frame in frames)
        assert re.search("^[A-Z].*: <script>alert", "\n".join(frame["text/plain"] for frame in frames), re.MULTILINE)

    def test_every_run_has_a_display_of_its_own(self, kernel: Kernel) -> None:
        ran = kernel.run("for _ in range(2):\n    build_engine(OfflineMind(), people=2).run()")
        ids = [content["transient"]["display_id"] for content in ran.of("display_data")]
        assert len(set(ids)) == len(ids) == 2
        last = {content["transient"]["display_id"]: content["data"]["text/plain"] for _, content in ran.told}
        assert [text.splitlines()[0] for text in last.values()] == ["The run has ended."] * 2

    def test_whoever_watches_a_run_shows_it(self, kernel: Kernel) -> None:
        cell = """
moments = []
engine = build_engine(OfflineMind())
engine.observer = moments.append
engine.run()
len(moments) > 10
"""
        ran = kernel.run(cell)
        assert (ran.kinds, ran.value) == (["execute_result"], "True")

    def test_a_run_that_fails_says_so(self, kernel: Kernel) -> None:
        cell = """
class Wrong(OfflineMind):
    async def answer(self, view):
        raise ConfigurationError([Problem("mind", "is wrong", "mend it")])

from synthetic_communities.errors import ConfigurationError, Problem
build_engine(Wrong()).run()
"""
        ran = kernel.run(cell)
        assert ran.frames[-1]["text/plain"].startswith("The run failed.\n")
        (raised,) = ran.of("error")
        assert (raised["ename"], raised["evalue"]) == ("ConfigurationError", "mind: is wrong; mend it")

    def test_a_configuration_is_shown_as_a_table(self, kernel: Kernel) -> None:
        (content,) = kernel.run("Config.bundled()").of("execute_result")
        assert content["data"]["text/html"].startswith('<div class="synthetic-communities">')
        assert content["data"]["text/plain"].startswith("Config(")


STOPS = {
    "run()": ("engine.run()", "KeyboardInterrupt"),
    "await run_async()": ("await engine.run_async()", "CancelledError"),
    "run() in a cell that awaits": ("await asyncio.sleep(0)\nengine.run()", "CancelledError"),
}


class TestStopButton:
    @pytest.mark.timing
    @pytest.mark.parametrize(("run", "error"), STOPS.values(), ids=STOPS)
    def test_it_ends_a_run_within_two_seconds_and_says_where_it_is(self, kernel: Kernel, run: str, error: str) -> None:
        ran = kernel.run(f"engine = build_engine(Stalling())\n{run}", stop_at="stalls")

        assert ran.seconds_to_stop is not None
        assert ran.seconds_to_stop < 2
        (raised,) = ran.of("error")
        assert raised["ename"] == error
        assert {kind for kind in ran.kinds if kind != "update_display_data"} == {"display_data", "stream", "error"}
        assert {content["name"] for content in ran.of("stream")} == {"stdout"}

        headline, _, where, advice = ran.frames[-1]["text/plain"].splitlines()
        path = kernel.run("engine.simulation_dir.as_posix()").value.strip("'")
        assert headline == "The run was interrupted."
        assert where == f"What is recorded, up to the last epoch that ended: {path}"
        if error == "KeyboardInterrupt":
            assert f"stands in {path}; {advice[0].lower()}{advice[1:]}; to go on" in raised["evalue"]
            assert raised["evalue"].endswith(f"result = resume_run('{path}')")
        usage = json.loads((kernel.folder / path / "usage.json").read_text(encoding="utf-8"))
        assert usage["status"] == "interrupted"

        after = kernel.run(f"{advice.removeprefix('To read it: ')}\nresult.is_complete, len(result.epochs)")
        assert after.value == "(False, 1)", "the kernel goes on working, and what it was told to type reads the run"
