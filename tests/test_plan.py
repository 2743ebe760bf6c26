"""The plan of a run holds the table of the order of work, line by line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthetic_communities.domain.chance import Chance
from synthetic_communities.domain.debate import DebateTranscript, Question, Topic
from synthetic_communities.domain.key import key_part
from synthetic_communities.domain.pairing import Conversation, draw_conversations, draw_posters
from synthetic_communities.engine.ledger import Ledger, Task
from synthetic_communities.engine.plan import Course, conversation_key, plan_run
from synthetic_communities.persona import Persona
from synthetic_communities.population import Population
from synthetic_communities.testing.scripted import ScriptedMind
from synthetic_communities.testing.virtual_time import run_in_virtual_time
from tests.small_communities import lines_of, make_config, make_engine, read_record, run_engine


def make_course(
    people: int = 5, candidates: int = 2, topics: int = 2, *, epochs: int = 3, posting: float = 0.5, **changes: Any
) -> Course:
    """Return a course of people `p0`, `p1`.., candidates `c0`.., topics `t0`..; people post with chance `posting`."""
    seed = 3
    ids = [f"p{number}" for number in range(people)]
    settings = {"questions_per_topic": 2, "turns_per_question": 2, **changes}
    return Course(
        ids,
        [f"c{number}" for number in range(candidates)],
        [f"t{number}" for number in range(topics)],
        epochs=epochs,
        conversations=[draw_conversations(ids, Chance(seed, epoch), 2, 1) for epoch in range(epochs)],
        poster_ids=[draw_posters(ids, Chance(seed, epoch), posting) for epoch in range(epochs)],
        **settings,
    )


COURSES = {
    "five people": make_course(),
    "everybody posts": make_course(posting=1.0),
    "nobody posts": make_course(posting=0.0),
    "nobody": make_course(0),
    "one person": make_course(1),
    "two people": make_course(2),
    "three people": make_course(3),
    "no candidates": make_course(candidates=0),
    "one candidate": make_course(candidates=1, turns_per_question=1),
    "three candidates": make_course(candidates=3, questions_per_topic=1),
    "no topics": make_course(topics=0),
    "no topics and no candidates": make_course(topics=0, candidates=0),
    "one topic": make_course(topics=1, questions_per_topic=1, turns_per_question=1),
    "no opening opinions": make_course(opening_opinions=False),
    "no epochs": make_course(epochs=0),
    "one epoch": make_course(epochs=1),
    "nothing at all": make_course(0, 0, 0, epochs=0),
}


@pytest.fixture(params=COURSES.values(), ids=COURSES)
def course(request: pytest.FixtureRequest) -> Course:
    """What there is to plan for."""
    return request.param


class Closures:
    """For every task of a plan, everything that has ended before it can start."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = {task.key: task for task in tasks}
        self.before = cache(self._before)

    def _before(self, key: str) -> frozenset[str]:
        task = self.tasks[key]
        awaited = {*task.waits_for, *task.needs, *task.needs_any}
        return frozenset(awaited.union(*(self.before(other) for other in awaited)))

    def acts_before(self, key: str) -> set[str]:
        """Return keys of the acts that have ended before this one can start."""
        return {other for other in self.before(key) if self.tasks[other].is_act}


class Table:
    """The table of the order of work, written a second time: for every act of a course, what it waits for.

    A line names keys, here as there; what it says of "own last task" or "all posts" is looked up in the course.
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self.waits: dict[str, set[str]] = {}
        self.questions: list[str] = []
        for who in course.candidate_ids:
            self.waits[f"opening/position/{who}"] = set()
        for who in course.persona_ids if course.opening_opinions else ():
            self.waits[f"opening/opinion/{who}"] = set()
        for epoch in range(course.epochs):
            self._candidates_and_mediator(epoch)
            self._people(epoch)
        for who in course.persona_ids if course.candidate_ids else ():
            self.waits[f"ballot/{who}"] = self._last(who, course.epochs)

    def _candidates_and_mediator(self, epoch: int) -> None:
        course = self.course
        for who in course.candidate_ids if epoch else ():
            own = {f"opening/position/{who}", *self._own_reflections(who)}
            own |= {f"e{earlier}/read/{who}" for earlier in range(1, epoch)}
            own |= {key for key in self.waits if re.fullmatch(rf"e\d/debate/.*/t\d/{who}", key)}
            self.waits[f"e{epoch}/read/{who}"] = own | self._feed_before(epoch)
        readings = {f"e{epoch}/read/{who}" for who in course.candidate_ids if epoch}
        for topic in course.topic_ids:
            for number in range(course.questions_per_topic):
                self._question(f"e{epoch}/debate/{topic}/q{number}", epoch, readings)

    def _question(self, question: str, epoch: int, readings: set[str]) -> None:
        course = self.course
        self.waits[f"{question}/question"] = readings | self._end_of(self.questions[-1:])
        self.waits[f"{question}/introduction"] = {f"{question}/question"}
        before = {f"{question}/introduction"}
        earlier = {who: self._own_reflections(who) for who in course.candidate_ids}
        for turn in range(course.turns_per_question):
            for who in course.candidate_ids:
                own = {f"opening/position/{who}"} | ({f"e{epoch}/read/{who}"} if epoch else set())
                self.waits[f"{question}/t{turn}/{who}"] = own | earlier[who] | before
                before = {f"{question}/t{turn}/{who}"}
        self.questions.append(question)
        for who in course.candidate_ids:
            self.waits[f"{question}/reflection/{who}"] = earlier[who] | self._end_of([question])

    def _people(self, epoch: int) -> None:
        course = self.course
        last_words = self._end_of([question for question in self.questions if question.startswith(f"e{epoch}/")][-1:])
        partners = {who: pair for pair in course.conversations[epoch] for who in (pair.first, pair.second)}
        ready = {who: self._last(who, epoch) | last_words for who in course.persona_ids}
        for who in course.persona_ids if last_words else ():
            self.waits[f"e{epoch}/belief/debate/{who}"] = ready[who]
            ready[who] = {f"e{epoch}/belief/debate/{who}"}
        for pair in course.conversations[epoch]:
            talk = f"e{epoch}/chat/{pair.first}+{pair.second}"
            before = ready[pair.first] | ready[pair.second]
            for turn in range(2 * pair.rounds):
                self.waits[f"{talk}/{turn}"] = before
                before = {f"{talk}/{turn}"}
            for who in (pair.first, pair.second):
                self.waits[f"e{epoch}/belief/chat/{who}"] = before
        for who in partners:
            ready[who] = {f"e{epoch}/belief/chat/{who}"}
        for who in course.poster_ids[epoch]:
            self.waits[f"e{epoch}/post/{who}"] = ready[who] | self._feed_before(epoch)
            ready[who] = {f"e{epoch}/post/{who}"}
        posts = {f"e{epoch}/post/{who}" for who in course.poster_ids[epoch]}
        for who in course.persona_ids:
            self.waits[f"e{epoch}/react/{who}"] = ready[who] | posts | self._feed_before(epoch)
            self.waits[f"e{epoch}/belief/social/{who}"] = {f"e{epoch}/react/{who}"}

    def _own_reflections(self, who: str) -> set[str]:
        return {f"{question}/reflection/{who}" for question in self.questions}

    def _end_of(self, questions: list[str]) -> set[str]:
        """Return the last words to the last of these questions."""
        course = self.course
        if not questions:
            return set()
        if not course.candidate_ids:
            return {f"{questions[-1]}/introduction"}
        return {f"{questions[-1]}/t{course.turns_per_question - 1}/{course.candidate_ids[-1]}"}

    def _feed_before(self, epoch: int) -> set[str]:
        """Return posts and reactions of the epochs before."""
        course = self.course
        earlier = range(epoch)
        posts = {f"e{e}/post/{who}" for e in earlier for who in course.poster_ids[e]}
        return posts | {f"e{e}/react/{who}" for e in earlier for who in course.persona_ids}

    def _last(self, who: str, epoch: int) -> set[str]:
        """Return somebody's last task of the epochs before."""
        if epoch:
            return {f"e{epoch - 1}/belief/social/{who}"}
        return {f"opening/opinion/{who}"} if self.course.opening_opinions else set()

    def before(self, key: str) -> set[str]:
        """Return everything that has ended before this act can start."""
        found: set[str] = set()
        ahead = [*self.waits[key]]
        while ahead:
            other = ahead.pop()
            if other not in found:
                found.add(other)
                ahead += self.waits[other]
        return found


def test_the_plan_holds_the_acts_of_the_table_and_no_others(course: Course) -> None:
    acts = [task.key for task in plan_run(course) if task.is_act]
    assert sorted(acts) == sorted(Table(course).waits)


def test_every_act_waits_for_what_the_table_says_and_nothing_else(course: Course) -> None:
    closures, table = Closures(plan_run(course)), Table(course)
    for key in table.waits:
        assert closures.acts_before(key) == table.before(key), key


def test_the_plan_can_be_carried_out_to_its_end(course: Course) -> None:
    ledger = Ledger(plan_run(course))
    while (task := ledger.take(acts_allowed=True)) is not None:
        ledger.end(task, "done")
    assert ledger.unfinished == 0
    assert ledger.tasks[-1].key == "end"


def test_a_task_stands_after_all_it_waits_for(course: Course) -> None:
    """The order of the plan is the order of the record, and one in which everything could be done."""
    tasks = plan_run(course)
    place = {task.key: number for number, task in enumerate(tasks)}
    for task in tasks:
        for other in (*task.waits_for, *task.needs, *task.needs_any):
            assert place[other] < place[task.key]


def test_an_epochs_line_waits_for_everything_in_it(course: Course) -> None:
    closures = Closures(plan_run(course))
    for epoch in range(course.epochs):
        acts = {key for key, task in closures.tasks.items() if task.is_act and not key.startswith("ballot/")}
        now = {key for key in acts if closures.tasks[key].epoch == epoch}
        assert now <= closures.before(f"e{epoch}/end")
        assert not any(closures.tasks[key].epoch > epoch for key in closures.before(f"e{epoch}/end"))
        assert (f"e{epoch - 1}/end" if epoch else "opening/end") in closures.before(f"e{epoch}/end")
    acts = {key for key, task in closures.tasks.items() if task.is_act}
    assert acts <= closures.before("end")


def test_no_act_waits_for_a_line_of_the_record(course: Course) -> None:
    """Lines are written when an epoch has ended; the next one has long begun."""
    closures = Closures(plan_run(course))
    for key, task in closures.tasks.items():
        if task.is_act:
            ends = {other for other in closures.before(key) if closures.tasks[other].step in ("epoch_end", "run_end")}
            assert not ends, key


# The lines people ask about, one by one.


@pytest.fixture(scope="module")
def plan() -> Closures:
    """The plan of five people who all post, two candidates, two topics of two questions of two turns, three epochs."""
    return Closures(plan_run(COURSES["everybody posts"]))


def acts_of(plan: Closures, pattern: str) -> set[str]:
    """Return the keys of the plan that match a pattern."""
    return {key for key in plan.tasks if re.fullmatch(pattern, key)}


def test_openings_and_the_first_question_wait_for_nothing(plan: Closures) -> None:
    for key in acts_of(plan, r"opening/(opinion|position)/.*|e0/debate/t0/q0/question"):
        assert plan.acts_before(key) == set()


def test_a_reading_waits_for_all_reactions_before_and_for_no_social_update_of_that_epoch(plan: Closures) -> None:
    """So the debates of an epoch overlap the updates with which the one before ends."""
    for epoch in (1, 2):
        before = plan.acts_before(f"e{epoch}/read/c0")
        assert acts_of(plan, rf"e{epoch - 1}/react/.*") <= before
        assert not before & acts_of(plan, rf"e{epoch - 1}/belief/social/.*")
        debates = acts_of(plan, rf"e{epoch}/debate/.*/(question|introduction|t\d/.*|reflection/.*)")
        assert not set().union(*map(plan.acts_before, debates)) & acts_of(plan, rf"e{epoch - 1}/belief/social/.*")


def test_a_statement_waits_for_its_own_speakers_reflections_and_for_no_others(plan: Closures) -> None:
    before = plan.acts_before("e0/debate/t0/q1/t0/c0")
    assert "e0/debate/t0/q0/reflection/c0" in before
    assert "e0/debate/t0/q0/reflection/c1" not in before
    assert "opening/position/c1" in before, "who spoke to the first question had opened"
    assert "opening/position/c1" not in plan.acts_before("e0/debate/t0/q0/t0/c0")


def test_reflections_overlap_the_mediators_next_two_calls(plan: Closures) -> None:
    for key in ("e0/debate/t0/q1/question", "e0/debate/t0/q1/introduction"):
        assert not plan.acts_before(key) & acts_of(plan, r".*/reflection/.*")


def test_a_chat_turn_waits_for_the_updates_of_its_two_members_only(plan: Closures) -> None:
    for turn in acts_of(plan, r"e\d/chat/.*"):
        match = re.fullmatch(r"(e\d)/chat/(\w+)\+(\w+)/\d+", turn)
        assert match
        members = {f"{match[1]}/belief/debate/{who}" for who in (match[2], match[3])}
        updates = acts_of(plan, rf"{match[1]}/belief/debate/.*")
        assert plan.acts_before(turn) & updates == members


def test_a_person_who_talks_with_nobody_posts_after_the_debates(plan: Closures) -> None:
    alone = 0
    for key in acts_of(plan, r"e\d/post/.*"):
        epoch, who = re.fullmatch(r"(e\d)/post/(.*)", key).groups()  # type: ignore[union-attr]
        if f"{epoch}/belief/chat/{who}" not in plan.tasks:
            alone += 1
            assert f"{epoch}/belief/debate/{who}" in plan.acts_before(key)
            updates = acts_of(plan, rf"{epoch}/(chat|belief/chat)/.*")
            assert not plan.acts_before(key) & updates
        else:
            assert f"{epoch}/belief/chat/{who}" in plan.acts_before(key)
    assert alone == 3, "one of five, in each of three epochs"


def test_a_ballot_waits_for_nobody_elses_last_update(plan: Closures) -> None:
    last_updates = acts_of(plan, r"e2/belief/social/.*")
    assert plan.acts_before("ballot/p0") & last_updates == {"e2/belief/social/p0"}


def test_keys_are_readable_and_carry_ids(plan: Closures) -> None:
    (pair, *_) = COURSES["everybody posts"].conversations[2]
    assert {
        "opening/position/c1",
        "opening/opinion/p4",
        "e1/read/c0",
        "e1/debate/t1/q0/question",
        "e1/debate/t1/q0/introduction",
        "e1/debate/t1/q0/t1/c0",
        "e1/debate/t1/q0/reflection/c1",
        "e2/belief/debate/p3",
        f"e2/chat/{pair.first}+{pair.second}/0",
        f"e2/belief/chat/{pair.first}",
        "e2/react/p0",
        "e2/belief/social/p4",
        "ballot/p2",
    } <= plan.tasks.keys()


@pytest.mark.parametrize(
    ("step", "needs"),
    [
        ("opening_position", False),
        ("opening_opinion", False),
        ("reading", False),
        ("question", False),
        ("introduction", True),
        ("statement", True),
        ("reflection", True),
        ("debate_update", True),
        ("chat_update", True),
        ("post", False),
        ("reaction", False),
        ("social_update", False),
        ("ballot", False),
    ],
)
def test_only_what_the_rules_name_can_be_skipped(step: str, needs: bool, plan: Closures) -> None:
    tasks = [task for task in plan.tasks.values() if task.step == step]
    assert tasks
    assert {bool(task.needs or task.needs_any) for task in tasks} == {needs}


# Ids that look like keys.

HARD_IDS = ["a", "b", "c", "a+b", "b+c", "a/b", "b/c", "a%2Fb", "a%2Bb", "a%", "%", "2Fb", "/", "+", "0", "end", "a/0"]


def plan_all_pairs(ids: Sequence[str]) -> tuple[Task, ...]:
    """Return a plan in which all of these stand for election, are debated, and everybody talks with everybody."""
    pairs = [Conversation(first, second, 1) for first in ids for second in ids if first != second]
    return plan_run(
        Course(
            ids,
            ids,
            ids,
            epochs=1,
            questions_per_topic=1,
            turns_per_question=1,
            conversations=[[]],
            poster_ids=[ids],
        )
    ) + tuple(Task(f"{conversation_key('e0', pair)}/0", "chat_turn") for pair in pairs)


def test_no_id_can_look_like_another_ones_task() -> None:
    tasks = plan_all_pairs(HARD_IDS)
    assert len({task.key for task in tasks}) == len(tasks)
    Ledger(tasks)


@given(st.lists(st.text("ab/+%2FBq0", min_size=1, max_size=6), min_size=1, max_size=5, unique=True))
def test_no_ids_whatever_can_look_like_another_ones_task(ids: list[str]) -> None:
    tasks = plan_all_pairs(ids)
    assert len({task.key for task in tasks}) == len(tasks)


@given(st.text(), st.text())
def test_ids_are_escaped_one_to_one(one: str, other: str) -> None:
    assert (key_part(one) == key_part(other)) == (one == other)
    assert not set("/+") & set(key_part(one))


MIXED_UP = ["a", "b+c", "a+b", "c"]
"""Of these, two pairs read `a+b+c` if their ids are put together with a plus."""


def find_mixed_up_seed(epoch: int = 0) -> int:
    """Return a seed under which these two pairs talk."""
    wanted = {("a", "b+c"), ("a+b", "c")}
    return next(
        seed
        for seed in range(1000)
        if {(pair.first, pair.second) for pair in draw_conversations(MIXED_UP, Chance(seed, epoch), 2, 0)} == wanted
    )


def test_conversations_of_ids_with_a_plus_are_kept_apart_in_a_run(tmp_path: Path) -> None:
    config = make_config(4, num_epochs=1, random_seed=find_mixed_up_seed())
    mind = ScriptedMind()
    result = run_engine(make_engine(config, mind, ids=MIXED_UP), tmp_path)

    turns = {view.key: view for view in mind.asked if view.key.startswith("e0/chat/")}
    assert len(turns) == 8
    for key, view in turns.items():
        assert len(view.conversation) == int(key.split("/")[-1]), key
        assert {remark.speaker_id for remark in view.conversation} <= {view.person.id, view.peer_id}
    assert len({row["conversation_id"] for row in lines_of(result, "conversations")}) == 2


def test_conversations_of_ids_with_a_plus_are_kept_apart_in_a_verb() -> None:
    topic = Topic("rents", "Rents", "Cap rents.")
    population = Population(seed=find_mixed_up_seed())
    for who in MIXED_UP:
        population.add_persona(Persona(who))
    population.consume_debate_content(DebateTranscript([], "mediator", 0, 0, 0, topic, Question("q0", "Caps?", topic)))
    conversations = run_in_virtual_time(population.chat_with_peers_async(2, 0))

    assert len(conversations) == 2
    for conversation in conversations:
        speakers = [message["speaker_id"] for message in conversation["conversation"]]
        assert speakers == conversation["participants"] * 2


@pytest.mark.parametrize("ids", [HARD_IDS[:7], HARD_IDS[7:14]])
def test_a_run_of_people_with_hard_ids_ends_and_keeps_them_apart(ids: list[str], tmp_path: Path) -> None:
    result = run_engine(make_engine(make_config(len(ids), num_epochs=1), ids=ids), tmp_path)
    assert [row["id"] for row in lines_of(result, "ballots")] == ids
    assert len({post["id"] for post in result.epochs[0]["newsfeed"]["posts"]}) == len(ids)
    assert not result.failures
    assert read_record(result.path)
