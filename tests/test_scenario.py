"""The bundled scenario: what its files hold, and that its people are as plausible as its generator claims."""

import json
import random
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from statistics import correlation, mean, pstdev, stdev
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities.scenario.people import Person, build_people, format_person, main, split_whole
from synthetic_communities.scenario.people_tables import EDUCATION_LEVELS, JOBS, SECTOR_PULL

SCENARIO = files("synthetic_communities.scenario")
CONFIG_TEXT = SCENARIO.joinpath("config.yaml").read_text(encoding="utf-8")
CONFIG = yaml.safe_load(CONFIG_TEXT)
PEOPLE_BYTES = SCENARIO.joinpath("people.jsonl").read_bytes()
WORLD = SCENARIO.joinpath("world.md").read_text(encoding="utf-8")
RECORDS = [json.loads(line) for line in PEOPLE_BYTES.decode().splitlines()]

NUMBERS = (
    "susceptibility",
    "trust_institution",
    "turnout_propensity",
    "confirmation_bias",
    "social_network_influence",
    "risk_aversion",
    "fairness_value",
)
TEXTS = (
    *("id", "name", "gender", "city", "country", "job", "company", "sector", "education_level", "income_bracket"),
    *("ethnicity", "cultural_background", "religion", "demeanour", "backstory"),
)
TRAITS = {"openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism"}
YAML_BOOLEANS = {"on", "off", "yes", "no", "y", "n", "true", "false"}

TOWNS = {seed: build_people(random.Random(seed), 100) for seed in range(1, 21)}
MANY = [person for town in TOWNS.values() for person in town]


def opening_stance(prior_beliefs: dict[str, float], topic: dict[str, Any]) -> float:
    return mean((-1 if s.startswith("-") else 1) * prior_beliefs[s.removeprefix("-")] for s in topic["priors"])


def first_choice(prior_beliefs: dict[str, float]) -> str:
    stances = {topic["id"]: opening_stance(prior_beliefs, topic) for topic in CONFIG["topics"]}
    nearest = min(
        CONFIG["candidates"], key=lambda c: mean((stances[topic] - at) ** 2 for topic, at in c["positions"].items())
    )
    return str(nearest["id"])


def correlate(first: Callable[[Person], float], second: Callable[[Person], float]) -> float:
    return correlation([first(person) for person in MANY], [second(person) for person in MANY])


def measure_bimodality(values: list[float]) -> float:
    """(skewness squared + 1) / kurtosis: 1/3 for a normal distribution, 5/9 for a uniform one, 1 for two points."""
    scores = [(value - mean(values)) / pstdev(values) for value in values]
    return (mean(z**3 for z in scores) ** 2 + 1) / mean(z**4 for z in scores)


def is_two_places(value: float) -> bool:
    return value == round(value, 2)


# The files


def test_people_file_is_what_the_command_prints() -> None:
    assert CliRunner().invoke(main).stdout_bytes == PEOPLE_BYTES


def test_command_writes_a_file(tmp_path: Path) -> None:
    target = tmp_path / "people.jsonl"
    result = CliRunner().invoke(main, ["--count", "7", "--seed", "1", "--output", str(target)])
    assert (result.exit_code, result.stdout_bytes) == (0, b"")
    assert target.read_bytes() == b"".join(PEOPLE_BYTES.splitlines(keepends=True)[:7])


@pytest.mark.parametrize("count", ["0", "5001"])
def test_command_refuses_a_count_out_of_range(count: str) -> None:
    assert CliRunner().invoke(main, ["--count", count]).exit_code == 2


def test_config_is_short_and_has_no_boolean_keys() -> None:
    assert len(CONFIG_TEXT.splitlines()) <= 40
    assert max(map(len, CONFIG_TEXT.splitlines())) <= 120
    keys = [*CONFIG, *(key for entry in CONFIG["topics"] + CONFIG["candidates"] for key in entry)]
    assert all(isinstance(key, str) and key.lower() not in YAML_BOOLEANS for key in keys)


def test_config_fits_its_files() -> None:
    assert CONFIG["population_size"] == len(RECORDS) == 100
    assert SCENARIO.joinpath(CONFIG["population_file"]).is_file()
    assert SCENARIO.joinpath(CONFIG["world_file"]).is_file()
    topics = {topic["id"] for topic in CONFIG["topics"]}
    assert all(set(candidate["positions"]) == topics for candidate in CONFIG["candidates"])
    subjects = {subject.removeprefix("-") for topic in CONFIG["topics"] for subject in topic["priors"]}
    assert all(subjects == set(record["prior_beliefs"]) for record in RECORDS)


def test_candidates_stand_in_a_triangle() -> None:
    (ax, ay), (bx, by), (cx, cy) = (tuple(candidate["positions"].values()) for candidate in CONFIG["candidates"])
    assert abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2 > 0.25
    assert all(-1 <= at <= 1 for candidate in CONFIG["candidates"] for at in candidate["positions"].values())


def test_world_is_a_story_of_the_town() -> None:
    assert 350 <= len(WORLD.split()) <= 500
    assert "simulat" not in (WORLD + CONFIG_TEXT).lower()


# One person at a time


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["id"])
def test_attributes_are_in_range(record: dict[str, Any]) -> None:
    assert all(isinstance(record[key], str) and record[key] for key in TEXTS)
    assert set(record["personality_traits"]) == TRAITS
    shares = [record[key] for key in NUMBERS] + [*record["personality_traits"].values(), *record["media_diet"].values()]
    assert all(0 <= share <= 1 and is_two_places(share) for share in shares)
    assert all(-1 <= belief <= 1 and is_two_places(belief) for belief in record["prior_beliefs"].values())
    assert set(record) == {*TEXTS, *NUMBERS, "age", "interests", "media_diet", "personality_traits", "prior_beliefs"}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["id"])
def test_media_diet_is_whole(record: dict[str, Any]) -> None:
    assert set(record["media_diet"]) == {"social_media", "tv", "newspaper", "blogs"}
    assert sum(round(100 * share) for share in record["media_diet"].values()) == 100


@given(st.lists(st.floats(0.001, 1000), min_size=1, max_size=8))
def test_split_whole_loses_nothing(weights: list[float]) -> None:
    shares = split_whole(weights)
    assert sum(round(100 * share) for share in shares) == 100
    assert min(shares) >= 0


@settings(max_examples=20, deadline=None)
@given(st.integers(), st.integers(1, 40))
def test_fewer_people_are_the_beginning_of_more(seed: int, count: int) -> None:
    more = build_people(random.Random(seed), 40)
    assert build_people(random.Random(seed), count) == more[:count]


def test_ids_and_names_are_unique() -> None:
    people = build_people(random.Random(1), 1200)
    assert len({person.id for person in people}) == len({person.identity.name for person in people}) == 1200
    candidates = {candidate["name"] for candidate in CONFIG["candidates"]}
    assert not candidates & {person.identity.name for person in people}
    assert [record["id"] for record in RECORDS] == [f"p{number:03d}" for number in range(1, 101)]


def test_lines_carry_the_persons() -> None:
    assert "".join(format_person(person) for person in TOWNS[1]).encode() == PEOPLE_BYTES


# What hangs together


def test_ages_fit_status_and_schooling() -> None:
    assert min(person.life.age for person in MANY) >= 18
    assert all(person.life.age >= EDUCATION_LEVELS[person.life.education].youngest for person in MANY)
    assert all(person.life.age <= 30 for person in MANY if person.life.status == "student")
    assert all(person.life.age >= 62 for person in MANY if person.life.status == "retired")
    assert all(person.life.age <= 72 for person in MANY if person.life.status == "working")
    assert all(person.life.age >= 22 for person in MANY if person.life.tenure != "rents")
    assert all(person.life.age >= person.life.job.youngest for person in MANY)


def test_the_bundled_people_say_so_too() -> None:
    assert all(record["age"] >= 62 for record in RECORDS if record["job"].startswith("retired"))
    assert all(record["age"] <= 30 for record in RECORDS if record["job"].startswith("student"))
    assert {record["sector"] for record in RECORDS} <= set(SECTOR_PULL)


def test_backstory_agrees_with_the_rest() -> None:
    words = {"rents": "rented", "owns": "owner-occupied", "lets": "let to tenants"}
    for person in MANY:
        told = (person.identity.name.split()[0], person.life.job.title, person.life.company, words[person.life.tenure])
        assert all(part in person.backstory for part in told)


@pytest.mark.parametrize("level", range(len(EDUCATION_LEVELS)))
def test_every_schooling_opens_a_job_as_soon_as_it_is_done(level: int) -> None:
    assert any(level in job.education and job.youngest <= EDUCATION_LEVELS[level].youngest for job in JOBS)


def test_age_drives_media_and_turnout() -> None:
    assert correlate(lambda p: p.life.age, lambda p: p.media_diet["social_media"]) < -0.4
    assert correlate(lambda p: p.life.age, lambda p: p.media_diet["tv"]) > 0.3
    assert correlate(lambda p: p.life.age, lambda p: p.media_diet["newspaper"]) > 0.2
    assert correlate(lambda p: p.life.age, lambda p: p.leanings.turnout_propensity) > 0.3
    assert correlation([r["age"] for r in RECORDS], [r["media_diet"]["social_media"] for r in RECORDS]) < -0.3


def test_schooling_drives_income_and_trust() -> None:
    assert correlate(lambda p: p.life.education, lambda p: p.life.income) > 0.4
    assert correlate(lambda p: p.life.education, lambda p: p.leanings.trust_institution) > 0.2


def test_home_and_income_drive_rents() -> None:
    rents = CONFIG["topics"][0]
    stances = {
        tenure: mean(opening_stance(p.prior_beliefs, rents) for p in MANY if p.life.tenure == tenure)
        for tenure in ("rents", "owns", "lets")
    }
    assert stances["rents"] > 0.15 > -0.05 > stances["owns"] > stances["lets"]
    assert correlate(lambda p: p.life.income, lambda p: opening_stance(p.prior_beliefs, rents)) < -0.2
    assert 0.4 < mean(person.life.tenure == "rents" for person in MANY) < 0.6


def test_line_of_work_drives_the_harbour() -> None:
    harbour = CONFIG["topics"][1]
    stances = {
        sector: mean(opening_stance(p.prior_beliefs, harbour) for p in MANY if p.life.job.sector == sector)
        for sector in SECTOR_PULL
    }
    assert stances["port and shipping"] > 0.2
    assert stances["fishing"] < -0.2
    assert stances["tourism"] < 0 < stances["construction"]


def test_traits_drive_leanings() -> None:
    assert correlate(lambda p: p.traits.openness, lambda p: p.leanings.confirmation_bias) < -0.3
    assert correlate(lambda p: p.traits.agreeableness, lambda p: p.leanings.fairness_value) > 0.3
    assert correlate(lambda p: p.traits.neuroticism, lambda p: p.leanings.risk_aversion) > 0.2
    assert correlate(lambda p: p.traits.extraversion, lambda p: p.leanings.social_network_influence) > 0.3


@pytest.mark.parametrize("topic", CONFIG["topics"], ids=lambda topic: topic["id"])
@pytest.mark.parametrize("attribute", ["gender", "ethnicity", "religion", "cultural_background"])
def test_who_a_person_is_does_not_drive_a_stance(topic: dict[str, Any], attribute: str) -> None:
    overall = mean(opening_stance(person.prior_beliefs, topic) for person in MANY)
    groups: dict[str, list[float]] = {}
    for person in MANY:
        groups.setdefault(getattr(person.identity, attribute), []).append(opening_stance(person.prior_beliefs, topic))
    for stances in groups.values():  # three and a half standard errors
        assert abs(mean(stances) - overall) < 3.5 * stdev(stances) / len(stances) ** 0.5


# Where the town stands at the start


@pytest.mark.parametrize("topic", CONFIG["topics"], ids=lambda topic: topic["id"])
def test_opening_stances_are_spread_about_the_middle(topic: dict[str, Any]) -> None:
    stances = [opening_stance(record["prior_beliefs"], topic) for record in RECORDS]
    assert abs(mean(stances)) < 0.15
    assert 0.38 <= stdev(stances) <= 0.52
    assert 0.3 < measure_bimodality(stances) < 0.555


def test_each_candidate_is_the_first_choice_of_many() -> None:
    choices = Counter(first_choice(record["prior_beliefs"]) for record in RECORDS)
    assert all(15 <= choices[candidate["id"]] <= 45 for candidate in CONFIG["candidates"])


@pytest.mark.parametrize("seed", TOWNS)
def test_no_candidate_is_hopeless_with_another_seed(seed: int) -> None:
    choices = Counter(first_choice(person.prior_beliefs) for person in TOWNS[seed])
    assert all(choices[candidate["id"]] >= 10 for candidate in CONFIG["candidates"])
