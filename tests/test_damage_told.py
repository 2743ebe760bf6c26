"""Damage that was passed over: everything that is shown of such a run says so, and strict reading names the way on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from synthetic_communities import SimulationResult, load_run
from synthetic_communities.errors import RecordError, UsageError
from synthetic_communities.report.extent import spell_damaged
from synthetic_communities.report.numbers.figures import build_json
from synthetic_communities.report.record import Missing
from synthetic_communities.report.stories.outline import Told
from synthetic_communities.report.terminal.tables import MAX_LINES, build_line, build_tables
from synthetic_communities.runs.directory import BALLOTS, BELIEFS, CONVERSATIONS, EPOCHS, EXPOSURES, FAILED_CALLS
from tests.small_records import MOVES, cast, make_record, move
from tests.spoken_communities import TROUBLE, run_spoken

FIGURES = "Damaged: 2 places could not be read; the figures are of what could."
WAY_ON = "; load_run(path, skip_damaged=True) reads past it"

TOLD: dict[str, tuple[Callable[[SimulationResult], Told], str]] = {
    "story": (lambda run: run.story("p0"), r"Story\('p0', run 'run_\w+'\)"),
    "debate": (lambda run: run.debate("0.0.0"), r"Debate\('e0/debate/t0/q0'\)"),
    "conversation": (lambda run: run.conversation("e0/chat/p2+p0"), r"Conversation\('e0/chat/p2\+p0'\)"),
    "feed": (lambda run: run.feed(0), r"Feed\(0, 3 posts\)"),
    "failed acts": (lambda run: run.failed_acts(), r"FailedActs\(7 acts\)"),
}
"""What is told in words: how to have it, and how it is put in one line."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    """A run of three people in which acts fail in every way."""
    return run_spoken(tmp_path_factory.mktemp("spoken"), TROUBLE)


def damage(run: SimulationResult, folder: Path, *places: tuple[str, int]) -> Path:
    """Return a copy of the run in which these lines are nonsense."""
    for file in run.path.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    for file_name, number in places:
        lines = (folder / file_name).read_text("utf-8").splitlines()
        lines[number - 1] = "nonsense"
        (folder / file_name).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return folder


class TestFigures:
    def test_tables_line_and_json_say_how_many_places_are_damaged(self, run: SimulationResult, tmp_path: Path) -> None:
        path = damage(run, tmp_path, (BELIEFS, 2), (BALLOTS, 1), (EXPOSURES, 1))
        lenient = load_run(path, skip_damaged=True)

        assert FIGURES in lenient.summary().splitlines()[:4]
        assert ", complete, 2 damaged, scripted: " in str(lenient)
        assert lenient.measures["damaged"] == 2
        assert lenient.measures == build_json(lenient.record, path)
        assert [each.split(" is damaged")[0] for each in lenient.record.damages] == [
            f"{path / BELIEFS}:2",
            f"{path / BALLOTS}:1",
        ]

    def test_the_number_is_the_same_whatever_was_read_before(self, run: SimulationResult, tmp_path: Path) -> None:
        path = damage(run, tmp_path, (BELIEFS, 2), (BALLOTS, 1), (EXPOSURES, 1))
        (path / FAILED_CALLS).write_text("nonsense\n", "utf-8")
        late = load_run(path, skip_damaged=True)
        assert late.failed_calls == []
        assert len(late.beliefs) + len(late.ballots) + len(late.exposures) > 0
        assert len(late.damages) == 4

        early = load_run(path, skip_damaged=True)
        assert late.record == early.record
        assert late.story("p0") == early.story("p0")
        assert len(early.damages) == 3, "what a story came upon is damage of the run"

    def test_a_whole_run_says_nothing_of_damage(self, run: SimulationResult) -> None:
        shown = [run.summary(), str(run), run._repr_html_(), *(str(find(run)) for find, _ in TOLD.values())]

        assert "damage" not in " ".join(shown).lower()
        assert run.measures["damaged"] == 0

    def test_one_place_is_one_place(self) -> None:
        assert spell_damaged(1, "the figures").startswith("Damaged: 1 place could not be read; ")
        assert spell_damaged(0, "the figures") == ""

    @pytest.mark.parametrize("width", [80, 100])
    def test_a_crowded_run_still_fits_on_one_screen(self, width: int) -> None:
        people = {f"p{number}": "" for number in range(60)}
        record = make_record(
            [move(who, "opening", 0.1, topic_id="t1") for who in people],
            status="failed",
            people=people,
            candidates={f"c{number}": f"Candidate {number}" for number in range(30)},
            topics={f"t{number}": f"Topic {number}" for number in range(20)},
            ballots={who: cast("c1") for who in people},
            missing=[Missing(step, "failed", "timeout") for step in ("post", "question", "chat_turn", "reaction")],
            mind="one",
            candidate_mind="other",
            candidate_mind_because="so it was",
            damages=("x",) * 1_234,
        )
        lines = build_tables(record, width).splitlines()

        assert len(lines) == MAX_LINES
        assert max(map(len, lines)) <= width
        assert "Damaged: 1,234 places could not be read; the figures are of what could." in lines
        assert "1,234 damaged, one and other" in build_line(record)

    def test_a_record_says_how_much_is_damaged_only_if_something_is(self) -> None:
        record = make_record(MOVES)

        assert set(build_tables(replace(record, damages=("x", "y"))).splitlines()) - set(
            build_tables(record).splitlines()
        ) == {FIGURES}


class TestWords:
    @pytest.mark.parametrize(
        ("name", "places", "said"),
        [
            ("story", [(BELIEFS, 2), (EXPOSURES, 1)], "2 places could not be read; its words and figures are of what"),
            ("conversation", [(CONVERSATIONS, 1)], "1 place could not be read; its turns are of what could."),
            ("failed acts", [(EPOCHS, 1), (BALLOTS, 1)], "2 places could not be read; these acts are of what could."),
        ],
    )
    def test_what_may_lack_something_says_so_at_its_head(
        self, run: SimulationResult, tmp_path: Path, name: str, places: list[tuple[str, int]], said: str
    ) -> None:
        told = TOLD[name][0](load_run(damage(run, tmp_path, *places), skip_damaged=True))

        assert f"Damaged: {said}" in " ".join(item.text for item in told.sections()[0].items)
        assert f"Damaged: {said}" in told._repr_html_()
        assert "Damaged: " in told.text(100).partition("\n\n")[0]

    def test_a_damaged_call_is_counted(self, run: SimulationResult, tmp_path: Path) -> None:
        path = damage(run, tmp_path)
        (path / FAILED_CALLS).write_text("nonsense\n", "utf-8")

        assert load_run(path, skip_damaged=True).failed_acts().damaged == 1

    def test_what_is_whole_is_told_as_in_the_whole_run(self, run: SimulationResult, tmp_path: Path) -> None:
        lenient = load_run(damage(run, tmp_path, (EPOCHS, 2)), skip_damaged=True)

        assert lenient.debate("0.0.0") == run.debate("0.0.0")
        assert lenient.feed(0) == run.feed(0)

    @pytest.mark.parametrize("name", TOLD)
    def test_a_value_is_put_in_one_line(self, run: SimulationResult, name: str) -> None:
        find, pattern = TOLD[name]

        assert re.fullmatch(pattern, repr(find(run)))

    def test_a_long_and_hostile_id_is_put_in_one_short_line(self, run: SimulationResult) -> None:
        story = replace(run.story("p0"), persona_id="\x1b\n" * 10_000)

        assert repr(story).isprintable()
        assert len(repr(story)) < 200


class TestNotebook:
    def test_a_strict_result_shows_what_is_readable_with_its_damage(
        self, run: SimulationResult, tmp_path: Path
    ) -> None:
        path = damage(run, tmp_path, (BELIEFS, 2), (BALLOTS, 1))
        strict = load_run(path)

        markup = strict._repr_html_()

        assert "2 damaged places passed over: what follows lacks what stood there" in markup
        assert f"{path / BELIEFS}:2 is damaged: " in markup
        assert markup == load_run(path, skip_damaged=True)._repr_html_()
        with pytest.raises(RecordError):
            strict.summary()
        assert strict.damages == ()

    def test_what_only_a_list_holds_is_no_damage_of_the_page(self, run: SimulationResult, tmp_path: Path) -> None:
        lenient = load_run(damage(run, tmp_path, (EXPOSURES, 1)), skip_damaged=True)
        _ = lenient.exposures

        assert len(lenient.damages) == 1
        assert "damaged" not in lenient._repr_html_()


class TestWayOn:
    @pytest.mark.parametrize("find", [find for find, _ in TOLD.values()], ids=list(TOLD))
    def test_an_error_names_it_once(
        self, run: SimulationResult, tmp_path: Path, find: Callable[[SimulationResult], Told]
    ) -> None:
        path = damage(run, tmp_path, (EPOCHS, 2))
        with pytest.raises(RecordError) as caught:
            find(load_run(path))

        assert str(caught.value).startswith(f"{path / EPOCHS}:2 is damaged: ")
        assert str(caught.value).endswith(WAY_ON)
        assert str(caught.value).count(WAY_ON) == 1

    def test_a_feed_whose_line_is_damaged(self, run: SimulationResult, tmp_path: Path) -> None:
        lenient = load_run(damage(run, tmp_path, (EPOCHS, 1)), skip_damaged=True)

        with pytest.raises(UsageError) as caught:
            lenient.feed(0)
        assert str(caught.value) == f"epoch 0 cannot be read: {lenient.damages[0]}; readable are 1"
        assert f"{EPOCHS}:1 is damaged" in str(caught.value)
        with pytest.raises(UsageError) as caught:
            lenient.feed(7)
        assert str(caught.value) == (
            "epoch 7 is not recorded; recorded are 1; 1 place could not be read, where it may have been"
        )

    def test_the_only_feed_is_damaged(self, run: SimulationResult, tmp_path: Path) -> None:
        lenient = load_run(damage(run, tmp_path, (EPOCHS, 1), (EPOCHS, 2)), skip_damaged=True)

        with pytest.raises(UsageError, match=r"^epoch 1 cannot be read: .*:2 is damaged: .*; no other can be read$"):
            lenient.feed(1)

    def test_a_conversation_that_may_be_damaged(self, run: SimulationResult, tmp_path: Path) -> None:
        number = len(run.conversations)
        places = [(CONVERSATIONS, place) for place in range(1, number + 1)]
        lenient = load_run(damage(run, tmp_path, *places), skip_damaged=True)

        with pytest.raises(UsageError, match=f"; {number} places could not be read, where it may have been$"):
            lenient.conversation("e0/chat/p2+p0")


class TestWrongTypes:
    @pytest.mark.parametrize(
        ("method", "given", "message"),
        [
            ("story", 56, "a person is meant by its id or its name, which is a text; this is 56"),
            ("story", ["p0"], "a person is meant by its id or its name, which is a text; this is ['p0']"),
            (
                "conversation",
                None,
                "a conversation is meant by its id, as in 'e0/chat/p010+p036', which is a text; this is None",
            ),
            (
                "debate",
                None,
                "a debate is meant by epoch, topic and question, as in '0.rents.1', or by its id, which is a text; "
                "this is None",
            ),
            ("feed", "0", "an epoch is meant by its number, counted from 0; this is '0'"),
            ("feed", None, "an epoch is meant by its number, counted from 0; this is None"),
            ("feed", 0.5, "an epoch is meant by its number, counted from 0; this is 0.5"),
        ],
    )
    def test_what_is_wanted_is_said(self, run: SimulationResult, method: str, given: Any, message: str) -> None:
        with pytest.raises(UsageError) as caught:
            getattr(run, method)(given)
        assert str(caught.value) == message

    def test_a_picture_of_nobody(self, run: SimulationResult) -> None:
        who: Any = 56
        with pytest.raises(UsageError, match=r"^a person is meant by its id or its name, which is a text; this is 56$"):
            run.plot.person(who)

    def test_a_number_out_of_a_data_frame_is_a_number(self, run: SimulationResult) -> None:
        epoch: Any = numpy.int64(1)

        assert run.feed(epoch) == run.feed(1)
