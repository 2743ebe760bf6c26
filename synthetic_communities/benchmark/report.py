"""What was measured, as a table to read and as JSON to keep."""

from collections.abc import Mapping, Sequence
from typing import Any

from .legs import Leg, Pair, Result, find_faults, find_missed, measure_overhead, measure_speed_up, measure_value

FORMAT_VERSION = 1

HEADER = (
    *("", "people", "limit", "seconds", "overhead", "speed-up", "compared to"),
    *("of the bare client", "CPU ms/call", "in flight", "reach"),
)


def build_table(result: Result, machine: Mapping[str, Any]) -> str:
    """Return the table, with what its columns mean."""
    plan, sequential = result.plan, result.sequential
    lines = [
        f"One belief update ({plan.name}): {plan.latency_seconds:g} s a reply, OpenAI-compatible loopback server in a "
        f"process of its own, {_mean_bytes(result.parallel[0]):,} bytes a request.",
        _describe_machine(machine),
        "",
        *_align([HEADER, *_build_rows(result)]),
        "",
        "seconds: wall time; overhead: beyond (people / limit) x seconds a reply; in flight: the most at the server.",
        "bare client: httpx over aiohttp making the very same requests; of the bare client: its seconds / ours.",
    ]
    if sequential.people != plan.people:
        lines.append(
            f"The sequential leg is on {sequential.people} people only: speed-ups compare to it x "
            f"{plan.people / sequential.people:g}."
        )
    lines += [_describe_other_try(pair.other_try) for pair in result.pairs if pair.other_try is not None]
    faults = find_faults(result)
    lines += [_describe_noise(pair) for pair in result.pairs if _is_noisy(pair, result)]
    lines += ["", *(f"MISSED: {fault}" for fault in faults)] if faults else ["", _describe_success(result)]
    return "\n".join(lines) + "\n"


def build_json(result: Result, machine: Mapping[str, Any], when: str) -> dict[str, Any]:
    """Return everything measured, and where."""
    faults = find_faults(result)
    return {
        "format_version": FORMAT_VERSION,
        "plan": result.plan.name,
        "when": when,
        "latency_seconds": result.plan.latency_seconds,
        "machine": dict(machine),
        "sequential": _leg_as_json(result.sequential, result),
        "pairs": [_pair_as_json(pair, result) for pair in result.pairs],
        "faults": faults,
        "passed": not faults,
    }


def _pair_as_json(pair: Pair, result: Result) -> dict[str, Any]:
    return {
        "limit": pair.parallel.limit,
        "parallel": _leg_as_json(pair.parallel, result),
        "bare_client": _leg_as_json(pair.bare, result),
        "share_of_bare_client": pair.share_of_bare,
        "reaches": [str(reach) for reach in result.plan.reaches_at(pair.parallel.limit)],
        "missed": [str(reach) for reach in find_missed(pair.parallel, result.sequential, result.plan)],
        "other_try": None if pair.other_try is None else _pair_as_json(pair.other_try, result),
    }


def _leg_as_json(leg: Leg, result: Result) -> dict[str, Any]:
    return {
        "kind": leg.kind,
        "people": leg.people,
        "limit": leg.limit,
        "seconds": leg.seconds,
        "overhead_seconds": measure_overhead(leg, result.plan),
        "speed_up": measure_speed_up(leg, result.sequential),
        "compared_to": _compared_to(leg, result),
        "cpu_seconds": leg.cpu_seconds,
        "calls": leg.asked.calls,
        "statuses": dict(leg.asked.statuses),
        "peak_in_flight": leg.asked.peak_in_flight,
        "bytes_sent": leg.asked.bytes_in,
    }


def _build_rows(result: Result) -> list[tuple[str, ...]]:
    rows = [_build_row(result.sequential, result)]
    for pair in result.pairs:
        rows.append(_build_row(pair.parallel, result, share=f"{pair.share_of_bare:.3f}"))
        rows.append(_build_row(pair.bare, result))
    return rows


def _build_row(leg: Leg, result: Result, *, share: str = "") -> tuple[str, ...]:
    is_compared = leg.kind != "sequential"
    return (
        leg.kind,
        str(leg.people),
        str(leg.limit),
        f"{leg.seconds:.3f}",
        f"{measure_overhead(leg, result.plan):.3f}",
        f"{measure_speed_up(leg, result.sequential):.2f}x" if is_compared else "",
        _compared_to(leg, result) if is_compared else "",
        share,
        f"{1000 * leg.cpu_seconds / leg.people:.2f}",
        str(leg.asked.peak_in_flight),
        _judge(leg, result),
    )


def _judge(leg: Leg, result: Result) -> str:
    missed = find_missed(leg, result.sequential, result.plan)
    reaches = result.plan.reaches_at(leg.limit) if leg.kind == "parallel" else ()
    return ", ".join(f"{reach} {'MISSED' if reach in missed else 'reached'}" for reach in reaches)


def _compared_to(leg: Leg, result: Result) -> str:
    share = leg.people / result.sequential.people
    return "sequential" if share == 1 else f"sequential x {share:g}"


def _mean_bytes(leg: Leg) -> int:
    return round(leg.asked.bytes_in / max(1, leg.asked.calls))


def _describe_machine(machine: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    load = machine["load_average_1_minute"]
    busy = "" if load is None else f", load {load:.2f} before the first leg"
    return f"{machine['platform']}, {machine['processors']} processors{busy}, Python {machine['python']}, {versions}."


def _describe_other_try(pair: Pair) -> str:
    ours, bare = pair.parallel, pair.bare
    tries = f"Limit {ours.limit} was measured twice, as the first try missed, and the better one stands above"
    return f"{tries}; in the other it took {ours.seconds:.3f} s, the bare client {bare.seconds:.3f} s."


def _is_noisy(pair: Pair, result: Result) -> bool:
    """Say whether even the bare client misses what ours had to reach and missed."""
    missed = find_missed(pair.parallel, result.sequential, result.plan)
    values = [(reach, measure_value(reach, pair.bare, result.sequential, result.plan)) for reach in missed]
    return any(not reach.is_met_by(value) for reach, value in values)


def _describe_noise(pair: Pair) -> str:
    limit = pair.parallel.limit
    return f"At limit {limit} the bare client misses it too: the machine is too slow, or busy with other things."


def _describe_success(result: Result) -> str:
    return f"Everyone was asked once, at most `limit` at once; beliefs are the same at limits {_spell_limits(result)}."


def _spell_limits(result: Result) -> str:
    *others, last = (str(leg.limit) for leg in (result.sequential, *result.parallel))
    return f"{', '.join(others)} and {last}"


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {0, HEADER.index("compared to"), len(HEADER) - 1}
    return [
        "  ".join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
