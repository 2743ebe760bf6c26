"""What a run does for one person does not grow with the number of people: counted, not timed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import synthetic_communities.domain.person as person_module
from synthetic_communities.domain.person import Reading, parse_person
from synthetic_communities.errors import ConfigurationError, RecordError
from synthetic_communities.persona import Persona
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.runs.directory import METADATA
from synthetic_communities.simulation import simulation
from synthetic_communities.simulation.events import Events
from synthetic_communities.social_media import Post, SocialMedia
from tests.small_communities import make_config, make_engine, run_engine


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each person's attributes were parsed."""
    counts: Counter[str] = Counter()

    def count(person_id: str, data: Any) -> Any:
        counts[person_id] += 1
        return parse_person(person_id, data)

    monkeypatch.setattr(person_module, "parse_person", count)
    return counts


class TestAttributes:
    def test_a_run_parses_each_persons_attributes_once(self, parsed: Counter[str], tmp_path: Path) -> None:
        run_engine(make_engine(make_config(6, num_epochs=2)), tmp_path)
        assert parsed == {f"p{number}": 1 for number in range(6)}

    def test_what_a_script_changes_between_verbs_is_seen(self, parsed: Counter[str]) -> None:
        persona = Persona("ann", {"age": 41, "susceptibility": 0.5, "media_diet": {"tv": 0.5}, "interests": ["chess"]})
        first = persona.person()
        assert persona.person() is first
        persona.features["susceptibility"] = 0.7
        assert persona.person().shares == {"susceptibility": 0.7}
        persona.features["media_diet"]["tv"] = 0.25
        assert persona.person().media_diet == {"tv": 0.25}
        persona.features["media_diet"]["blogs"] = 0.5
        assert persona.person().media_diet == {"tv": 0.25, "blogs": 0.5}
        persona.features["interests"].append("rowing")
        assert persona.person().attributes["interests"] == ["chess", "rowing"]
        persona.features["city"] = "Norrhaven"
        assert persona.person().attributes["city"] == "Norrhaven"
        del persona.features["age"]
        assert "age" not in persona.person().attributes
        persona.id = "bo"
        assert persona.person().id == "bo"
        persona.features = {"age": 3}
        assert persona.person().attributes == {"age": 3}
        assert first.shares == {"susceptibility": 0.5}, "views that were shown hold still"
        assert first.media_diet == {"tv": 0.5}
        assert parsed == {"ann": 6, "bo": 2}

    def test_what_a_script_breaks_between_verbs_is_refused(self) -> None:
        persona = Persona("ann", {"media_diet": {"tv": 0.5}, "personality_traits": {"openness": 1}})
        persona.person()
        persona.features["personality_traits"]["openness"] = "very"
        with pytest.raises(ConfigurationError, match="'very' is no number from 0 to 1"):
            persona.person()
        persona.features["personality_traits"] = None
        assert persona.person().traits == {}

    def test_nulls_and_whole_numbers_are_no_reason_to_parse_again(self, parsed: Counter[str]) -> None:
        data = {"job": None, "timestamp": 3, "_row": 4, "media_diet": {"tv": None, "blogs": 1}, "prior_beliefs": {}}
        persona = Persona("ann", data)
        assert [persona.person().media_diet for _ in range(3)] == [{"blogs": 1.0}] * 3
        assert parsed == {"ann": 1}

    def test_the_order_of_attributes_is_part_of_them(self) -> None:
        reading = Reading.of("ann", {"age": 3, "city": 3})
        assert reading.holds_for("ann", {"age": 3, "city": 3})
        assert not reading.holds_for("ann", {"city": 3, "age": 3})


class CountedId(str):
    """An id that counts how often one is compared with another."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        CountedId.compared += 1
        return super().__eq__(other)

    __hash__ = str.__hash__


def make_posts(number: int) -> Iterator[Post]:
    """Return posts whose ids count."""
    return (Post(CountedId(f"post-{each}"), f"p{each}", "Words.") for each in range(number))


class TestPlatform:
    @pytest.mark.parametrize("number", [50, 400])
    def test_posts_and_reactions_are_found_without_looking_through_all_posts(self, number: int) -> None:
        platform = SocialMedia()
        CountedId.compared = 0
        ids = platform.add_posts(make_posts(number))
        platform.add_reactions((CountedId(post_id), "ann", "thumbs_up") for post_id in ids)
        assert ids == [f"post-{each}" for each in range(number)]
        assert [post.likes for post in platform.posts] == [1] * number
        assert CountedId.compared <= 4 * number

    def test_what_a_script_does_to_the_list_of_posts_is_seen(self) -> None:
        platform = SocialMedia()
        platform.add_posts(make_posts(2))
        platform.posts.append(Post("own", "ann", "Words."))
        platform.posts[0] = Post("other", "bo", "Words.")
        platform.add_reactions([("own", "bo", "thumbs_up"), ("other", "bo", "thumbs_down")])
        assert [(post.id, post.likes, post.dislikes) for post in platform.posts] == [
            ("other", 0, 1),
            ("post-1", 0, 0),
            ("own", 1, 0),
        ]
        platform.posts.append(Post("late", "ann", "Words."))
        platform.add_reaction("late", "bo", "thumbs_up")
        assert platform.posts[-1].likes == 1
        platform.posts.clear()
        assert platform.add_posts([{"id": "own", "persona_id": "ann", "content": "Again."}]) == ["own"]

    def test_posts_are_refused_as_one_by_one(self) -> None:
        platform = SocialMedia()
        posts = [{"persona_id": "ann", "content": "One."}, {"id": "post-1", "persona_id": "bo", "content": "Two."}]
        with pytest.raises(Exception, match="'post-1' is on this platform already"):
            platform.add_posts(posts)
        assert [post.content for post in platform.posts] == ["One."]
        with pytest.raises(Exception, match="no post with id 'nowhere'"):
            platform.add_reactions([("post-1", "bo", "thumbs_up"), ("nowhere", "bo", "thumbs_up")])
        assert platform.posts[0].likes == 1
        assert platform.add_post({"persona_id": "cem", "content": "Three."}) == "post-2"

    def test_many_posts_without_ids_get_their_own(self) -> None:
        platform = SocialMedia()
        platform.add_post({"id": "post-3", "persona_id": "ann", "content": "There already."})
        assert platform.add_posts([{"persona_id": "ann", "content": "New."}] * 3) == ["post-2", "post-4", "post-5"]


class TestRows:
    def test_rows_of_posts_are_dictionaries_of_their_own(self) -> None:
        people = [Persona(who) for who in ("ann", "bo")]
        post = Post("x", "cem", "Words.", likes=2, epoch=1)
        for persona in people:
            persona.react_to_post(post)
        rows = [persona.social_media_knowledge[0] for persona in people]
        assert rows[0] == {
            "id": "x",
            "persona_id": "cem",
            "content": "Words.",
            "likes": 2,
            "dislikes": 0,
            "epoch": 1,
        }
        rows[0]["content"] = "Other words."
        rows[0]["mine"] = True
        assert (rows[1]["content"], "mine" in rows[1]) == ("Words.", False)
        assert type(rows[0]) is dict


class TestEvents:
    def test_nothing_is_kept_of_feeds_shown_once_an_epoch_of_a_person_has_ended(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made: list[Events] = []

        def make_events(*arguments: Any, **named: Any) -> Events:
            made.append(Events(*arguments, **named))
            return made[-1]

        monkeypatch.setattr(simulation, "Events", make_events)
        run_engine(make_engine(make_config(6, num_epochs=2)), tmp_path)
        (events,) = made
        assert events.shown == {}
        assert events.reactions == {}
        assert events.affinities_at_end == {}


class TestResult:
    def test_what_grows_with_people_is_read_when_it_is_asked_for(self, tmp_path: Path) -> None:
        result = run_engine(make_engine(make_config(3)), tmp_path)
        (tmp_path / result.path.name / METADATA).unlink()
        with pytest.raises(RecordError, match="is no run directory"):
            _ = result.metadata

    @pytest.mark.parametrize(
        ("change", "fault"),
        [
            (lambda text: text.replace('"format_version": 1', '"format_version": 12'), "format version 12"),
            (lambda text: text.replace('"format_version": 1', '"format_version": "1"'), "format version '1'"),
            (lambda text: text[:20], "cannot be read"),
        ],
    )
    def test_a_directory_of_another_version_is_refused_at_once(self, change: Any, fault: str, tmp_path: Path) -> None:
        path = run_engine(make_engine(make_config(2, num_epochs=1)), tmp_path).path
        file = path / METADATA
        file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")
        with pytest.raises(RecordError, match=fault):
            SimulationResult(path)

    def test_metadata_laid_out_otherwise_is_read_too(self, tmp_path: Path) -> None:
        path = run_engine(make_engine(make_config(2, num_epochs=1)), tmp_path).path
        metadata = json.loads((path / METADATA).read_text(encoding="utf-8"))
        (path / METADATA).write_text(json.dumps(metadata), encoding="utf-8")
        assert SimulationResult(path).metadata == metadata
