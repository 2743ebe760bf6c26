"""Ctrl-C while a community runs: what was under way ends, what had ended can be read, and a script says where."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.report.result import SimulationResult
from synthetic_communities.runs.directory import EPOCHS, FINAL_VOTE, LINES, METADATA, USAGE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be sent Ctrl-C alone there")

# A run far too long to wait for. It says where it writes, and when its third epoch has begun.
SCRIPT = """
import asyncio, sys
from synthetic_communities import Config, GameEngine
from synthetic_communities.minds.offline.mind import OfflineMind

class Stalling:
    name, source = "stalling", "template"

    async def answer(self, view):
        if view.key.startswith("e2/"):
            print("third epoch", flush=True)
            await asyncio.Event().wait()
        return await OfflineMind().answer(view)

def watch(moment):
    if moment.epoch == 2:
        engine.observer = None
        print("third epoch", flush=True)

stalls = @@STALLS@@
config = Config.bundled(population_size=6, num_epochs=3 if stalls else 400, post_probability=0.5)
engine = GameEngine.from_config(config, model=Stalling() if stalls else None)
engine.observer = None if stalls else watch
engine.initialize_simulation_output(sys.argv[1])
print(engine.simulation_dir, flush=True)

def run():
    engine.run()
    print("came to its end", flush=True)

async def run_beside_a_loop():
    run()

@@START@@
"""

STARTS = {
    "a plain script": "run()",
    "inside asyncio.run": "asyncio.run(run_beside_a_loop())",
    "the twin inside asyncio.run": "asyncio.run(engine.run_async())",
}


def interrupt(script: str, directory: Path) -> tuple[Path, int, str, str]:
    """Start a script, send it Ctrl-C in its third epoch; return run directory, exit status, and what it printed."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            path = Path(process.stdout.readline().strip())
            assert process.stdout.readline().strip() == "third epoch", process.communicate(timeout=60)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return path, process.returncode, output, errors


def read_whole_lines(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file, each of which must be a whole line."""
    content = path.read_bytes()
    assert content.endswith(b"\n")
    return [json.loads(line) for line in content.splitlines()]


def told(path: Path) -> str:
    """Return what a script that is stopped says last."""
    return (
        f"the run was interrupted; what is recorded, up to the last epoch that ended, stands in {path}; "
        f"to read it: from synthetic_communities import load_run; result = load_run('{path}'); "
        f"to go on with it: from synthetic_communities import resume_run; result = resume_run('{path}')"
    )


@pytest.mark.parametrize("stalls", [True, False], ids=["waiting for a mind", "busy"])
@pytest.mark.parametrize("start", STARTS)
def test_ctrl_c_leaves_a_record_that_can_be_read(tmp_path: Path, start: str, stalls: bool) -> None:
    script = SCRIPT.replace("@@STALLS@@", str(stalls)).replace("@@START@@", STARTS[start])
    path, status, output, errors = interrupt(script, tmp_path)

    assert status == -signal.SIGINT, "ended by KeyboardInterrupt"
    assert "came to its end" not in output
    is_told = start == "a plain script"
    assert errors.splitlines()[-1] == (f"KeyboardInterrupt: {told(path)}" if is_told else "KeyboardInterrupt")
    assert ("another exception" in errors) is not is_told
    assert "never awaited" not in errors
    assert "exception was never retrieved" not in errors

    assert list(path.glob("*.partial")) == []
    assert not (path / FINAL_VOTE).exists()
    rows = {name: read_whole_lines(path / name) for name in LINES if (path / name).exists()}
    assert "ballots.jsonl" not in rows
    epochs = [row["epoch"] for row in rows[EPOCHS]]
    assert epochs == list(range(len(epochs)))
    assert epochs, "the first epoch had ended before the third began"
    assert all(row["epoch"] in epochs for lines in rows.values() for row in lines), "nothing of an epoch not ended"

    usage = json.loads((path / USAGE).read_text(encoding="utf-8"))
    assert usage["status"] == "interrupted"
    assert json.loads((path / METADATA).read_text(encoding="utf-8"))["simulation_id"] == path.name

    result = SimulationResult(path)
    assert not result.is_complete
    assert (result.vote_counts, result.ballots) == (None, [])
    assert len(result.epochs) == len(epochs)
