"""The display of a run in a notebook, without a kernel: what it shows, when it is drawn, and that it stops no run."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
import sys
import threading
from collections.abc import Callable, Mapping
from itertools import count, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synthetic_communities.config import Config
from synthetic_communities.domain.debate import CandidateStatement, MediatorStatement, Question, Topic
from synthetic_communities.domain.remark import Remark
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.notebook import showing
from synthetic_communities.notebook.frames import HEADLINES, NAME_LIMIT, WORDS_LIMIT, Frame, draw, draw_end
from synthetic_communities.notebook.kernel import WOKEN_EVERY_SECONDS, is_notebook, kept_awake
from synthetic_communities.notebook.showing import (
    REDRAWN_EVERY_SECONDS,
    TICKS_EVERY_SECONDS,
    Screen,
    at_home_in_notebook,
    redraw_until,
    shown,
)
from synthetic_communities.report.html import STYLE
from synthetic_communities.report.result import load_run
from synthetic_communities.simulation.progress import Progress, describe_interruption, spell_loading
from synthetic_communities.simulation.utterances import Utterance, find_utterance
from synthetic_communities.simulation.watching import SAID_KEPT, Moment
from synthetic_communities.social_media import Post
from tests.patience import wait_for

SAID = (Utterance("Ann", "Hello."), Utterance("Bo <b>", "<script>alert(1)</script>\n\x1b[31mred"))
MOMENT = Moment(1, 3, "chat_turn", 500, 2000, 20, 3, SAID)
RUN = Path("runs/run_1")
LOAD = "from synthetic_communities import load_run; result = load_run('runs/run_1')"


def make_progress(moment: Moment | None, seconds: float = 60.0) -> Progress:
    """Return the progress of a run that began so many seconds ago."""
    times = iter([0.0])
    progress = Progress(lambda: next(times, seconds))
    if moment is not None:
        progress(moment)
    return progress


def body_of(frame: Frame) -> str:
    """Return what a frame shows as HTML, without the wrapping."""
    return frame.html.removeprefix(f'<div class="synthetic-communities"><style>{STYLE}</style>').removesuffix("</div>")


class TestFrames:
    def test_before_anything_is_known(self) -> None:
        frame = draw(make_progress(None))
        assert (body_of(frame), frame.text) == ("<p>getting ready</p>", "getting ready")

    def test_under_way(self) -> None:
        frame = draw(make_progress(MOMENT))
        assert frame.text.splitlines() == [
            "epoch 2 of 3, people talk in pairs",
            "500 of 2,000 acts done, 20 in flight, 3 without an answer, 1:00 elapsed, about 3:00 left",
            "Ann: Hello.",
            "Bo <b>: <script>alert(1)</script> [31mred",
        ]
        assert body_of(frame) == (
            "<p><strong>epoch 2 of 3, people talk in pairs</strong></p>"
            '<p><progress value="500" max="2000"></progress> 500 of 2,000 acts done</p>'
            '<p class="quiet">20 in flight, 3 without an answer, 1:00 elapsed, about 3:00 left</p>'
            "<table><tbody><tr><td><strong>Ann</strong></td><td>Hello.</td></tr>"
            "<tr><td><strong>Bo &lt;b&gt;</strong></td>"
            "<td>&lt;script&gt;alert(1)&lt;/script&gt; [31mred</td></tr></tbody></table>"
        )

    def test_where_nothing_was_said_yet_there_is_no_table(self) -> None:
        assert "<table" not in draw(make_progress(Moment(0, 1, "opening_opinion", 0, 9, 1, 0))).html

    def test_long_names_and_words_are_cut(self) -> None:
        frame = draw(make_progress(Moment(0, 1, "post", 1, 9, 0, 0, (Utterance("n" * 10_000, "w" * 10_000),))))
        assert re.findall("n{10,}|w{10,}", frame.html) == ["n" * (NAME_LIMIT - 3), "w" * (WORDS_LIMIT - 3)]
        assert frame.text.splitlines()[-1] == f"{'n' * (NAME_LIMIT - 3)}...: {'w' * (WORDS_LIMIT - 3)}..."

    @pytest.mark.parametrize(
        ("ending", "headline", "where"),
        [
            ("complete", "The run has ended.", "Record:"),
            (
                "interrupted",
                "The run was interrupted.",
                "What is recorded, up to the last epoch that ended:",
            ),
            (
                "failed",
                "The run failed.",
                "What is recorded, up to the last epoch that ended:",
            ),
        ],
    )
    def test_what_stays(self, ending: str, headline: str, where: str) -> None:
        frame = draw_end(make_progress(MOMENT), ending, RUN)
        assert frame.text.splitlines() == [
            headline,
            "500 of 2,000 acts done, 3 without an answer, 1:00 elapsed",
            f"{where} runs/run_1",
            f"To read it: {LOAD}",
        ]
        assert body_of(frame) == (
            f"<p><strong>{headline}</strong></p>"
            '<p><progress value="500" max="2000"></progress> 500 of 2,000 acts done</p>'
            '<p class="quiet">3 without an answer, 1:00 elapsed</p>'
            f"<p>{where} <code>runs/run_1</code></p>"
            f"<p>To read it: <code>{LOAD.replace(chr(39), '&#x27;')}</code></p>"
        )

    def test_what_stays_of_a_run_in_a_directory_of_any_name(self) -> None:
        frame = draw_end(make_progress(MOMENT), "complete", Path("<b>\x1b[31m\u202e"))
        assert frame.text.splitlines()[2] == "Record: <b>[31m"
        assert "<p>Record: <code>&lt;b&gt;[31m</code></p>" in frame.html
        assert not re.search("[\x1b\u202e]", frame.text + frame.html)

    def test_what_stays_of_a_run_that_failed_before_it_began(self) -> None:
        frame = draw_end(make_progress(None), "failed", RUN)
        assert frame.text.splitlines()[1] == "nothing done, 1:00 elapsed"
        assert "<progress" not in frame.html

    def test_every_status_of_a_run_has_its_headline(self) -> None:
        assert set(HEADLINES) == {"complete", "interrupted", "stopped", "failed"}

    def test_data_by_media_type(self) -> None:
        assert Frame("<p>a</p>", "a").data() == {"text/html": "<p>a</p>", "text/plain": "a"}


class TestAdvice:
    def test_it_is_python_that_reads_the_run_whatever_its_name(self, tmp_path: Path) -> None:
        for name in ("run_1", 'it\'s "here"', "a\\b\u202e"):
            namespace: dict[str, Any] = {}
            advice = spell_loading(tmp_path / name).replace("load_run(", "str(")
            exec(advice, namespace)
            assert namespace["result"] == str(tmp_path / name)

    def test_an_interruption_on_one_line(self) -> None:
        assert describe_interruption(RUN) == (
            "the run was interrupted; what is recorded, up to the last epoch that ended, "
            f"stands in runs/run_1; to read it: {LOAD}; to go on with it: "
            "from synthetic_communities import resume_run; result = resume_run('runs/run_1')"
        )


class Recording:
    """Keeps what it is given to show, and knows in which context it was."""

    def __init__(self) -> None:
        self.shown: list[Mapping[str, str]] = []
        self.cells: list[str] = []

    def __call__(self, data: Mapping[str, str]) -> None:
        """Keep it."""
        self.shown.append(data)
        self.cells.append(cell.get())

    def first_lines(self) -> list[str]:
        """Return the first line of every frame shown."""
        return [data["text/plain"].splitlines()[0] for data in self.shown]


cell = contextvars.ContextVar("cell", default="none")


class TestRedrawing:
    def redraw(self, moment_at: Callable[[float], Moment | None], lasts: float) -> list[str]:
        """Return what is shown of a run that stands at `moment_at(seconds)`, redrawn for `lasts` seconds."""
        waits = count(1)
        now = [0.0]
        progress, recording = Progress(lambda: now[0]), Recording()
        progress.moment = moment_at(0.0)

        def wait(seconds: float) -> bool:
            assert seconds == REDRAWN_EVERY_SECONDS
            now[0] = round(next(waits) * seconds, 9)
            progress.moment = moment_at(now[0])
            return now[0] > lasts

        redraw_until(wait, progress, Screen(recording))
        return [data["text/plain"] for data in recording.shown]

    def test_at_most_five_times_a_second_though_more_ends(self) -> None:
        frames = self.redraw(lambda now: Moment(0, 1, "post", round(now * 1000), 9999, 0, 0), 2.01)
        assert len(frames) == round(2 / REDRAWN_EVERY_SECONDS) == 10
        assert [re.findall(r"\d+", frame.replace(",", ""))[2] for frame in frames] == [
            str(n) for n in range(200, 2001, 200)
        ]

    def test_once_a_second_though_nothing_ends(self) -> None:
        still = Moment(0, 1, "post", 1, 9, 1, 0)
        frames = self.redraw(lambda now: still, 5.1)
        assert TICKS_EVERY_SECONDS == 1
        assert [re.findall(r"\d:\d\d elapsed", frame) for frame in frames] == [[f"0:0{n} elapsed"] for n in range(1, 6)]

    def test_before_anything_is_known_too(self) -> None:
        assert self.redraw(lambda now: None, 2.1) == ["getting ready"] * 2


class TestScreen:
    def test_one_that_fails_is_logged_and_shows_nothing_more(self, caplog: pytest.LogCaptureFixture) -> None:
        tried: list[Mapping[str, str]] = []

        def publish(data: Mapping[str, str]) -> None:
            tried.append(data)
            raise OSError("nobody there")

        caplog.set_level(logging.INFO)
        screen = Screen(publish)
        for _ in range(3):
            screen.show(lambda: Frame("", "a"))
        assert len(tried) == 1
        assert [record.levelname for record in caplog.records] == ["INFO"]
        assert "nobody there" in caplog.text

    def test_a_frame_that_cannot_be_drawn_is_the_same(self) -> None:
        recording = Recording()
        screen = Screen(recording)
        screen.show(lambda: draw_end(make_progress(None), "no such ending", RUN))
        screen.show(lambda: Frame("", "a"))
        assert recording.shown == []


class TestShowing:
    def test_a_frame_at_the_beginning_and_one_at_the_end(self) -> None:
        recording = Recording()
        with shown(RUN, recording) as progress:
            assert recording.first_lines() == ["getting ready"]
            progress(MOMENT)
        assert (recording.first_lines()[0], recording.first_lines()[-1]) == ("getting ready", "The run has ended.")

    @pytest.mark.parametrize(
        ("error", "line"),
        [
            (asyncio.CancelledError(), HEADLINES["interrupted"]),
            (KeyboardInterrupt(), HEADLINES["interrupted"]),
            (ValueError("x"), HEADLINES["failed"]),
        ],
    )
    def test_what_ends_a_run_passes_and_is_told(self, error: BaseException, line: str) -> None:
        recording = Recording()
        with pytest.raises(type(error)) as caught, shown(RUN, recording):
            raise error
        assert caught.value is error
        assert recording.first_lines()[-1] == line

    def test_it_is_redrawn_meanwhile_in_the_context_of_who_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(showing, "REDRAWN_EVERY_SECONDS", 0.001)
        recording = Recording()
        token = cell.set("third cell")
        try:
            with shown(RUN, recording) as progress:
                progress(MOMENT)
                wait_for(lambda: recording.first_lines()[-1] == "epoch 2 of 3, people talk in pairs")
        finally:
            cell.reset(token)
        assert set(recording.cells) == {"third cell"}

    def test_nothing_is_left_running(self) -> None:
        before = set(threading.enumerate())
        with shown(RUN, Recording()):
            assert {thread.name for thread in set(threading.enumerate()) - before} == {"notebook progress"}
        assert set(threading.enumerate()) <= before

    def test_a_display_that_fails_stops_nothing(self) -> None:
        def publish(data: Mapping[str, str]) -> None:
            raise ValueError

        with shown(RUN, publish) as progress:
            progress(MOMENT)


def pretend(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    """Let there be an IPython with this shell."""
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


class TestFindingOut:
    def test_without_ipython(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "IPython", raising=False)
        assert not is_notebook()
        assert "IPython" not in sys.modules

    @pytest.mark.parametrize(
        ("shell", "expected"),
        [
            (None, False),
            (SimpleNamespace(), False),
            (SimpleNamespace(kernel=None), False),
            (SimpleNamespace(kernel=object()), True),
        ],
        ids=["imported only", "in a terminal", "no kernel yet", "a kernel"],
    )
    def test_with_ipython(self, shell: object, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch, shell)
        assert is_notebook() is expected

    def test_while_ipython_is_being_imported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
        assert not is_notebook()

    def test_elsewhere_a_run_shows_nothing(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        run_small(tmp_path)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("is_watched", [True, False])
    def test_in_a_notebook_its_loop_is_kept_awake(self, is_watched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        pretend(monkeypatch, SimpleNamespace(kernel=object()))
        awake: list[asyncio.AbstractEventLoop] = []
        monkeypatch.setattr(showing, "kept_awake", lambda loop: awake.append(loop) or kept_awake(loop))
        recording = Recording()
        monkeypatch.setattr(showing, "OneDisplay", lambda: recording)

        async def run() -> None:
            with at_home_in_notebook(RUN, is_watched=is_watched) as observe:
                assert (observe is None) is is_watched
            assert awake == [asyncio.get_running_loop()]

        asyncio.run(run())
        assert bool(recording.shown) is not is_watched


class Loop:
    """Takes what is to be called later, and calls it when told to."""

    def __init__(self) -> None:
        self.later: list[Any] = []

    def call_later(self, seconds: float, callback: Callable[[], None]) -> SimpleNamespace:
        """Take it."""
        assert seconds == WOKEN_EVERY_SECONDS
        handle = SimpleNamespace(cancel=lambda: self.later.remove(handle), callback=callback)
        self.later.append(handle)
        return handle


def test_a_loop_is_kept_awake_until_the_run_ends() -> None:
    loop: Any = Loop()
    with kept_awake(loop):
        for _ in range(3):
            (handle,) = loop.later
            loop.later.clear()
            handle.callback()
        assert len(loop.later) == 1
    assert loop.later == []


TOPIC = Topic("rents", "Rents", "Cap rents?")
QUESTION = Question("q", "Well?", TOPIC)
REMARK = Remark("Hm.", speaker_id="p1", speaker_name="Ann")


class TestUtterances:
    @pytest.mark.parametrize(
        ("step", "value", "expected"),
        [
            ("question", QUESTION, Utterance("the mediator", "Well?")),
            ("introduction", MediatorStatement("m", "Let us see.", QUESTION), Utterance("the mediator", "Let us see.")),
            ("statement", CandidateStatement("c", "Aisha Noor", "No.", QUESTION), Utterance("Aisha Noor", "No.")),
            ("chat_turn", REMARK, Utterance("Ann", "Hm.")),
            ("chat_turn", Remark("Hm.", speaker_id="p1"), Utterance("p1", "Hm.")),
            ("post", Post("1", "p1", REMARK), Utterance("Ann", "Hm.")),
            ("post", Post("1", "p1", "Hm."), Utterance("p1", "Hm.")),
            ("reflection", REMARK, None),
            ("reading", REMARK, None),
            ("ballot", object(), None),
        ],
    )
    def test_who_said_what(self, step: str, value: Any, expected: Utterance | None) -> None:
        assert find_utterance(step, value) == expected

    def test_an_observer_hears_what_a_run_records(self, tmp_path: Path) -> None:
        moments: list[Moment] = []
        path = run_small(tmp_path, moments.append)

        heard = {utterance for moment in moments for utterance in moment.said}
        assert max(len(moment.said) for moment in moments) == SAID_KEPT
        assert moments[0].said == ()
        result = load_run(path)
        recorded = [row["message"] for row in result.conversations] + [row["content"] for row in result.posts]
        recorded += [row["text"] for row in result.debates]
        assert recorded
        assert set(recorded) == {str(utterance.words) for utterance in heard}
        assert {"the mediator", "Aisha Noor"} <= {utterance.speaker for utterance in heard}
        ids = {row["speaker_id"] for row in result.conversations}
        assert not {utterance.speaker for utterance in heard} & {"", *ids}

    def test_it_is_told_when_it_is_said_oldest_first(self, tmp_path: Path) -> None:
        moments: list[Moment] = []
        run_small(tmp_path, moments.append)
        changes = [(one, next_one) for one, next_one in pairwise(moments) if one.said != next_one.said]
        assert len(changes) > SAID_KEPT
        for before, after in changes:
            assert after.said[:-1] == before.said[-SAID_KEPT + 1 :]
            assert after.done == before.done + 1


def run_small(directory: Path, observer: Callable[[Moment], None] | None = None) -> Path:
    """Run a small community and return its run directory."""
    engine = GameEngine.from_config(Config.bundled(population_size=4, num_epochs=1, post_probability=1.0))
    engine.initialize_simulation_output(directory)
    engine.observer = observer
    return engine.run().path
