"""Where each request of a run first differs from the one it should extend: what caches of providers can make use of."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from synthetic_communities.domain.memory import EpochMemory
from synthetic_communities.domain.remark import Remark
from synthetic_communities.errors import UsageError
from synthetic_communities.llm.journal.digests import fingerprint
from synthetic_communities.llm.model import Call, ModelRequest
from synthetic_communities.minds import views
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.minds.views import LifeView, PersonView, View
from synthetic_communities.simulation.kept.inputs import refuse_other_changes
from synthetic_communities.testing.models import Reply, ScriptedModel
from synthetic_communities.waiting import at_once, shared_by, sharers
from tests.small_communities import make_config, make_engine, run_community
from tests.small_views import make_view

PEOPLE, EPOCHS = 6, 3


@dataclass(frozen=True)
class Asked:
    """One request of a run, with the view it was made for."""

    view: View
    request: ModelRequest

    @property
    def texts(self) -> tuple[str, ...]:
        return (*self.request.system, *self.request.user)


def reply_to(request: ModelRequest, call: Call) -> Reply:
    """Reply something that suits, and differs from call to call."""
    if request.reply_format is None:
        return f"t0: +0.4; Yes.\nt1: -0.2; No, says {call.key}." if "POSITIONS" in request.user[-1] else call.key
    opinions = [{"topic": topic, "sentence": call.key, "stance": 0.4, "candidate": "A"} for topic in ("t0", "t1")]
    return json.dumps({"opinions": opinions, "first_choice": "b", "vote": "A", "thumbs_up": [1], "thumbs_down": None})


class NotingMind(LLMMind):
    """A mind that keeps what it was asked, in the order asked."""

    def __init__(self) -> None:
        super().__init__(ScriptedModel(reply_to), effort="low", seed=3)
        self.asked: list[Asked] = []

    def build_request(self, view: View) -> ModelRequest:
        request = super().build_request(view)
        self.asked.append(Asked(view, request))
        return request


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Asked]:
    """Every request of a run of six people over three epochs, in which everybody posts and reacts."""
    mind = NotingMind()
    everybody = {"post_probability": 1.0, "reaction_probability": 1.0, "num_rounds_mean": 3, "num_rounds_variance": 0}
    result = run_community(tmp_path_factory.mktemp("prefixes"), mind, people=PEOPLE, num_epochs=EPOCHS, **everybody)
    assert not result.failures
    return mind.asked


def lives(asked: list[Asked]) -> Iterator[list[Asked]]:
    """Yield what one person was asked in one epoch in one reply format, in order."""
    found = defaultdict(list)
    for each in asked:
        if isinstance(each.view, LifeView):
            form = each.request.reply_format is None
            found[each.view.chance.epoch, each.view.person.id, form].append(each)
    yield from found.values()


def speakers(asked: list[Asked]) -> Iterator[list[Asked]]:
    """Yield what one candidate was asked, and the mediator's questions and introductions, each in order."""
    found = defaultdict(list)
    for each in asked:
        if isinstance(each.view, views.CandidateView):
            found[each.view.candidate.id].append(each)
        elif isinstance(each.view, views.MediatorView):
            topic = each.view.topic.id if isinstance(each.view, views.QuestionView) else ""
            found[type(each.view), topic].append(each)
    yield from found.values()


def neighbours(asked: list[Asked]) -> Iterator[tuple[Asked, Asked]]:
    """Yield each request with the one it should extend: of the same agent's its last, else the first of its kind."""
    firsts: dict[object, Asked] = {}
    for life in lives(asked):
        first = firsts.setdefault((type(life[0].view), life[0].view.chance.epoch), life[0])
        if first is not life[0]:
            yield first, life[0]
        yield from pairwise(life)
    for spoken in speakers(asked):
        yield from pairwise(spoken)
    for kind in (views.OpeningView, views.PositionView, views.BallotView):
        alike = [each for each in asked if isinstance(each.view, kind)]
        yield from ((alike[0], each) for each in alike[1:])


ONE_MORE = {"By": "one more remark", "|": "one more note", "Asked": "one more question"}
"""How a text begins that has no title, as it goes on with the one before."""


def find_agent(view: View) -> object:
    """Return who is asked."""
    return view.person if isinstance(view, PersonView) else getattr(view, "candidate", "the mediator")


def describe(earlier: Asked, later: Asked) -> str:
    """Return a line that says where a request first differs from the one it should extend."""
    whose = "its own" if find_agent(earlier.view) == find_agent(later.view) else "another's"
    pairs = zip(earlier.texts, later.texts, strict=False)
    place = next(place for place, (a, b) in enumerate(pairs) if a != b)
    title = re.split(r" with |:| on (?!THIS)|\d+$", later.texts[place].splitlines()[0])[0]
    told = ONE_MORE.get(title.split()[0], "its question" if place == len(later.texts) - 1 else title)
    return f"{later.view.act:24} after {f'{whose} {earlier.view.act}':28} differs from: {told}"


TABLE = """\
ballot                   after another's ballot             differs from: THE PERSON
chat turn                after another's chat turn          differs from: THE PERSON
chat turn                after its own chat turn            differs from: THE CONVERSATION
chat turn                after its own chat turn            differs from: one more remark
introduction             after its own introduction         differs from: THE QUESTION
opening opinion          after another's opening opinion    differs from: THE PERSON
opening position         after another's opening position   differs from: THE PERSON
post                     after its own chat turn            differs from: THE CONVERSATION
question                 after its own question             differs from: ASKED BEFORE ON THIS TOPIC
question                 after its own question             differs from: one more question
reaction                 after its own update from chat     differs from: THE FEED
reading of the feed      after its own reflection           differs from: one more note
reflection               after its own statement            differs from: SAID SO FAR
statement                after its own opening position     differs from: THE PERSON
statement                after its own reading of the feed  differs from: one more note
statement                after its own reflection           differs from: OWN NOTES
statement                after its own reflection           differs from: one more note
statement                after its own statement            differs from: SAID SO FAR
update from chat         after its own update from debate   differs from: THE CONVERSATION
update from debate       after another's update from debate differs from: THE PERSON
update from social media after its own reaction             differs from: its question
"""


def test_each_request_differs_from_the_one_it_extends_as_late_as_it_can(asked: list[Asked]) -> None:
    table = "".join(f"{line}\n" for line in sorted({describe(*pair) for pair in neighbours(asked)}))
    assert table == TABLE, f"requests differ from the ones they extend at other places:\n{table}"


def test_a_life_has_the_debates_of_its_epoch_and_a_ballot_those_remembered(asked: list[Asked]) -> None:
    for each in asked:
        titles = [text.splitlines()[0] for text in each.request.user if text.startswith("THE DEBATES")]
        epochs = {views.BallotView: [EPOCHS - 1], views.OpeningView: []}
        lived = [each.view.chance.epoch] if isinstance(each.view, views.LifeView) else []
        assert titles == [f"THE DEBATES, round {epoch + 1}" for epoch in epochs.get(type(each.view), lived)]


def test_what_is_remembered_of_many_debates_is_one_text() -> None:
    """Else an earlier entry would lie farther back than a provider looks for it."""
    memory = tuple(EpochMemory(epoch, (), heard=(Remark(f"In {epoch}.", speaker_name="Ann"),)) for epoch in range(25))
    texts = NotingMind().build_request(make_view(views.BallotView, memory=memory)).user
    told = "\n\n".join(f"THE DEBATES, round {epoch + 1}\nBy Ann:\n| In {epoch}." for epoch in range(25))
    assert [text for text in texts if text.startswith("THE DEBATES")] == [told]


def test_words_of_past_epochs_are_told_only_to_who_votes(asked: list[Asked]) -> None:
    told = {type(each.view) for each in asked if "Said in conversation:" in "".join(each.request.user)}
    assert told == {views.BallotView}


def test_a_run_has_two_reply_formats_one_effort_and_one_seed(asked: list[Asked]) -> None:
    assert len({id(each.request.reply_format) for each in asked}) == 2
    assert {(each.request.effort, each.request.temperature, each.request.seed) for each in asked} == {("low", None, 3)}
    assert len({each.request.system for each in asked}) == 1


# How often a beginning comes again.


def measure_reuse(each: Asked, asked: list[Asked]) -> list[int]:
    """Return for each text how many other requests of the run begin with everything up to there."""
    counts = []
    for place in range(len(each.texts)):
        begins = each.texts[: place + 1]
        alike = [other for other in asked if other.request.reply_format is each.request.reply_format]
        counts.append(sum(other.texts[: place + 1] == begins for other in alike) - 1)
    return counts


def test_what_everybody_is_asked_with_is_said_to_come_again_for_everybody(asked: list[Asked]) -> None:
    for each in asked:
        counted = measure_reuse(each, asked)
        assert len(each.request.reuse) == len(counted)
        common = len(each.texts if isinstance(each.view, PersonView) else each.request.system)
        pairs = list(zip(each.request.reuse, counted, strict=True))[:common]
        shared = [said for said, there in pairs if there > 2 * PEOPLE]
        assert shared, each.view.key
        assert all(said >= PEOPLE for said in shared), (each.view.key, each.request.reuse, counted)


def test_what_a_persons_acts_share_is_said_exactly(asked: list[Asked]) -> None:
    """All but that a talk's partner may post, which few do, and that a ballot says nothing of a person's own."""
    told = 0
    for each in asked:
        pairs = list(zip(each.request.reuse, measure_reuse(each, asked), strict=True))
        own = [(said, there) for said, there in pairs if there < PEOPLE - 1]
        if isinstance(each.view, views.ChatTurnView):
            own = [(said, there - (place == 0)) for place, (said, there) in enumerate(own)]
        if isinstance(each.view, LifeView):
            assert [said for said, _ in own] == [there for _, there in own], (each.view.key, pairs)
            told += len(own)
    assert told > 100


def test_notes_and_earlier_questions_are_said_to_come_again_and_do(asked: list[Asked]) -> None:
    for earlier, later in (pair for spoken in speakers(asked) for pair in pairwise(spoken)):
        own = sum(said > 0 for said in earlier.request.reuse) - len(earlier.request.system)
        if isinstance(earlier.view, views.PositionView | views.IntroductionView):
            assert own == 0
        elif isinstance(earlier.view, views.CandidateView):
            assert own == 1 + len(earlier.view.notes)
        elif isinstance(earlier.view, views.QuestionView):
            assert own == len(earlier.view.earlier)
        told = len(earlier.request.system) + own
        assert later.texts[:told] == earlier.texts[:told]


def test_numbers_of_what_comes_again_never_rise(asked: list[Asked]) -> None:
    for each in asked:
        assert list(each.request.reuse) == sorted(each.request.reuse, reverse=True), each.view.key


def test_where_nobody_plans_nothing_is_said_to_come_again() -> None:
    mind = NotingMind()
    assert mind.build_request(make_view(views.DebateUpdateView)).reuse == ()
    with shared_by(0, 1):
        assert mind.build_request(make_view(views.StatementView)).reuse[0] > 0, "that nobody listens is known"
    assert mind.build_request(make_view(views.DebateUpdateView)).calls_between == 0


def test_hints_are_no_part_of_what_is_asked() -> None:
    plain = ModelRequest(("a",), ("b",), max_output_tokens=1)
    hinted = ModelRequest(("a",), ("b",), max_output_tokens=1, reuse=(3, 2), calls_between=9)
    assert plain == hinted
    assert fingerprint("m", plain) == fingerprint("m", hinted)
    assert repr(plain) == repr(hinted)


def test_verbs_of_a_population_tell_how_many_share_what_is_common() -> None:
    mind = NotingMind()
    engine = make_engine(make_config(4), mind)
    population = engine.population
    population.community = replace(population.community, mind=mind)
    population.create_social_media_posts(post_probability=1.0)
    population.chat_with_peers(num_rounds_mean=1, num_rounds_variance=0)
    assert {each.view.act for each in mind.asked} == {"post", "chat turn"}
    assert {each.request.reuse[0] for each in mind.asked} == {4 * 3 - 1}
    assert (sharers.get(), at_once.get()) == (None, 0), "nothing is left behind"


def test_a_setting_of_caches_is_a_limit_that_may_change_within_a_run() -> None:
    refuse_other_changes(["prompt_cache"])
    with pytest.raises(UsageError, match="effort"):
        refuse_other_changes(["prompt_cache", "effort"])
    assert make_config(4, prompt_cache="none").find_problems() == make_config(4).find_problems()
    problems = [str(problem) for problem in make_config(4, prompt_cache="much").find_problems(check_files=False)]
    assert any("prompt_cache" in problem and "auto or none" in problem for problem in problems), problems
