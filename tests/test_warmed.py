"""One call of a new shared beginning goes first: who waits for whom, for how long, and that nobody waits for ever."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_communities import GameEngine
from synthetic_communities.benchmark.towns import Town, build_config, without_model
from synthetic_communities.llm.caching.manner import find_least_tokens, waits_in_runs_only
from synthetic_communities.llm.caching.policy import SHORT_LIFE_SECONDS
from synthetic_communities.llm.caching.warmed import (
    FEWEST_FOLLOWERS,
    LONGEST_WAIT_SECONDS,
    MOST_FAILED,
    MOST_LATE,
    MOST_REMEMBERED,
    Warmed,
    find_beginnings,
)
from synthetic_communities.llm.failures import CallError
from synthetic_communities.llm.journal.journal import Journal, current_journal
from synthetic_communities.llm.model import Call, ModelReply, ModelRequest, ReplyFormat
from synthetic_communities.llm.naming import parse_model_name
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.testing.virtual_time import run_in_virtual_time, virtual_seconds
from synthetic_communities.waiting import place_given_back
from tests.small_communities import read_record

LEAST = 512
WORLD, DEBATES = "w" * 4_000, "d" * 2_000
MANY = 100
FORM = ReplyFormat("judgement", {"type": "object"})


def make_request(who: str = "ann", **changes: Any) -> ModelRequest:
    """Return a request of rules and world, debates, and a person, of which the first two are shared by many."""
    request = ModelRequest((WORLD,), (DEBATES, who), max_output_tokens=9, reuse=(MANY + 90, MANY, 3))
    return replace(request, **changes)


def reply_to(request: ModelRequest, call: Call) -> str:
    """Reply something that suits whoever debates on rents."""
    if request.reply_format is None:
        return f"Says {call.key}."
    opinion = {"topic": "rents", "sentence": call.key, "stance": 0.4, "candidate": "A"}
    return json.dumps({"opinions": [opinion], "first_choice": "b", "vote": "A", "thumbs_up": [1], "thumbs_down": None})


@dataclass
class Taken:
    """When a call went out, and when its reply was there."""

    key: str
    began: float
    ended: float = -1.0


class SlowModel:
    """A model whose replies take their time, and which fails where it is told to."""

    name = "anthropic:claude-haiku-5-5"

    def __init__(self, seconds: Callable[[str], float], fails: Callable[[str], bool] = lambda key: False) -> None:
        self.seconds, self.fails = seconds, fails
        self.taken: list[Taken] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close nothing."""

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        taken = Taken(call.key, virtual_seconds())
        self.taken.append(taken)
        await asyncio.sleep(self.seconds(call.key))
        if self.fails(call.key):
            raise CallError("overloaded")
        taken.ended = virtual_seconds()
        return ModelReply(reply_to(request, call), stop="end", model="m")

    @property
    def began(self) -> dict[str, float]:
        return {taken.key: taken.began for taken in self.taken}


def ask_all(
    model: SlowModel, *requests: ModelRequest, later: float = 0.0, in_runs_only: bool = False
) -> dict[str, float]:
    """Ask for replies to `k0`, `k1` and so on, each `later` seconds after the last, and return when each went out."""

    async def ask(number: int, request: ModelRequest) -> None:
        await asyncio.sleep(number * later)
        with suppress(CallError):
            await warmed.reply(request, Call(f"k{number}"))

    warmed = Warmed(model, LEAST, in_runs_only=in_runs_only)

    async def run() -> None:
        async with warmed, asyncio.TaskGroup() as group:
            for number, request in enumerate(requests):
                group.create_task(ask(number, request))

    run_in_virtual_time(run())
    return model.began


def people(number: int, **changes: Any) -> list[ModelRequest]:
    return [make_request(f"p{place}", **changes) for place in range(number)]


# Who waits.


def test_one_goes_first_and_the_others_when_its_reply_is_there() -> None:
    assert ask_all(SlowModel(lambda key: 2.0), *people(4)) == {"k0": 0.0, "k1": 2.0, "k2": 2.0, "k3": 2.0}


@pytest.mark.parametrize(("others", "leaders"), [(199, 1), (200, 2), (399, 2), (400, 3), (10**6, 3)])
def test_of_very_many_a_few_go_first_and_the_quickest_is_waited_for(others: int, leaders: int) -> None:
    model = SlowModel(lambda key: 4.0 - int(key[1:]))
    began = ask_all(model, *people(5, reuse=(others, others, 3)))
    quickest = 4.0 - (leaders - 1)
    assert [began[f"k{number}"] for number in range(5)] == [0.0] * leaders + [quickest] * (5 - leaders)


def test_what_is_cached_is_not_waited_for() -> None:
    began = ask_all(SlowModel(lambda key: 2.0), *people(3), later=5.0)
    assert began == {"k0": 0.0, "k1": 5.0, "k2": 10.0}


def test_a_longer_beginning_is_led_when_a_shorter_one_is_cached() -> None:
    other = [make_request(f"p{place}", user=("D" * 2_000, f"p{place}")) for place in range(3)]
    began = ask_all(SlowModel(lambda key: 2.0), *people(2), *other, later=0.5)
    assert began == {"k0": 0.0, "k1": 2.0, "k2": 2.0, "k3": 4.0, "k4": 4.0}, "its world first, then its debates"


@pytest.mark.parametrize(
    "changes",
    [
        {"reuse": ()},
        {"reuse": (FEWEST_FOLLOWERS - 1, FEWEST_FOLLOWERS - 1, 3)},
        {"system": ("w" * 40,), "user": ("d" * 4,)},
    ],
    ids=["nobody knows", "few", "short"],
)
def test_nobody_waits_where_it_saves_nothing(changes: dict[str, Any]) -> None:
    assert set(ask_all(SlowModel(lambda key: 2.0), *people(3, **changes)).values()) == {0.0}


def test_outside_of_a_run_calls_wait_only_where_writing_costs_more() -> None:
    went = {}
    for name in ("anthropic:claude-haiku-5-5", "vllm:m"):
        model = SlowModel(lambda key: 1.0)
        only = waits_in_runs_only(parse_model_name(name))
        for place in (None, Journal(None)):
            token = current_journal.set(place)
            try:
                went[name, place is not None] = list(ask_all(model, *people(3), in_runs_only=only).values())
            finally:
                current_journal.reset(token)
            model.taken.clear()
    waits, at_once = [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]
    assert list(went.values()) == [waits, waits, at_once, waits]


@pytest.mark.parametrize("changes", [{"reply_format": FORM}, {"effort": "low"}, {"user": ("x" * 2_000, "p")}])
def test_another_format_effort_or_text_is_another_beginning(changes: dict[str, Any]) -> None:
    request = make_request()
    other = replace(request, **changes, system=("W" * 4_000,) if "user" in changes else request.system)
    assert set(ask_all(SlowModel(lambda key: 2.0), request, other).values()) == {0.0}


@pytest.mark.parametrize("changes", [{"max_output_tokens": 99}, {"seed": 3}])
def test_room_and_seed_are_no_part_of_a_beginning(changes: dict[str, Any]) -> None:
    assert ask_all(SlowModel(lambda key: 2.0), make_request(), make_request(**changes)) == {"k0": 0.0, "k1": 2.0}


def test_of_beginnings_that_come_again_equally_often_only_the_longest_counts() -> None:
    assert len(find_beginnings(make_request(), LEAST)) == 2
    assert len(find_beginnings(make_request(reuse=(MANY, MANY, 3)), LEAST)) == 1
    assert len(find_beginnings(make_request(reuse=(MANY,)), LEAST)) == 1
    assert find_beginnings(make_request(), 1_501) == ()


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("anthropic:claude-haiku-5-5", 512),
        ("anthropic:claude-haiku-4-5", 4_096),
        ("openai:gpt-x", 1_024),
        ("vllm:mine", 1_024),
        ("openai-compatible:mine", 1_024),
        ("ollama:llama3.2", None),
        ("llamacpp:mine", None),
        ("lmstudio:mine", None),
        ("openrouter:openai/gpt-5-mini", 1_024),
        ("openrouter:openai/gpt-oss-120b", None),
        ("openrouter:deepseek/deepseek-v3.2", 1_024),
        ("openrouter:x-ai/grok-4", 1_024),
        ("openrouter:google/gemini-2.5-flash", 1_024),
        ("openrouter:google/gemini-3-flash", 1_024),
        ("openrouter:google/gemini-2.0-flash-001", None),
        ("openrouter:google/gemma-3-27b-it", None),
        ("openrouter:anthropic/claude-haiku-4.5", None),
        ("openrouter:meta-llama/llama-3.3-70b-instruct", None),
        ("openrouter:another/openai/gpt-5", None),
    ],
)
def test_who_keeps_beginnings(name: str, tokens: int | None) -> None:
    assert find_least_tokens(parse_model_name(name)) == tokens


# How long.


def test_an_entry_that_nobody_read_for_five_minutes_is_new_again() -> None:
    def last_two(gap: float) -> list[float]:
        began = ask_all(SlowModel(lambda key: 2.0), *people(2), later=2.0 + gap)
        third = ask_all(SlowModel(lambda key: 2.0), *people(4), later=gap)
        return [began["k1"], third["k3"]]

    assert last_two(SHORT_LIFE_SECONDS - 1) == [301.0, 3 * 299.0], "each read renews it"
    model = SlowModel(lambda key: 2.0)

    async def run() -> None:
        async with Warmed(model, LEAST) as warmed:
            await warmed.reply(make_request(), Call("k0"))
            await asyncio.sleep(SHORT_LIFE_SECONDS + 1)
            async with asyncio.TaskGroup() as group:
                for number in (1, 2):
                    group.create_task(warmed.reply(make_request(f"p{number}"), Call(f"k{number}")))

    run_in_virtual_time(run())
    assert model.began == {"k0": 0.0, "k1": 303.0, "k2": 305.0}


def test_where_the_first_fails_another_goes_first() -> None:
    model = SlowModel(lambda key: 2.0, fails=lambda key: key == "k0")
    assert ask_all(model, *people(4)) == {"k0": 0.0, "k1": 2.0, "k2": 4.0, "k3": 4.0}


def test_where_the_first_fail_one_after_the_other_nobody_waits_any_more() -> None:
    model = SlowModel(lambda key: 1.0, fails=lambda key: True)
    began = ask_all(model, *people(8))
    assert [began[f"k{number}"] for number in range(8)] == [0.0, 1.0, 2.0] + [float(MOST_FAILED)] * 5


def test_a_first_call_that_takes_long_is_waited_for_no_longer() -> None:
    began = ask_all(SlowModel(lambda key: 90.0 if key == "k0" else 2.0), *people(3))
    assert began == {"k0": 0.0, "k1": LONGEST_WAIT_SECONDS, "k2": LONGEST_WAIT_SECONDS}


def test_where_replies_take_longer_than_anybody_waits_nobody_waits_any_more_until_one_is_quicker() -> None:
    slow = LONGEST_WAIT_SECONDS + 10
    model = SlowModel(lambda key: 2.0 if key.startswith("quick") else slow)

    async def ask_three(warmed: Warmed, name: str, **changes: Any) -> list[float]:
        """Return after how long each of three calls with a new beginning went out."""
        began = virtual_seconds()
        async with asyncio.TaskGroup() as group:
            for place in range(3):
                request = make_request(f"p{place}", system=(name * 2_000,), **changes)
                group.create_task(warmed.reply(request, Call(f"{name}{place}")))
        return [model.began[f"{name}{place}"] - began for place in range(3)]

    async def run() -> list[list[float]]:
        async with Warmed(model, LEAST) as warmed:
            many = {"reuse": (400, 400, 3)}  # three go first, and are one wait
            late = [
                await ask_three(warmed, f"a{number}", **(many if not number else {})) for number in range(MOST_LATE)
            ]
            return [*late, *[await ask_three(warmed, name) for name in ("at once", "quick at once", "quick")]]

    waits, at_once = [0.0, LONGEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS], [0.0, 0.0, 0.0]
    assert run_in_virtual_time(run()) == [at_once, *[waits] * (MOST_LATE - 1), at_once, at_once, [0.0, 2.0, 2.0]]


def test_whether_a_first_call_was_in_time_goes_by_when_it_went_itself() -> None:
    """Another one had gone before it, and failed: since then it is longer than anybody waits."""
    wait = LONGEST_WAIT_SECONDS
    seconds = {"a": 0.75 * wait, "b": 0.6 * wait, "c": 0.3 * wait}
    model = SlowModel(lambda key: seconds[key[0]], fails=lambda key: key[0] == "a")

    async def ask(warmed: Warmed, key: str, system: str, *, later: float = 0.0, others: int = 2 * MANY) -> None:
        await asyncio.sleep(later)
        with suppress(CallError):
            await warmed.reply(make_request(key, system=(system * 4_000,), reuse=(others, others, 3)), Call(key))

    async def run() -> float:
        async with Warmed(model, LEAST) as warmed:
            for system in "012345"[:MOST_LATE]:  # two may go first
                await asyncio.gather(
                    ask(warmed, f"a{system}", system), ask(warmed, f"b{system}", system, later=wait / 2)
                )
            began = virtual_seconds()
            await asyncio.gather(*(ask(warmed, f"c{place}", "c", others=MANY) for place in range(2)))
            return model.began["c1"] - began

    assert run_in_virtual_time(run()) == pytest.approx(seconds["c"])


def test_when_the_first_is_cancelled_another_goes_first() -> None:
    model = SlowModel(lambda key: 2.0)

    async def run() -> None:
        async with Warmed(model, LEAST) as warmed, asyncio.TaskGroup() as group:
            calls = [
                group.create_task(warmed.reply(make_request(f"p{number}"), Call(f"k{number}"))) for number in range(3)
            ]
            await asyncio.sleep(1.0)
            calls[0].cancel()

    run_in_virtual_time(run())
    assert model.began == {"k0": 0.0, "k1": 1.0, "k2": 3.0}


def test_who_waits_gives_back_its_place() -> None:
    model, without = SlowModel(lambda key: 2.0), []

    @asynccontextmanager
    async def give_back() -> Any:
        without.append(virtual_seconds())
        yield
        without.append(virtual_seconds())

    async def ask(warmed: Warmed, number: int) -> None:
        place_given_back.set(give_back)
        await warmed.reply(make_request(f"p{number}"), Call(f"k{number}"))

    async def run() -> None:
        async with Warmed(model, LEAST) as warmed, asyncio.TaskGroup() as group:
            for number in range(2):
                group.create_task(ask(warmed, number))

    run_in_virtual_time(run())
    assert without == [0.0, 2.0]


def test_what_is_remembered_is_bounded() -> None:
    async def run() -> int:
        async with Warmed(SlowModel(lambda key: 0.1), LEAST) as warmed:
            for number in range(3 * MOST_REMEMBERED):
                await warmed.reply(make_request(system=(f"{number:04}" * 1_000,)), Call(f"k{number}"))
            return len(warmed._known.current._states)

    assert run_in_virtual_time(run()) <= MOST_REMEMBERED + 2


# That all come to their end, whatever happens.


@given(seed=st.integers(0, 10_000), calls=st.integers(1, 25))
@settings(deadline=None, max_examples=150)
def test_every_call_ends_in_good_time_whatever_fails_or_is_cancelled(seed: int, calls: int) -> None:
    def draw(key: str, what: str) -> random.Random:
        return random.Random(f"{seed} {key} {what}")

    share = random.Random(seed).choice([0.0, 0.3, 1.0])
    model = SlowModel(
        lambda key: draw(key, "seconds").lognormvariate(0, 1), fails=lambda key: draw(key, "fails").random() < share
    )
    places = asyncio.Semaphore(random.Random(seed).randint(1, 4))

    @asynccontextmanager
    async def give_back() -> Any:
        places.release()
        try:
            yield
        finally:
            await places.acquire()

    async def ask(warmed: Warmed, number: int) -> None:
        place_given_back.set(give_back)
        chance = draw(str(number), "request")
        await asyncio.sleep(chance.uniform(0, 5))
        world = chance.choice([WORLD, "W" * 4_000])
        many = chance.choice([20, 200, 400])
        request = make_request(
            f"p{number}", system=(world,), effort=chance.choice([None, "low"]), reuse=(many + 90, many, 3)
        )
        async with places:
            with suppress(CallError, TimeoutError):
                async with asyncio.timeout(chance.choice([0.5, 3.0, None])):
                    await warmed.reply(request, Call(f"k{number}"))

    async def run() -> int:
        warmed = Warmed(model, LEAST)
        async with warmed, asyncio.TaskGroup() as group:
            for number in range(calls):
                group.create_task(ask(warmed, number))
            known = warmed._known.current
        assert not any(state.leaders for state in known._states.values()), "nobody leads who has ended"
        return known._apart

    assert run_in_virtual_time(asyncio.wait_for(run(), 1_000.0)) == 0


# A whole town.


def run_town(folder: Path, *, is_warmed: bool) -> tuple[float, dict[str, str], int]:
    """Return how long a town of 100 people takes over three epochs, its record, and how many calls it made."""

    def draw(key: str) -> float:
        return random.Random(f"town {key}").lognormvariate(-0.8, 0.5)

    folder.mkdir()
    config = without_model(build_config(Town(100, 20), folder, seed=1))
    model = SlowModel(draw)
    mind = LLMMind(Warmed(model, LEAST) if is_warmed else model)
    engine = GameEngine.from_config(config, model=mind)
    engine.initialize_simulation_output(folder)

    async def run() -> float:
        await engine.run_async()
        return virtual_seconds()

    seconds = run_in_virtual_time(run())
    assert engine.simulation_dir is not None
    return seconds, read_record(engine.simulation_dir), len(model.taken)


def test_a_run_takes_hardly_longer_and_its_record_is_the_same(tmp_path: Path) -> None:
    plain, warmed = (run_town(tmp_path / name, is_warmed=name == "warmed") for name in ("plain", "warmed"))
    assert warmed[1:] == plain[1:]
    assert plain[0] < warmed[0] <= 1.04 * plain[0], f"{warmed[0]:.1f} s instead of {plain[0]:.1f}"
