"""What a record says in numbers: worked out by hand, and by what must hold for every record; and the same as JSON."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.domain.outcome import Failed, Refused, Unreadable
from synthetic_communities.report.numbers.figures import build_json, findings_as_json
from synthetic_communities.report.numbers.findings import Findings, count_acts, find, measure_missing
from synthetic_communities.report.numbers.measures import BINS
from synthetic_communities.report.numbers.opinions import Mover, find_mover, measure_stances, measure_topics
from synthetic_communities.report.numbers.votes import Tally, measure_order, measure_vote
from synthetic_communities.report.record import CastBallot, Missing, Record
from synthetic_communities.testing.scripted import ScriptedMind
from tests.small_communities import run_community
from tests.small_records import cast, make_record, move
from tests.test_docs import find_rows, flatten, is_of_kind, section_of, to_pattern
from tests.varied_records import draw_record

PEOPLE = {who: who.upper() for who in "abcde"}
OPENING = [
    move("a", "opening", 0.5, "noor"),
    move("b", "opening", -0.5, "berg"),
    move("c", "opening", 0.0, "berg"),
    move("d", "opening", None, None),
    move("e", "opening", 0.25, "noor"),
]
LATER = [
    move("a", "0 debate", 0.5, "noor", before=0.5),
    move("b", "0 debate", -0.4, "berg", before=-0.5),
    move("c", "0 chat", 0.3, "noor", before=0.0, clamped=True),
    move("c", "1 social", 0.11, "noor", before=0.3),
    move("d", "1 social", 0.9, "noor"),
]
BALLOTS = {
    "a": cast("noor"),
    "b": CastBallot("abstained", candidate_id=None, order_shown=(), first_choice="berg", reason=""),
    "c": cast("noor"),
    "d": CastBallot("failed", candidate_id=None, order_shown=(), first_choice="noor", reason="timeout"),
    "e": CastBallot("unreadable", candidate_id=None, order_shown=(), first_choice="noor", reason=""),
}


def five(**changes: Any) -> Record:
    """Return the record of five people, of whom d has no opinion at the opening and c changes its first choice."""
    return make_record(changes.pop("moves", OPENING + LATER), **{"people": PEOPLE, "ballots": BALLOTS, **changes})


def shown(*orders: str, chosen: str) -> dict[str, CastBallot]:
    """Return ballots of people who were shown candidates in these orders, each a letter, and chose these."""
    return {
        str(number): CastBallot("choice", candidate_id=who, order_shown=tuple(order), first_choice=who, reason="")
        for number, (order, who) in enumerate(zip(orders, chosen, strict=True))
    }


class TestVote:
    def test_first_choices_and_ballots_are_counted_at_the_opening_and_at_the_end(self) -> None:
        vote = measure_vote(five())

        assert vote.candidates == (
            Tally("Aisha Noor", "noor", before=2, after=4, ballots=2),
            Tally("Johan Berg", "berg", before=2, after=1, ballots=0),
        )
        assert vote.undecided == Tally("", before=1, after=0, ballots=3)
        counts = {"abstained": 1, "unreadable": 1, "refused": 0, "failed": 1, "not_asked": 0, "unrecorded": 0}
        assert vote.not_chosen == counts
        assert vote.counted == 3
        assert vote.was_held

    def test_who_had_no_first_choice_at_the_opening_did_not_change_it(self) -> None:
        vote = measure_vote(five())

        assert (vote.known_twice, vote.changed, vote.share_changed) == (4, 1, 0.25)
        assert (vote.net_change, vote.pedersen) == (1, 0.25)

    def test_two_who_change_places_are_gross_movement_and_no_net_movement(self) -> None:
        moves = [
            move("a", "opening", 0.1, "noor"),
            move("b", "opening", 0.1, "berg"),
            move("c", "opening", 0.1, "noor"),
        ]
        vote = measure_vote(make_record(moves, ballots={"a": cast("berg"), "b": cast("noor"), "c": cast("noor")}))

        assert (vote.known_twice, vote.changed, vote.net_change) == (3, 2, 0)
        assert (vote.share_changed, vote.pedersen) == (pytest.approx(2 / 3), 0)

    def test_without_opening_opinions_nothing_is_known_of_before(self) -> None:
        vote = measure_vote(five(moves=LATER))

        assert vote.undecided == Tally("", before=None, after=0, ballots=3)
        assert (vote.known_twice, vote.changed, vote.net_change) == (0, 0, 0)
        assert (vote.share_changed, vote.pedersen) == (None, None)

    def test_without_a_ballot_the_last_epoch_tells_whom_people_prefer(self) -> None:
        vote = measure_vote(five(ballots={}, first_choices={"a": "berg", "b": None}))

        assert [tally.after for tally in (*vote.candidates, vote.undecided)] == [0, 1, 4]
        assert [tally.ballots for tally in (*vote.candidates, vote.undecided)] == [None, None, None]
        assert not vote.was_held

    def test_a_ballot_that_is_not_in_the_record_is_counted_as_such(self) -> None:
        vote = measure_vote(five(ballots={"a": cast("noor")}))

        assert vote.not_chosen["unrecorded"] == 4


class TestOrder:
    def test_shares_by_the_place_shown(self) -> None:
        order = measure_order(make_record(ballots=shown("xyz", "zyx", "yxz", "xzy", chosen="xzxy") | BALLOTS))

        assert order is not None
        assert (order.choices, order.shares) == (4, (0.5, 0.25, 0.25))
        assert order.expected == pytest.approx(1 / 3)
        assert order.first_place_excess == pytest.approx(0.5 - 1 / 3)

    @pytest.mark.parametrize("ballots", [{}, {"a": cast("noor")}, {"a": cast(status="failed")}])
    def test_nobody_chose_from_a_list_that_is_recorded(self, ballots: Mapping[str, CastBallot]) -> None:
        assert measure_order(make_record(ballots=ballots)) is None


class TestTopics:
    def test_stances_are_measured_over_who_has_one(self) -> None:
        (rents,) = measure_topics(five(in_favour={"rents": "cap rents"}))

        assert (rents.topic_id, rents.title, rents.in_favour) == ("rents", "Rents", "cap rents")
        assert (rents.before.people, rents.after.people) == (4, 5)
        assert (rents.before.mean, rents.after.mean) == (pytest.approx(0.0625), pytest.approx(1.36 / 5))
        squares = 0.4375**2 + 0.5625**2 + 0.0625**2 + 0.1875**2
        assert rents.before.deviation == pytest.approx(math.sqrt(squares / 3))

    def test_distributions_have_twelve_parts(self) -> None:
        (rents,) = measure_topics(five())

        assert rents.before.bins == (0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0)
        assert rents.after.bins == (0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1)

    def test_movement_is_that_of_those_known_twice(self) -> None:
        (rents,) = measure_topics(five())

        assert rents.known_twice == 4
        assert rents.moved == 1, "a move of 0.1 is not more than 0.1, and d began nowhere"
        assert rents.changed_side == 0
        assert rents.net_change == pytest.approx((0.1 + 0.11) / 4)
        assert rents.gross_change == pytest.approx((0.1 + 0.11) / 4)
        assert rents.clamped == 1

    def test_who_crosses_the_middle_has_changed_side(self) -> None:
        later = [move("a", "0 chat", -0.5, before=0.5), move("b", "0 chat", 0.0, before=-0.5)]
        (rents,) = measure_topics(five(moves=[*OPENING, *later, move("c", "0 chat", -0.3, before=0.0)]))

        assert rents.changed_side == 1, "from 0, and to 0, no side is changed"
        assert rents.moved == 3
        assert rents.net_change == pytest.approx((-1 + 0.5 - 0.3) / 4)
        assert rents.gross_change == pytest.approx(1.8 / 4)

    def test_without_opening_opinions_nobody_has_moved_that_is_known(self) -> None:
        (rents,) = measure_topics(five(moves=LATER))

        assert rents.before == measure_stances([])
        assert (rents.known_twice, rents.moved, rents.net_change, rents.gross_change) == (0, 0, None, None)
        assert rents.clamped == 1

    def test_topics_are_told_apart(self) -> None:
        topics = {"trams": "Trams", "rents": "Rents"}
        trams, rents = measure_topics(five(moves=[*OPENING, move("a", "opening", 1, topic_id="trams")], topics=topics))

        assert (trams.title, trams.before.people, trams.before.mean) == ("Trams", 1, 1)
        assert (rents.title, rents.before.people) == ("Rents", 4)

    def test_of_nobody_nothing_can_be_said(self) -> None:
        nobody = measure_stances([])

        assert (nobody.people, nobody.mean, nobody.deviation) == (0, None, None)
        assert (nobody.bimodality, nobody.polarisation) == (None, None)
        assert nobody.bins == (0,) * BINS

    def test_poles_are_bimodal_and_polarised(self) -> None:
        poles = measure_stances([-1.0, -1.0, 1.0, 1.0])

        assert poles.bimodality == pytest.approx(1 / 7.5)
        assert poles.polarisation == pytest.approx(0.5)


class TestMover:
    def test_who_moved_most_and_what_moved_it(self) -> None:
        assert find_mover(five()) == Mover(
            "c",
            "rents",
            title="Rents",
            before=0.0,
            after=0.11,
            by_step={"debate": 0.0, "chat": 0.3, "social": -0.19},
        )

    def test_steps_are_summed_over_epochs(self) -> None:
        later = [move("e", "0 debate", 0.5, before=0.25), move("e", "1 debate", 0.9, before=0.5)]
        mover = find_mover(five(moves=OPENING + later))

        assert mover is not None
        assert (mover.persona_id, mover.by_step) == ("e", {"debate": 0.65, "chat": 0.0, "social": 0.0})

    def test_what_the_opening_did_to_a_prior_is_no_part_of_it(self) -> None:
        moves = [move("a", "opening", 0.5, before=-0.5), move("a", "0 debate", 0.75, before=0.5)]
        mover = find_mover(five(moves=moves))

        assert mover is not None
        assert (mover.before, mover.by_step) == (0.5, {"debate": 0.25, "chat": 0.0, "social": 0.0})

    def test_of_equals_the_first_person_and_its_first_topic(self) -> None:
        topics = {"trams": "Trams", "rents": "Rents"}
        moves = [
            change
            for topic_id in ("rents", "trams")
            for who in "edcb"
            for change in (
                move(who, "opening", 0.1, topic_id=topic_id),
                move(who, "0 chat", -0.2, before=0.1, topic_id=topic_id),
            )
        ]
        mover = find_mover(five(moves=moves, topics=topics))

        assert mover is not None
        assert (mover.persona_id, mover.topic_id) == ("b", "trams")

    @pytest.mark.parametrize("moves", [[], OPENING, LATER])
    def test_nobody_moved_that_is_known(self, moves: list[Any]) -> None:
        assert find_mover(five(moves=moves)) is None


class TestMissing:
    MISSING = (
        Missing("chat_turn", "failed", "timeout"),
        Missing("chat_turn", "failed", "timeout"),
        Missing("chat_turn", "skipped", "t1"),
        Missing("post", "refused", ""),
    )

    def test_what_is_missing_is_counted_by_step_with_the_commonest_reason(self) -> None:
        missing = measure_missing(five(missing=self.MISSING))

        assert [(step.step, dict(step.statuses), step.reason, step.reason_acts) for step in missing] == [
            ("chat_turn", {"failed": 2, "skipped": 1}, "timeout", 2),
            ("ballot", {"failed": 1, "unreadable": 1}, "timeout", 1),
            ("post", {"refused": 1}, "", 0),
        ]

    @pytest.mark.parametrize("status", ["skipped", "refused", "unreadable"])
    def test_only_what_failed_gives_a_reason(self, status: str) -> None:
        others = [Missing("chat_turn", status, "e0/chat/a+b/0")] * 3
        (step,) = measure_missing(make_record(missing=(*others, Missing("chat_turn", "failed", "timeout"))))

        assert (step.reason, step.reason_acts) == ("timeout", 1)

    def test_acts_are_counted_only_where_they_were_measured(self) -> None:
        acts = {"ballot": Counter(done=3, failed=1), "post": Counter(done=2)}

        assert count_acts(five(acts=acts)) == {"done": 5, "failed": 1}
        assert count_acts(five(acts=None)) is None


def test_of_a_run_that_has_only_begun_there_are_no_findings() -> None:
    record = make_record(epochs_ended=0, acts=None)
    assert find(record) == Findings(None, None, topics=(), mover=None, missing=(), acts=None)


@pytest.mark.parametrize("changes", [{"people": {}}, {"candidates": {}}, {"ballots": {}, "epochs_ended": 0}])
def test_where_nobody_could_vote_there_is_no_vote(changes: Mapping[str, Any]) -> None:
    assert find(five(**{"moves": [], "ballots": {}, **changes})).vote is None


@given(st.randoms(use_true_random=False))
def test_every_column_counts_everybody_once(chance: random.Random) -> None:
    record = draw_record(chance)
    vote = measure_vote(record)

    for column in ("before", "after", "ballots"):
        counts = [getattr(tally, column) for tally in (*vote.candidates, vote.undecided)]
        assert sum(counts) == len(record.people) if None not in counts else set(counts) == {None}
    if vote.was_held:
        chosen = sum(tally.ballots or 0 for tally in vote.candidates)
        assert chosen + sum(vote.not_chosen.values()) == len(record.people)
    assert 0 <= vote.net_change <= vote.changed <= vote.known_twice <= vote.people


@given(st.randoms(use_true_random=False))
def test_movement_keeps_its_ranges_and_parts_sum_to_the_whole(chance: random.Random) -> None:
    record = draw_record(chance)

    for topic in measure_topics(record):
        assert sum(topic.before.bins) == topic.before.people
        assert sum(topic.after.bins) == topic.after.people
        assert topic.changed_side <= topic.known_twice <= topic.after.people <= len(record.people)
        assert topic.moved <= topic.known_twice <= topic.before.people
    mover = find_mover(record)
    if mover is not None:
        assert math.fsum(mover.by_step.values()) == pytest.approx(mover.after - mover.before, abs=1e-5)
        assert not any(topic.moved for topic in measure_topics(record)) or abs(mover.after - mover.before) > 0.1


SCRIPT = {
    "opening/opinion/p3": Refused("no"),
    "e0/chat/*": Failed("timeout"),
    "e1/belief/debate/p1": Unreadable("?"),
    "ballot/p0": Failed("timeout"),
    "ballot/p1": Refused("no"),
    "ballot/p2": Unreadable("?"),
}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """Return the record of a run in which some acts give no answer."""
    return run_community(tmp_path_factory.mktemp("runs"), ScriptedMind(SCRIPT), people=9).record


class TestRealRun:
    def test_every_column_sums_to_the_population(self, record: Record) -> None:
        vote = measure_vote(record)

        for column in ("before", "after", "ballots"):
            assert sum(getattr(tally, column) for tally in (*vote.candidates, vote.undecided)) == 9
        assert sum(tally.ballots or 0 for tally in vote.candidates) + sum(vote.not_chosen.values()) == 9

    def test_what_is_missing_agrees_with_what_was_measured(self, record: Record) -> None:
        assert record.acts is not None
        lacking = {
            step: {status: number for status, number in counts.items() if status not in ("done", "not_asked")}
            for step, counts in record.acts.items()
        }

        missing = {step.step: dict(step.statuses) for step in measure_missing(record)}
        assert missing == {step: counts for step, counts in lacking.items() if counts}
        assert set(missing) >= {"opening_opinion", "chat_turn", "chat_update", "ballot"}

    def test_who_moved_most_did_so_by_its_steps(self, record: Record) -> None:
        mover = find_mover(record)

        assert mover is not None
        assert math.fsum(mover.by_step.values()) == pytest.approx(mover.after - mover.before, abs=1e-5)

    def test_choices_by_place_are_those_of_the_ballots(self, record: Record) -> None:
        order = measure_order(record)

        assert order is not None
        assert order.choices == sum(ballot.candidate_id is not None for ballot in record.ballots.values())


class TestJson:
    def test_a_step_that_is_missing(self) -> None:
        found = build_json(five(missing=TestMissing.MISSING))["missing"]

        assert found["chat_turn"] == {"statuses": {"failed": 2, "skipped": 1}, "reason": "timeout", "reason_acts": 2}
        assert found["post"] == {"statuses": {"refused": 1}, "reason": "", "reason_acts": 0}

    def test_findings_stand_under_the_ids_they_are_of(self) -> None:
        found = build_json(five(in_favour={"rents": "cap rents"}), Path("runs/x"))

        assert found["path"] == "runs/x"
        assert found["candidate_mind_because"] == "no model was named"
        assert found["vote"]["candidates"]["berg"] == {"name": "Johan Berg", "before": 2, "after": 1, "ballots": 0}
        assert found["vote"]["no_first_choice"] == {"before": 1, "after": 0}
        rents = found["topics"]["rents"]
        assert (rents["title"], rents["for"], rents["moved"]) == ("Rents", "cap rents", 1)
        assert rents["before"]["bins"] == [0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 0, 0]
        assert found["mover"]["by_step"] == {"debate": 0.0, "chat": 0.3, "social": -0.19}

    def test_numbers_are_rounded_to_six_places(self) -> None:
        ballots = shown("xyz", "zyx", "yxz", chosen="xzx")
        order = build_json(make_record(ballots=ballots, candidates={who: who for who in "xyz"}))["order"]

        assert order["shares"] == [0.666667, 0.333333, 0.0]

    def test_what_is_not_known_is_null(self) -> None:
        found = build_json(make_record(status=None, epochs_ended=0, acts=None, model_calls=None, seconds=None))

        unknown = ("path", "status", "acts", "model_calls", "seconds", "vote", "order", "mover")
        assert [found[name] for name in unknown] == [None] * len(unknown)
        assert (found["topics"], found["missing"]) == ({}, {})
        assert build_json(five(ballots={}))["vote"]["not_chosen"] is None

    def test_text_is_ascii_and_the_same_value(self) -> None:
        record = five(name="Tromsø \x1b[31m \ud800", candidates={"noor": "東京", "berg": 'a "quote"'})
        text = findings_as_json(build_json(record))

        assert text.isascii()
        assert "\x1b" not in text
        assert json.loads(text) == build_json(record)

    @given(st.randoms(use_true_random=False))
    def test_every_record_makes_json(self, chance: random.Random) -> None:
        record = draw_record(chance)
        assert json.loads(findings_as_json(build_json(record))) == build_json(record)

    def test_every_key_is_described_with_its_type_and_every_key_described_exists(self) -> None:
        described = {row[0].strip("`"): row[1] for row in find_rows(section_of("docs/measures.md", "As JSON"))}
        patterns = {key: to_pattern(key) for key in described}
        acts = {"ballot": Counter(done=2)}
        ballots = shown("xyz", chosen="x") | BALLOTS
        cost = {"calls": 3, "prompt_tokens": 900, "cache_read_tokens": 0, "output_tokens": 50, "cost_usd": 0.0123456789}
        foretold = [{"figure": "calls", "low": 3.0, "high": 4.0, "took": 3}]
        record = five(missing=TestMissing.MISSING, acts=acts, ballots=ballots)
        whole = build_json(record, Path("run"), cost=cost, foretold=foretold)
        assert (whole["cost"]["cost_usd"], whole["foretold"]) == (0.0123456789, foretold)
        bare = build_json(make_record(epochs_ended=0, acts=None, seconds=None))
        found = set()
        for path, value in (item for each in (whole, bare) for item in flatten(each)):
            key = next((key for key, pattern in patterns.items() if pattern.fullmatch(path)), None)
            assert key is not None, f"{path} is not described"
            assert is_of_kind(value, described[key]), f"{path} is {value!r}, described as {described[key]}"
            found.add(key)
        assert found == set(patterns)
        assert [key for key in described if "." not in key] == list(whole)
