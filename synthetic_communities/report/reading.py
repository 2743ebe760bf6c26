"""From a run directory to a record: what is damaged or contradicts itself is said, with its place."""

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import RecordError
from ..runs.directory import BALLOTS, BELIEFS, EPOCHS
from ..runs.row import Row
from ..runs.run_files import RunFiles
from .ballot_box import BallotBox
from .completeness import find_gaps, place_of
from .record import CastBallot, Missing, Move, Record


def read_record(files: RunFiles) -> Record:
    """Return what a run directory holds, as far as tables and pictures need it.

    Raises:
        RecordError: something in it is damaged or contradicts itself, and damage is not passed over; in
            `metadata.json` it never is.
    """
    files = files.counting_anew()
    metadata = files.metadata
    provenance, settings = metadata.row("provenance"), metadata.row("config")
    candidates = read_names(metadata.rows("candidates"))
    people = read_names(metadata.rows("population"))
    topics = {row.text("id"): row.text("title") for row in metadata.rows("topics")}
    epochs = list(files.each(EPOCHS, lambda row: _read_epoch(row, candidates)))
    usage = _Usage.of(files)
    moves, ballots = tuple(_read_moves(files, people, topics, candidates)), _read_ballots(files, people, candidates)
    record = Record(
        usage.status,
        run_id=metadata.text("simulation_id"),
        name=settings.text_or_none("name") if "name" in settings.values else None,
        mind=provenance.text("mind"),
        candidate_mind=provenance.text("candidate_mind"),
        mind_because=provenance.text("mind_because"),
        candidate_mind_because=read_text_if_any(provenance, "candidate_mind_because"),
        seed=provenance.whole_number("seed"),
        replicate=settings.whole_number("replicate") if "replicate" in settings.values else 0,
        epochs=settings.whole_number("num_epochs"),
        epochs_ended=len(epochs),
        people=people,
        candidates=candidates,
        topics=topics,
        in_favour={row.text("id"): said for row in metadata.rows("topics") if (said := read_text_if_any(row, "for"))},
        moves=moves,
        ballots=ballots,
        missing=tuple(missing for epoch, _ in epochs for missing in epoch),
        first_choices=epochs[-1][1] if epochs else {},
        acts=usage.acts,
        model_calls=usage.model_calls,
        seconds=usage.seconds,
        why_partial=usage.why_partial,
        wants_correction=usage.wants_correction,
        damages=files.damages,
    )
    return _without_gaps(record, settings, files)


def _without_gaps(record: Record, settings: Row, files: RunFiles) -> Record:
    """Return the record with what is said twice left out, once it is noted that there is such, or that lines lack."""
    for file, what in find_gaps(record, settings.values):
        place = str(files.path / file)
        if not any(damage.startswith(place) for damage in files.damages):  # what is damaged is missing, too
            files.note_damage(place, RecordError(f"{place}: {what}"))
    moves: dict[tuple[int, str, str, str], Move] = {}
    for move in record.moves:
        moves.setdefault(place_of(move), move)
    return replace(record, moves=tuple(moves.values()), damages=files.damages)


def read_names(rows: Sequence[Row]) -> dict[str, str]:
    """Return id to name, in order."""
    return {row.text("id"): row.text("name") for row in rows}


def read_text_if_any(row: Row, key: str) -> str:
    """Return a text, `""` where there is none, or the key is missing: records of earlier versions lack it."""
    return (row.text_or_none(key) or "") if key in row.values else ""


def find_why_partial(usage: Row) -> str:
    """Return what `usage.json` says ended a run before its end; empty if nothing did."""
    return read_text_if_any(usage, "stopped") or read_text_if_any(usage, "failed")


@dataclass(frozen=True, slots=True)
class _Usage:
    """What was measured; None: it was not, or cannot be read."""

    status: str | None = None
    acts: Mapping[str, Counter[str]] | None = None
    model_calls: int | None = None
    seconds: float | None = None
    why_partial: str = ""
    wants_correction: bool = False

    @classmethod
    def of(cls, files: RunFiles) -> "_Usage":
        """Return what `usage.json` says; nothing where it is missing, or damaged, which is noted."""
        usage = files.usage()
        if usage is None:
            return cls()
        try:
            acts = {step: _read_counts(row.row("statuses")) for step, row in usage.row("acts").items()}
            calls, seconds = usage.whole_number_or_none("model_calls"), usage.number_or_none("seconds")
            why = find_why_partial(usage)
            wants_correction = "wants_correction" in usage.values and usage.flag("wants_correction")
            return cls(usage.text("status"), acts, calls, seconds, why, wants_correction)
        except RecordError as error:
            files.note_damage(usage.place, error)
            return cls()


def _read_counts(counts: Row) -> Counter[str]:
    return Counter({name: counts.whole_number(name) for name in counts.values})


def _read_moves(
    files: RunFiles, people: Container[str], topics: Container[str], candidates: Mapping[str, str]
) -> Iterator[Move]:
    ids = {name: candidate_id for candidate_id, name in candidates.items()}

    def read(row: Row) -> Move:
        """Return the move of a line; people, topics and candidates of another run are damage."""
        chosen = row.known("first_choice", ids) if row.text_or_none("first_choice") is not None else None
        return Move(
            row.known("persona_id", people),
            row.known("topic_id", topics),
            epoch=row.whole_number("epoch"),
            step=row.text("step"),
            before=row.stance_or_none("before"),
            after=row.stance_or_none("after"),
            clamped=row.flag("clamped"),
            first_choice=ids[chosen] if chosen is not None else None,
            status=row.text("status"),
        )

    return files.each(BELIEFS, read)


def _read_ballots(files: RunFiles, people: Container[str], candidates: Container[str]) -> dict[str, CastBallot]:
    box = BallotBox(people, candidates)
    for _ in files.each(BALLOTS, box.add):
        pass
    return box.ballots


def _read_epoch(row: Row, candidates: Mapping[str, str]) -> tuple[list[Missing], dict[str, str | None]]:
    """Return what is missing of an epoch, and whom everybody preferred at its end."""
    ids: dict[str | None, str] = {name: candidate_id for candidate_id, name in candidates.items()}
    missing = [Missing(each.text("step"), each.text("status"), each.text("reason")) for each in row.rows("failures")]
    votes = row.rows("population_votes")
    return missing, {vote.text("id"): ids.get(vote.text_or_none("overall_vote")) for vote in votes}
