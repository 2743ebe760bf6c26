"""Measuring the engine alone and very many people: that what is measured is what it is said to be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from synthetic_communities.benchmark import memory, scale
from synthetic_communities.benchmark.engine_only import EngineResult, SleepLeg, measure_engine
from synthetic_communities.benchmark.memory import read_peak_bytes
from synthetic_communities.benchmark.scale import ScaleLeg, ScaleResult, measure_scale, run_community, write_people
from synthetic_communities.configuration.people_file import load_people


def test_every_sleep_is_counted_and_timed() -> None:
    result = measure_engine(acts=250, limit=100, act_seconds=0.01)
    for leg in (result.bare, result.engine):
        assert (leg.acts, leg.limit) == (250, 100)
        assert leg.seconds >= 0.03, "three times a hundred at once, at most"
        assert 0 < leg.cpu_seconds < leg.seconds + 1
    assert result.peak_bytes is None or result.peak_bytes > 10_000_000


def test_figures_of_the_engine_follow_from_what_was_measured() -> None:
    bare = SleepLeg(1_000, 10, seconds=2.0, cpu_seconds=0.025)
    result = EngineResult(bare, SleepLeg(1_000, 10, seconds=2.0, cpu_seconds=0.05), None)
    assert result.cpu_ratio == 2.0
    assert bare.cpu_microseconds_an_act == pytest.approx(25.0)


def test_people_are_as_many_as_asked_for_each_with_an_id_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(scale, "DRAWN_PEOPLE", 20)
    file = tmp_path / "people.jsonl"
    write_people(file, 43)
    people = load_people(file)
    assert len({person_id for person_id, _ in people}) == len(people) == 43
    assert {**people[0][1], "id": ""} == {**people[20][1], "id": ""} == {**people[40][1], "id": ""}
    assert len({data["name"] for _, data in people}) == 20


def test_a_community_is_run_whole_in_a_process_of_its_own() -> None:
    leg = measure_scale(12)
    assert leg.people == 12
    assert 0 < leg.seconds < 60
    assert leg.cpu_seconds > 0
    assert leg.peak_bytes is None or leg.peak_bytes > 10_000_000


def test_what_is_measured_is_a_run_of_one_epoch(tmp_path: Path) -> None:
    write_people(tmp_path / "people.jsonl", 5)
    run_community(5, tmp_path)
    (run,) = tmp_path.glob("run_*")
    assert len((run / "epochs.jsonl").read_text(encoding="utf-8").splitlines()) == 1
    assert len((run / "ballots.jsonl").read_text(encoding="utf-8").splitlines()) == 5


def test_a_run_that_fails_is_no_measurement() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        measure_scale(-1)


def test_growth_is_how_many_times_as_long_it_takes() -> None:
    fewer, many = (ScaleLeg(n, seconds=n / 10, cpu_seconds=1.0, peak_bytes=None) for n in (10, 105))
    assert ScaleResult(fewer, many).growth == pytest.approx(10.5)


def test_the_peak_is_known_without_the_status_of_linux_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    before = read_peak_bytes()
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    peak = read_peak_bytes()
    assert before is not None
    assert peak is not None
    assert 0.5 < peak / before < 20
