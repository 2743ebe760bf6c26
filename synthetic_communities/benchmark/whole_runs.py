"""One whole run over a loopback server, timed, with what the server said of how long each reply was held back."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..cast.thinking import MindSettings, build_llm_mind
from ..config import Config
from ..engine.plan import plan_run
from ..game_engine import GameEngine
from ..llm.model import Call, ModelReply, ModelRequest
from ..llm.wire.over_aiohttp import build_httpx_transport
from ..llm.wrapper import Wrapper
from ..minds.base import Mind
from ..minds.llm.mind import LLMMind
from ..report.result import SimulationResult
from ..simulation.stage import build_course
from ..testing.loopback import LoopbackServer
from ..testing.server.wire import SLEPT
from .bare import KEY
from .bounds import measure_bound, measure_critical_path
from .timing import Timed, time_action
from .towns import without_model

OPENAI = "openai:gpt-5-mini"

_asked_for: ContextVar[str] = ContextVar("synthetic_communities_asked_for", default="")


@dataclass(frozen=True, slots=True)
class Run:
    """A run: what it took, and what it had to take.

    Attributes:
        timed: what it took, from opening connections to the last line of the record.
        work: how long replies were held back in all, in seconds.
        critical_path: of the longest chain of acts that build on one another, in seconds.
        limit: how many acts could be under way at once.
        path: the run directory.
        faults: what must not be.
    """

    timed: Timed
    work: float = field(kw_only=True)
    critical_path: float = field(kw_only=True)
    limit: int = field(kw_only=True)
    path: Path = field(kw_only=True)
    faults: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def bound(self) -> float:
        """The shortest time in which it could be done, in seconds."""
        return measure_bound(self.critical_path, self.work, self.limit)

    @property
    def share_of_bound(self) -> float:
        """The shortest time in which it could be done over the time it took."""
        return self.bound / self.timed.seconds


def time_run(config: Config, server: LoopbackServer, folder: Path) -> Run:
    """Run a community against a server, noting how long replies were held back, and return what it took.

    No call waits for another's to find a cache warm: that is measured by itself, as part of what a run costs.

    Args:
        config: its settings; whatever model it names, the server is asked.
        server: it runs, and counts nothing else.
        folder: where the run directory is made.
    """
    slept: dict[str, float] = defaultdict(float)
    mind = build_loopback_mind(OPENAI, server, config, transport=_Noting(_carrier(server, config), slept), caches=False)
    mind.model_asked = _Keyed(mind.model_asked)
    engine = build_engine(config, mind, folder)
    result, timed = time_action(engine.run, server)
    return Run(
        timed,
        work=sum(slept.values()),
        critical_path=_measure_path(engine, slept),
        limit=config.max_concurrent,
        path=result.path,
        faults=tuple(find_run_faults(result, timed, config)),
    )


def build_loopback_mind(
    name: str, server: LoopbackServer, config: Config, *, transport: Any = None, caches: bool = True
) -> LLMMind:
    """Return a mind that asks this server, as the configuration would have it but for the address.

    Args:
        name: `provider:model`, of a provider in whose protocol the server is asked.
        server: who is asked.
        config: the settings of the run it thinks for.
        transport: carries requests instead of one over aiohttp.
        caches: whether it does what lets the provider's cache serve the beginnings of prompts.
    """
    base_url = f"{server.url}/v1" if name.startswith("openai:") else server.url
    settings = MindSettings(
        base_url=base_url,
        seed=config.random_seed,
        max_connections=config.max_concurrent,
        transport=transport,
        caches=caches,
    )
    return build_llm_mind(name, KEY, settings)


def build_engine(config: Config, mind: Mind, folder: Path) -> GameEngine:
    """Return an engine that is ready to run in a folder, in which everybody thinks with this mind."""
    engine = GameEngine.from_config(without_model(config), model=mind)
    engine.initialize_simulation_output(folder)
    return engine


def find_run_faults(result: SimulationResult, timed: Timed, config: Config) -> Iterator[str]:
    """Yield what must not be, a sentence each: people not counted once, acts that failed, too many calls at once."""
    voters = [ballot["persona_id"] for ballot in result.ballots]
    if config.candidates and (len(set(voters)) != len(voters) or len(voters) != config.population_size):
        yield f"{len(voters)} ballots of {len(set(voters))} people out of {config.population_size} were counted"
    if result.failures:
        yield f"{len(result.failures)} acts failed, {result.failures[0]['task']} first"
    yield from find_call_faults(timed, config.max_concurrent)


def find_call_faults(timed: Timed, limit: int) -> Iterator[str]:
    """Yield what must not be of calls: any that did not succeed, more at once than the limit allows."""
    if timed.endings != {"200": timed.calls}:
        yield f"{timed.calls} calls were answered {dict(timed.endings)}"
    if timed.peak_in_flight > limit:
        yield f"{timed.peak_in_flight} calls at once at limit {limit}"


def _carrier(server: LoopbackServer, config: Config) -> Any:
    return build_httpx_transport(server.url, config.max_concurrent)


def _measure_path(engine: GameEngine, slept: Mapping[str, float]) -> float:
    assert engine.mediator is not None
    people = [persona.id for persona in engine.population.personas]
    candidates = [candidate.id for candidate in engine.candidates]
    topics = [topic.id for topic in engine.mediator.topics]
    return measure_critical_path(plan_run(build_course(engine.config, people, candidates, topics)), slept)


class _Keyed(Wrapper):
    """Tells the transport below which act a request belongs to: nothing in the request itself says so."""

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply; for which task it was asked can be read by whoever sends the request."""
        _asked_for.set(call.key)
        return await self.inner.reply(request, call)


class _Noting:
    """Passes requests on, and adds up how long each act's replies were held back."""

    def __init__(self, inner: Any, slept: dict[str, float]) -> None:
        self._inner = inner
        self._slept = slept

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request, and note under its task for how many seconds the server says it slept."""
        response = await self._inner.handle_async_request(request)
        if SLEPT in response.headers:
            self._slept[_asked_for.get()] += float(response.headers[SLEPT])
        return response

    async def aclose(self) -> None:
        """Close the transport that is listened to."""
        await self._inner.aclose()
