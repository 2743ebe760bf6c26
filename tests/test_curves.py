"""What pictures draw: stances and first choices moment by moment, flows between them, and the way of one person."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.report.numbers.opinions import find_mover, measure_topics
from synthetic_communities.report.pictures.curves import follow_person, measure_distributions, sum_by_step
from synthetic_communities.report.pictures.flows import (
    GROUPS,
    ChoiceFlows,
    Group,
    measure_flows,
    order_groups,
    stack_bands,
    stack_groups,
)
from synthetic_communities.report.pictures.moments import choose_evenly, find_epochs, follow_choices, follow_stances
from synthetic_communities.report.record import Record
from tests.small_records import BALLOTS, MOVES, cast, make_record, move

NOOR = Group("candidate", "Aisha Noor", candidate_id="noor")
BERG = Group("candidate", "Johan Berg", candidate_id="berg")
NOBODY = Group("undecided", "no first choice")
ABSTAINED = Group("abstained", "abstained")
FAILED = Group("failed", "failed")


def flow(record: Record, **limits: int) -> ChoiceFlows:
    return measure_flows(record, **{"most_stages": 8, "most_candidates": 8, **limits})


class TestMoments:
    def test_a_stance_holds_until_another_takes_its_place(self) -> None:
        assert [(then.moment, then.stances) for then in follow_stances(make_record(MOVES), "rents")] == [
            ("opening", {"a": 0.5, "b": -0.5}),
            ("end of epoch 0", {"a": 0.6, "b": -0.25, "c": 1.0}),
            ("end of epoch 1", {"a": -0.25, "b": 0.0, "c": 0.9}),
        ]

    def test_so_does_a_first_choice_until_there_is_none(self) -> None:
        assert [(then.moment, then.choices) for then in follow_choices(make_record(MOVES))] == [
            ("opening", {"a": "noor", "b": "berg", "c": None}),
            ("end of epoch 0", {"a": "noor", "b": "berg", "c": "noor"}),
            ("end of epoch 1", {"a": None, "b": "noor", "c": "noor"}),
        ]

    def test_without_opening_opinions_there_is_no_opening(self) -> None:
        later = [each for each in MOVES if each.step != "opening"]
        assert [then.moment for then in follow_stances(make_record(later), "rents")] == [
            "end of epoch 0",
            "end of epoch 1",
        ]

    def test_an_epoch_in_which_nothing_could_move_is_a_moment_too(self) -> None:
        record = make_record(MOVES[:3], epochs_ended=1)
        assert [then.stances for then in follow_stances(record, "rents")] == [{"a": 0.5, "b": -0.5}] * 2
        assert find_epochs(record) == [0]

    def test_epochs_are_those_of_the_lines_that_can_be_read(self) -> None:
        assert find_epochs(make_record([move("a", "4 chat", 0.5)], epochs_ended=2)) == [0, 1, 4]

    def test_an_opening_alone_is_one_moment(self) -> None:
        record = make_record(MOVES[:3], epochs_ended=0)
        assert [then.moment for then in follow_choices(record)] == ["opening"]

    def test_another_topic_is_another_matter(self) -> None:
        moves = [move("a", "opening", 0.5), move("a", "opening", -1.0, topic_id="trams")]
        (then, *_) = follow_stances(make_record(moves, topics={"rents": "Rents", "trams": "Trams"}), "trams")
        assert then.stances == {"a": -1.0}

    @pytest.mark.parametrize(
        ("number", "most", "chosen"),
        [(0, 2, []), (3, 3, [0, 1, 2]), (9, 2, [0, 8]), (9, 3, [0, 4, 8]), (100, 5, [0, 25, 50, 74, 99])],
    )
    def test_some_of_many(self, number: int, most: int, chosen: list[int]) -> None:
        assert choose_evenly(range(number), most) == chosen

    @given(st.integers(0, 200), st.integers(2, 20))
    def test_some_of_many_are_different_and_in_order(self, number: int, most: int) -> None:
        chosen = choose_evenly(range(number), most)
        assert chosen == sorted(set(chosen))
        assert len(chosen) == min(number, most)


class TestDistributions:
    def test_everybody_with_a_stance_is_counted_once(self) -> None:
        opening, first, last = measure_distributions(make_record(MOVES), "rents")
        assert opening.stances.bins == (0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0)
        assert first.stances.bins == (0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 1)
        assert last.stances.bins == (0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1)
        assert [each.stances.people for each in (opening, first, last)] == [2, 3, 3]

    def test_the_ends_are_those_of_the_tables(self) -> None:
        distributions = measure_distributions(make_record(MOVES), "rents")
        (topic,) = measure_topics(make_record(MOVES))
        assert (distributions[0].stances, distributions[-1].stances) == (topic.before, topic.after)


class TestFlows:
    def test_who_went_where(self) -> None:
        flows = flow(make_record(MOVES, ballots=BALLOTS))
        assert flows.groups == (NOOR, BERG, NOBODY, ABSTAINED, FAILED)
        assert [stage.moment for stage in flows.stages] == ["opening", "end of epoch 0", "end of epoch 1", "ballot"]
        assert [dict(stage.people) for stage in flows.stages] == [
            {NOOR: 1, BERG: 1, NOBODY: 1},
            {NOOR: 2, BERG: 1},
            {NOOR: 2, NOBODY: 1},
            {NOOR: 1, ABSTAINED: 1, FAILED: 1},
        ]
        assert [dict(each) for each in flows.flows] == [
            {(NOOR, NOOR): 1, (BERG, BERG): 1, (NOBODY, NOOR): 1},
            {(NOOR, NOBODY): 1, (BERG, NOOR): 1, (NOOR, NOOR): 1},
            {(NOBODY, ABSTAINED): 1, (NOOR, NOOR): 1, (NOOR, FAILED): 1},
        ]
        assert (flows.people, flows.moments) == (3, 4)

    def test_without_a_ballot_the_last_epoch_is_the_end(self) -> None:
        assert [stage.moment for stage in flow(make_record(MOVES)).stages][-1] == "end of epoch 1"

    def test_a_ballot_missing_from_the_record_is_told_as_that(self) -> None:
        last = flow(make_record(MOVES, ballots={"a": cast("noor"), "b": cast(status="not_asked")})).stages[-1]
        not_asked, unrecorded = Group("not_asked", "not asked"), Group("unrecorded", "not recorded")
        assert dict(last.people) == {NOOR: 1, not_asked: 1, unrecorded: 1}

    def test_without_topics_everybody_comes_from_nowhere(self) -> None:
        flows = flow(make_record(topics={}, epochs_ended=1, ballots=BALLOTS))
        assert dict(flows.stages[0].people) == {NOBODY: 3}
        assert dict(flows.flows[0]) == {(NOBODY, ABSTAINED): 1, (NOBODY, NOOR): 1, (NOBODY, FAILED): 1}

    def test_a_candidate_called_as_a_status_is_none(self) -> None:
        record = make_record([move("a", "opening", 0.1, "abstained")], candidates={"abstained": "abstained"})
        (group, nobody) = flow(record).groups
        assert (group, nobody) == (Group("candidate", "abstained", candidate_id="abstained"), NOBODY)

    def test_of_many_moments_some_are_shown_and_who_went_between_them(self) -> None:
        flows = flow(make_record(MOVES, ballots=BALLOTS), most_stages=3)
        assert [stage.moment for stage in flows.stages] == ["opening", "end of epoch 1", "ballot"]
        assert dict(flows.flows[0]) == {(NOOR, NOBODY): 1, (BERG, NOOR): 1, (NOBODY, NOOR): 1}
        assert flows.moments == 4

    def test_the_end_of_the_last_epoch_is_always_among_them(self) -> None:
        record = make_record([move("a", "opening", 0.5, "noor")], epochs_ended=40, ballots=BALLOTS)
        moments = [stage.moment for stage in flow(record).stages]
        assert moments == ["opening", *(f"end of epoch {epoch}" for epoch in (6, 12, 19, 26, 32, 39)), "ballot"]

    def test_of_many_candidates_those_with_the_fewest_are_one_group(self) -> None:
        candidates = {f"c{number}": f"Candidate {number}" for number in range(4)}
        moves = [move("a", "opening", 0, "c1"), move("b", "opening", 0, "c3"), move("c", "opening", 0, "c3")]
        flows = flow(make_record([*moves, move("a", "0 chat", 0, "c2")], candidates=candidates), most_candidates=2)
        others = Group("others", "3 other candidates")
        assert flows.groups == (Group("candidate", "Candidate 3", candidate_id="c3"), others)
        assert [stage.people[others] for stage in flows.stages] == [1, 1, 1]
        assert flows.flows[0][others, others] == 1

    def test_what_counts_is_the_most_a_candidate_ever_had(self) -> None:
        candidates = {f"c{number}": f"Candidate {number}" for number in range(3)}
        opening = [move(who, "opening", 0, "c2") for who in "abc"]
        end = [move("a", "0 chat", 0, "c0"), move("b", "0 chat", 0, "c0"), move("c", "0 chat", 0, "c1")]
        flows = flow(make_record([*opening, *end], candidates=candidates), most_candidates=2)
        assert [group.name for group in flows.groups] == ["Candidate 2", "2 other candidates"]

    def test_the_order_of_groups(self) -> None:
        kinds = list(GROUPS)
        groups = [Group(kind, GROUPS[kind]) for kind in reversed(kinds)]
        ordered = order_groups(make_record(), [*groups, BERG, NOOR, BERG])
        assert [group.kind for group in ordered] == ["candidate", "candidate", *kinds]
        assert ordered[:2] == (NOOR, BERG)

    def test_parts_and_bands_are_stacked_the_first_group_on_top(self) -> None:
        flows = flow(make_record(MOVES, ballots=BALLOTS))
        assert stack_groups(flows, 0) == {FAILED: 0, ABSTAINED: 0, NOBODY: 0, BERG: 1, NOOR: 2}
        bands = [(b.origin, b.target, b.people, b.bottom, b.next_bottom) for b in stack_bands(flows, 1)]
        assert bands == [(BERG, NOOR, 1, 0, 1), (NOOR, NOBODY, 1, 1, 0), (NOOR, NOOR, 1, 2, 2)]


WHO = ("a", "b", "c", "d", "e")
WHOM = {"noor": "Aisha Noor", "berg": "Johan Berg", "lind": "Mara Lind"}


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Return records in which people prefer and vote for whomever they like, as far as it is recorded."""
    choice = st.sampled_from([None, *WHOM])
    moves = draw(st.lists(st.tuples(st.sampled_from(WHO), st.sampled_from(WHENS), choice, STANCES), max_size=30))
    voters = draw(st.sets(st.sampled_from(WHO)))
    ballots: dict[str, Any] = {who: draw(st.sampled_from(CAST)) for who in sorted(voters)}
    made = [move(who, when, stance, candidate) for who, when, candidate, stance in moves]
    return make_record(made, people={who: who for who in WHO}, candidates=WHOM, ballots=ballots)


WHENS = ("opening", "0 debate", "0 social", "1 chat")
STANCES = st.none() | st.floats(-1, 1)
CAST = (*(cast(who) for who in WHOM), cast(), cast(status="refused"), cast(status="unreadable"))


@given(records(), st.integers(3, 4), st.integers(2, 3))
def test_everybody_is_in_one_group_at_every_stage_and_goes_to_one(record: Record, stages: int, candidates: int) -> None:
    flows = flow(record, most_stages=stages, most_candidates=candidates)
    assert [sum(stage.people.values()) for stage in flows.stages] == [len(WHO)] * len(flows.stages)
    assert len(flows.flows) == max(0, len(flows.stages) - 1)
    for number, each in enumerate(flows.flows):
        for group in flows.groups:
            went = sum(people for (origin, _), people in each.items() if origin == group)
            came = sum(people for (_, target), people in each.items() if target == group)
            assert went == flows.stages[number].people[group]
            assert came == flows.stages[number + 1].people[group]


@given(records())
def test_bands_fill_every_stage_without_gaps(record: Record) -> None:
    flows = flow(record)
    for stage in range(len(flows.flows)):
        bands = stack_bands(flows, stage)
        for bottoms in ([band.bottom for band in bands], [band.next_bottom for band in bands]):
            filled = sorted(
                place
                for bottom, band in zip(bottoms, bands, strict=True)
                for place in range(bottom, bottom + band.people)
            )
            assert filled == list(range(len(WHO)))


@given(records())
def test_distributions_count_everybody_who_has_a_stance(record: Record) -> None:
    for then, distribution in zip(follow_stances(record, "rents"), measure_distributions(record, "rents"), strict=True):
        assert sum(distribution.stances.bins) == distribution.stances.people == len(then.stances)


class TestPerson:
    def test_every_step_in_the_order_of_time(self) -> None:
        ann = follow_person(make_record(MOVES, ballots=BALLOTS), "a")
        assert (ann.persona_id, ann.name, ann.ballot) == ("a", "Ann Ek", ABSTAINED)
        assert ann.steps == ((0, "opening"), (0, "debate"), (0, "chat"), (1, "debate"), (1, "chat"))
        assert [point.move.after for point in ann.topics["rents"]] == [0.5, 0.6, 0.6, -0.1, -0.25]
        assert [point.position for point in ann.topics["rents"]] == [0, 1, 2, 3, 4]
        assert ann.choices == (NOOR, NOOR, NOOR, BERG, NOBODY)

    def test_steps_stand_in_the_order_of_time_whatever_the_lines(self) -> None:
        moves = [move("a", when, 0.1) for when in ("1 chat", "0 vigil", "0 social", "0 chat", "0 debate", "opening")]
        curve = follow_person(make_record(moves), "a")
        steps = [(0, "opening"), (0, "debate"), (0, "chat"), (0, "social"), (0, "vigil"), (1, "chat")]
        assert list(curve.steps) == steps
        assert [point.move.step for point in curve.topics["rents"]] == [step for _, step in steps]

    def test_topics_share_the_steps(self) -> None:
        moves = [move("a", "opening", 0.5), move("a", "0 chat", 0.1, topic_id="trams"), move("b", "0 debate", 0.2)]
        curve = follow_person(make_record(moves, topics={"rents": "Rents", "trams": "Trams", "zoo": "Zoo"}), "a")
        positions = {topic: [point.position for point in points] for topic, points in curve.topics.items()}
        assert positions == {"rents": [0], "trams": [1], "zoo": []}

    def test_who_was_never_seen_has_no_way(self) -> None:
        curve = follow_person(make_record(), "b")
        assert (curve.steps, curve.choices, curve.ballot) == ((), (), None)
        assert curve.topics == {"rents": ()}

    def test_a_ballot_that_is_missing_among_others(self) -> None:
        ballot = follow_person(make_record(ballots={"a": cast("noor")}), "b").ballot
        assert ballot == Group("unrecorded", "not recorded")

    def test_what_moved_somebody_sums_to_the_way_it_went(self) -> None:
        points = follow_person(make_record(MOVES), "a").topics["rents"]
        assert sum_by_step(points) == {"debate": -0.6, "chat": -0.15}
        mover = find_mover(make_record(MOVES))
        assert mover is not None
        assert mover.persona_id == "a"
        assert {step: by for step, by in mover.by_step.items() if by} == sum_by_step(points)

    def test_the_opening_moves_nobody(self) -> None:
        moves = [move("a", "opening", 0.5, before=0.1), move("a", "0 chat", 0.75, before=0.5)]
        assert sum_by_step(follow_person(make_record(moves), "a").topics["rents"]) == {"chat": 0.25}

    def test_who_had_no_stance_was_not_moved_by_getting_one(self) -> None:
        points = follow_person(make_record(MOVES), "c").topics["rents"]
        assert sum_by_step(points) == {"social": 0.75, "debate": -0.1}
