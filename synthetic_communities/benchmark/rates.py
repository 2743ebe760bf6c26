"""A server that lets only so many requests a second through: how much of that is used, and how much is refused."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..domain.outcome import Done
from ..llm.naming import parse_model_name
from ..llm.stack import build_model
from ..minds.llm.mind import LLMMind
from ..testing.loopback import LoopbackServer
from ..testing.server.settings import LoopbackSettings
from .bare import KEY
from .client_cpu import MODELS, Provider
from .community import build_population
from .measures import Figure, Sample, Tell
from .timing import Timed, time_action
from .towns import Town, build_config

Told = Literal["nothing", "headers", "setting"]


@dataclass(frozen=True, slots=True)
class RatePlan:
    """What is measured under a limit of requests a second.

    Attributes:
        told: how the client learns of the limit: by nothing but refusals, by headers, or by a setting.
        provider: in whose protocol the server is asked, and whose headers it sends.
        people: how many update their beliefs, a call each.
        limit: how many calls may be under way at once.
        per_second: how many requests are let through.
        bucket: how many at once, after a pause.
        latency_seconds: how long a reply takes.
        repetitions: how often.
        share_done: what share of what was let through has to be used.
        share_refused: what share of the calls may be refused.
    """

    told: Told
    people: int
    provider: Provider = field(default="openai", kw_only=True)
    limit: int = field(kw_only=True)
    per_second: float = field(kw_only=True)
    bucket: int = field(kw_only=True)
    latency_seconds: float = field(kw_only=True)
    repetitions: int = field(kw_only=True)
    share_done: float | None = field(default=None, kw_only=True)
    share_refused: float | None = field(default=None, kw_only=True)


def list_rate_figures(plan: RatePlan) -> tuple[Figure, ...]:
    """Return what comes out."""
    since = "after the first second" if plan.told == "nothing" else "from the first call"
    quota = f"{plan.per_second:g} requests/s, {since}"
    return (
        Figure("done of the quota", "share", compared_to=quota, reach=plan.share_done, is_ratio=True),
        Figure("answered 429", "share", compared_to=f"all calls {since}", better="less", reach=plan.share_refused),
        Figure("in all", "s", compared_to=f"{plan.people:,} calls", better="less"),
    )


def take_rates(plan: RatePlan, tell: Tell) -> Iterator[Sample]:
    """Measure belief updates against a server that refuses what comes too fast."""
    behaviour = LoopbackSettings(
        latency=plan.latency_seconds,
        requests_per_second=plan.per_second,
        bucket=plan.bucket,
        rate_headers=plan.told == "headers",
    )
    for number in range(plan.repetitions):
        told = f"told by {plan.told} ({plan.provider})"
        tell(f"{plan.people:,} belief updates, {told}, repetition {number + 1} of {plan.repetitions}")
        with tempfile.TemporaryDirectory() as folder, LoopbackServer(behaviour) as server:
            yield _take_one(plan, server, Path(folder))


def _take_one(plan: RatePlan, server: LoopbackServer, folder: Path) -> Sample:
    config = build_config(Town(plan.people, plan.limit), folder, seed=1)
    stated = 60 * plan.per_second if plan.told == "setting" else None
    url = f"{server.url}/v1" if plan.provider == "openai" else server.url
    name = parse_model_name(MODELS[plan.provider])
    model = build_model(name, api_key=KEY, base_url=url, requests_per_minute=stated)
    population = build_population(config, LLMMind(model))
    _, timed = time_action(lambda: population.update_beliefs_from_debate(max_concurrent=plan.limit), server)
    done = sum(isinstance(persona.outcomes["update_beliefs"], Done) for persona in population.personas)
    faults = () if done == plan.people else (f"{plan.people - done} of {plan.people} people got no answer",)
    return Sample(measure_rates(plan, timed), faults)


def measure_rates(plan: RatePlan, timed: Timed) -> dict[str, float]:
    """Return the values of the figures of one belief update.

    Without being told, the client has the first second to learn, of which neither time nor calls count; else the
    bucket, full at first, belongs to what is let through.
    """
    counted, quota = Counter(timed.endings), plan.per_second * timed.seconds + plan.bucket
    if plan.told == "nothing":
        counted -= Counter({ending: calls.get("0", 0) for ending, calls in timed.by_second.items()})
        quota = plan.per_second * (timed.seconds - 1)
    return {
        "done of the quota": counted["200"] / quota,
        "answered 429": counted["429"] / max(1, counted.total()),
        "in all": timed.seconds,
    }
