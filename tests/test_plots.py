"""Pictures: what stands in them, that they need no colour, and that neither styles nor names can break them."""

from __future__ import annotations

import copy
import pickle
import struct
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.style
import numpy
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle, StepPatch
from matplotlib.text import Text

from synthetic_communities.errors import UsageError
from synthetic_communities.report.pictures import fonts
from synthetic_communities.report.pictures.beliefs import MOMENTS_SHOWN, TOPICS_SHOWN
from synthetic_communities.report.pictures.plots import Plots
from synthetic_communities.report.pictures.sheet import make_png
from synthetic_communities.report.pictures.votes import BAR, CANDIDATE_LOOKS, CANDIDATES_SHOWN, STAGES_SHOWN
from synthetic_communities.report.plots import name_file, save_plots
from synthetic_communities.report.record import Record
from synthetic_communities.report.result import load_run
from tests.small_communities import run_community
from tests.small_records import BALLOTS, MOVES, cast, make_record, move

SIGNATURE = b"\x89PNG\r\n\x1a\n"

WHOLE = make_record(MOVES, ballots=BALLOTS, in_favour={"rents": "cap rents"})

HOSTILE = (
    "$x_1^2$ $\\frac{",
    "_hidden",
    "\x1b[31mred\x1b[0m\x00\x9b",
    "two\nlines\ttabbed",
    "\u202egnp.exe",
    "<b>&amp;</b> {0} %s",
    "x" * 10_000,
    "\u0301" * 10_000,
    "\U0001f468\u200d\U0001f469" * 50,
    "東京都知事" * 40,
    "رئيس البلدية",
    "half \ud800 a pair",
    "",
)


def draw_all(record: Record) -> dict[str, Figure]:
    plots = Plots(record)
    people = {f"person {who}": plots.person(who) for who in list(record.people)[:1]}
    return {"beliefs": plots.beliefs(), "votes": plots.votes(), **people}


def texts_of(figure: Figure) -> list[str]:
    """Return every text of a figure: those on the sheet, then panel by panel, those of the axes last."""
    texts = list(figure.texts)
    for panel in figure.axes:
        axes = [*panel.get_xticklabels(), panel.xaxis.label, *panel.get_yticklabels(), panel.yaxis.label]
        texts += [*panel.texts, *axes] if panel.axison else panel.texts
    return [text.get_text() for text in texts if text.get_text()]


def chunks_of(png: bytes) -> Iterator[bytes]:
    place = len(SIGNATURE)
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        yield png[place + 4 : place + 8]
        place += 12 + length


class TestBeliefs:
    def test_a_panel_for_every_topic_and_moment(self) -> None:
        moves = [*MOVES, move("a", "opening", 0.75, topic_id="trams")]
        figure = Plots(make_record(moves, topics={"rents": "Rents", "trams": "Trams"})).beliefs()
        assert len(figure.axes) == 2 * 3
        assert {"Rents", "Trams"} <= set(texts_of(figure))

    def test_what_stands_there(self) -> None:
        assert texts_of(Plots(WHOLE).beliefs()) == [
            "How stances are distributed: Norrhaven",
            "3 people, seed 7, offline mind. One run is one draw of chance.",
            "Bars: how many people stand where, from -1 (against) to +1 (for). Dashed: the first moment",
            "shown. Thick line: the mean. sd: standard deviation. n: people with a stance.",
            "Rents (+1: cap rents)",
            *("mean +0.00, sd 0.71, n 2", "opening", "-1", "0", "+1", "stance", "0", "1", "people"),
            *("mean +0.45, sd 0.64, n 3", "end of epoch 0", "-1", "0", "+1", "stance"),
            *("mean +0.22, sd 0.60, n 3", "end of epoch 1", "-1", "0", "+1", "stance"),
        ]

    def test_bars_are_people_and_the_first_moment_is_dashed(self) -> None:
        panels = Plots(WHOLE).beliefs().axes
        bars = [[list(step.get_data().values) for step in panel.findobj(StepPatch)] for panel in panels]
        opening = [0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]
        assert bars[0] == [opening, opening]
        last = [0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1]
        assert bars[2] == [last, last, opening]
        (outline,) = (step for step in panels[2].findobj(StepPatch) if step.get_linestyle() not in ("-", "solid"))
        assert list(outline.get_data().values) == opening

    def test_panels_of_a_row_have_one_scale(self) -> None:
        moves = [move(who, "opening", 0.5) for who in "abc"] + [move("a", "0 chat", -0.5), move("b", "1 chat", 0.0)]
        panels = Plots(make_record(moves)).beliefs().axes
        assert {panel.get_ylim() for panel in panels} == {(0.0, 3 * 1.05)}

    def test_many_moments_and_topics(self) -> None:
        topics = {f"t{number}": f"Topic {number}" for number in range(TOPICS_SHOWN + 3)}
        moves = [move("a", f"{epoch} chat", 0.5, topic_id="t0") for epoch in range(30)]
        figure = Plots(make_record(moves, topics=topics, epochs_ended=30)).beliefs()
        assert len(figure.axes) == TOPICS_SHOWN * MOMENTS_SHOWN
        texts = texts_of(figure)
        assert "5 of 30 moments are shown. 12 of 15 topics are shown." in " ".join(texts)
        assert [text for text in texts if text.startswith("end of epoch")][:MOMENTS_SHOWN] == [
            f"end of epoch {epoch}" for epoch in (0, 7, 14, 22, 29)
        ]

    @pytest.mark.parametrize(
        ("record", "reason"),
        [
            (make_record(topics={}), "There are no topics in this run."),
            (make_record(epochs_ended=0), "No stances are recorded."),
        ],
    )
    def test_where_there_is_nothing_to_be_seen_it_says_why(self, record: Record, reason: str) -> None:
        figure = Plots(record).beliefs()
        assert figure.axes == []
        assert texts_of(figure)[-1] == reason


class TestVotes:
    def test_what_stands_there(self) -> None:
        assert texts_of(Plots(WHOLE).votes()) == [
            "How first choices flow into the ballots: Norrhaven",
            "3 people, seed 7, offline mind. One run is one draw of chance.",
            "The height of each part is a number of people; each column holds everybody. "
            "Pale bands: people who stayed. Dark bands:",
            "people who went elsewhere. Very low parts carry no number.",
            *("1", "1", "1", "1", "2", "1", "2", "1", "1", "1"),
            *("opening", "end of epoch 0", "end of epoch 1", "ballot", "0", "3", "people"),
            *("Aisha Noor", "Johan Berg", "no first choice", "abstained", "failed"),
        ]

    def test_the_parts_of_every_column_sum_to_the_people(self) -> None:
        panel = Plots(WHOLE).votes().axes[0]
        columns: dict[float, list[tuple[float, float]]] = {}
        for part in panel.findobj(Rectangle):
            if part is not panel.patch:
                columns.setdefault(part.get_x() + BAR / 2, []).append((part.get_y(), part.get_height()))
        assert {stage: sorted(parts) for stage, parts in columns.items()} == {
            0: [(0, 1), (1, 1), (2, 1)],
            1: [(0, 1), (1, 2)],
            2: [(0, 1), (1, 2)],
            3: [(0, 1), (1, 1), (2, 1)],
        }
        assert panel.get_ylim() == (0, 3)

    def test_bands_lead_from_part_to_part_and_changes_are_darker(self) -> None:
        bands = [patch for patch in Plots(WHOLE).votes().axes[0].patches if isinstance(patch, PathPatch)]
        found = []
        for band in bands:
            places = [tuple(place) for place in band.get_path().vertices]
            (left, top), (right, next_top) = places[0], places[3]
            found.append((round(left - BAR / 2), top, round(right + BAR / 2), next_top, band.get_facecolor()[0]))
        middle = [(top, next_top, grey) for left, top, right, next_top, grey in found if (left, right) == (1, 2)]
        assert middle == [(3, 3, 0.93), (1, 2, 0.5), (2, 1, 0.5)]
        assert len(found) == 3 * 3

    def test_every_group_has_a_look_of_its_own(self) -> None:
        figure = Plots(WHOLE).votes()
        swatches = figure.axes[1].patches
        assert len({(swatch.get_facecolor(), swatch.get_hatch()) for swatch in swatches}) == 5

    def test_on_dark_parts_the_pattern_is_light(self) -> None:
        ballots = {"a": cast(status="not_asked"), "b": cast(), "c": cast("noor")}
        panel = Plots(make_record(MOVES, ballots=ballots)).votes().axes[1]
        looks = {(part.get_facecolor()[0], part.get_edgecolor()[0]) for part in panel.patches}
        assert {(light < 0.5, edge) for light, edge in looks} == {(True, 1.0), (False, 0.0)}

    def test_a_part_too_low_for_its_number_has_none(self) -> None:
        people = {f"p{number}": f"Person {number}" for number in range(200)}
        moves = [move(who, "opening", 0.0, "noor" if who in ("p0", "p1", "p2") else "berg") for who in people]
        texts = texts_of(Plots(make_record(moves, people=people, epochs_ended=0)).votes())
        assert "197" in texts
        assert "3" not in texts

    def test_many_candidates_and_moments(self) -> None:
        candidates = {f"c{number}": f"Candidate {number}" for number in range(CANDIDATES_SHOWN + 1)}
        people = {f"p{number}": f"Person {number}" for number in range(len(candidates))}
        moves = [move(who, "opening", 0.0, f"c{number}") for number, who in enumerate(people)]
        record = make_record(moves, people=people, candidates=candidates, epochs=30, epochs_ended=30)
        figure = Plots(record).votes()
        texts = texts_of(figure)
        assert "8 of 31 moments are shown. The other candidates share a pattern; changes among" in " ".join(texts)
        assert "2 other candidates" in texts
        assert len(figure.axes[1].patches) == CANDIDATES_SHOWN == len(set(CANDIDATE_LOOKS))
        assert len([text for text in texts if text == "opening" or "epoch" in text]) == STAGES_SHOWN

    @pytest.mark.parametrize(
        ("record", "reason"),
        [
            (make_record(MOVES, candidates={}), "There are no candidates in this run."),
            (make_record(epochs_ended=0), "No first choices and no ballots are recorded."),
            (make_record(people={}), "No first choices and no ballots are recorded."),
        ],
    )
    def test_where_there_is_nothing_to_be_seen_it_says_why(self, record: Record, reason: str) -> None:
        figure = Plots(record).votes()
        assert figure.axes == []
        assert texts_of(figure)[-1] == reason


class TestPerson:
    def test_what_stands_there(self) -> None:
        assert texts_of(Plots(WHOLE).person("a")) == [
            "The way of Ann Ek (a): Norrhaven",
            "3 people, seed 7, offline mind. One run is one draw of chance.",
            "Diamond: opening. Square: after debates. Circle: after conversations. Triangle: after the",
            "feed. Hollow: cut short by the bound on one update. Cross: no answer on this topic, the",
            "stance stays. No sign: not asked. Dotted lines: the first choice changed. Star: the",
            "ballot.",
            *(
                "Rents (+1: cap rents)",
                "+0.50 to -0.25; debates -0.60, conversations -0.15",
                "First choice, and the ballot",
            ),
            *("against -1", "0", "for +1", "stance"),
            *("opening", "0", "1", "ballot", "epoch"),
            *("Aisha Noor", "Johan Berg", "no first choice", "abstained"),
        ]

    def test_signs_say_what_moved_it_and_how_that_ended(self) -> None:
        ann, bo = (Plots(WHOLE).person(who).axes[0] for who in "ab")
        assert find_signs(ann) == [
            (0, 0.5, "D", "black"),
            (1, 0.6, "s", "black"),
            (2, 0.6, "x", "black"),
            (3, -0.1, "s", "black"),
            (4, -0.25, "o", "black"),
        ]
        assert find_signs(bo) == [(0, -0.5, "D", "black"), (1, -0.25, "s", "white"), (2, 0.0, "s", "black")]

    def test_a_line_leads_through_the_stances_there_are(self) -> None:
        cai = Plots(WHOLE).person("c").axes[0]
        lines = [list(zip(*line.get_data(), strict=True)) for line in cai.lines if line.get_color() == "0.45"]
        assert lines == [[(1, 0.25), (2, 1.0), (3, 0.9)]]

    def test_first_choices_and_the_ballot(self) -> None:
        panel = Plots(WHOLE).person("a").axes[-1]
        (way,) = (line for line in panel.lines if line.get_marker() == ".")
        (ballot,) = (line for line in panel.lines if line.get_marker() == "*")
        assert list(zip(*way.get_data(orig=True), strict=True)) == [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2)]
        assert [list(values) for values in ballot.get_data()] == [[5], [3]]
        for axes in Plots(WHOLE).person("a").axes:
            assert [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"] == [3, 4]

    def test_without_a_ballot_no_star(self) -> None:
        figure = Plots(make_record(MOVES)).person("a")
        assert [line for line in figure.axes[-1].lines if line.get_marker() == "*"] == []
        assert "ballot" not in texts_of(figure)

    def test_a_step_of_a_later_version_is_shown(self) -> None:
        panel = (
            Plots(make_record([move("a", "opening", 0.5), move("a", "0 vigil", 0.75, before=0.5)])).person("a").axes[0]
        )
        assert find_signs(panel) == [(0, 0.5, "D", "black"), (1, 0.75, "P", "black")]

    @pytest.mark.parametrize(
        ("epochs", "numbered"),
        [
            (14, range(14)),
            (30, range(1, 29)),
            (50, range(2, 50, 2)),
            (100, range(5, 100, 5)),
            (1_000, range(50, 1_000, 50)),
        ],
    )
    def test_a_long_run_numbers_epochs_at_even_distances(self, epochs: int, numbered: range) -> None:
        moves = [move("a", f"{epoch} {step}", 0.1) for epoch in range(epochs) for step in ("debate", "chat", "social")]
        figure = Plots(make_record([move("a", "opening", 0.1), *moves], ballots=BALLOTS)).person("a")
        labels = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
        assert labels == ["opening", *map(str, numbered), "ballot"]
        figure.canvas.draw()
        boxes = [label.get_window_extent() for label in figure.axes[-1].get_xticklabels()]
        assert all(one.x1 < other.x0 for one, other in pairwise(boxes))

    def test_not_asked_is_no_answer_that_is_missing(self) -> None:
        statuses = ("not_asked", "refused", "unreadable", "failed", "skipped", "not_stated")
        moves = [move("a", f"{epoch} chat", 0.5, before=0.5, status=status) for epoch, status in enumerate(statuses)]
        panel = Plots(make_record([move("a", "opening", 0.5), *moves])).person("a").axes[0]
        assert find_signs(panel) == [(0, 0.5, "D", "black"), *((place, 0.5, "x", "black") for place in range(2, 7))]

    def test_a_stance_that_is_not_of_the_opening_is_called_the_first_known(self) -> None:
        opening = move("a", "opening", None, status="failed")
        moves = [move("a", "0 debate", 0.26), move("a", "0 chat", 0.32, before=0.26)]
        for record in (make_record([opening, *moves]), make_record(moves)):
            assert "first known +0.26, last +0.32; conversations +0.06" in texts_of(Plots(record).person("a"))

    def test_a_name_that_only_one_has_will_do_and_others_are_errors(self) -> None:
        assert "The way of Bo Dahl (b): Norrhaven" in texts_of(Plots(WHOLE).person("Bo Dahl"))
        with pytest.raises(UsageError, match="nearest names: Bo Dahl"):
            Plots(WHOLE).person("Bo Dal")

    def test_a_person_of_whom_nothing_is_recorded(self) -> None:
        figure = Plots(make_record()).person("a")
        assert figure.axes == []
        assert texts_of(figure)[-1] == "No step and no ballot of this person is recorded."

    def test_a_topic_on_which_nothing_is_recorded(self) -> None:
        figure = Plots(make_record(MOVES, topics={"rents": "Rents", "zoo": "Zoo"})).person("a")
        assert find_signs(figure.axes[1]) == []
        assert "no stance is recorded" in texts_of(figure)


def find_signs(panel: Any) -> list[tuple[float, float, str, str]]:
    """Return the signs of a panel of stances: where they stand, and which they are."""
    signs = [line for line in panel.lines if line.get_marker() not in ("", "None", None)]
    return sorted(
        (x, y, line.get_marker(), line.get_markerfacecolor())
        for line in signs
        for x, y in zip(*line.get_data(), strict=True)
    )


class TestEveryPicture:
    @pytest.mark.parametrize("name", ["beliefs", "votes", "person a"])
    def test_nothing_is_told_by_colour(self, name: str) -> None:
        canvas = FigureCanvasAgg(draw_all(WHOLE)[name])
        canvas.draw()
        pixels = numpy.asarray(canvas.buffer_rgba())[..., :3]
        assert (pixels.min(axis=2) == pixels.max(axis=2)).all()
        assert pixels.min() < 100 < pixels.max()

    def test_a_partial_run_says_so(self) -> None:
        record = make_record(MOVES, status="interrupted", epochs=5, mind="ollama:a", candidate_mind="ollama:b")
        for figure in draw_all(record).values():
            said = " ".join(texts_of(figure)[1:3])
            assert said.startswith("3 people, seed 7, ollama:a and ollama:b. One run is one draw of chance. Partial")
            assert "Partial (interrupted): 2 of 5 epochs ended, no ballot was held." in said

    def test_a_damaged_run_says_so(self) -> None:
        for figure in draw_all(make_record(MOVES, damages=("a:1", "b:2"))).values():
            said = " ".join(texts_of(figure)[1:3])
            assert said.endswith("Damaged: 2 places could not be read; the figures are of what could.")
        assert "Damaged" not in " ".join(texts_of(Plots(WHOLE).votes()))

    def test_a_run_without_a_name_has_titles_without_one(self) -> None:
        titles = [texts_of(figure)[0] for figure in draw_all(make_record(MOVES, name=None)).values()]
        assert titles == [
            "How stances are distributed",
            "How first choices flow into the ballots",
            "The way of Ann Ek (a)",
        ]

    @pytest.mark.parametrize("names", [HOSTILE[:6], HOSTILE[6:]])
    def test_names_are_shown_as_texts_whatever_they_are(self, names: Sequence[str]) -> None:
        ids = dict(enumerate(names))
        candidates = {f"c{number}": name for number, name in ids.items()}
        record = make_record(
            [
                move(name, when, 0.5, f"c{number}", topic_id=f"t{number}")
                for number, name in ids.items()
                for when in ("opening", "0 chat")
            ],
            people={name: name for name in names},
            candidates=candidates,
            topics={f"t{number}": name for number, name in ids.items()},
            in_favour={f"t{number}": name for number, name in ids.items()},
            name=names[0],
            mind=names[0],
            candidate_mind=names[-1],
        )
        for figure in draw_all(record).values():
            make_png(figure)
            for text in texts_of(figure):
                assert len(text) <= 4 * 100
                assert not any(unicodedata.category(letter).startswith("C") for letter in text)
            for written in figure.findobj(Text):
                assert not written.get_text() or (written.get_usetex(), written.get_parse_math()) == (False, False)

    def test_a_title_ends_where_the_sheet_does(self) -> None:
        town, person = "The United Wards of Great Cumbermouth", "Maximiliana Wilhelmina von und zu Wammern"
        moves = [move(person, "opening", 0.5)]
        for figure in draw_all(make_record(moves, people={person: person}, name=town, mind=town)).values():
            canvas = FigureCanvasAgg(figure)
            canvas.draw()
            for text in figure.texts:
                assert text.get_window_extent(canvas.get_renderer()).x1 < figure.bbox.width, text

    def test_signs_of_formulas_stay(self) -> None:
        texts = texts_of(Plots(make_record(MOVES, candidates={"noor": "$a_1^2$", "berg": "_b"})).votes())
        assert {"$a_1^2$", "_b"} <= set(texts)

    @pytest.mark.parametrize("style", ["dark_background", "seaborn-v0_8-darkgrid"])
    def test_no_style_of_the_surroundings_changes_a_picture(self, style: str) -> None:
        plain = {name: make_png(figure) for name, figure in draw_all(WHOLE).items()}
        with matplotlib.style.context(style), matplotlib.rc_context({"figure.constrained_layout.use": True}):
            styled = {name: make_png(figure) for name, figure in draw_all(WHOLE).items()}
        assert styled == plain

    def test_no_state_of_matplotlib_is_changed(self) -> None:
        before = copy.deepcopy(dict(matplotlib.rcParams))
        figures = draw_all(WHOLE)
        for figure in figures.values():
            make_png(figure)
        assert dict(matplotlib.rcParams) == before
        for figure in figures.values():
            assert (figure.dpi, type(figure.canvas).__name__) == (100, "FigureCanvasBase")

    def test_threads_draw_the_same(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            drawn = list(pool.map(lambda _: [make_png(figure) for figure in draw_all(WHOLE).values()], range(2)))
        assert drawn[0] == drawn[1]

    def test_a_notebook_is_given_a_picture(self) -> None:
        figure = Plots(WHOLE).beliefs()
        assert isinstance(figure, Figure)
        png = figure._repr_png_()  # type: ignore[attr-defined]
        assert png == make_png(figure, 100)
        assert struct.unpack(">II", png[16:24]) == tuple(int(inches * 100) for inches in figure.get_size_inches())

    def test_figures_can_be_copied_and_sent_elsewhere(self) -> None:
        figure = Plots(WHOLE).votes()
        for other in (copy.deepcopy(figure), pickle.loads(pickle.dumps(figure))):
            assert other._repr_png_() == make_png(figure, 100)

    def test_two_thousand_people(self) -> None:
        people = {f"p{number}": f"Person {number}" for number in range(2_000)}
        moves = [move(who, "opening", number / 1_000 - 1, "noor") for number, who in enumerate(people)]
        figures = draw_all(make_record(moves, people=people))
        assert any(text.endswith("n 2,000") for text in texts_of(figures["beliefs"]))
        assert "2,000" in texts_of(figures["votes"])

    def test_one_person(self) -> None:
        for figure in draw_all(make_record(MOVES[:1], people={"a": "Ann Ek"})).values():
            assert texts_of(figure)[1].startswith("1 person, seed 7")


class TestLetters:
    CUNEIFORM = "\N{CUNEIFORM SIGN A}"

    def test_what_no_font_has_is_marked(self) -> None:
        assert fonts.make_drawable(f"Ann {self.CUNEIFORM}") == f"Ann {fonts.UNKNOWN}"

    def test_what_does_not_print_is_left_out(self) -> None:
        assert fonts.make_drawable("a\x1b[31m\n\u202eb") == "a[31m b"

    def test_where_no_letter_can_be_drawn_the_id_is_shown(self) -> None:
        assert fonts.make_drawable(self.CUNEIFORM * 3, "p001") == "p001"
        assert fonts.make_drawable(self.CUNEIFORM * 3) == fonts.UNKNOWN * 3
        assert fonts.make_drawable("", "p001") == "p001"

    def test_another_font_is_taken_where_it_is_needed_and_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        letter = "\N{COMBINING ENCLOSING CIRCLE}"
        monkeypatch.setattr(fonts, "OTHER_FONTS", ("No Such Font", "STIXGeneral"))
        assert fonts.choose_fonts("Ann") == [fonts.FONT]
        assert fonts.choose_fonts(f"A{letter}") == [fonts.FONT, "STIXGeneral"]
        assert fonts.make_drawable(f"A{letter}") == f"A{letter}"
        assert texts_of(Plots(make_record(MOVES, name=f"A{letter}")).beliefs())[0].endswith(f": A{letter}")


class TestSaving:
    def test_the_same_bytes_twice_and_nothing_of_the_day(self, tmp_path: Path) -> None:
        result = run_community(tmp_path / "runs")
        saved = save_plots(result, tmp_path / "deep" / "one")
        again = save_plots(load_run(result.path), str(tmp_path / "two"))
        assert [path.name for path in saved][:2] == ["beliefs.png", "votes.png"]
        assert len(saved) == 3
        assert sorted((tmp_path / "deep" / "one").iterdir()) == sorted(saved)
        for one, other in zip(saved, again, strict=True):
            png = one.read_bytes()
            assert png == other.read_bytes()
            assert png.startswith(SIGNATURE)
            assert set(chunks_of(png)) == {b"IHDR", b"pHYs", b"IDAT", b"IEND"}

    def test_what_is_there_is_replaced(self, tmp_path: Path) -> None:
        result = run_community(tmp_path / "runs")
        (tmp_path / "votes.png").write_bytes(b"old")
        save_plots(result, tmp_path)
        assert (tmp_path / "votes.png").read_bytes() == make_png(result.plot.votes())

    def test_without_topics_nobody_moved(self, tmp_path: Path) -> None:
        result = run_community(tmp_path / "runs", topics=[])
        assert [path.name for path in save_plots(result, tmp_path)] == ["beliefs.png", "votes.png"]

    @pytest.mark.parametrize(
        ("persona_id", "name"),
        [
            ("p012", "person-p012.png"),
            ("../../x", "person-x.png"),
            ("/etc/passwd", "person-etc-passwd.png"),
            ("a\x00b\\c", "person-a-b-c.png"),
            ("é" * 9, "person-.png"),
            ("y" * 500, f"person-{'y' * 60}.png"),
        ],
    )
    def test_no_id_leads_out_of_the_directory(self, persona_id: str, name: str) -> None:
        assert name_file(persona_id) == name


class TestWithoutMatplotlib:
    @pytest.mark.parametrize("draw", ["beliefs", "votes", "person"])
    def test_a_picture_says_how_to_get_it(self, draw: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        arguments: Mapping[str, list[str]] = {"person": ["a"]}
        with pytest.raises(UsageError, match=r"pip install 'synthetic-communities\[plot\]'"):
            getattr(Plots(WHOLE), draw)(*arguments.get(draw, []))

    def test_nothing_is_saved(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        result = run_community(tmp_path / "runs")
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(UsageError):
            save_plots(result, tmp_path / "pictures")
        assert not (tmp_path / "pictures").exists()

    def test_it_is_imported_where_a_picture_is_drawn_and_pyplot_nowhere(self, tmp_path: Path) -> None:
        path = run_community(tmp_path / "runs").path
        program = """
import sys
from synthetic_communities import load_run
result = load_run(sys.argv[1])
print(result.summary() != "", "matplotlib" in sys.modules)
print(len(result.plot.beliefs()._repr_png_()) > 0, "matplotlib" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""
        command = [sys.executable, "-W", "error", "-c", program, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == ("True False\nTrue True False\n", "")
