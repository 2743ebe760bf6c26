"""A configuration in a notebook, and what a run of it will do: every setting, what is assumed, topics, candidates."""

import re
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.config import Config
from synthetic_communities.configuration.settings import SETTINGS
from synthetic_communities.forecast.forecast import Forecast, StepForecast
from synthetic_communities.report.html import FOLD_BEYOND, STYLE

SMALL: dict[str, Any] = {
    "population_size": 3,
    "questions_per_topic": 1,
    "turns_per_question": 1,
    "num_epochs": 2,
    "random_seed": 7,
}
TOPIC = {"id": "rents", "title": "Rents", "description": "Cap rents?", "against": "leave rents", "for": "cap rents"}
TRAMS = {"id": "trams", "title": "Trams", "description": "Build a line?"}
NOOR = {"id": "noor", "name": "Aisha Noor", "description": "Lawyer.", "positions": {"rents": 0.7}}


def show(**changes: Any) -> str:
    """Return what a notebook shows of a configuration made in Python, without its style."""
    markup = Config(**{**SMALL, **changes})._repr_html_()
    assert markup.count(STYLE) == 1
    return markup.replace(f"<style>{STYLE}</style>", "")


def rows_of(markup: str, caption: str) -> list[list[str]]:
    """Return the cells of the table with this caption, its head first."""
    (table,) = re.findall(rf"<table><caption>{caption}</caption>(.*?)</table>", markup)
    rows = re.findall(r"<tr>(.*?)</tr>", table)
    return [re.findall(r"<t[hd](?: class=\"number\")?>(.*?)</t[hd]>", row) for row in rows]


def settings_of(markup: str) -> dict[str, tuple[str, str, str]]:
    """Return setting to value, unit, and whether it is assumed."""
    head, *rows = rows_of(markup, "Configuration")
    assert head == ["setting", "value", "unit", "", "meaning"]
    return {name: (value, unit, mark) for name, value, unit, mark, _ in rows}


class TestSettings:
    def test_what_is_stated_and_what_is_assumed(self) -> None:
        shown = settings_of(show(feed_size=5))
        assert shown["population_size"] == ("3", "people", "")
        assert shown["feed_size"] == ("5", "posts", "")
        assert shown["memory_epochs"] == ("1", "epochs", "assumed")
        assert shown["post_probability"] == ("0.07", "share", "assumed")
        assert shown["opening_opinions"] == ("true", "", "assumed")
        assert shown["model"] == ("offline", "", "assumed")
        assert shown["call_timeout_seconds"] == (
            "no limit; calls of models 120 s, of local servers 600 s",
            "seconds",
            "assumed",
        )
        assert shown["topics"] == ("none: there is no debate", "", "assumed")
        assert shown["world_story"] == ("none: nothing is told", "", "assumed")

    def test_every_setting_has_its_row_in_order_but_those_only_models_take(self) -> None:
        shown = settings_of(show())
        assert list(shown) == [setting.name for setting in SETTINGS if not setting.models_only]
        assert list(settings_of(show(model="ollama:qwen3:8b"))) == [setting.name for setting in SETTINGS]
        assert settings_of(show(temperature=0.5))["temperature"] == ("0.5", "temperature", "")

    def test_a_default_that_a_file_states_is_stated(self, tmp_path: Path) -> None:
        (tmp_path / "people.jsonl").write_text('{"name": "Ann"}\n' * 3, encoding="utf-8")
        stated = {**SMALL, "feed_size": 10, "population_file": "people.jsonl"}
        lines = [f"{name}: {value}" for name, value in stated.items()]
        (tmp_path / "town.yaml").write_text("\n".join(lines), encoding="utf-8")
        shown = settings_of(Config.from_yaml(tmp_path / "town.yaml")._repr_html_())
        assert shown["feed_size"] == ("10", "posts", "")
        assert shown["memory_epochs"] == ("1", "epochs", "assumed")


class TestTables:
    def test_topics(self) -> None:
        markup = show(topics=[TOPIC, TRAMS])
        assert rows_of(markup, "Topics") == [
            ["id", "title", "what is proposed", "-1 means", "+1 means"],
            ["rents", "Rents", "Cap rents?", "leave rents", "cap rents"],
            [
                "trams",
                "Trams",
                "Build a line?",
                "the proposal rejected (assumed)",
                "the proposal supported (assumed)",
            ],
        ]
        assert "topics" not in settings_of(markup)

    def test_candidates_with_their_positions(self) -> None:
        markup = show(topics=[TOPIC, TRAMS], candidates=[NOOR])
        assert rows_of(markup, "Candidates and their positions") == [
            ["id", "name", "description", "rents", "trams"],
            ["noor", "Aisha Noor", "Lawyer.", "+0.70", "-"],
        ]
        assert '<td class="number">+0.70</td>' in markup
        assert "candidates" not in settings_of(markup)

    def test_a_long_story_is_folded_and_a_short_one_is_not(self) -> None:
        assert show(world_story="A town.\nBy the sea.").endswith(
            "<p><strong>The world</strong></p>A town.<br>By the sea.</div>"
        )
        long = show(world_story="A town. " * FOLD_BEYOND)
        assert re.search(r"<p><strong>The world</strong></p><details><summary>A town\..{,120}\.\.\.</summary>", long)
        assert "world_story" not in settings_of(long)

    def test_the_bundled_scenario(self) -> None:
        config = Config.bundled()
        markup = config._repr_html_()
        assert len(rows_of(markup, "Topics")) == 1 + len(config.topics or ())
        assert len(rows_of(markup, "Candidates and their positions")) == 1 + len(config.candidates or ())
        assert "The world" in markup


HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m"


class TestWhateverItHolds:
    def test_no_text_is_markup(self) -> None:
        entry = dict.fromkeys(("id", "name", "title", "description", "against", "for"), HOSTILE)
        markup = show(
            topics=[entry], candidates=[entry], world_story=HOSTILE * 100, population_file=HOSTILE, model=HOSTILE
        )
        assert "<script" not in markup
        assert markup.count("&lt;script&gt;") > 10
        assert not re.search("[\x1b\u202e]", markup)

    def test_a_name_of_ten_thousand_characters_is_cut(self) -> None:
        markup = show(topics=[{**TOPIC, "id": "x" * 10_000}], candidates=[{**NOOR, "name": "y" * 10_000}])
        assert "<details><summary>" + "y" * 117 + "...</summary>" in markup
        assert '<th class="number">' + "x" * 117 + "...</th>" in markup

    @pytest.mark.parametrize(
        "values",
        [
            {"topics": "rents", "candidates": 3, "world_story": 5},
            {"topics": ["rents", None], "candidates": [["noor"]]},
            {"topics": [{"id": 3}], "candidates": [{"positions": "left"}, {"positions": {"rents": "left", 3: 1}}]},
            {"population_size": "many", "opening_opinions": "yes", "model": 3, "feed_size": [1, 2], "num_epochs": None},
        ],
    )
    def test_what_could_never_run_is_shown_as_it_is(self, values: dict[str, Any]) -> None:
        assert show(**values).startswith('<div class="synthetic-communities"><table>')

    def test_what_is_no_list_and_what_is_no_mapping_can_be_seen(self) -> None:
        assert settings_of(show(topics="rents"))["topics"] == ("rents", "", "")
        assert rows_of(show(topics=[7, TOPIC]), "Topics")[1][:2] == ["7", "-"]
        candidates = show(topics=[TOPIC], candidates=[{"id": "a", "positions": {"rents": "left"}}])
        assert rows_of(candidates, "Candidates and their positions")[1] == ["a", "-", "-", "left"]


class TestForecast:
    def test_a_table_with_its_sums_and_what_is_said_below_it(self) -> None:
        steps = (
            StepForecast("opening_position", 2, is_exact=False, calls=2),
            StepForecast("ballot", 1_200, is_exact=True, calls=1_200),
        )
        forecast = Forecast(steps, levels=1_003, max_concurrent=20)
        markup = forecast._repr_html_()
        assert rows_of(markup, "Forecast") == [
            ["", "", "acts", "calls"],
            ["opening positions", "at most", "2", "2"],
            ["ballots", "", "1,200", "1,200"],
            ["in all", "at most", "1,202", "1,202"],
        ]
        assert markup.count('class="number"') == 3 * 4
        below = str(forecast).split("\n\n")[1].splitlines()
        assert markup.endswith("".join(f"<p>{line}</p>" for line in below) + "</div>")

    def test_where_no_model_is_asked_there_is_no_column_for_it(self) -> None:
        steps = (StepForecast("post", 3, is_exact=True, calls=0),)
        rows = rows_of(Forecast(steps, levels=1, max_concurrent=20)._repr_html_(), "Forecast")
        assert rows == [["", "", "acts"], ["posts", "", "3"], ["in all", "", "3"]]
