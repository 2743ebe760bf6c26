"""What a notebook shows of a run: the same findings as the tables, whole, and how to go on."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from synthetic_communities import SimulationResult, load_run
from synthetic_communities.report.html import STYLE
from synthetic_communities.report.numbers.findings import find
from synthetic_communities.report.numbers.measures import BINS
from synthetic_communities.report.record import Missing
from synthetic_communities.report.result_page import MOST_ROWS, build_result_page
from synthetic_communities.report.terminal.glyphs import BLOCKS
from synthetic_communities.runs.directory import BALLOTS, BELIEFS, USAGE
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import CANDIDATES, make_config, make_engine, run_community, run_engine
from tests.small_records import make_record
from tests.spoken_communities import TROUBLE, run_spoken


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SimulationResult:
    """A run of three people in which acts fail in every way."""
    return run_spoken(tmp_path_factory.mktemp("spoken"), TROUBLE)


def show(run: SimulationResult) -> str:
    """Return what a notebook shows, without its style."""
    markup = run._repr_html_()
    assert markup.count(STYLE) == 1
    return markup.replace(f"<style>{STYLE}</style>", "")


def rows_of(markup: str, caption: str) -> list[list[str]]:
    """Return the cells of the table with this caption, its head first."""
    (table,) = re.findall(rf"<table><caption>{re.escape(caption)}</caption>(.*?)</table>", markup)
    rows = re.findall(r"<tr>(.*?)</tr>", table)
    return [re.findall(r"<t[hd](?: class=\"number\")?>(.*?)</t[hd]>", row) for row in rows]


def lines_of(markup: str) -> list[str]:
    """Return every paragraph and every heading of a fold, as text."""
    found = re.findall(r"<p(?: class=\"quiet\")?>(.*?)</p>|<summary>(.*?)</summary>", markup)
    return [unescape(re.sub(r"<[^>]+>", "", one or other)) for one, other in found]


def test_the_tables_of_a_run(run: SimulationResult) -> None:
    markup = show(run)

    assert rows_of(markup, "Vote") == [
        ["", "first choice before", "after", "ballots"],
        ["Aisha Noor", "3", "0", "0"],
        ["Johan Berg", "0", "3", "2"],
        ["abstained", "", "", "0"],
        ["unreadable", "", "", "1"],
        ["refused", "", "", "0"],
        ["failed", "", "", "0"],
        ["not asked", "", "", "0"],
        ["not recorded", "", "", "0"],
        ["people", "3", "3", "3"],
    ]
    head, before, after = rows_of(markup, "Beliefs")
    assert head[:6] == ["topic", "", "-1 to +1", "people", "mean", "spread"]
    assert before == ["Rents", "before", bars(3, 9), "3", "+0.50", "0.00", "", "", "", "", ""]
    assert after == ["", "after", bars(1, 5, of=3), "3", "-0.03", "0.06", "-0.53", "0.53", "3", "1", "3"]


def bars(number: int, place: int, *, of: int | None = None) -> str:
    """Return the bars of so many people in one part of the axis; with `of`, the others stand in the next."""
    shares = [0.0] * BINS
    shares[place] = number / (of or number)
    if of:
        shares[place + 1] = 1 - shares[place]
    return f"<code>{BLOCKS.draw(shares, 1.0)}</code>"


def test_what_is_said_beside_the_tables(run: SimulationResult) -> None:
    assert lines_of(show(run)) == [
        f"{run.path.name}: 3 people, 2 of 2 epochs, complete, scripted: Aisha Noor 0, Johan Berg 2",
        "Everybody thought with scripted. Why: it was given.",
        "3 of 3 people changed their first choice, net 3.",
        "Choices by place shown: 1st 50%, 2nd 50% of 2, by chance 50% each. Changes cut short by the bound: 3.",
        "Without an answer: 7 acts",
        "Person 0 (p0) moved most: Rents +0.50 to -0.10; debates +0.30, conversations -1.00, feed +0.10.",
        "One run is one draw of chance; GameEngine.run_replicates gives intervals. This one has seed 7.",
        f"Record: {run.path}",
        "To go on, where result is this run:",
        "result.story('p0')",
        "result.failed_acts()",
    ]


def test_what_is_missing_is_told_step_by_step(run: SimulationResult) -> None:
    summary = "<summary><strong>Without an answer: 7 acts</strong></summary>"
    (table,) = re.findall(rf"<details>{summary}<table>(.*?)</table></details>", show(run))
    rows = [re.findall(r'<td(?: class="number")?>(.*?)</td>', row) for row in re.findall(r"<tr>(.*?)</tr>", table)]

    assert rows[0] == []
    assert sorted(rows[1:]) == [
        ["ballots", "0", "0", "1", "0", ""],
        ["posts", "1", "0", "0", "0", "timeout"],
        ["reactions to the feed", "0", "1", "0", "0", ""],
        ["statements", "1", "0", "0", "0", "timeout"],
        ["updates from chats", "0", "1", "0", "0", ""],
        ["updates from debates", "0", "0", "1", "0", ""],
        ["updates from the feed", "1", "0", "0", "0", "timeout"],
    ]


def test_a_reason_stands_there_with_how_many_have_it() -> None:
    reasons = {"post": ["timeout", "timeout", ""], "statement": ["<quota>", "timeout"]}
    missing = tuple(Missing(step, "failed", reason) for step, those in reasons.items() for reason in those)
    record = make_record(missing=missing)
    page = build_result_page(record, find(record), Path("r"))

    for cell in (">why they failed</th>", ">mostly timeout</td>", ">most often &lt;quota&gt;: 1</td>"):
        assert cell in page


def test_the_offline_mind_stands_on_every_table(tmp_path: Path) -> None:
    lines = show(run_community(tmp_path, people=4))

    assert re.findall(r"<caption>(.*?)</caption>", lines) == ["Vote (offline mind)", "Beliefs (offline mind)"]
    said = "Everybody thought with the offline mind: no model was asked, its words are templates. Why: "
    assert [line for line in lines_of(lines) if line.startswith(said)]


def test_who_else_thought_and_why(run: SimulationResult, tmp_path: Path) -> None:
    path = copy_run(run, tmp_path)
    text = (path / "metadata.json").read_text("utf-8")
    text = text.replace('"candidate_mind": "scripted"', '"candidate_mind": "offline mind"')
    (path / "metadata.json").write_text(
        text.replace('"candidate_mind_because": "it was given"', '"candidate_mind_because": "so it was"'), "utf-8"
    )

    lines = lines_of(show(load_run(path)))

    assert "People thought with scripted. Why: it was given." in lines
    said = "Candidates and mediator thought with the offline mind: no model was asked, its words are templates."
    assert f"{said} Why: so it was." in lines


def test_a_partial_run_says_so(run: SimulationResult, tmp_path: Path) -> None:
    path = copy_run(run, tmp_path)
    (path / USAGE).unlink()
    (path / BALLOTS).unlink()

    markup = show(load_run(path))

    assert "Partial (still running, or killed): 2 of 2 epochs ended, no ballot was held." in lines_of(markup)
    assert [row[-1] for row in rows_of(markup, "Vote")[1:]] == ["-", "-", ""]
    assert "Partial" not in show(run)


def test_a_run_that_has_only_begun(run: SimulationResult, tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_bytes((run.path / "metadata.json").read_bytes())

    markup = show(load_run(tmp_path))

    assert "<table>" not in markup
    assert lines_of(markup)[-1] == "result.story('p0')"


def test_damage_that_was_passed_over_is_listed(run: SimulationResult, tmp_path: Path) -> None:
    path = copy_run(run, tmp_path)
    with (path / BELIEFS).open("a", encoding="utf-8") as file:
        file.write("{]\n")

    lines = lines_of(show(load_run(path, skip_damaged=True)))

    assert "1 damaged place passed over: what follows lacks what stood there" in lines
    assert [line for line in lines if f"{BELIEFS}:" in line and "is damaged" in line]


def test_many_candidates_and_topics_are_counted_together(tmp_path: Path) -> None:
    many = range(MOST_ROWS + 5)
    candidates = [{**CANDIDATES[0], "id": f"c{number}", "name": f"Candidate {number}"} for number in many]
    topics = [{"id": f"t{number}", "title": f"Topic {number}", "description": "?"} for number in many]
    config = make_config(3, candidates=candidates, topics=topics, num_epochs=1, questions_per_topic=0)
    markup = show(run_engine(make_engine(config, ScriptedMind()), tmp_path))

    votes = rows_of(markup, "Vote")
    assert len([row for row in votes if "Candidate" in row[0] or "others" in row[0]]) == MOST_ROWS
    assert sum(int(row[-1]) for row in votes[1:-1] if row[0] != "no first choice") == 3
    assert len(rows_of(markup, "Beliefs")) == 1 + 2 * MOST_ROWS
    assert "and 5 topics more" in lines_of(markup)


@pytest.mark.parametrize("people", [0, 1])
def test_small_communities(tmp_path: Path, people: int) -> None:
    markup = show(run_community(tmp_path, people=people))

    assert ("<table>" in markup) == (people > 0)
    assert ("result.story" in markup) == (people > 0)


def copy_run(run: SimulationResult, folder: Path) -> Path:
    for file in run.path.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder
