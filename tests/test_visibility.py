"""The visibility rule: what an act sees depends on what it waited for, never on what else has ended by then."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthetic_communities.domain.outcome import Answer, Failed, Refused, Unreadable
from synthetic_communities.domain.remark import Remark
from synthetic_communities.minds import views
from synthetic_communities.minds.views import View
from synthetic_communities.testing.scripted import Reply, ScriptedMind
from tests.small_communities import draw_delay, lines_of, read_record, run_community


def render(value: Any) -> Any:
    """Return a view, or anything in one, in plain values: nothing of it forgotten, order included."""
    if isinstance(value, Remark):
        return ("remark", str(value), render(value.stances), value.source, value.speaker_id, value.speaker_name)
    if is_dataclass(value):
        return (type(value).__name__, [(entry.name, render(getattr(value, entry.name))) for entry in fields(value)])
    if isinstance(value, Mapping):
        return [(key, render(item)) for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [render(item) for item in value]
    assert value is None or type(value) in (str, int, float, bool), f"what would {value!r} be in another run?"
    return repr(value)


class WatchingMind(ScriptedMind):
    """A scripted mind that keeps what each view held when it was shown, and whether it held still.

    Attributes:
        shown: key to the view as it was when the question was put.
        changed: keys of the views that had changed when the answer was given.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shown: dict[str, Any] = {}
        self.changed: list[str] = []

    async def answer(self, view: View) -> Answer[Any]:
        """Answer as the script says, watching the view."""
        assert view.key not in self.shown, f"{view.key} was asked twice"
        self.shown[view.key] = render(view)
        answer = await super().answer(view)
        if render(view) != self.shown[view.key]:
            self.changed.append(view.key)
        return answer


def fail_share(share: float) -> Any:
    """Return a script that fails this share of all acts, by seed and key."""

    def reply(view: View) -> Reply:
        draw = random.Random(f"fate of {view.chance.seed} {view.key}")
        if draw.random() >= share:
            return None
        return draw.choice([Failed("connection"), Refused(), Unreadable("???"), OSError("gone")])

    return reply


COMMUNITIES = st.fixed_dictionaries(
    {
        "people": st.integers(0, 7),
        "random_seed": st.integers(0, 10_000),
        "num_epochs": st.integers(1, 3),
        "questions_per_topic": st.integers(1, 2),
        "turns_per_question": st.integers(1, 2),
        "post_probability": st.sampled_from([0.0, 0.3, 1.0]),
        "reaction_probability": st.sampled_from([0.0, 0.5, 1.0]),
        "num_rounds_variance": st.integers(0, 2),
        "feed_size": st.integers(1, 10),
        "memory_epochs": st.integers(0, 3),
        "opening_opinions": st.booleans(),
        "max_change_percentage": st.sampled_from([0.0, 0.05, 1.0]),
    }
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    community=COMMUNITIES,
    failing_share=st.sampled_from([0.0, 0.0, 0.1, 0.4]),
    delays=st.integers(0, 10_000),
    limit=st.integers(1, 100),
)
def test_every_view_is_the_same_whatever_ends_first(
    community: dict[str, Any], failing_share: float, delays: int, limit: int
) -> None:
    one_by_one = WatchingMind(fail_share(failing_share))
    side_by_side = WatchingMind(fail_share(failing_share), delay_seconds=draw_delay(delays, 100.0))
    with tempfile.TemporaryDirectory() as folder:
        first = read_record(run_community(Path(folder), one_by_one, max_concurrent=1, **community).path)
        second = read_record(run_community(Path(folder), side_by_side, max_concurrent=limit, **community).path)

    assert side_by_side.shown.keys() == one_by_one.shown.keys()
    for key, shown in one_by_one.shown.items():
        assert side_by_side.shown[key] == shown, key
    assert second == first


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(community=COMMUNITIES, delays=st.integers(0, 10_000))
def test_a_view_holds_still_while_it_is_looked_at(community: dict[str, Any], delays: int) -> None:
    mind = WatchingMind(delay_seconds=draw_delay(delays))
    with tempfile.TemporaryDirectory() as folder:
        run_community(Path(folder), mind, max_concurrent=100, **community)
    assert mind.changed == []


# What the table of the order of work says is seen, for a run in which all goes well.


def run_watched(directory: Path, **changes: Any) -> dict[str, Any]:
    """Run a community whose acts overlap as much as they can, and return key to view."""
    mind = ScriptedMind(delay_seconds=draw_delay(11))
    run_community(directory, mind, max_concurrent=100, **{"num_epochs": 3, **changes})
    return {view.key: view for view in mind.asked}


def views_of(seen: Mapping[str, Any], kind: type[View]) -> Iterator[tuple[int, Any]]:
    """Yield epoch and view of every act of one kind."""
    return ((view.chance.epoch, view) for view in seen.values() if isinstance(view, kind))


def test_people_hear_every_transcript_of_the_epoch_and_nothing_of_the_next(tmp_path: Path) -> None:
    seen = run_watched(tmp_path)
    words: dict[int, list[str]] = {}
    for epoch, view in views_of(seen, views.LifeView):
        assert len(view.heard) == 2 * (1 + 2 * 2), "two questions of an introduction and two turns of two candidates"
        assert [remark.speaker_id for remark in view.heard] == ["mediator", "c0", "c1", "c0", "c1"] * 2
        assert words.setdefault(epoch, list(view.heard)) == list(view.heard)
    assert set(words) == {0, 1, 2}


def test_a_chat_turn_sees_the_conversation_so_far_and_the_update_the_whole_of_it(tmp_path: Path) -> None:
    seen = run_watched(tmp_path)
    for _, view in views_of(seen, views.ChatTurnView):
        talk, number = view.key.rsplit("/", 1)
        assert len(view.conversation) == int(number)
        spoken_before = [seen[f"{talk}/{turn}"].person.id for turn in range(int(number))]
        assert [remark.speaker_id for remark in view.conversation] == spoken_before
    for _, view in views_of(seen, views.ChatUpdateView):
        assert len(view.conversation) == 4
        assert {remark.speaker_id for remark in view.conversation} == {view.person.id, view.peer_id}


def test_every_update_sees_how_far_a_stance_may_move(tmp_path: Path) -> None:
    seen = run_watched(tmp_path, max_change_percentage=0.05, num_epochs=1)
    bounds = {(view.act, view.max_change_share) for _, view in views_of(seen, views.UpdateView)}
    assert bounds == {(kind.act, 0.05) for kind in views.UpdateView.__subclasses__()}


def test_feeds_hold_earlier_epochs_for_who_posts_and_this_one_too_for_who_reacts(tmp_path: Path) -> None:
    seen = run_watched(tmp_path, feed_size=100)
    for kind, reach in ((views.PostView, 0), (views.ReadingView, 0), (views.ReactionView, 1)):
        for epoch, view in views_of(seen, kind):
            people = 5 if kind is views.ReadingView else 4
            assert len(view.feed) == people * (epoch + reach), view.key
            assert {post.epoch for post in view.feed} == set(range(epoch + reach))


def test_counts_in_a_feed_are_those_of_the_end_of_the_epoch_before(tmp_path: Path) -> None:
    mind = ScriptedMind(delay_seconds=draw_delay(5))
    result = run_community(tmp_path, mind, feed_size=100, num_epochs=3, max_concurrent=100)
    at_end = {
        (row["epoch"], post["id"]): (post["likes"], post["dislikes"])
        for row in result.epochs
        for post in row["newsfeed"]["posts"]
    }
    assert any(counts != (0, 0) for counts in at_end.values())
    for view in mind.asked:
        if isinstance(view, (views.PostView, views.ReactionView, views.ReadingView, views.SocialUpdateView)):
            for post in view.feed:
                expected = at_end.get((view.chance.epoch - 1, post.id), (0, 0))
                assert (post.likes, post.dislikes) == expected, view.key


def test_a_statement_sees_this_question_so_far_and_the_mediator_what_was_asked_before(tmp_path: Path) -> None:
    seen = run_watched(tmp_path, questions_per_topic=2)
    for _, view in views_of(seen, views.StatementView):
        before = ["mediator", "c0", "c1", "c0", "c1"][: 1 + 2 * view.turn + (view.candidate.id == "c1")]
        assert [remark.speaker_id for remark in view.said] == before
    for epoch, view in views_of(seen, views.QuestionView):
        place = int(view.key.split("/q")[1].split("/")[0])
        asked = [transcript.question.id for transcript in view.earlier]
        topic = view.topic.id
        before = [(e, q) for e in range(epoch + 1) for q in range(2) if (e, q) < (epoch, place)]
        assert asked == [f"e{e}/debate/{topic}/q{q}" for e, q in before]
        assert view.number == len(before)


def test_notes_of_a_candidate_are_its_own_readings_and_reflections_so_far(tmp_path: Path) -> None:
    seen = run_watched(tmp_path)
    notes = {key: len(view.notes) for key, view in seen.items() if isinstance(view, views.CandidateView)}
    for epoch in range(3):
        before = epoch * 3
        assert notes[f"e{epoch}/debate/t0/q0/t1/c0"] == before
        assert notes[f"e{epoch}/debate/t1/q0/t0/c0"] == before + 1
        if epoch:
            assert notes[f"e{epoch}/read/c0"] == before - 1


def test_memory_holds_beliefs_of_all_epochs_and_words_of_the_last_ones(tmp_path: Path) -> None:
    seen = run_watched(tmp_path, memory_epochs=1)
    for epoch, view in views_of(seen, views.LifeView):
        assert [memory.epoch for memory in view.memory] == list(range(epoch))
        assert all(memory.beliefs for memory in view.memory)
        assert [bool(memory.heard) for memory in view.memory] == [False] * (epoch - 1) + [True] * min(epoch, 1)
    for _, view in views_of(seen, views.BallotView):
        assert [bool(memory.heard) for memory in view.memory] == [False, False, True]
        assert view.memory[-1].beliefs == view.beliefs


def test_what_people_are_shown_stands_in_the_exposures(tmp_path: Path) -> None:
    """Every feed and every transcript, of every act that was shown one."""
    mind = ScriptedMind()
    result = run_community(tmp_path, mind)
    shown: dict[tuple[int, str], list[list[str]]] = {}
    for row in lines_of(result, "exposures"):
        shown.setdefault((row["epoch"], row["persona_id"]), []).append(row["shown"])
    for view in mind.asked:
        if isinstance(view, (views.PostView, views.ReactionView, views.SocialUpdateView)) and view.feed:
            ids = [post.id for post in view.feed]
            assert ids in shown[view.chance.epoch, view.person.id], view.key


def test_the_order_in_which_candidates_were_shown_stands_in_the_record(tmp_path: Path) -> None:
    mind = ScriptedMind()
    result = run_community(tmp_path, mind)
    steps = {"opening": "opening", "debate": "debate", "chat": "chat", "social": "social"}
    recorded = {
        (row["epoch"], steps.get(row["step"]), row["persona_id"]): row["candidates"]
        for row in lines_of(result, "exposures")
    }
    kinds = {
        views.OpeningView: "opening",
        views.DebateUpdateView: "debate",
        views.ChatUpdateView: "chat",
        views.SocialUpdateView: "social",
    }
    for view in mind.asked:
        if type(view) in kinds:
            order = [card.id for card in view.candidates]
            assert recorded[view.chance.epoch, kinds[type(view)], view.person.id] == order
    ballots = {row["id"]: row["order_shown"] for row in lines_of(result, "ballots")}
    shown = {view.person.id: [card.id for card in view.candidates] for view in mind.asked if "ballot/" in view.key}
    assert ballots == shown
