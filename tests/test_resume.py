"""Runs that are broken off and gone on with; a short sample of `scripts/kill_runs.py`."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.killed_runs import Town, disturb, end_script, undisturbed_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with undisturbed_town(tmp_path_factory.mktemp("town"), people=4, epochs=1) as made:
        yield made


@pytest.mark.parametrize(("how", "share"), [(signal.SIGKILL, 0.65), (signal.SIGKILL, 0.85), (signal.SIGINT, 0.75)])
def test_a_run_ended_at_any_moment_is_gone_on_with(
    town: Town, how: signal.Signals, share: float, tmp_path: Path
) -> None:
    jitter = random.Random(f"{how} {share}").uniform(-0.02, 0.02)
    killed = disturb(town, tmp_path, (share + jitter) * town.seconds, how)
    assert killed.recorded is None or killed.recorded + killed.made == town.calls


def test_a_script_that_is_ended_by_sigterm_dies_at_once_and_its_run_is_gone_on_with(town: Town, tmp_path: Path) -> None:
    killed, status = end_script(town, tmp_path, signal.SIGTERM)
    assert status == -signal.SIGTERM, "as Python leaves it, nothing is tidied up"
    assert killed.recorded
    assert town.failed_calls
    assert 0 < killed.made < town.calls
