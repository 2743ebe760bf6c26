"""The tables in a terminal: word for word, within their room whatever is in them, and in any encoding.

What they look like stands in `tests/snapshots/tables`. After a change look at what it makes of them:

    RENEW_SNAPSHOTS=1 python -m pytest tests/test_report.py; git diff tests/snapshots
"""

from __future__ import annotations

import os
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities import Config, GameEngine, load_run
from synthetic_communities.domain.outcome import Failed, Refused, Unreadable
from synthetic_communities.minds.views import BallotView, ChatTurnView
from synthetic_communities.report.numbers.findings import measure_missing
from synthetic_communities.report.numbers.opinions import Mover
from synthetic_communities.report.numbers.votes import Tally, measure_vote
from synthetic_communities.report.record import Missing, Record
from synthetic_communities.report.steps import ACTS, name_acts
from synthetic_communities.report.terminal.glyphs import BLOCKS, Glyphs, choose_glyphs
from synthetic_communities.report.terminal.heading import describe_extent
from synthetic_communities.report.terminal.notes import build_missing_list, describe_mover, describe_story
from synthetic_communities.report.terminal.tables import LEAST, MAX_LINES, build_line, build_tables, share_lines
from synthetic_communities.report.terminal.vote_table import build_vote_table, fold_tallies
from synthetic_communities.report.text import (
    measure_width,
)
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import make_config, make_engine, run_community, run_engine
from tests.small_records import cast, make_record, move
from tests.test_findings import BALLOTS, LATER, OPENING, PEOPLE, shown
from tests.varied_records import HOSTILE, draw_record

SNAPSHOTS = Path(__file__).parent / "snapshots" / "tables"
RENEW = "RENEW_SNAPSHOTS"

PATH = Path("data/simulation/run_20260102_030405")

MISSING = (
    *(Missing("chat_turn", "failed", "timeout") for _ in range(2)),
    Missing("chat_turn", "skipped", "e0/chat/a+b/0"),
    Missing("post", "refused", ""),
)
ACTS_COUNTED = {
    "ballot": Counter(done=3, failed=1, unreadable=1),
    "reaction": Counter(done=4, not_asked=6),
    "chat_turn": Counter(done=1, failed=2, skipped=1),
    "post": Counter(refused=1),
}


def write_record(**changes: Any) -> Record:
    """Return the record of five people, of whom one has no opinion at the opening."""
    ballots = {**BALLOTS, **{who: replace(BALLOTS[who], order_shown=order) for who, order in ORDERS.items()}}
    values = {"people": PEOPLE, "ballots": ballots, "in_favour": {"rents": "cap rents"}, "seconds": 1.25}
    return make_record(
        changes.pop("moves", OPENING + LATER), **{**values, "acts": {"ballot": Counter(done=5)}, **changes}
    )


ORDERS = {"a": ("noor", "berg"), "c": ("berg", "noor")}


def run_bundled(directory: Path) -> Record:
    return run(directory, Config.bundled())


def run_troubled(directory: Path) -> Record:
    """Return the record of a run in which some acts are refused, some fail, some cannot be read."""
    mind = ScriptedMind(
        {
            ChatTurnView: lambda view: Failed("timeout") if view.key.endswith("/1") else None,
            BallotView: lambda view: Unreadable("?") if view.person.id < "p050" else None,
            "opening/opinion/p0?3": Refused(),
            "e0/belief/debate/*": Refused(),
        }
    )
    return run(
        directory, Config.bundled(population_size=30, num_epochs=2, max_change_percentage=0.05, max_failures=1.0), mind
    )


def run(directory: Path, config: Config, mind: ScriptedMind | None = None) -> Record:
    engine = GameEngine.from_config(config, mind)
    engine.initialize_simulation_output(directory)
    return replace(engine.run().record, seconds=1.5, run_id=PATH.name)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """Return the records that stand in snapshots, by name."""
    return {
        "by_hand": write_record(missing=MISSING, acts=ACTS_COUNTED),
        "bundled": run_bundled(tmp_path_factory.mktemp("bundled")),
        "partial": write_record(status=None, ballots={}, epochs_ended=1, acts=None, first_choices={"a": "noor"}),
        "troubled": run_troubled(tmp_path_factory.mktemp("troubled")),
    }


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("name", ["by_hand", "bundled", "partial", "troubled"])
def test_tables_word_for_word(records: dict[str, Record], name: str, width: int, encoding: str) -> None:
    text = build_tables(records[name], width, glyphs=choose_glyphs(encoding), path=PATH)

    check_snapshot(f"{name}_{width}_{encoding}", text)
    assert len(text.splitlines()) <= MAX_LINES
    assert max(map(measure_width, text.splitlines())) <= width
    text.encode(encoding)


def check_snapshot(name: str, text: str) -> None:
    """Hold a text against its snapshot, or renew that."""
    path = SNAPSHOTS / f"{name}.txt"
    if RENEW in os.environ:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"{path} is missing; {RENEW}=1 writes it"
    assert text == path.read_text(encoding="utf-8"), f"other tables than in {path}; {RENEW}=1 renews it"


# Who thought, and how far the run came.


def head(**changes: Any) -> list[str]:
    text = build_tables(write_record(**changes))
    return text[: text.index("\n\n")].splitlines()


def test_who_thinks_is_said_when_it_is_not_the_offline_mind_alone() -> None:
    assert head(mind="mine", candidate_mind="mine", mind_because="it was named")[:2] == [
        "Everybody thought with mine,",
        "  because it was named",
    ]
    because = {"mind_because": "it was named", "candidate_mind_because": "it was named"}
    assert head(candidate_mind="mine", **because)[:3] == [
        "People thought with the offline mind, candidates and mediator with mine,",
        "  because it was named",
        "Norrhaven: 5 people, 2 candidates, 1 topic, 2 epochs, seed 7.",
    ]


def test_why_candidates_think_with_theirs_is_said_where_it_is_another_reason() -> None:
    because = {"mind_because": "it was named", "candidate_mind_because": "the configuration names it"}

    assert head(candidate_mind="mine", **because)[1:3] == [
        "  because it was named;",
        "  candidates and mediator because the configuration names it",
    ]


def test_how_to_name_a_model_is_said_where_nobody_named_one() -> None:
    named = "run --model ollama:qwen3:8b"
    assert head()[1] == f"  because no model was named; name one: {named}"
    for width, command, told in (
        (100, "synthetic-communities", f"to have one think: synthetic-communities {named}"),
        (80, "scripts/run", f"name one: scripts/run {named}"),
        (80, "a\x1bb", f"name one: {named}"),
        (80, "x" * 50, f"name one: {named}"),
    ):
        lines = build_tables(write_record(), width, command=command).splitlines()
        assert lines[1] == f"  because no model was named; {told}"
    assert head(mind_because="it was named")[1] == "  because it was named"
    assert "--model" not in "".join(head(mind="mine", candidate_mind="mine"))


def test_a_long_reason_goes_on_below() -> None:
    because = "no model was named and no key was found (looked for GEMINI_API_KEY and ANTHROPIC_API_KEY)"

    assert head(mind_because=because)[1:3] == [
        "  because no model was named and no key was found (looked for GEMINI_API_KEY and",
        "          ANTHROPIC_API_KEY)",
    ]
    assert head(mind_because="word " * 40)[2].endswith("word wo...")
    assert len(head(mind_because="word " * 40)) == 5


def test_a_reason_that_is_not_recorded_is_left_out() -> None:
    assert head(candidate_mind="mine", mind_because="", candidate_mind_because="")[1].startswith("Norrhaven: 5 people")


def test_every_table_says_offline_mind_and_none_of_another_mind_does() -> None:
    tables = build_tables(write_record(missing=MISSING))
    for caption in ("Vote", "Beliefs", "Without an answer"):
        assert f"\n{caption} (offline mind)" in tables
    other = build_tables(write_record(missing=MISSING, mind="mine", candidate_mind="mine", mind_because="it was given"))
    assert "offline" not in other.lower()
    assert "\nVote " in other


def test_a_scenario_without_a_name_is_not_given_one() -> None:
    assert head(name=None)[2] == "5 people, 2 candidates, 1 topic, 2 epochs, seed 7."
    assert head(name="\x1b\x07")[2].startswith("5 people,")


@pytest.mark.parametrize(
    ("acts", "told"),
    [
        ({"ballot": Counter(done=5)}, "5 acts in 1.2 s, 0 model calls: 5 done, nothing failed."),
        ({"ballot": Counter(done=1, not_asked=1, failed=1)}, "3 acts in 1.2 s, 0 model calls: 1 done, 1 not asked."),
        ({}, "0 acts in 1.2 s, 0 model calls: none done, nothing failed."),
        (None, "How many acts there were is not recorded: that is written when a run ends."),
    ],
)
def test_acts_are_told_with_how_they_ended(acts: dict[str, Counter[str]] | None, told: str) -> None:
    assert head(acts=acts)[3] == told


def test_calls_that_are_not_counted_are_not_zero() -> None:
    assert "1.2 s, model calls not known: 5 done" in head(model_calls=None)[3]
    assert "1.2 s, 1 model call: 5 done" in head(model_calls=1)[3]


@pytest.mark.parametrize(
    ("status", "why"),
    [("interrupted", "interrupted"), ("failed", "failed"), (None, "still running, or killed")],
)
def test_a_partial_run_says_so_and_shows_what_there_is(status: str | None, why: str) -> None:
    record = write_record(status=status, ballots={}, epochs_ended=1, moves=OPENING, first_choices={"a": "berg"})
    lines = build_tables(record).splitlines()

    assert lines[2] == describe_extent(record) == f"Partial ({why}): 1 of 2 epochs ended, no ballot was held."
    assert "Johan Berg                             2     1       -" in lines
    assert "no first choice                        1     4" in lines
    assert any(line.endswith("  1 of 1 changed, net 1") for line in lines)
    assert not [line for line in lines if line.startswith(("abstained", "unreadable", "Choices"))]


def test_of_a_long_name_the_name_is_cut_and_the_facts_are_whole() -> None:
    record = make_record(name="My pilot study of land taxation in towns", people=PEOPLE, epochs=12)
    told = "My pilot study of land t...: 5 people, 2 candidates, 1 topic, 12 epochs, seed 7."
    assert build_tables(record).splitlines()[2] == told
    assert build_tables(make_record(name="N" * 99, seed=10**22)).splitlines()[2].startswith("NNN...: 3 people, ")
    assert build_tables(make_record(name="N" * 99, seed=10**23)).splitlines()[2].startswith("3 people, ")


def test_a_run_that_has_only_begun_shows_what_it_is_made_of() -> None:
    record = make_record(status=None, epochs_ended=0)

    assert build_tables(record).splitlines() == [
        "Offline mind: no model was asked, nothing was spent; its words are templates.",
        "  because no model was named; name one: run --model ollama:qwen3:8b",
        "Partial (still running, or killed): 0 of 2 epochs ended, no ballot was held.",
        "Norrhaven: 3 people, 2 candidates, 1 topic, 2 epochs, seed 7.",
        "How many acts there were is not recorded: that is written when a run ends.",
    ]


# The vote.


def vote_rows(text: str) -> list[str]:
    lines = text.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("Vote"))
    last = next(place for place, line in enumerate(lines) if place > first and line.startswith("people "))
    return lines[first : last + 1]


def count_columns(rows: Sequence[str]) -> dict[str, int]:
    """Return the sums of the columns of the vote's table, above its last row, by what stands over them."""
    head, *body = map(by_column, rows[:-1])
    text = "".join(head)
    ends = {name: text.index(name) + len(name) for name in ("before", "after", "ballots")}
    start = next((place for place, row in enumerate(rows[1:]) if row.startswith("abstained ")), len(body))
    sums = {name: sum(to_number("".join(row[: ends[name]])) for row in body[:start]) for name in ("before", "after")}
    chosen = sum(to_number("".join(row[ends["after"] :])) for row in body[:start] if len(row) > ends["after"])
    return {**sums, "ballots": chosen + sum(map(to_number, ("".join(row) for row in body[start:])))}


def by_column(line: str) -> list[str]:
    """Return what stands in each column of a terminal: a character with its marks, or nothing beside a wide one."""
    columns: list[str] = []
    for character in line:
        room = measure_width(character)
        if room:
            columns += [character, *([""] * (room - 1))]
        elif columns:
            columns[-1] += character
    return columns


def to_number(text: str) -> int:
    """Return the sum of the numbers that end a text."""
    found = re.search(r"((?:[\d,]+\d|\d)(?:, (?:[\d,]+\d|\d))*)$", text.strip())
    return sum(int(number.replace(",", "")) for number in found[1].split(", ")) if found else 0


def test_columns_sum_to_everybody_in_the_record_by_hand(records: dict[str, Record]) -> None:
    for name, people in (("by_hand", 5), ("bundled", 100), ("troubled", 30)):
        sums = count_columns(vote_rows(build_tables(records[name])))
        assert sums == {"before": people, "after": people, "ballots": people}, name


@given(st.randoms(use_true_random=False), st.sampled_from((0, 80, 87, 100, 500)), st.sampled_from(("utf-8", "ascii")))
def test_tables_of_any_size_and_any_names_fit_and_sum_to_everybody(
    chance: random.Random, width: int, encoding: str
) -> None:
    record = draw_record(chance)
    text = build_tables(record, width, glyphs=choose_glyphs(encoding), path=Path(chance.choice(HOSTILE)))
    lines = text.splitlines()

    assert len(lines) <= MAX_LINES
    told = [line for line in lines if " synthetic-communities show " not in line]  # a command is not broken
    assert max(map(measure_width, told)) <= min(100, max(80, width))
    assert all(character == "\n" or is_harmless(character) for character in text)
    assert all(line == line.rstrip() for line in lines)
    assert text.count("\n") == len(lines), "no character breaks a line but where one ends"
    assert len(text) < 12_000
    text.encode(encoding)
    vote = measure_vote(record)
    if "\nVote" in text:
        known = {"before": vote.undecided.before, "after": vote.undecided.after, "ballots": vote.undecided.ballots}
        rows = vote_rows(text)
        sums = count_columns(rows)
        assert sums == {name: len(record.people) if count is not None else 0 for name, count in known.items()}


def is_harmless(character: str) -> bool:
    return not unicodedata.category(character).startswith("C") and character not in "\u2028\u2029"


def test_ballots_that_nobody_was_asked_for_or_that_are_lost_are_told_where_there_are_any() -> None:
    ballots = {"a": cast("noor"), "b": cast(status="not_asked"), "c": cast("noor")}
    rows = vote_rows(build_tables(write_record(ballots=ballots)))

    assert rows[-2] == "unreadable, refused, failed, not asked, not recorded         0, 0, 0, 1, 2"


def test_a_run_without_opening_opinions_has_nothing_before() -> None:
    text = build_tables(write_record(moves=LATER))

    assert "Aisha Noor                             -     4       2" in text
    assert "people                                       5       5\n" in text
    assert ", net " not in text
    assert "moved most" not in text


def test_numbers_of_any_size_stand_under_their_heads() -> None:
    tallies = [Tally("Aisha Noor", "noor", before=10**9, after=10**9, ballots=10**9 - 5 * 10**8)]
    undecided = Tally("", before=0, after=0, ballots=5 * 10**8)
    not_chosen = dict.fromkeys(("abstained", "unreadable", "refused", "failed", "not_asked", "unrecorded"), 10**8)
    vote = replace(measure_vote(write_record()), candidates=tuple(tallies), undecided=undecided, people=10**9)
    rows = build_vote_table(replace(vote, not_chosen=not_chosen), "Vote", rows=1, width=100)

    assert {len(row) for row in rows if "changed" not in row} == {len(rows[0])}
    assert rows[1].endswith(" 1,000,000,000  1,000,000,000    500,000,000")
    assert rows[-3].endswith(" 100,000,000, 100,000,000, 100,000,000, 100,000,000, 100,000,000")


WIDER = {"noor": "A" * 35, "berg": "B"}
"""Names that leave no room for more than a word beside the last row."""


def test_who_changed_is_told_beside_everybody_or_below_where_there_is_no_room() -> None:
    everybody = write_record(moves=[*OPENING[:3], move("d", "opening", 0.1, "noor"), OPENING[4], *LATER])
    assert vote_rows(build_tables(everybody, 80))[-1].endswith("   5     5       5  1 changed choice, net 1")
    wide = write_record(moves=[*OPENING[:3], move("d", "opening", 0.1, "noor"), OPENING[4], *LATER], candidates=WIDER)
    assert vote_rows(build_tables(wide, 80))[-1].endswith("   5     5       5  1 changed, net 1")
    assert vote_rows(build_tables(write_record(), 100))[-1].endswith("5  1 of 4 changed their first choice, net 1")
    long = write_record(candidates={"noor": "N" * 70, "berg": "B"})
    text = build_tables(long, 80)
    assert vote_rows(text)[-1].endswith("5     5       5")
    assert "\n1 of 4 people changed their first choice, net 1\n" in text


def test_many_candidates_topics_and_steps_still_fit_on_one_screen() -> None:
    people = {f"p{number}": "" for number in range(60)}
    ballots = shown(*["xy"] * 60, chosen="x" * 60)
    record = make_record(
        [move(who, "opening", 0.1, topic_id="t1") for who in people],
        people=people,
        candidates={f"c{number}": f"Candidate {number}" for number in range(30)},
        topics={f"t{number}": f"Topic {number} of many" for number in range(20)},
        ballots={who: replace(ballots["0"], candidate_id=f"c{int(who[1:]) % 7}") for who in list(people)[:-1]},
        missing=tuple(Missing(step, "failed", "timeout") for step in ACTS),
    )

    for width in (0, 80, 90, 100, 1000):
        text = build_tables(record, width)
        lines = text.splitlines()
        assert MAX_LINES - 1 <= len(lines) <= MAX_LINES
        told = [line for line in lines if " synthetic-communities show " not in line]  # a command is not broken
    assert max(map(measure_width, told)) <= min(100, max(80, width))
    assert count_columns(vote_rows(text))["ballots"] == 60, "those folded into one row, and one not recorded, count"
    assert re.search(r"^and \d+ topics more$", text, re.M)
    assert re.search(r"^  \d+ acts of \d+ other kinds$", text, re.M)
    assert "\nTopic 0 of many" in text


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), max_size=30), st.integers(1, 30))
def test_folding_keeps_the_sums_and_the_room(numbers: list[tuple[int, int, int]], rows: int) -> None:
    tallies = [Tally(f"{i}", before=b, after=a, ballots=v) for i, (b, a, v) in enumerate(numbers)]

    folded = fold_tallies(tallies, rows)

    assert len(folded) <= rows or not tallies
    assert sum(tally.before or 0 for tally in folded) == sum(before for before, _, _ in numbers)
    assert sum(tally.after or 0 for tally in folded) == sum(after for _, after, _ in numbers)
    assert sum(tally.ballots or 0 for tally in folded) == sum(ballots for _, _, ballots in numbers)


def test_those_with_the_most_behind_them_are_not_folded() -> None:
    tallies = [
        Tally(name, before=0, after=0, ballots=ballots) for name, ballots in zip("abcd", (3, 1, 9, 2), strict=True)
    ]

    assert [(tally.name, tally.ballots) for tally in fold_tallies(tallies, 3)] == [("a", 3), ("c", 9), ("2 others", 3)]


@given(st.integers(0, 40), st.tuples(*[st.integers(0, 30)] * 3))
def test_lines_are_shared_evenly(room: int, wanted: tuple[int, int, int]) -> None:
    least = [min(fewest, want) for fewest, want in zip(LEAST, wanted, strict=True)]
    given_lines = share_lines(room, wanted, least)

    assert all(few <= got <= want for few, got, want in zip(least, given_lines, wanted, strict=True))
    assert sum(given_lines) == max(sum(least), min(room, sum(wanted)))


# Stances.


def belief_rows(text: str) -> list[str]:
    lines = text.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("Beliefs"))
    return lines[first : first + 4]


def test_people_with_a_stance_are_told_where_not_everybody_has_one() -> None:
    assert belief_rows(build_tables(write_record(), 100)) == [
        "Beliefs (offline mind)       people   mean  spread     net   gross  moved  changed",
        "             -1        +1                           change  change  > 0.1     side",
        "Rents           █  ██ █    before 4  +0.06    0.43",
        "  cap rents     ▇  ▇▇ ▇ ▇  after  5  +0.27    0.48   +0.05    0.05      1        0",
    ]


def test_what_plus_1_means_is_cut_to_the_room_there_is() -> None:
    in_favour = {"rents": "cap all of them at once"}
    assert belief_rows(build_tables(write_record(in_favour=in_favour), 80))[-1].startswith("  cap all of...  ")
    assert belief_rows(build_tables(write_record(in_favour={"rents": ""}), 80))[-1].startswith("            ")


def test_columns_stand_closer_where_a_label_would_be_lost_otherwise() -> None:
    assert belief_rows(build_tables(write_record(), 80))[-1] == (
        "  cap rents     ▇  ▇▇ ▇ ▇  after  5 +0.27   0.48  +0.05   0.05     1       0"
    )


def test_without_anything_before_there_is_no_movement_and_not_none_of_it() -> None:
    assert belief_rows(build_tables(write_record(moves=LATER), 100))[2:] == [
        "Rents                      before 0      -       -",
        "  cap rents     █  █  █ █  after  4  +0.28    0.56       -       -      -        -",
    ]


def test_the_shortest_of_titles_leave_room_for_the_caption() -> None:
    first, _, before, _ = belief_rows(build_tables(write_record(topics={"rents": "R"}, in_favour={})))

    assert first.startswith("Beliefs (offline mind)    people   mean ")
    assert before.startswith("R            █  ██ █    before 4  +0.06 ")


def test_both_distributions_of_a_topic_are_drawn_to_one_scale() -> None:
    moves = [move(who, "opening", 0.9) for who in "abcd"] + [move("a", "0 chat", -0.9, before=0.9)]
    record = make_record(moves, people=dict.fromkeys("abcd", ""))

    assert belief_rows(build_tables(record)) == [
        "Beliefs (offline mind)           mean  spread     net   gross  moved  changed",
        "          -1        +1                         change  change  > 0.1     side",
        "Rents                █  before  +0.90    0.00",
        "          ▂          ▆  after   +0.45    0.90   -0.45    0.45      1        1",
    ]


def test_what_plus_one_means_is_told_where_there_is_room() -> None:
    stances = [move(who, "opening", 0.1) for who in PEOPLE]
    record = write_record(moves=stances, in_favour={"rents": "cap every rent in town now"})

    assert "cap every rent" not in build_tables(record, 80)
    assert "\n  cap every rent in town now " in build_tables(record, 100)


def test_topics_that_do_not_fit_are_counted() -> None:
    topics = {f"t{number}": f"Topic {number}" for number in range(12)}
    text = build_tables(write_record(topics=topics, moves=[move("a", "opening", 0.5, topic_id="t0")], missing=MISSING))

    told = len(re.findall(r"^Topic \d", text, re.M))
    assert told >= 1
    assert f"\nand {12 - told} topics more\n" in text


# Beside the tables.


def test_choices_by_place_and_changes_cut_short_share_a_line_where_they_fit() -> None:
    assert "\nChoices by place shown: 1st 50%, 2nd 50% of 2, by chance 50% each. 1 change cut short.\n" in build_tables(
        write_record(), 100
    )
    record = write_record(ballots={who: replace(cast("noor"), order_shown=()) for who in PEOPLE})
    assert "\nChanges cut short by the bound: 1.\n" in build_tables(record, 80)


def test_of_many_places_the_first_and_the_last_are_told() -> None:
    candidates = {f"c{number}": f"C{number}" for number in range(40)}
    order = tuple(candidates)
    ballots = {who: replace(cast(order[0]), order_shown=order) for who in PEOPLE}
    text = build_tables(write_record(candidates=candidates, ballots=ballots, moves=[]), 80)

    assert "\nChoices by place shown: 1st 100%, 2nd 0%, ..., 40th 0% of 5, by chance 2% each.\n" in text


MOVER = Mover(
    "p012",
    "rents",
    title="Rents",
    before=0.7,
    after=-0.34,
    by_step={"debate": -0.14, "chat": -0.94, "social": 0.04},
)


def test_who_moved_most_is_told_on_as_many_lines_as_it_takes() -> None:
    whole = "p012 moved most: Rents +0.70 to -0.34; debates -0.14, conversations -0.94, feed +0.04."
    assert describe_mover(MOVER, 100) == [whole]
    assert describe_mover(replace(MOVER, title="The harbour"), 80) == [
        "p012 moved most: The harbour +0.70 to -0.34;",
        "  debates -0.14, conversations -0.94, feed +0.04.",
    ]


@pytest.mark.parametrize(
    ("who", "name", "called"),
    [
        *(("2", "Ben", "Ben (2)"), ("2", "2", "person 2"), ("2", "", "person 2"), ("p2", "", "p2")),
        *(("p2", "p2", "p2"), ("p2", " \x1b", "p2"), ("p2", "B" * 50, f"{'B' * 37}... (p2)")),
    ],
)
def test_who_moved_most_is_told_from_how_many_did(who: str, name: str, called: str) -> None:
    assert describe_mover(replace(MOVER, persona_id=who), 200, name)[0].startswith(f"{called} moved most: Rents ")


def test_a_small_move_is_told_in_digits_that_show_it() -> None:
    by_step = {"debate": 0.004, "chat": 0.0, "social": 0.2}
    assert describe_mover(replace(MOVER, by_step=by_step), 100)[0].endswith(
        "; debates +0.004, conversations +0.00, feed +0.20."
    )


def tell_story(who: str, path: Path | None, width: int = 80, command: str = "sc", glyphs: Glyphs = BLOCKS) -> list[str]:
    return describe_story(replace(MOVER, persona_id=who), command, path, width=width, glyphs=glyphs)


def test_its_story_is_what_can_be_typed() -> None:
    assert tell_story("p1", Path("runs/x")) == ["  its story: sc show runs/x --person p1"]
    assert tell_story("Mr. X", Path("my runs/x")) == ["  its story: sc show 'my runs/x' --person 'Mr. X'"]
    assert tell_story("-x", Path("r")) == ["  its story: sc show r --person=-x"]
    assert tell_story("p1", None) == ["  its story: sc show RUN --person p1"]


def test_its_story_is_told_in_the_room_there_is() -> None:
    path = Path("x" * 54)
    assert tell_story("p1", path) == [f"  sc show {path} --person p1"]
    assert tell_story("p1", Path("x" * 90)) == [f"  its story: sc show {'x' * 90} --person p1"], "to be typed as it is"
    assert tell_story("p1", Path("x" * 900)) == ["  its story: sc show RUN --person p1"]
    assert tell_story("p" * 900, path) == []
    assert tell_story("a" + "\u0301" * 400, path) == [], "however little room its characters take"


@pytest.mark.parametrize("who", ["a\x1b[2J", "a  b", "a\nb", "\u202ea", "\ud800"])
def test_what_cannot_be_typed_is_not_advised(who: str) -> None:
    assert tell_story(who, Path("r")) == []


def test_what_the_terminal_cannot_show_is_not_advised() -> None:
    assert tell_story("Åse", Path("r")) == ["  its story: sc show r --person 'Åse'"]
    assert tell_story("Åse", Path("r"), glyphs=choose_glyphs("ascii")) == []


def test_where_room_is_short_less_is_said_beside_the_tables_and_nothing_is_folded(records: dict[str, Record]) -> None:
    text = build_tables(records["troubled"], 80)

    assert "its story" not in text
    assert "\nAnders Ivarsson (p036) moved most: The harbour +0.61 to +0.41.\nOne run is one draw of chance; " in text
    assert len(re.findall(r"^(Aisha Noor|Johan Berg|Mara Lindqvist) ", text, re.M)) == 3
    assert len(re.findall(r" (before|after ) ", text)) >= 4


def test_what_is_missing_is_told_in_all_and_by_step() -> None:
    text = build_tables(write_record(missing=MISSING, moves=[], mind="mine"))

    assert (
        "\nWithout an answer: 3 failed, 1 refused, 1 unreadable, 1 skipped\n"
        "  chat turns: 2 failed (timeout), 1 skipped\n"
        "  ballots: 1 failed (timeout), 1 unreadable\n"
        "  posts: 1 refused\n"
    ) in text


def missing_lines(missing: Sequence[Missing], width: int = 80) -> list[str]:
    steps = measure_missing(make_record(missing=missing))
    return build_missing_list(steps, "Missing", rows=len(steps), width=width)


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (["timeout"], "1 failed (timeout)"),
        (["timeout"] * 3, "3 failed (timeout)"),
        (["", "timeout", "timeout"], "3 failed (mostly timeout)"),
        (["timeout", "quota", "timeout", ""], "4 failed (most often timeout: 2)"),
        (["", "", "", "timeout"], "4 failed (most often timeout: 1)"),
        (["", ""], "2 failed"),
        (["\x1b\u202e"], "1 failed"),
    ],
)
def test_a_reason_is_told_of_those_that_failed_and_no_more_common_than_it_is(reasons: list[str], told: str) -> None:
    others = [Missing("post", "skipped", "e0/post/a")] * 12 + [Missing("post", "refused", "rude")] * 6
    failed = [Missing("post", "failed", reason) for reason in reasons]
    assert missing_lines([*others, *failed])[1] == f"  posts: {told}, 6 refused, 12 skipped"
    assert missing_lines(others)[1] == "  posts: 6 refused, 12 skipped"


def test_where_room_is_short_reasons_are_cut_and_no_counts() -> None:
    others = [Missing("debate_update", status, "") for status in ("refused", "skipped", "unreadable")]

    def line(reason: str, width: int) -> str:
        return missing_lines([Missing("debate_update", "failed", reason), *others], width)[1]

    counts = "1 refused, 1 skipped, 1 unreadable"
    assert line("x" * 60, 200) == f"  updates from debates: 1 failed ({'x' * 60}), {counts}"
    assert line("x" * 60, 100) == f"  updates from debates: 1 failed ({'x' * 21}...), {counts}"
    assert line("x" * 60, 80) == f"  updates from debates: 1 failed, {counts}"


@pytest.mark.parametrize(
    ("config", "width", "said"),
    [
        ("", 80, "One run is one draw; run --replicates 10 gives intervals. Your own: init my-town"),
        ("", 100, "One run is one draw of chance; run --replicates 10 gives intervals. Your own: init my-town"),
        ("my towns/c.yaml", 80, "One run is one draw; run 'my towns/c.yaml' --replicates 10 gives intervals."),
        ("c" * 90, 80, "One run is one draw of chance; run CONFIG --replicates 10 gives intervals."),
        ("a\x1b", 80, "One run is one draw of chance; replicates give intervals."),
        (None, 80, "One run is one draw of chance; replicates give intervals."),
    ],
)
def test_the_last_line_says_that_one_run_is_one_draw(config: str | None, width: int, said: str) -> None:
    assert build_tables(write_record(), width, config=config).splitlines()[-1] == said
    partial = build_tables(write_record(status="stopped"), width, config=config)
    assert "one draw" not in partial


# On one line.


def test_a_run_on_one_line() -> None:
    assert build_line(write_record()) == (
        "Norrhaven, run_1: 5 people, 2 of 2 epochs, complete, offline mind: Aisha Noor 2, Johan Berg 0"
    )
    partial = write_record(name=None, status="failed", ballots={}, epochs_ended=1, candidate_mind="mine")
    assert build_line(partial) == "run_1: 5 people, 1 of 2 epochs, partial, offline mind and mine: no ballot was held"
    assert build_line(write_record(candidates={})).endswith("offline mind: no candidates")


@given(st.randoms(use_true_random=False))
def test_whatever_a_run_is_called_it_is_one_short_line(chance: random.Random) -> None:
    line = build_line(draw_record(chance))

    assert line.splitlines() == [line]
    assert all(map(is_harmless, line))
    assert measure_width(line) < 600


# Real runs.


def test_a_summary_is_what_is_printed(tmp_path: Path) -> None:
    result = run_community(tmp_path)

    for width in (80, 100):
        assert result.summary(width) == build_tables(result.record, width, path=result.path)
    assert load_run(result.path).summary() == result.summary()
    assert str(result) == build_line(result.record)


@pytest.mark.parametrize("people", [0, 1, 2])
@pytest.mark.parametrize("has_candidates", [True, False])
def test_small_communities_have_tables_too(tmp_path: Path, people: int, has_candidates: bool) -> None:
    config = make_config(people) if has_candidates else make_config(people, candidates=None)
    text = run_engine(make_engine(config), tmp_path).summary()

    assert ("\nVote" in text) == (people > 0 and has_candidates)
    assert ("\nBeliefs" in text) == (people > 0)
    assert "nothing failed.\n" in text


def test_every_step_of_a_run_has_a_name(tmp_path: Path) -> None:
    acts = run_community(tmp_path).record.acts

    assert acts is not None
    assert set(acts) == set(ACTS)
    assert name_acts("a_later_step") == "a_later_step"
