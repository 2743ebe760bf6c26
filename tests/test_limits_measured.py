"""How well a limit is used over real connections, in real time.

By hand, at full scale, in about nine minutes: python -m tests.test_limits_measured
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import pytest

from synthetic_communities.llm.model import Call, Model
from synthetic_communities.testing.loopback import LoopbackServer
from synthetic_communities.waiting import place_given_back
from tests.model_calls import giving_back, make_model, make_request

AT_ONCE = 100
BUCKET = 20
PROMPT_CHARACTERS = 13_000


@dataclass(frozen=True, slots=True)
class Use:
    """What became of the calls of a run under a limit.

    Attributes:
        served: calls answered.
        refused_first: calls refused in the first second.
        refused_later: calls refused afterwards.
        share_of_quota: calls answered, over what the rate allowed in the time.
        cpu_ms: processor time of this process for a call.
    """

    served: int
    refused_first: int
    refused_later: int
    share_of_quota: float
    cpu_ms: float

    @property
    def share_refused_later(self) -> float:
        """Share of the calls that were refused after the first second, of those and all that were answered."""
        return self.refused_later / (self.refused_later + self.served)


def measure_use(
    calls: int, rate: float, *, latency: float = 0.2, headers: bool = False, name: str = "openai:m", **settings: Any
) -> Use:
    """Make calls of a loopback server that lets through `rate` a second, and return what became of them."""
    with LoopbackServer(latency=latency, requests_per_second=rate, bucket=BUCKET, rate_headers=headers) as server:
        base_url = f"{server.url}/v1" if name.startswith("openai:") else server.url
        model = make_model(name, base_url=base_url, transport=None, retry=None, **settings)
        began_cpu = time.process_time()
        seconds, refused_first = asyncio.run(_make_calls(model, calls, server))
        cpu_seconds = time.process_time() - began_cpu
        answers = _answers(server)
    refused = answers.get("429", 0)
    return Use(
        answers["200"],
        refused_first,
        refused - refused_first,
        answers["200"] / (rate * (seconds - latency)),
        1_000 * cpu_seconds / calls,
    )


async def _make_calls(model: Model, calls: int, server: LoopbackServer) -> tuple[float, int]:
    places = asyncio.Semaphore(AT_ONCE)

    async def call(number: int) -> None:
        async with places:
            place_given_back.set(giving_back(places))
            request = make_request("x" * PROMPT_CHARACTERS, f"{number}")
            await model.reply(request, Call(f"e0/belief/debate/p{number:05d}"))

    async def look_after_a_second() -> int:
        await asyncio.sleep(1.0)
        return (await asyncio.to_thread(_answers, server)).get("429", 0)

    async with model, asyncio.TaskGroup() as group:
        began, looking = time.monotonic(), group.create_task(look_after_a_second())
        async with asyncio.TaskGroup() as asking:
            for number in range(calls):
                asking.create_task(call(number))
        seconds = time.monotonic() - began
    return seconds, looking.result()


def _answers(server: LoopbackServer) -> dict[str, int]:
    paths = server.stats()["by_path"]
    return next((dict(answers) for path, answers in paths.items() if path.endswith(("completions", "messages"))), {})


@pytest.mark.timing
def test_a_server_that_tells_nothing_but_a_wait() -> None:
    use = measure_use(200, 50.0)
    assert use.served == 200
    assert use.share_of_quota >= 0.45, "in four seconds there are two pauses in which the bucket runs over"
    assert use.share_refused_later <= 0.1


@pytest.mark.timing
@pytest.mark.parametrize("name", ["openai:m", "anthropic:claude-haiku-5-5"])
def test_a_server_that_tells_its_limits(name: str) -> None:
    use = measure_use(150, 50.0, headers=True, name=name)
    assert use.served == 150
    assert use.share_of_quota >= 0.45
    assert use.share_refused_later <= 0.06


@pytest.mark.timing
def test_a_server_whose_limit_is_given() -> None:
    use = measure_use(150, 50.0, requests_per_minute=3_000)
    assert (use.served, use.refused_first, use.refused_later) == (150, 0, 0)
    assert use.share_of_quota >= 0.6


if __name__ == "__main__":
    for what, settings in {
        "no headers, 1 s a reply": {"latency": 1.0},
        "no headers, 2 s a reply": {"latency": 2.0},
        "OpenAI's headers, 1 s a reply": {"latency": 1.0, "headers": True},
        "Anthropic's headers, 2 s a reply": {"latency": 2.0, "headers": True, "name": "anthropic:claude-haiku-5-5"},
        "requests_per_minute, 1 s a reply": {"latency": 1.0, "requests_per_minute": 1_200},
    }.items():
        print(what, measure_use(2_000, 20.0, **settings), flush=True)
