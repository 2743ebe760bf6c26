"""What many prompts share is put into words once, however many people there are: counted, and not timed."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeAlias

import pytest

from synthetic_communities.llm.model import Call, ModelRequest
from synthetic_communities.minds.llm import quoting
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.persona import Persona
from synthetic_communities.report.result import SimulationResult
from synthetic_communities.testing.models import ScriptedModel
from tests.small_communities import make_attributes, make_config, make_engine, run_engine

PEOPLE = 40
STORY = "A town by a water that no other test knows."
TOPIC = {"id": "t0", "title": "Rents", "description": "Cap rents where no other test does."}
JUDGEMENT = '{"opinions": [{"topic": "t0", "sentence": "So be it.", "stance": 0.4}], "vote": "A", "thumbs_up": []}'


Run: TypeAlias = tuple[SimulationResult, Counter[str], list[ModelRequest]]


class Unjournaled(ScriptedModel):
    """A model in front of which no journal is put."""

    keeps_journal = True


def say(request: ModelRequest, call: Call) -> str:
    """Reply in the form asked for; no two texts are the same."""
    if request.reply_format is not None:
        return JUDGEMENT
    return f"t0: +0.5; {call.key}" if call.key.startswith("opening/position") else f"Said in {call.key}."


@contextmanager
def counting_quotes() -> Iterator[Counter[str]]:
    """Count, in here, how often each text was quoted or put on one line."""
    quoted: Counter[str] = Counter()
    watched = {quoting.quote.__code__, quoting.one_line.__code__}

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code in watched:
            quoted[str(frame.f_locals["text"])] += 1

    sys.setprofile(note)
    try:
        yield quoted
    finally:
        sys.setprofile(None)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of many people, how often each text was quoted in it, and what was asked."""
    config = make_config(0, topics=[TOPIC], world_story=STORY, turns_per_question=1, num_epochs=2, max_concurrent=100)
    model = Unjournaled(say)
    engine = make_engine(config, LLMMind(model))
    for number in range(PEOPLE):
        attributes = {**make_attributes(number), "occupation": f"occupation {number}"}
        engine.population.add_persona(Persona(f"p{number}", attributes, config.world_story))
    with counting_quotes() as quoted:
        result = run_engine(engine, tmp_path_factory.mktemp("run"))
    return result, quoted, model.requests


def test_there_is_something_to_share(run: Run) -> None:
    result, _, requests = run
    assert result.is_complete
    assert len(requests) > 10 * PEOPLE
    for shared in (STORY, "Said in e0/debate/t0/q0/t0/c0.", "Said in e1/debate/t0/q0/introduction."):
        reading = [request for request in requests if shared in "".join((*request.system, *request.user))]
        assert len(reading) > 3 * PEOPLE, shared


def test_the_world_is_worded_once(run: Run) -> None:
    _, quoted, _ = run
    assert quoted[STORY] == 1
    assert quoted[TOPIC["description"]] == 1


def test_a_person_is_worded_once(run: Run) -> None:
    _, quoted, requests = run
    assert {quoted[f"occupation {number}"] for number in range(PEOPLE)} == {1}
    assert sum("occupation 3\n" in "".join(request.user) for request in requests) > 5


def test_debates_are_worded_for_their_speakers_and_once_for_all_who_heard_them(
    run: Run,
) -> None:
    _, quoted, _ = run
    said = {text: times for text, times in quoted.items() if text.startswith("Said in e") and "/debate/" in text}
    assert len(said) > 8
    assert max(said.values()) < PEOPLE / 4, said
