"""Everything that is measured, how, and what has to be reached: the table of docs/design/performance.md, as code."""

from functools import partial

from .belief_update import UpdatePlan, list_update_figures, take_update
from .client_cpu import CpuPlan, list_cpu_figures, take_cpu
from .cost.cost import CostPlan, list_cost_figures, take_cost
from .cost.town import CostTown
from .engine_cost import EnginePlan, list_engine_figures, take_engine
from .large_town import LargePlan, list_large_figures, take_large
from .measures import Measure, build_measure
from .rates import RatePlan, list_rate_figures, take_rates
from .records import RecordPlan, list_record_figures, take_records
from .replicates import ReplicatesPlan, list_replicates_figures, take_replicates
from .shares import RunsPlan, list_runs_figures, take_runs
from .starting import StartPlan, list_start_figures, take_starts
from .towns import Town

SEEDS = (1, 2, 3)

CPU_TOWN = Town(1_000, 1_000, epochs=1)

TWENTY_A_SECOND = partial(
    RatePlan, people=2_000, limit=100, per_second=20.0, bucket=20, latency_seconds=0.2, repetitions=3, share_done=0.95
)

SAME_RECORD = build_measure(
    "same-record",
    "one epoch of 100 people, recorded at every limit",
    RecordPlan(Town(100, 1, epochs=1), (1, 20, 100)),
    list_record_figures,
    take_records,
)

FULL: tuple[Measure, ...] = (
    SAME_RECORD,
    build_measure(
        "belief-update",
        "one belief update of 100 people, 2 s a reply",
        UpdatePlan(
            100,
            latency_seconds=2.0,
            limits=(100, 20),
            repetitions=3,
            sequential_people=100,
            speed_ups={100: 92.0, 20: 19.5},
            share_of_bare=0.97,
        ),
        list_update_figures,
        take_update,
    ),
    build_measure(
        "belief-update-1000",
        "one belief update of 1,000 people, 2 s a reply",
        UpdatePlan(1_000, latency_seconds=2.0, limits=(1_000,), repetitions=5, speed_ups={1_000: 600.0}),
        list_update_figures,
        take_update,
    ),
    build_measure(
        "run-100",
        "a whole run, replies of 0.5 s: 100 people, limit 100",
        RunsPlan(Town(100, 100), mean_seconds=0.5, seeds=SEEDS, share=0.95),
        list_runs_figures,
        take_runs,
    ),
    build_measure(
        "run-500",
        "a whole run, replies of 1 s: 500 people, limit 50",
        RunsPlan(Town(500, 50), mean_seconds=1.0, seeds=SEEDS, share=0.78),
        list_runs_figures,
        take_runs,
    ),
    build_measure(
        "run-1000",
        "a whole run, replies of 1 s: 1,000 people, limit 500",
        RunsPlan(Town(1_000, 500), mean_seconds=1.0, seeds=SEEDS, share=0.95, in_phases=True, times=1.7),
        list_runs_figures,
        take_runs,
    ),
    build_measure(
        "phases-100",
        "a whole run, replies of 0.5 s: 100 people, limit 50",
        RunsPlan(Town(100, 50), mean_seconds=0.5, seeds=SEEDS, in_phases=True, times=1.35),
        list_runs_figures,
        take_runs,
    ),
    build_measure(
        "replicates",
        "ten replicates, replies of 0.5 s: 100 people, limit 100",
        ReplicatesPlan(Town(100, 100), 10, mean_seconds=0.5, repetitions=2, times=4.0, share=0.85),
        list_replicates_figures,
        take_replicates,
    ),
    build_measure(
        "cpu-openai",
        "processor time a call, OpenAI-compatible, 1,000 people at once",
        CpuPlan(
            "openai", CPU_TOWN, latency_seconds=1.0, repetitions=3, most_ms=1.0, most_times=1.6, most_for_journal=0.1
        ),
        list_cpu_figures,
        take_cpu,
    ),
    build_measure(
        "cpu-anthropic",
        "processor time a call, Anthropic's SDK, 1,000 people at once",
        CpuPlan("anthropic", CPU_TOWN, latency_seconds=1.0, repetitions=3, most_times=1.25),
        list_cpu_figures,
        take_cpu,
    ),
    build_measure(
        "rate-untold",
        "a server of 20 requests/s that says so only by refusing",
        TWENTY_A_SECOND("nothing", share_refused=0.02),
        list_rate_figures,
        take_rates,
    ),
    build_measure(
        "rate-headers",
        "a server of 20 requests/s that says so in OpenAI's headers",
        TWENTY_A_SECOND("headers", share_refused=0.005),
        list_rate_figures,
        take_rates,
    ),
    build_measure(
        "rate-headers-anthropic",
        "a server of 20 requests/s that says so in Anthropic's headers",
        TWENTY_A_SECOND("headers", provider="anthropic", share_refused=0.005),
        list_rate_figures,
        take_rates,
    ),
    build_measure(
        "rate-stated",
        "a server of 20 requests/s, stated as requests_per_minute",
        TWENTY_A_SECOND("setting", share_refused=0.005),
        list_rate_figures,
        take_rates,
    ),
    build_measure(
        "engine",
        "the engine alone: 1,000,000 acts of 1 s, limit 100,000",
        EnginePlan(1_000_000, 100_000, repetitions=2, times=4.0, most_gb=2.0),
        list_engine_figures,
        take_engine,
    ),
    build_measure(
        "offline-100000",
        "one epoch of 100,000 people with the offline mind",
        LargePlan(100_000, 10_000, repetitions=2, most_seconds=300.0, most_gb=2.0, times=11.0),
        list_large_figures,
        take_large,
    ),
    build_measure(
        "cost",
        "what a run costs: 500 and 100 people, 3 epochs, Claude Haiku 5.5",
        CostPlan(
            CostTown(500, 50),
            CostTown(100, 100),
            seeds=SEEDS,
            most_calls=12_000,
            most_tokens=9.5,
            share_read=0.87,
            share_warming=0.04,
        ),
        list_cost_figures,
        take_cost,
    ),
    build_measure("start", "starting a process", StartPlan(7, most_seconds=0.35), list_start_figures, take_starts),
)
"""What is measured unless something else is asked for: an hour and a half, nearly all of it waiting for replies."""

ASKED_FOR: tuple[Measure, ...] = (
    build_measure(
        "run-bundled",
        "the bundled scenario, replies of 1 s: 500 people, limit 50",
        RunsPlan(Town(500, 50, topics=2, candidates=3), mean_seconds=1.0, seeds=SEEDS),
        list_runs_figures,
        take_runs,
    ),
)
"""What is measured only where it is asked for by name; nothing has to be reached."""

QUICK: tuple[Measure, ...] = (
    SAME_RECORD,
    build_measure(
        "belief-update-quick",
        "one belief update of 100 people, 0.3 s a reply",
        # One by one are 20 people only: those speed-ups are projected. The reach needs nobody one by one.
        UpdatePlan(
            100, latency_seconds=0.3, limits=(100, 20), repetitions=3, sequential_people=20, overheads={100: 0.25}
        ),
        list_update_figures,
        take_update,
    ),
)
"""What is measured before a change is taken: under a minute."""

EVERYTHING = {measure.name: measure for measure in (*FULL, *ASKED_FOR, *QUICK)}
"""Every measure by its name."""
