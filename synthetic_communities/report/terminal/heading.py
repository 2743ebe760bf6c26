"""What stands above the tables: who thought and why, how far the run came, what it was made of."""

from collections.abc import Mapping

from ..extent import Extent, spell_damaged
from ..numbers.findings import MISSING_STATUSES
from ..record import OFFLINE, Record
from ..stories.paragraphs import wrap_text
from ..text import choose_fitting, clean_text, count_of, fit_text, join_counts

NO_MODEL = "no model was named"
"""The reason where nobody has named a model."""

NAMED = "run --model ollama:qwen3:8b"
"""What names one."""

MODELS = (f"to have one think: {{command}} {NAMED}", f"name one: {{command}} {NAMED}", f"name one: {NAMED}")
"""What to type to name one, at length and in short; where there is no room, the program's own name is left out."""

BECAUSE = "  because "

NAME_WIDTH, SHORTEST_NAME = 30, 6
"""Columns of a scenario's name at most, and at least where it is shown."""


def build_heading(record: Record, acts: Mapping[str, int] | None, width: int, command: str = "") -> list[str]:
    """Return who thought, whether the run is partial or damaged, what it was made of, and how its acts ended.

    Args:
        record: the run.
        acts: how many acts ended how; None: that was not measured.
        width: columns the lines may take.
        command: what is typed to start this program; empty: it is not known, or cannot be shown.
    """
    partial = [] if record.status == "complete" else [describe_extent(record)]
    damaged = [told] if (told := spell_damaged(len(record.damages), "the figures")) else []
    partial += wrap_text(record.why_partial, width, first=BECAUSE, rest=" " * len(BECAUSE)) if partial else ()
    sizes, ended = _spell_sizes(record, width), _spell_acts(record, acts)
    lines = [*_spell_minds(record, width, command), *partial, *damaged, sizes, ended]
    return [line if line.startswith(" ") else fit_text(line, width) for line in lines]


def describe_extent(record: Record) -> str:
    """Return whether a run is complete, or why it is partial, and how far it came."""
    return str(measure_extent(record))


def measure_extent(record: Record) -> Extent:
    """Return how far a run came, and how much of it could not be read."""
    return Extent(
        record.status,
        epochs=record.epochs,
        epochs_ended=record.epochs_ended,
        has_ballots=bool(record.ballots),
        damaged=len(record.damages),
    )


def name_minds(record: Record) -> str:
    """Return what people, and if it differs candidates and mediator think with, as tables name it."""
    minds = dict.fromkeys((record.mind, record.candidate_mind))
    return " and ".join(clean_text(mind) for mind in minds)


def describe_minds(record: Record) -> str:
    """Return who thought with what, as the beginning of a sentence."""
    people, candidates = _name_mind(record.mind), _name_mind(record.candidate_mind)
    if record.mind == record.candidate_mind:
        return f"Everybody thought with {people}"
    return f"People thought with {people}, candidates and mediator with {candidates}"


def _spell_minds(record: Record, width: int, command: str) -> list[str]:
    because = clean_text(record.mind_because)
    if record.mind == record.candidate_mind == OFFLINE:
        advice = [models.format(command=command) for models in MODELS[0 if command else -1 :]]
        advised = [f"{because}; {models}" for models in advice if because == NO_MODEL]
        told = choose_fitting([*advised, because], width - len(BECAUSE)) if advised else because
        said = "Offline mind: no model was asked, nothing was spent; its words are templates."
        return [said, *_spell_reason(told, width)]
    thought = f"{describe_minds(record)},"
    if record.mind == record.candidate_mind or record.candidate_mind_because in ("", record.mind_because):
        return [thought, *_spell_reason(because, width)]
    others = fit_text(f"candidates and mediator because {record.candidate_mind_because}", width - 2)
    return [thought, BECAUSE + fit_text(because, width - len(BECAUSE) - 1) + ";", f"  {others}"]


def _spell_reason(because: str, width: int) -> list[str]:
    """Return a reason on one line, or on two if it is a long one."""
    indent = " " * len(BECAUSE)
    lines = list(wrap_text(because, width, first=BECAUSE, rest=indent))
    rest = [indent + fit_text(" ".join(lines[1:]), width - len(indent))] if len(lines) > 1 else []
    return [*lines[:1], *rest]


def _name_mind(name: str) -> str:
    return "the offline mind" if name == OFFLINE else clean_text(name)


def join_name(name: str | None, facts: str, width: int) -> str:
    """Return a scenario's name and facts on a line; of the two the name is cut, and left out where it has no room."""
    room = min(NAME_WIDTH, width - len(facts) - len(": "))
    shown = fit_text(name or "", room) if room >= SHORTEST_NAME else ""
    return fit_text(f"{shown}: {facts}" if shown else facts, width)


def _spell_sizes(record: Record, width: int) -> str:
    sizes = {
        "people": len(record.people),
        "candidates": len(record.candidates),
        "topics": len(record.topics),
        "epochs": record.epochs,
    }
    made_of = ", ".join(count_of(number, noun) for noun, number in sizes.items())
    replicate = f", replicate {record.replicate}" if record.replicate else ""
    return join_name(record.name, f"{made_of}, seed {record.seed}{replicate}.", width)


def _spell_acts(record: Record, acts: Mapping[str, int] | None) -> str:
    """Return how many acts there were and how they ended, but for what is told further down: what is missing."""
    if acts is None:
        return "How many acts there were is not recorded: that is written when a run ends."
    calls = "model calls not known" if record.model_calls is None else count_of(record.model_calls, "model calls")
    ended = join_counts((acts.get(status, 0), name) for status, name in (("done", "done"), ("not_asked", "not asked")))
    failed = record.status == "failed" or any(acts.get(status) for status in MISSING_STATUSES)
    parts = [ended or "none done", *([] if failed else ["nothing failed"])]
    return f"{count_of(sum(acts.values()), 'acts')} in {record.seconds or 0:,.1f} s, {calls}: {', '.join(parts)}."
