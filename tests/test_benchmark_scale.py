"""Measuring the engine alone and very many people: that what is measured is what it is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthetic_communities.benchmark import memory, scale
from synthetic_communities.benchmark.engine_cost import EnginePlan, list_engine_figures, take_engine
from synthetic_communities.benchmark.engine_only import measure_engine
from synthetic_communities.benchmark.large_town import LargePlan, list_large_figures, take_large
from synthetic_communities.benchmark.measures import CannotMeasureError
from synthetic_communities.benchmark.memory import read_peak_bytes
from synthetic_communities.benchmark.scale import measure_scale, run_community, write_people
from synthetic_communities.configuration.people_file import load_people


def test_every_sleep_is_counted_and_timed() -> None:
    result = measure_engine(acts=250, limit=100, act_seconds=0.01)
    for leg in (result.bare, result.engine):
        assert (leg.acts, leg.limit) == (250, 100)
        assert leg.seconds >= 0.03, "three times a hundred at once, at most"
        assert 0 < leg.cpu_seconds < leg.seconds + 1
    assert result.peak_bytes is None or result.peak_bytes > 10_000_000


def test_the_engine_is_taken_in_a_process_of_its_own() -> None:
    plan = EnginePlan(200, 100, repetitions=1)
    (sample,) = take_engine(plan, lambda line: None)
    assert set(sample.values) >= {figure.name for figure in list_engine_figures(plan)} - {"memory at most"}
    assert sample.values["beside asyncio"] == pytest.approx(
        sample.values["an act"] / sample.values["a sleep of asyncio"]
    )


def test_growth_is_taken_in_processes_of_their_own() -> None:
    plan = LargePlan(12, 4, repetitions=2)
    sample, _ = take_large(plan, lambda line: None)
    assert set(sample.values) >= {figure.name for figure in list_large_figures(plan)} - {"memory at most"}
    assert sample.values["beside fewer people"] == pytest.approx(
        sample.values["an epoch"] / sample.values["an epoch of 4 people"]
    )


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


def test_a_community_is_run_whole() -> None:
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
    with pytest.raises(CannotMeasureError, match="population_size"):
        list(take_large(LargePlan(12, -1), lambda line: None))


def test_the_peak_is_known_without_the_status_of_linux_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("resource")
    before = read_peak_bytes()
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    peak = read_peak_bytes()
    assert before is not None
    assert peak is not None
    assert 0.5 < peak / before < 20
