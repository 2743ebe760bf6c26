"""What a run costs: calls, tokens of prompts at the price of plain ones, what is read from caches, time for warming.

Beside each stands what other arrangements of the very same calls would have come to: the person first and a call for
every post, no cache, a form of reply for every act, one form for all of them.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from ...cast.thinking import MindSettings, build_llm_mind
from ...config import Config
from ...llm.wire.over_aiohttp import build_httpx2_transport
from ...testing.loopback import LoopbackServer
from ...testing.server.settings import LoopbackSettings
from ...testing.server.tokens import TokenRule
from ..bare import KEY
from ..measures import Figure, Sample, Tell, Unit
from ..timing import Timed, time_action
from ..whole_runs import build_engine, find_run_faults
from .arrangements import Arrangement, PromptTokens, account_for, add_up, as_it_is, person_first, without_cache
from .calls import CallNoting, NamingActs, NotedCall
from .marks import a_format_per_act
from .one_form import OUTPUT, count_more_characters, one_form
from .town import MODEL, TOKEN_CHARACTERS, CostTown, build_behaviour, build_cost_config

RULE = TokenRule(TOKEN_CHARACTERS)

ONE_FORM = "one form for everything"

BESIDE: Mapping[str, Callable[[Sequence[NotedCall]], Arrangement]] = {
    "person first, a call a post": lambda calls: person_first,
    "no cache": lambda calls: without_cache,
    "a format per act": a_format_per_act,
    ONE_FORM: one_form,
}
"""What a run is held against: made from all of its calls."""

SLOW_SECONDS = 3.0
"""How long a reply takes where that is slow enough for entries of caches to expire."""

DEFAULT_LIMIT = 20
"""How many acts are under way at once where nobody says so. Everything takes longer by as much as it is less."""

SLOW = f"replies of {SLOW_SECONDS:g} s"
SLOW_AND_FEW = f"{SLOW}, limit {DEFAULT_LIMIT}"

MILLION = 1e6
APART = 0.05
"""How far the server's count and ours may lie apart, as a share: a reply is sent before it is seen to be there."""


@dataclass(frozen=True, slots=True)
class CostPlan:
    """What is measured.

    Attributes:
        large: the community whose calls and tokens are counted.
        small: the one whose share read from caches is compared, and whose warming is timed.
        latency_seconds: how long a reply takes where time is not measured.
        warming_seconds: how long one takes on average where it is; the times are log-normal.
        sigma: spread of those times, the standard deviation of their logarithm.
        seeds: what those times are drawn from, a repetition each.
        most_calls: how many calls the large one may make.
        most_tokens: how many plain tokens its prompts may cost as much as, in millions.
        share_read: what share of the tokens of prompts has to be read from caches, in both.
        share_warming: how much longer the small one may take with warming than without, as a share.
    """

    large: CostTown
    small: CostTown
    latency_seconds: float = field(default=0.01, kw_only=True)
    warming_seconds: float = field(default=0.5, kw_only=True)
    sigma: float = field(default=0.8, kw_only=True)
    seeds: tuple[int, ...] = field(default=(1,), kw_only=True)
    most_calls: int | None = field(default=None, kw_only=True)
    most_tokens: float | None = field(default=None, kw_only=True)
    share_read: float | None = field(default=None, kw_only=True)
    share_warming: float | None = field(default=None, kw_only=True)


def list_cost_figures(plan: CostPlan) -> tuple[Figure, ...]:
    """Return what comes out."""
    large, small = f"{plan.large.people:,} people", f"{plan.small.people:,} people"
    return (
        _tokens("calls", large, plan.most_calls, unit="calls"),
        _tokens("calls: person first, a call a post", "the same run", unit="calls"),
        _tokens("prompt tokens", large, plan.most_tokens),
        *(_tokens(f"prompt tokens: {name}", "the same run") for name in (*BESIDE, SLOW, SLOW_AND_FEW)),
        _tokens(f"longer replies: {ONE_FORM}", "the same run"),
        _share("read from cache", large, plan.share_read),
        *(_share(f"read from cache: {name}", "the same run") for name in (*BESIDE, SLOW, SLOW_AND_FEW)),
        _share(f"read from cache, {small}", small, plan.share_read),
        _tokens(f"prompt tokens, {small}", small),
        Figure(
            "more time for warming",
            "share",
            compared_to=f"{small}, cache: none",
            better="less",
            reach=plan.share_warming,
        ),
        Figure("the run without warming", "s", compared_to=f"{small}, cache: none", better="less"),
    )


def _tokens(name: str, compared_to: str, reach: float | None = None, *, unit: Unit = "M plain") -> Figure:
    return Figure(name, unit, compared_to=compared_to, better="less", reach=reach, is_counted=True)


def _share(name: str, compared_to: str, reach: float | None = None) -> Figure:
    is_ours = compared_to != "the same run"
    return Figure(name, "share", compared_to=compared_to, reach=reach, is_ratio=is_ours, is_counted=True)


def take_cost(plan: CostPlan, tell: Tell) -> Iterator[Sample]:
    """Measure the large community, then the small one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with LoopbackServer(build_behaviour(latency=plan.latency_seconds)) as server:
            large = count_run(plan.large, server, folder, tell)
        counted = describe_large(large, plan.large.limit)
        for seed in plan.seeds:
            behaviour = build_behaviour(latency=plan.warming_seconds, sigma=plan.sigma, seed=seed)
            small, faults = _take_small(plan.small, behaviour, folder, tell)
            yield Sample({**counted, **small}, (*large.faults, *faults))


@dataclass(frozen=True, slots=True)
class CountedRun:
    """A run whose calls were noted.

    Attributes:
        calls: all of them.
        served: tokens of their prompts, as the server counted them.
        faults: what must not be.
    """

    calls: Sequence[NotedCall]
    served: PromptTokens
    faults: tuple[str, ...]


def count_run(town: CostTown, server: LoopbackServer, folder: Path, tell: Tell) -> CountedRun:
    """Run a community over a server that caches, and return what it asked and what that came to."""
    tell(f"{town}: what is asked, and what of it is read from caches")
    config = build_cost_config(town, folder)
    noting = CallNoting(build_httpx2_transport(server.url, town.limit))
    timed, faults = _run(config, server, folder, transport=noting)
    served = read_served(server.stats())
    by_act = account_for(noting.calls, as_it_is, RULE)
    for line in describe_acts(by_act):
        tell(line)
    return CountedRun(noting.calls, served, (*faults, *find_count_faults(served, add_up(by_act.values()), timed)))


def read_served(stats: Mapping[str, Any]) -> PromptTokens:
    """Return the tokens that a server counted."""
    return add_up(PromptTokens(**tokens, calls=0) for tokens in stats["prompt_by_path"].values())


def find_count_faults(served: PromptTokens, ours: PromptTokens, timed: Timed) -> Iterator[str]:
    """Yield what must not be of two counts of the same prompts."""
    if ours.calls != timed.calls:
        yield f"{timed.calls} calls came in, and {ours.calls} were noted"
    if served.total != ours.total:
        yield f"the server counted {served.total} tokens of prompts, and {ours.total} were asked"
    if abs(served.read - ours.read) > APART * ours.total:
        yield f"the server read {served.read} tokens from its cache; in the same order it is {ours.read}"


def describe_acts(by_act: Mapping[str, PromptTokens]) -> Iterator[str]:
    """Yield a line for each act: how many calls, and what became of the tokens of their prompts."""
    yield f"{'':24}{'calls':>8}{'plain':>12}{'written':>12}{'for 1 h':>12}{'read':>12}{'as plain':>12}{'read':>7}"
    for act, tokens in [*by_act.items(), ("in all", add_up(by_act.values()))]:
        counts = (tokens.plain, tokens.written_5m, tokens.written_1h, tokens.read, round(tokens.as_plain))
        columns = "".join(f"{count:12,}" for count in counts)
        yield f"{act:24}{tokens.calls:8,}{columns}{tokens.share_read:7.3f}"


def describe_large(run: CountedRun, limit: int) -> dict[str, float]:
    """Return the values of the figures of the large community.

    Args:
        run: its run.
        limit: how many acts were under way at once.
    """
    served, calls = run.served, run.calls
    beside = {name: add_up(account_for(calls, build(calls), RULE).values()) for name, build in BESIDE.items()}
    beside |= account_for_slower(calls, limit)
    longer = RULE.count_characters(count_more_characters(calls))
    return {
        "calls": len(calls),
        "calls: person first, a call a post": beside["person first, a call a post"].calls,
        "prompt tokens": served.as_plain / MILLION,
        **{f"prompt tokens: {name}": tokens.as_plain / MILLION for name, tokens in beside.items()},
        f"longer replies: {ONE_FORM}": OUTPUT * longer / MILLION,
        "read from cache": served.share_read,
        **{f"read from cache: {name}": tokens.share_read for name, tokens in beside.items()},
    }


def account_for_slower(calls: Sequence[NotedCall], limit: int) -> dict[str, PromptTokens]:
    """Return the tokens of a run whose replies are slow, and of one at the usual limit besides.

    Marks are those that were set. At the usual limit the policy sets the same, up to 500 people.

    Args:
        calls: of the run.
        limit: how many acts were under way at once in it.
    """
    pace = SLOW_SECONDS / mean(call.ended - call.began for call in calls)
    paces = {SLOW: pace, SLOW_AND_FEW: pace * limit / DEFAULT_LIMIT}
    return {name: add_up(account_for(calls, as_it_is, RULE, slower=slower).values()) for name, slower in paces.items()}


def _take_small(
    town: CostTown, behaviour: LoopbackSettings, folder: Path, tell: Tell
) -> tuple[dict[str, float], tuple[str, ...]]:
    config, seconds, faults = build_cost_config(town, folder), {}, list[str]()
    with LoopbackServer(behaviour) as server:
        for cache in ("none", "auto"):
            tell(f"{town}, replies of {behaviour.latency:g} s on average, seed {behaviour.seed}, cache: {cache}")
            timed, wrong = _run(config, server, folder, cache=cache)
            seconds[cache] = timed.seconds
            faults += wrong
        served = read_served(server.stats())
    return describe_small(town, served, warmed=seconds["auto"], unwarmed=seconds["none"]), tuple(faults)


def describe_small(town: CostTown, served: PromptTokens, *, warmed: float, unwarmed: float) -> dict[str, float]:
    """Return the values of the figures of the small community.

    Args:
        town: the community.
        served: tokens of its prompts, as the server counted them.
        warmed: how long it took where one call of each new beginning goes first, in seconds.
        unwarmed: how long where none waits for another.
    """
    people = f"{town.people:,} people"
    return {
        f"read from cache, {people}": served.share_read,
        f"prompt tokens, {people}": served.as_plain / MILLION,
        "more time for warming": warmed / unwarmed - 1,
        "the run without warming": unwarmed,
    }


def _run(
    config: Config, server: LoopbackServer, folder: Path, *, cache: str = "auto", transport: Any = None
) -> tuple[Timed, tuple[str, ...]]:
    settings = MindSettings(
        base_url=server.url,
        seed=config.random_seed,
        caches=cache != "none",
        max_connections=config.max_concurrent,
        transport=transport,
    )
    mind = build_llm_mind(MODEL, KEY, settings)
    mind.model_asked = NamingActs(mind.model_asked)
    result, timed = time_action(build_engine(config, mind, folder).run, server)
    return timed, tuple(find_run_faults(result, timed, config))
