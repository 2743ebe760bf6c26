"""Reading a run directory strictly: what is damaged or contradicts itself is said, with its file."""

from collections import Counter
from collections.abc import Container, Iterator, Mapping

from ..domain.ballot import MISSING_STATUSES
from ..errors import RecordError
from ..runs.directory import BALLOTS, BELIEFS, EPOCHS, METADATA, USAGE
from ..runs.result import SimulationResult
from .record import CastBallot, Missing, Move, Record
from .row import Row


def read_record(result: SimulationResult) -> Record:
    """Return what the directory of a run holds.

    Raises:
        RecordError: something in it is damaged or contradicts itself; the message names the file.
    """
    metadata = Row(METADATA, result.metadata)
    provenance, settings = metadata.row("provenance"), metadata.row("config")
    usage = Row(USAGE, result.usage) if result.usage else None
    candidates = {row.text("id"): row.text("name") for row in metadata.rows("candidates")}
    people = tuple(row.text("id") for row in metadata.rows("population"))
    epochs = [Row(EPOCHS, values) for values in result.epochs]
    return Record(
        usage.text("status") if usage else None,
        mind=provenance.text("mind"),
        candidate_mind=provenance.text("candidate_mind"),
        mind_because=provenance.text("mind_because"),
        seed=provenance.whole_number("seed"),
        epochs=settings.whole_number("num_epochs"),
        epochs_ended=len(epochs),
        people=people,
        candidates=candidates,
        topics={row.text("id"): row.text("title") for row in metadata.rows("topics")},
        moves=tuple(_read_moves(result, candidates)),
        ballots=_read_ballots(result, people, candidates),
        missing=tuple(_read_missing(epochs)),
        first_choices=_read_first_choices(epochs, candidates),
        acts=_read_acts(usage) if usage else None,
        model_calls=usage.whole_number_or_none("model_calls") if usage else None,
        seconds=usage.number_or_none("seconds") if usage else None,
    )


def _read_moves(result: SimulationResult, candidates: Mapping[str, str]) -> Iterator[Move]:
    ids = {name: candidate_id for candidate_id, name in candidates.items()}
    for row in (Row(BELIEFS, values) for values in result.beliefs):
        first_choice = row.text_or_none("first_choice")
        yield Move(
            row.text("persona_id"),
            row.text("topic_id"),
            step=row.text("step"),
            after=row.number_or_none("after"),
            clamped=row.flag("clamped"),
            first_choice=ids.get(first_choice) if first_choice is not None else None,
        )


def _read_ballots(
    result: SimulationResult, people: tuple[str, ...], candidates: Mapping[str, str]
) -> dict[str, CastBallot]:
    ballots: dict[str, CastBallot] = {}
    for row in (Row(BALLOTS, values) for values in result.ballots):
        who, ballot = row.text("id"), _read_ballot(row)
        if who in ballots or who not in people:
            raise RecordError(f"{BALLOTS}: {who!r} has two ballots, or is nobody of {METADATA}")
        if not is_possible(ballot, candidates):
            raise RecordError(f"{BALLOTS}: the ballot of {who!r} cannot be: {ballot.status}, {ballot.candidate_id!r}")
        ballots[who] = ballot
    return ballots


def is_possible(ballot: CastBallot, candidates: Container[str]) -> bool:
    """Say whether a ballot's status and candidates exist, and whether it names one if and only if one was chosen."""
    if any(named not in candidates for named in (ballot.candidate_id, ballot.first_choice) if named is not None):
        return False
    return ballot.status == "choice" if ballot.candidate_id is not None else ballot.status in MISSING_STATUSES


def _read_ballot(row: Row) -> CastBallot:
    return CastBallot(
        row.text("status"),
        candidate_id=row.text_or_none("candidate_id"),
        first_choice=row.text_or_none("first_choice"),
        reason=row.text("reason"),
    )


def _read_missing(epochs: list[Row]) -> Iterator[Missing]:
    for row in (failure for epoch in epochs for failure in epoch.rows("failures")):
        yield Missing(row.text("step"), row.text("status"), row.text("reason"))


def _read_first_choices(epochs: list[Row], candidates: Mapping[str, str]) -> dict[str, str | None]:
    ids: dict[str | None, str] = {name: candidate_id for candidate_id, name in candidates.items()}
    votes = epochs[-1].rows("population_votes") if epochs else []
    return {row.text("id"): ids.get(row.text_or_none("overall_vote")) for row in votes}


def _read_acts(usage: Row) -> dict[str, Counter[str]]:
    acts = usage.row("acts")
    return {step: _read_counts(acts.row(step).row("statuses")) for step in acts.names()}


def _read_counts(counts: Row) -> Counter[str]:
    return Counter({name: counts.whole_number(name) for name in counts.names()})
