"""What a call costs the client: processor time of a whole simulation, and of bare clients making the same calls."""

import gc
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from ..config import Config
from ..llm.journal.journaled import Journaled
from ..llm.wire.over_aiohttp import build_httpx2_transport, build_httpx_transport
from ..testing.loopback import LoopbackServer
from .bare import Bare, Recorded, Recorder, anthropic_over_aiohttp, ask_bare, bare_aiohttp, httpx_over_aiohttp
from .measures import Figure, Sample, Tell
from .timing import Timed, time_action
from .towns import Town, build_config
from .whole_runs import OPENAI, build_engine, build_loopback_mind, find_run_faults

Provider = Literal["openai", "anthropic"]

MODELS: Mapping[Provider, str] = {"openai": OPENAI, "anthropic": "anthropic:claude-haiku-5-5"}

BARE: Mapping[Provider, Mapping[str, Bare]] = {
    "openai": {"bare httpx over aiohttp": httpx_over_aiohttp, "bare aiohttp": bare_aiohttp},
    "anthropic": {"the bare SDK over aiohttp": anthropic_over_aiohttp},
}
"""Bare clients of each provider; ours is held against the first."""


@dataclass(frozen=True, slots=True)
class CpuPlan:
    """What is measured of a provider's client.

    Attributes:
        provider: in whose protocol.
        town: who makes the calls.
        latency_seconds: how long a reply takes.
        repetitions: how often.
        most_ms: what a call may cost, in milliseconds; None: whatever it costs.
        most_times: how many times what it costs the bare client.
        most_for_journal: what the journal may add to a call, as a share of it without.
    """

    provider: Provider
    town: Town
    latency_seconds: float = field(kw_only=True)
    repetitions: int = field(kw_only=True)
    most_ms: float | None = field(default=None, kw_only=True)
    most_times: float | None = field(default=None, kw_only=True)
    most_for_journal: float | None = field(default=None, kw_only=True)


def list_cpu_figures(plan: CpuPlan) -> tuple[Figure, ...]:
    """Return what comes out."""
    first, *_ = bare = tuple(BARE[plan.provider])
    return (
        Figure("processor time a call", "ms", compared_to="nothing", better="less", reach=plan.most_ms),
        Figure("beside bare", "x", compared_to=first, better="less", reach=plan.most_times, is_ratio=True),
        *(Figure(name, "ms", compared_to="the very same calls", better="less") for name in bare),
        Figure(
            "added by the journal", "share", compared_to="without a journal", better="less", reach=plan.most_for_journal
        ),
        Figure("calls at once", "calls", compared_to=f"limit {plan.town.limit}"),
    )


def take_cpu(plan: CpuPlan, tell: Tell) -> Iterator[Sample]:
    """Measure what a call costs: in every repetition the whole simulation, then bare clients making its calls."""
    with tempfile.TemporaryDirectory() as folder, LoopbackServer(latency=plan.latency_seconds) as server:
        bench = CpuBench(plan, server, Path(folder))
        tell(f"{plan.town}: warming up, and taking down the requests")
        requests = bench.record_requests()
        gc.collect()
        gc.freeze()  # what was taken down is not to be looked through whenever there is rubbish to find
        try:
            for number in range(plan.repetitions):
                tell(f"{len(requests):,} calls, repetition {number + 1} of {plan.repetitions}")
                yield bench.take(requests)
        finally:
            gc.unfreeze()


@dataclass(frozen=True, slots=True)
class CpuBench:
    """A server, and a folder, in which a plan is measured."""

    plan: CpuPlan
    server: LoopbackServer
    folder: Path

    def config(self) -> Config:
        """Return the settings of the community."""
        return build_config(self.plan.town, self.folder, seed=1)

    def record_requests(self) -> list[Recorded]:
        """Run once, and return every request of it."""
        build = build_httpx_transport if self.plan.provider == "openai" else build_httpx2_transport
        recorder = Recorder(build(self.server.url, self.plan.town.limit))
        config = self.config()
        mind = build_loopback_mind(MODELS[self.plan.provider], self.server, config, transport=recorder)
        build_engine(config, mind, self.folder).run()
        return recorder.requests

    def take(self, requests: list[Recorded]) -> Sample:
        """Measure once: a run, the same without a journal, and its requests made by bare clients."""
        timed, faults = self.take_run()
        ours = _cpu_ms(timed)
        unjournaled, further = self.take_run(has_journal=False)
        bare = {name: self._take_bare(client, requests) for name, client in BARE[self.plan.provider].items()}
        beside = {
            "processor time a call": ours,
            "beside bare": ours / next(iter(bare.values())),
            "added by the journal": ours / _cpu_ms(unjournaled) - 1,
        }
        return Sample({**beside, **bare, "calls at once": timed.peak_in_flight}, (*faults, *further))

    def take_run(self, *, has_journal: bool = True) -> tuple[Timed, tuple[str, ...]]:
        """Run the community, and return what that took and what must not be of it."""
        config = self.config()
        mind = build_loopback_mind(MODELS[self.plan.provider], self.server, config)
        if not has_journal:
            assert isinstance(mind.model_asked, Journaled)
            mind.model_asked = mind.model_asked.inner
        result, timed = time_action(build_engine(config, mind, self.folder).run, self.server)
        return timed, tuple(find_run_faults(result, timed, config))

    def _take_bare(self, client: Bare, requests: list[Recorded]) -> float:
        _, timed = time_action(partial(ask_bare, client, requests, self.plan.town.limit), self.server)
        return _cpu_ms(timed)


def _cpu_ms(timed: Timed) -> float:
    """Return the processor time of a call, in milliseconds."""
    return 1000 * timed.cpu_seconds / timed.calls
