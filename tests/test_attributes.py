"""What of people's attributes goes for nothing: names that look misspelled, and what is not known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from synthetic_communities.cli.main import program
from synthetic_communities.configuration.attributes import describe_misspelled, describe_unknown
from synthetic_communities.domain.person import MEDIA, SHARES, TRAITS, parse_person
from synthetic_communities.minds.offline.temper import TAKEN, measure_temper


def misspelled(*people: dict[str, Any], are_offline: bool = True) -> list[str]:
    parsed = [parse_person(f"p{place}", data) for place, data in enumerate(people)]
    return describe_misspelled(parsed, are_offline=are_offline)


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("susceptability", 0.2, "susceptibility"),
        ("trust-institution", 0.2, "trust_institution"),
        ("turnout", 0.7, "turnout_propensity"),
        ("tv", 0.9, "media_diet.tv"),
        ("Openness", 1, "personality_traits.openness"),
        ("prior_belief", {"rents": 0.7}, "prior_beliefs"),
        ("personality", {"openness": 0.7}, "personality_traits"),
    ],
)
def test_a_name_like_one_that_is_gone_by_is_told(name: str, value: object, meant: str) -> None:
    assert misspelled({name: value}) == [f"{name} (1 person; did you mean {meant}?)"]


@pytest.mark.parametrize(
    ("group", "name", "meant"), [("media_diet", "TV", "tv"), ("personality_traits", "open", "openness")]
)
def test_so_is_one_in_a_group(group: str, name: str, meant: str) -> None:
    assert misspelled({group: {name: 0.5}}) == [f"{group}.{name} (1 person; did you mean {group}.{meant}?)"]


@pytest.mark.parametrize(
    "attributes",
    [
        {"mood": 0.5, "age_group": "30-39", "party": "none", "tv_hours": 3, "_susceptability": 0.5, "trait": {"a": 1}},
        {"op": 0.5, "s": 0.1},
        {"trust": {"police": 0.3}, "social": {"clubs": 0.2}, "turnout": {"2021": 1}},  # no share is a mapping
        {"tv": "ARD", "turnout": "yes", "open": True},  # no numbers that could stand in a group
        {"susceptability": 0.2, "susceptibility": 0.3},  # a column beside the one that is gone by
        {"media_diet": {"podcasts": 0.5, "tv": 0.1, "TV": 0.2}},
        {"prior_beliefs": {"openness": 0.5}, "susceptability": None},
    ],
)
def test_attributes_of_any_other_name_are_not(attributes: dict[str, Any]) -> None:
    assert misspelled(attributes) == []


def test_people_are_counted() -> None:
    assert misspelled({"turnout": 1}, {}, {"turnout": 0, "tv": 0.5}) == [
        "turnout (2 people; did you mean turnout_propensity?)",
        "tv (1 person; did you mean media_diet.tv?)",
    ]


def test_a_model_is_shown_every_attribute_but_prior_beliefs_are_gone_by() -> None:
    data = {"susceptability": 0.2, "media_diet": {"TV": 0.1}, "prior_belief": {"rents": 0.7}}

    assert misspelled(data, are_offline=False) == ["prior_belief (1 person; did you mean prior_beliefs?)"]


def test_what_is_not_known_is_told_with_what_is_taken() -> None:
    people = [parse_person("a", {"susceptibility": 0.5, "media_diet": {"tv": 0.1}}), parse_person("b", {})]

    assert list(describe_unknown(people)) == [
        "taken as 0.25: media_diet.social_media (2), media_diet.tv (1), media_diet.newspaper (2), media_diet.blogs (2)",
        "taken as 0.5: susceptibility (1), trust_institution (2), confirmation_bias (2), social_network_influence (2), "
        + "risk_aversion (2), "
        + ", ".join(f"personality_traits.{trait} (2)" for trait in TRAITS),
        "taken as 0.7: turnout_propensity (2)",
    ]


def set_path(path: str, value: float) -> dict[str, Any]:
    group, _, name = path.rpartition(".")
    return {group: {name: value}} if group else {name: value}


def test_just_what_is_taken_where_it_is_not_known_acts() -> None:
    nothing_known = measure_temper(parse_person("a", {}))
    paths = [*SHARES, *(f"media_diet.{name}" for name in MEDIA), *(f"personality_traits.{name}" for name in TRAITS)]

    acting = {path for path in paths if measure_temper(parse_person("a", set_path(path, 1))) != nothing_known}
    assert acting == set(TAKEN)
    for path, taken in TAKEN.items():
        assert measure_temper(parse_person("a", set_path(path, taken))) == nothing_known


def test_check_says_it_and_run_warns_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner(env={"COLUMNS": "80"})
    runner.invoke(program, ["init", "."])
    rows = [json.loads(line) for line in Path("people.jsonl").read_text("utf-8").splitlines()]
    rows[0]["susceptability"] = rows[0].pop("susceptibility")
    Path("people.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")

    told = runner.invoke(program, ["check", "config.yaml"]).stdout
    data = json.loads(runner.invoke(program, ["check", "config.yaml", "--json"]).stdout)
    run = runner.invoke(program, ["run", "config.yaml", "--epochs", "1"])

    misspelled = "susceptability (1 person; did you mean susceptibility?)"
    head = "Attributes of people that look misspelled, and that nothing goes by:"
    assert f"{head}\n  {misspelled}\n\n" in told
    assert "Not known of as many people as stand in brackets:\n  taken as 0.5: susceptibility (1)\n\n" in told
    assert (data["misspelled"], data["unknown"]) == ([misspelled], ["taken as 0.5: susceptibility (1)"])
    assert run.stderr == f"Warning: {head} {misspelled}\n"
    assert run.exit_code == 0
