"""Runs that are broken off and gone on with."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.killed_runs import Town, disturb, undisturbed_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with undisturbed_town(tmp_path_factory.mktemp("town"), people=6, epochs=2) as made:
        yield made


@pytest.mark.parametrize(
    ("how", "share"),
    [
        (signal.SIGKILL, 0.45),
        (signal.SIGKILL, 0.6),
        (signal.SIGKILL, 0.75),
        (signal.SIGKILL, 0.9),
        (signal.SIGINT, 0.7),
        (signal.SIGTERM, 0.7),
    ],
)
def test_a_run_ended_at_any_moment_is_gone_on_with(
    town: Town, how: signal.Signals, share: float, tmp_path: Path
) -> None:
    jitter = random.Random(f"{how} {share}").uniform(-0.02, 0.02)
    killed = disturb(town, tmp_path, (share + jitter) * town.seconds, how)
    print(killed)
    assert killed.recorded is None or killed.recorded + killed.made == town.calls
