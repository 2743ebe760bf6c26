"""Measures and tables: of run directories written by hand, of a real one, of partial and of damaged ones."""

from __future__ import annotations

import copy
import json
import random
import statistics
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.domain.outcome import Failed, Refused, Unreadable
from synthetic_communities.errors import RecordError
from synthetic_communities.report.measures import (
    Tally,
    count_acts,
    measure_missing,
    measure_stances,
    measure_topics,
    measure_vote,
)
from synthetic_communities.report.reading import read_record
from synthetic_communities.report.record import Record
from synthetic_communities.report.sections import fold_tallies
from synthetic_communities.report.steps import ACTS, name_acts
from synthetic_communities.report.tables import MAX_LINES, build_tables, share_lines
from synthetic_communities.report.text import align_row, clean_text, fit_text, measure_width, spell_stance
from synthetic_communities.runs.directory import BALLOTS, BELIEFS, EPOCHS, LINES, METADATA, USAGE
from synthetic_communities.runs.result import SimulationResult
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import make_config, make_engine, run_community, run_engine

NOOR, BERG = "Aisha Noor", "Johan Berg"

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "two\nlines\ttabbed",
    "\u202egnp.exe",
    "[bold]markup[/bold] {0} %s",
    "<script>alert(1)</script>",
    "x" * 10_000,
    "\u0301" * 10_000,
    "\U0001f468\u200d\U0001f469" * 50,
    "東京都知事" * 40,
    "\x00\x07\x9b",
    "half \ud800 a pair",
)


def metadata(**changes: Any) -> dict[str, Any]:
    """Return the metadata of two candidates, one topic and the five people `a` to `e`."""
    return {
        "format_version": 1,
        "config": {"num_epochs": 2},
        "topics": [{"id": "rents", "title": "Rents"}],
        "candidates": [{"id": "noor", "name": NOOR}, {"id": "berg", "name": BERG}],
        "population": [{"id": who} for who in "abcde"],
        "provenance": {
            "mind": "offline mind",
            "candidate_mind": "offline mind",
            "mind_because": "no model was named",
            "seed": 7,
        },
        **changes,
    }


def belief(who: str, step: str, after: float | None, first_choice: str | None, **changes: Any) -> dict[str, Any]:
    row = {"persona_id": who, "topic_id": "rents", "step": step, "after": after, "clamped": False}
    return {**row, "first_choice": first_choice, **changes}


def ballot(who: str, status: str, candidate_id: str | None = None, first_choice: str | None = None) -> dict[str, Any]:
    reason = "timeout" if status == "failed" else ""
    row = {"id": who, "status": status, "candidate_id": candidate_id, "candidate_name": None}
    return {**row, "first_choice": first_choice or candidate_id, "reason": reason}


OPENING = [
    belief("a", "opening", 0.5, NOOR),
    belief("b", "opening", -0.5, BERG),
    belief("c", "opening", 0.0, BERG),
    belief("d", "opening", None, None),
    belief("e", "opening", 0.25, NOOR),
]
LATER = [
    belief("a", "debate", 0.5, NOOR),
    belief("b", "debate", -0.4, BERG),
    belief("c", "chat", 0.3, NOOR, clamped=True),
    belief("c", "social", 0.11, NOOR),
    belief("d", "social", 0.9, NOOR),
]
BALLOT_ROWS = [
    ballot("a", "choice", "noor"),
    ballot("b", "abstained", None, "berg"),
    ballot("c", "choice", "noor"),
    ballot("d", "failed", None, "noor"),
    ballot("e", "unreadable", None, "noor"),
]
FAILURES = [
    {"task": "t1", "step": "chat_turn", "status": "failed", "reason": "timeout"},
    {"task": "t2", "step": "chat_turn", "status": "failed", "reason": "timeout"},
    {"task": "t3", "step": "chat_turn", "status": "skipped", "reason": "t1"},
    {"task": "t4", "step": "post", "status": "refused", "reason": ""},
]


def votes(**overall: str | None) -> list[dict[str, Any]]:
    return [{"id": who, "overall_vote": name} for who, name in overall.items()]


EPOCH_ROWS = [
    {"epoch": 0, "failures": FAILURES[:2], "population_votes": votes(a=NOOR, b=BERG, c=BERG, d=None, e=NOOR)},
    {"epoch": 1, "failures": FAILURES[2:], "population_votes": votes(a=NOOR, b=BERG, c=NOOR, d=NOOR, e=NOOR)},
]
USAGE_VALUE = {
    "status": "complete",
    "seconds": 1.25,
    "model_calls": 0,
    "acts": {
        "ballot": {"statuses": {"done": 3, "failed": 1, "unreadable": 1}},
        "reaction": {"statuses": {"done": 4, "not_asked": 6}},
        "chat_turn": {"statuses": {"done": 1, "failed": 2, "skipped": 1}},
        "post": {"statuses": {"refused": 1}},
    },
}
COMPLETE = {
    METADATA: metadata(),
    BELIEFS: OPENING + LATER,
    BALLOTS: BALLOT_ROWS,
    EPOCHS: EPOCH_ROWS,
    USAGE: USAGE_VALUE,
}


def write_run(directory: Path, files: Mapping[str, Any]) -> Path:
    """Write a run directory: a list as a file of lines, anything else as one JSON value."""
    directory.mkdir(exist_ok=True)
    for name, content in files.items():
        rows = [json.dumps(row) for row in content] if name in LINES else [json.dumps(content)]
        (directory / name).write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return directory


def read(directory: Path) -> Record:
    return read_record(SimulationResult(directory))


def by_hand(tmp_path: Path, **changes: Any) -> Record:
    """Return the record of a run written by hand; a file given as None is not there."""
    files = {**COMPLETE, **{f"{name}.{_extension(name)}": value for name, value in changes.items()}}
    return read(write_run(tmp_path / "run", {name: value for name, value in files.items() if value is not None}))


def _extension(name: str) -> str:
    return "json" if name in ("metadata", "usage") else "jsonl"


# Measures.


def test_first_choices_and_ballots_are_counted_at_the_opening_and_at_the_end(tmp_path: Path) -> None:
    vote = measure_vote(by_hand(tmp_path))

    assert vote.candidates == (Tally(NOOR, before=2, after=4, ballots=2), Tally(BERG, before=2, after=1, ballots=0))
    assert vote.undecided == Tally("", before=1, after=0, ballots=3)
    counts = {"abstained": 1, "unreadable": 1, "refused": 0, "failed": 1, "not_asked": 0, "unrecorded": 0}
    assert vote.not_chosen == counts
    assert (vote.known_twice, vote.changed) == (4, 1), "who had no first choice at the opening did not change it"
    assert vote.counted == 3


def test_stances_are_measured_over_who_has_one(tmp_path: Path) -> None:
    (rents,) = measure_topics(by_hand(tmp_path))

    before, after = [0.5, -0.5, 0.0, 0.25], [0.5, -0.4, 0.11, 0.9, 0.25]
    assert (rents.before.people, rents.after.people) == (4, 5)
    assert (rents.before.mean, rents.after.mean) == (statistics.fmean(before), statistics.fmean(after))
    assert rents.before.deviation == pytest.approx(((0.4375**2 + 0.5625**2 + 0.0625**2 + 0.1875**2) / 3) ** 0.5)
    assert rents.after.deviation == statistics.stdev(after)
    assert rents.moved == 1 / 4, "a move of 0.1 is not more than 0.1, and d began nowhere"
    assert rents.clamped == 1


def test_a_mean_and_a_deviation_need_people() -> None:
    assert measure_stances([]).mean is None
    assert measure_stances([0.5]).mean == 0.5
    assert measure_stances([0.5]).deviation is None
    assert measure_stances([0.5, 0.5]).deviation == 0.0


def test_what_is_missing_is_counted_by_step_with_the_commonest_reason(tmp_path: Path) -> None:
    missing = measure_missing(by_hand(tmp_path))

    assert [(step.step, dict(step.statuses), step.reason) for step in missing] == [
        ("chat_turn", {"failed": 2, "skipped": 1}, "timeout"),
        ("ballot", {"failed": 1, "unreadable": 1}, "timeout"),
        ("post", {"refused": 1}, ""),
    ]


def test_acts_are_counted_only_where_they_were_measured(tmp_path: Path) -> None:
    counts = count_acts(by_hand(tmp_path))

    assert counts == {"done": 8, "failed": 3, "unreadable": 1, "not_asked": 6, "skipped": 1, "refused": 1}


def test_acts_of_a_run_that_has_not_ended_are_not_counted(tmp_path: Path) -> None:
    assert count_acts(by_hand(tmp_path, usage=None)) is None


# Tables.


def test_the_tables_of_a_run_fit_80_columns_and_say_offline_mind(tmp_path: Path) -> None:
    assert build_tables(by_hand(tmp_path)).splitlines() == [
        "Offline mind: no model was asked, nothing was spent; its words are templates.",
        "because no model was named",
        "5 people, 2 candidates, 1 topic, 2 epochs, seed 7.",
        "",
        "Vote                   first choice",
        "(offline mind)       before   after   ballots",
        "Aisha Noor                2       4         2",
        "Johan Berg                2       1         0",
        "no first choice           1       0",
        "abstained                                   1",
        "unreadable                                  1",
        "failed                                      1",
        "refused, not asked                          0",
        "people                    5       5         5",
        "1 of 4 people changed their first choice",
        "",
        "Beliefs             mean stance      spread (sd)   moved  updates  with a stance",
        "(offline mind)   before   after   before   after   > 0.1  clamped  before  after",
        "Rents             +0.06   +0.27     0.43    0.48     25%        1       4      5",
        "",
        "Without an answer (offline mind)",
        "  chat turns: 2 failed, 1 skipped (mostly timeout)",
        "  3 acts of 2 other kinds",
        "20 acts in 1.2 s, 0 model calls: 8 done, 6 not asked,",
        "3 failed, 1 refused, 1 unreadable, 1 skipped.",
    ]


def test_who_thinks_is_said_when_it_is_not_the_offline_mind_alone(tmp_path: Path) -> None:
    def head(mind: str, candidate_mind: str) -> str:
        provenance = {"mind": mind, "candidate_mind": candidate_mind, "mind_because": "it was named", "seed": 7}
        return " ".join(build_tables(by_hand(tmp_path, metadata=metadata(provenance=provenance))).splitlines()[:2])

    assert head("mine", "mine") == "Everybody thought with mine, because it was named"
    assert (
        head("offline mind", "mine")
        == "People thought with the offline mind, candidates and mediator with mine, because it was named"
    )
    assert "Vote (offline mind)" not in head("mine", "offline mind")


def test_tables_of_another_mind_do_not_say_offline_mind(tmp_path: Path) -> None:
    provenance = {"mind": "mine", "candidate_mind": "mine", "mind_because": "it was given", "seed": 7}
    assert "offline" not in build_tables(by_hand(tmp_path, metadata=metadata(provenance=provenance))).lower()


def test_a_run_without_opening_opinions_has_no_column_before(tmp_path: Path) -> None:
    record = by_hand(tmp_path, beliefs=LATER)

    assert measure_vote(record).undecided == Tally("", before=None, after=0, ballots=3)
    lines = build_tables(record).splitlines()
    assert "Aisha Noor                -       4         2" in lines
    assert "people                            5         5" in lines
    assert not [line for line in lines if "changed their first choice" in line]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ("interrupted", "interrupted"),
        ("failed", "failed"),
        (None, "still running, or killed"),
    ],
)
def test_a_partial_run_says_so_and_shows_what_there_is(tmp_path: Path, status: str | None, why: str) -> None:
    usage = {**USAGE_VALUE, "status": status} if status else None
    record = by_hand(tmp_path, usage=usage, ballots=None, epochs=EPOCH_ROWS[:1], beliefs=OPENING)

    lines = build_tables(record).splitlines()

    assert lines[2] == f"Partial ({why}): 1 of 2 epochs ended, no ballot was held."
    assert "Johan Berg             2       2         -" in lines
    assert "people                 5       5" in lines
    assert not [line for line in lines if line.startswith("abstained")]
    assert (lines[-1] == "How many acts there were is not recorded: that is written when a run ends.") == (not status)


def test_a_run_that_has_only_begun_shows_what_it_is_made_of(tmp_path: Path) -> None:
    record = read(write_run(tmp_path / "run", {METADATA: metadata()}))

    assert build_tables(record).splitlines() == [
        "Offline mind: no model was asked, nothing was spent; its words are templates.",
        "because no model was named",
        "Partial (still running, or killed): 0 of 2 epochs ended, no ballot was held.",
        "5 people, 2 candidates, 1 topic, 2 epochs, seed 7.",
        "",
        "How many acts there were is not recorded: that is written when a run ends.",
    ]


def test_many_candidates_topics_and_failures_still_fit_on_one_screen(tmp_path: Path) -> None:
    people = [f"p{number}" for number in range(60)]
    candidates = [{"id": f"c{number}", "name": f"Candidate {number}"} for number in range(30)]
    record = by_hand(
        tmp_path,
        metadata=metadata(
            population=[{"id": who} for who in people],
            candidates=candidates,
            topics=[{"id": f"t{number}", "title": f"Topic {number} of many"} for number in range(20)],
        ),
        beliefs=[belief(who, "opening", 0.1, None, topic_id="t1") for who in people],
        ballots=[ballot(who, "choice", f"c{number % 7}") for number, who in enumerate(people[:-1])],
        epochs=[{"epoch": 0, "failures": [{**FAILURES[0], "step": step} for step in ACTS], "population_votes": []}],
    )

    for width in (0, 80, 90, 100, 1000):
        lines = build_tables(record, width).splitlines()
        assert len(lines) == MAX_LINES
        assert max(map(measure_width, lines)) <= min(100, max(80, width))
    assert sum_ballots(lines) == len(people), "those folded into one row, and one not recorded, are counted too"
    assert [line for line in lines if line.startswith("and ") and line.endswith(" topics more")]


def sum_ballots(lines: list[str]) -> int:
    """Return the sum of the last column of the vote's table, above its last row."""
    rows = lines[lines.index("") + 3 :]
    end = next(place for place, line in enumerate(rows) if line.startswith("people"))
    return sum(int(line.split()[-1]) for line in rows[:end] if not line.startswith("no first choice"))


def test_rows_sum_to_the_population_in_the_hand_written_run(tmp_path: Path) -> None:
    assert sum_ballots(build_tables(by_hand(tmp_path)).splitlines()) == 5


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), max_size=30), st.integers(1, 30))
def test_folding_keeps_the_sums_and_the_room(numbers: list[tuple[int, int, int]], rows: int) -> None:
    tallies = [Tally(f"{i}", before=b, after=a, ballots=v) for i, (b, a, v) in enumerate(numbers)]

    folded = fold_tallies(tallies, rows)

    assert len(folded) <= rows or not tallies
    assert sum(tally.before or 0 for tally in folded) == sum(before for before, _, _ in numbers)
    assert sum(tally.after or 0 for tally in folded) == sum(after for _, after, _ in numbers)
    assert sum(tally.ballots or 0 for tally in folded) == sum(ballots for _, _, ballots in numbers)


@given(st.integers(0, 40), st.lists(st.integers(0, 30), max_size=4))
def test_lines_are_shared_evenly(room: int, wanted: list[int]) -> None:
    given_lines = share_lines(room, wanted)

    assert all(min(1, want) <= got <= want for got, want in zip(given_lines, wanted, strict=True))
    assert sum(given_lines) == min(max(room, sum(want > 0 for want in wanted)), sum(wanted))


# Real runs.


SCRIPT = {
    "opening/opinion/p3": Refused("no"),
    "e0/chat/*": Failed("timeout"),
    "e1/belief/debate/p1": Unreadable("?"),
    "ballot/p0": Failed("timeout"),
    "ballot/p1": Refused("no"),
    "ballot/p2": Unreadable("?"),
}


def test_every_column_of_a_real_run_sums_to_the_population(tmp_path: Path) -> None:
    result = run_community(tmp_path, ScriptedMind(SCRIPT), people=9)
    record = read_record(result)
    vote = measure_vote(record)

    for column in ("before", "after", "ballots"):
        assert sum(getattr(tally, column) for tally in (*vote.candidates, vote.undecided)) == 9
    assert sum(tally.ballots or 0 for tally in vote.candidates) + sum(vote.not_chosen.values()) == 9
    assert result.votes is not None
    assert {tally.name: tally.ballots for tally in vote.candidates} == dict(result.votes)
    assert vote.counted == result.votes.counted
    assert sum_ballots(build_tables(record).splitlines()) == 9


def test_what_is_missing_of_a_real_run_agrees_with_what_was_measured(tmp_path: Path) -> None:
    record = read_record(run_community(tmp_path, ScriptedMind(SCRIPT), people=9))
    missing = {step.step: dict(step.statuses) for step in measure_missing(record)}
    assert record.acts is not None
    measured = {
        step: {status: number for status, number in counts.items() if status not in ("done", "not_asked")}
        for step, counts in record.acts.items()
    }

    assert missing == {step: counts for step, counts in measured.items() if counts}
    assert set(missing) >= {"opening_opinion", "chat_turn", "chat_update", "ballot"}


@pytest.mark.parametrize("people", [0, 1, 2])
@pytest.mark.parametrize("has_candidates", [True, False])
def test_small_communities_have_tables_too(tmp_path: Path, people: int, has_candidates: bool) -> None:
    config = make_config(people) if has_candidates else make_config(people, candidates=None)
    text = build_tables(read_record(run_engine(make_engine(config), tmp_path)))

    assert ("Vote" in text) == (people > 0 and has_candidates)
    assert ("Beliefs" in text) == (people > 0)
    assert text.splitlines()[-1].endswith("nothing failed.")


def test_every_step_of_a_run_has_a_name(tmp_path: Path) -> None:
    acts = read_record(run_community(tmp_path)).acts

    assert acts is not None
    assert set(acts) == set(ACTS)
    assert name_acts("a_later_step") == "a_later_step"


# Texts that come from files and minds.


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_as_text(tmp_path: Path, name: str) -> None:
    changed = metadata(
        candidates=[{"id": "noor", "name": name}, {"id": "berg", "name": BERG}],
        topics=[{"id": "rents", "title": name}],
        provenance={"mind": name, "candidate_mind": "offline mind", "mind_because": "no model was named", "seed": 7},
    )
    failures = [{**FAILURES[0], "reason": name, "step": name}]
    epochs = [{"epoch": 0, "failures": failures, "population_votes": []}]

    text = build_tables(by_hand(tmp_path, metadata=changed, epochs=epochs))

    assert all(character == "\n" or is_harmless(character) for character in text)
    assert max(map(measure_width, text.splitlines())) <= 80
    assert len(text.splitlines()) <= MAX_LINES
    assert len(text) < 8_000
    text.encode()


def is_harmless(character: str) -> bool:
    return not unicodedata.category(character).startswith("C") and character not in "\u2028\u2029"


@given(st.text(), st.integers(4, 40))
def test_any_text_is_made_to_fit(text: str, width: int) -> None:
    fitted = fit_text(text, width)

    assert measure_width(fitted) <= width
    assert all(map(is_harmless, fitted))
    assert clean_text(fitted) == fitted


def test_columns_are_aligned_by_the_room_characters_take() -> None:
    rows = [["東京", "1"], ["e\u0301", "22"], ["abcd", "333"]]

    assert [align_row(row, (4, 5)) for row in rows] == ["東京    1", "e\u0301      22", "abcd  333"]


def test_a_stance_near_zero_has_one_sign() -> None:
    assert spell_stance(-0.001) == spell_stance(0.0) == "+0.00"


# Damage.


def test_a_directory_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"no run directory: it holds no metadata\.json"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (METADATA, metadata(candidates=[{"id": "noor"}]), r"metadata\.json: something lacks its name"),
        (METADATA, metadata(topics=["rents"]), "topics holds something that is no mapping"),
        (METADATA, metadata(config={"num_epochs": "two"}), "num_epochs cannot be 'two'"),
        (METADATA, metadata(config={"num_epochs": True}), "num_epochs cannot be True"),
        (BELIEFS, [belief("a", "opening", "far", NOOR)], r"beliefs\.jsonl: after cannot be 'far'"),  # type: ignore[arg-type]
        (BALLOTS, [BALLOT_ROWS[0], BALLOT_ROWS[0]], "'a' has two ballots"),
        (BALLOTS, [ballot("z", "abstained")], "'z' has two ballots, or is nobody"),
        (BALLOTS, [ballot("a", "choice", "nobody")], "the ballot of 'a' cannot be: choice, 'nobody'"),
        (BALLOTS, [ballot("a", "choice")], "the ballot of 'a' cannot be: choice, None"),
        (BALLOTS, [ballot("a", "lost")], "the ballot of 'a' cannot be: lost"),
        (USAGE, {"status": "complete"}, r"usage\.json: something lacks its acts"),
    ],
)
def test_what_is_damaged_is_named_with_its_file(tmp_path: Path, file: str, content: Any, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        read(write_run(tmp_path / "run", {**COMPLETE, file: content}))


@given(st.randoms(use_true_random=False))
def test_any_damage_gives_tables_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    files: dict[str, Any] = copy.deepcopy(COMPLETE)
    holders = list(find_holders(files))
    for _ in range(chance.randint(1, 3)):
        holder, key = chance.choice(holders)
        holder[key] = chance.choice([None, "x", 3, -0.5, True, [], {}, [3], {"x": "y"}])
    files = {name: content for name, content in files.items() if name not in LINES or isinstance(content, list)}
    directory = write_run(tmp_path_factory.mktemp("damaged"), files)
    try:
        text = build_tables(read(directory))
    except RecordError:
        return
    assert len(text.splitlines()) <= MAX_LINES


def find_holders(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in a value with every key or place of it."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from find_holders(item)
