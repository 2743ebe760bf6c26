"""What was measured, as a table to read, as one for documentation, and as JSON to keep."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .baseline import Worse
from .judging import Judged, judge_all
from .measures import FORMAT_VERSION, Figure, Measured

HEADER = ("measure", "figure", "median", "lowest - highest", "n", "compared to", "has to reach", "")
_RIGHT = {HEADER.index("median"), HEADER.index("lowest - highest"), HEADER.index("n")}


def build_table(results: Sequence[Measured], machine: Mapping[str, Any], worse: Sequence[Worse] = ()) -> str:
    """Return the table to read, with what was missed below it."""
    lines = [describe_machine(machine), "", *_align([HEADER, *_build_rows(results)]), ""]
    lines += list_titles(results)
    lines += ["", *list_verdicts(results, worse)]
    return "\n".join(lines) + "\n"


def build_markdown(results: Sequence[Measured], machine: Mapping[str, Any], worse: Sequence[Worse] = ()) -> str:
    """Return the same for documentation."""
    rows = [tuple(cell.replace("|", "\\|") for cell in row) for row in _build_rows(results)]
    marks = tuple("--:" if place in _RIGHT else "---" for place in range(len(HEADER)))
    lines = [f"| {' | '.join(row)} |" for row in (HEADER, marks, *rows)]
    notes = [*list_titles(results), *list_verdicts(results, worse)]
    return "\n".join([describe_machine(machine), "", *lines, "", *(f"* {note}" for note in notes)]) + "\n"


def build_json(
    results: Sequence[Measured], machine: Mapping[str, Any], when: str, worse: Sequence[Worse] = ()
) -> dict[str, Any]:
    """Return everything measured, where, and when."""
    return {
        "format_version": FORMAT_VERSION,
        "when": when,
        "machine": dict(machine),
        "measures": [_as_json(measured) for measured in results],
        "worse": [
            {"name": each.measure, "figure": each.figure.name, "before": each.before, "now": each.now}
            | {"noise": each.noise}
            for each in worse
        ],
    }


def _as_json(measured: Measured) -> dict[str, Any]:
    return {
        "name": measured.measure.name,
        "title": measured.measure.title,
        "figures": [_figure_as_json(measured, judged) for judged in judge_all(measured)],
        "faults": list(measured.faults),
        "room": list(measured.room),
        "obstacle": measured.obstacle,
        "other_try": None if measured.other_try is None else _as_json(measured.other_try),
    }


def _figure_as_json(measured: Measured, judged: Judged) -> dict[str, Any]:
    figure = judged.figure
    return {
        "name": figure.name,
        "unit": figure.unit,
        "compared_to": figure.compared_to,
        "better": figure.better,
        "is_ratio": figure.is_ratio,
        "reach": figure.reach,
        "median": measured.median(figure.name),
        "values": measured.values(figure.name),
        "verdict": judged.verdict,
        "why": judged.why,
    }


def describe_machine(machine: Mapping[str, Any]) -> str:
    """Return what it was measured on, in a sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    load = machine["load_average_1_minute"]
    busy = "" if load is None else f", load {load:.2f} at the start"
    return f"{machine['platform']}, {machine['processors']} processors{busy}, Python {machine['python']}, {versions}."


def list_titles(results: Sequence[Measured]) -> list[str]:
    """Return a line for each measure: what it is, and how much of the machine was free meanwhile."""
    return [f"{measured.measure.name}: {measured.measure.title}{_describe_room(measured)}." for measured in results]


def _describe_room(measured: Measured) -> str:
    room = f"; {min(measured.room):.0%} of two processors were free" if measured.room else ""
    other = measured.other_try
    return f"{room}; measured twice, this is the better try" if other is not None else room


def list_verdicts(results: Sequence[Measured], worse: Sequence[Worse]) -> list[str]:
    """Return everything that must not be, a sentence each; that there is nothing of the kind, where that is so."""
    found = [line for measured in results for line in _list_faults(measured)]
    found += [_describe_worse(each) for each in worse]
    return found or ["Everything that has to be reached was."]


def _list_faults(measured: Measured) -> Iterator[str]:
    name = measured.measure.name
    if measured.obstacle:
        yield f"NOT MEASURED: {name}: {measured.obstacle}"
    for fault in measured.faults:
        yield f"WRONG: {name}: {fault}"
    for judged in judge_all(measured):
        if judged.verdict == "missed":
            yield f"MISSED: {name}: {judged.figure.name}"
        elif judged.verdict == "not measured" and not measured.obstacle:
            yield f"NOT MEASURED: {name}: {judged.figure.name}"
        elif judged.verdict == "too noisy to tell":
            yield f"TOO NOISY TO TELL: {name}: {judged.figure.name} was missed, and {judged.why}"


def _describe_worse(worse: Worse) -> str:
    figure = worse.figure
    told = f"{figure.name} is {show(worse.now, figure)}, and was {show(worse.before, figure)}"
    kind, why = ("TOO NOISY TO TELL", f"; {worse.noise}") if worse.noise else ("WORSE", "")
    return f"{kind}: {worse.measure}: {told}{why}"


def _build_rows(results: Sequence[Measured]) -> list[tuple[str, ...]]:
    return [_build_row(measured, judged) for measured in results for judged in judge_all(measured)]


def _build_row(measured: Measured, judged: Judged) -> tuple[str, ...]:
    figure, values = judged.figure, measured.values(judged.figure.name)
    middle = measured.median(figure.name)
    return (
        measured.measure.name,
        figure.name,
        "" if middle is None else show(middle, figure),
        f"{show(min(values), figure)} - {show(max(values), figure)}" if len(values) > 1 else "",
        str(len(values)),
        figure.compared_to,
        show_reach(figure),
        judged.verdict.upper() if judged.verdict == "missed" else judged.verdict,
    )


def show(value: float, figure: Figure) -> str:
    """Return a value with its unit, in as many places as say something."""
    match figure.unit:
        case "share":
            return f"{value:.3f}"
        case "calls" | "limits":
            return f"{value:,.0f}"
        case "x":
            return f"{value:.0f}x" if value >= 200 else f"{value:.2f}x"
    return f"{value:.3f} {figure.unit}" if value < 10 else f"{value:.1f} {figure.unit}"


def show_reach(figure: Figure) -> str:
    """Return what has to be reached; empty where nothing has to be."""
    if figure.reach is None:
        return ""
    unit = {"x": "x", "share": "", "limits": "", "calls": ""}.get(figure.unit, f" {figure.unit}")
    return f"{'>=' if figure.better == 'more' else '<='} {figure.reach:g}{unit}"


def _align(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in _RIGHT else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
