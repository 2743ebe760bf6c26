"""Plain rows of what people and candidates said and did, from the files of a run: the same keys in every row."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from ...runs.directory import BELIEFS, CONVERSATIONS, EPOCHS, EXPOSURES, REACTIONS
from ...runs.row import Row
from ...runs.run_files import RunFiles
from ..roster import Roster, read_roster
from .plain_rows import PlainRow, mend_text, settle_types, take_any_text, take_text, take_texts


def read_beliefs(files: RunFiles) -> list[PlainRow]:
    """Return a row for every person, topic and step that could move a belief.

    They stand person by person, topic by topic, each in order of time.
    """
    roster = read_roster(files.metadata)
    places = {mend_text(topic_id): place for place, topic_id in enumerate(roster.topics)}
    found = sorted(files.each(BELIEFS, lambda row: _belief(row, roster)), key=lambda row: places[row["topic_id"]])
    return settle_types(_by_person(found, roster.people))


def _belief(row: Row, roster: Roster) -> PlainRow:
    row.known("persona_id", roster.people)
    row.known("topic_id", roster.topics)
    return {
        "persona_id": take_text(row, "persona_id"),
        "epoch": row.whole_number("epoch"),
        "step": take_text(row, "step"),
        "topic_id": take_text(row, "topic_id"),
        "before": row.stance_or_none("before"),
        "asked_for": row.stance_or_none("asked_for"),
        "after": row.stance_or_none("after"),
        "clamped": row.flag("clamped"),
        "sentence": take_any_text(row, "sentence"),
        "vote": take_any_text(row, "vote"),
        "first_choice": take_any_text(row, "first_choice"),
        "drawn": row.flag("drawn"),
        **_how_it_ended(row),
        "source": take_any_text(row, "source"),
        "mind": take_text(row, "mind"),
    }


def read_reactions(files: RunFiles) -> list[PlainRow]:
    """Return a row for every post somebody considered reacting to, person by person, in order of time."""
    return _read_of_people(files, REACTIONS, _reaction)


def _reaction(row: Row) -> PlainRow:
    return {
        "persona_id": take_text(row, "persona_id"),
        "epoch": row.whole_number("epoch"),
        "post_id": take_text(row, "post_id"),
        "reaction": take_any_text(row, "reaction"),
        **_how_it_ended(row),
        "mind": take_text(row, "mind"),
    }


def read_exposures(files: RunFiles) -> list[PlainRow]:
    """Return a row for everything somebody was shown, person by person, in order of time."""
    return _read_of_people(files, EXPOSURES, _exposure)


def _exposure(row: Row) -> PlainRow:
    return {
        "persona_id": take_text(row, "persona_id"),
        "epoch": row.whole_number("epoch"),
        "step": take_text(row, "step"),
        "shown": take_texts(row, "shown"),
        "candidates": take_texts(row, "candidates"),
        "mind": take_text(row, "mind"),
    }


def read_conversations(files: RunFiles) -> list[PlainRow]:
    """Return a row for each chat turn that was tried, in the order of the plan."""
    return list(files.each(CONVERSATIONS, _turn))


def _turn(row: Row) -> PlainRow:
    return {
        "epoch": row.whole_number("epoch"),
        "conversation_id": take_text(row, "conversation_id"),
        "num_rounds": row.whole_number("num_rounds"),
        "turn": row.whole_number("turn"),
        "speaker_id": take_text(row, "speaker_id"),
        "listener_id": take_text(row, "listener_id"),
        "message": take_any_text(row, "message"),
        **_how_it_ended(row),
        "source": take_any_text(row, "source"),
        "mind": take_text(row, "mind"),
    }


def read_debates(files: RunFiles) -> list[PlainRow]:
    """Return a row for everything said in debates, each question before what was said to it."""
    return [said for epoch in files.each(EPOCHS, _debates) for said in epoch]


def _debates(epoch: Row) -> list[PlainRow]:
    number = epoch.whole_number("epoch")
    return [{"epoch": number, **said} for debate in epoch.rows("debates") for said in _said(debate)]


def _said(debate: Row) -> Iterator[PlainRow]:
    question = debate.row("question")
    place = {"topic_id": take_text(debate, "topic_id"), "question_id": take_text(question, "id")}
    yield {**place, "turn": 0, "type": "question", "speaker_id": "", **_words(question, "text")}
    for turn, statement in enumerate(debate.rows("statements"), start=1):
        kind = statement.choice("type", ("mediator", "candidate"))
        who = {"speaker_id": take_text(statement, f"{kind}_id")}
        yield {**place, "turn": turn, "type": kind, **who, **_words(statement, "statement")}


def _words(row: Row, key: str) -> PlainRow:
    return {"text": take_text(row, key), "source": take_any_text(row, "source")}


def read_posts(files: RunFiles) -> list[PlainRow]:
    """Return a row a post, in the order posted, with its reactions at the end of what is recorded."""
    latest: list[PlainRow] = []
    for posts in files.each(EPOCHS, lambda epoch: list(map(_post, epoch.row("newsfeed").rows("posts")))):
        latest = posts
    return latest


def _post(row: Row) -> PlainRow:
    return {
        "post_id": take_text(row, "id"),
        "epoch": row.whole_number("epoch"),
        "persona_id": take_text(row, "persona_id"),
        "content": take_text(row, "content"),
        "likes": row.whole_number("likes"),
        "dislikes": row.whole_number("dislikes"),
        "source": take_any_text(row, "source"),
    }


def _how_it_ended(row: Row) -> PlainRow:
    return {"status": take_text(row, "status"), "reason": take_text(row, "reason")}


def _read_of_people(files: RunFiles, file: str, build: Callable[[Row], PlainRow]) -> list[PlainRow]:
    people = read_roster(files.metadata).people

    def read(row: Row) -> PlainRow:
        """Return the row; one of somebody who does not take part is damage."""
        row.known("persona_id", people)
        return build(row)

    return settle_types(_by_person(files.each(file, read), people))


def _by_person(rows: Iterable[PlainRow], people: Mapping[str, str]) -> Iterable[list[PlainRow]]:
    """Return the rows of each person, in the order of people; what one person's rows are among themselves they stay."""
    of_person: dict[str, list[PlainRow]] = {mend_text(who): [] for who in people}
    for row in rows:
        of_person[row["persona_id"]].append(row)
    return of_person.values()
