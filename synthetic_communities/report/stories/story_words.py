"""Everything one person heard, read and said, as plain rows."""

from collections.abc import Iterable, Iterator, Sequence

from ..frames.plain_rows import PlainRow, mend_text
from .conversations import Conversation
from .debates import Debate
from .feeds import Post
from .life import Considered, EpochLife, Life, OwnBallot


def build_words(persona_id: str, name: str, life: Life) -> list[PlainRow]:
    """Return a row for everything somebody heard, read and said, in the order of time.

    `kind` is `question`, `introduction`, `statement`, `chat turn`, `post read`, `own post` or `ballot`. What is not
    there is `""`; the ballot stands in the last epoch that is recorded.
    """
    rows = [_of_post("own post", 0, post) for post in life.posts_before]
    for epoch in life.epochs:
        rows += _of_epoch(epoch)
    if life.ballot is not None:
        last = life.epochs[-1].epoch if life.epochs else 0
        rows.append(_of_ballot(last, persona_id, name, life.ballot))
    return rows


def _of_epoch(life: EpochLife) -> Iterator[PlainRow]:
    for debate in life.debates:
        yield from _of_debate(debate)
    if life.conversation is not None:
        yield from _of_conversation(life.conversation)
    yield from _of_feed(life.epoch, life.read_before_posting, ())
    if life.post is not None:
        yield _of_post("own post", life.epoch, life.post)
    yield from _of_feed(life.epoch, life.read, life.considered)


def _of_debate(debate: Debate) -> Iterator[PlainRow]:
    place = {"topic_id": debate.topic_id, "item_id": debate.id}
    yield _row("question", debate.epoch, text=debate.question, source=debate.source, **place)
    for said in debate.statements:
        kind = "introduction" if said.kind == "mediator" else "statement"
        who = {"speaker_id": said.speaker_id, "speaker": said.name}
        yield _row(kind, debate.epoch, text=said.text, source=said.source, **place, **who)


def _of_conversation(conversation: Conversation) -> Iterator[PlainRow]:
    for turn in conversation.turns:
        yield _row(
            "chat turn",
            conversation.epoch,
            item_id=conversation.id,
            speaker_id=turn.speaker_id,
            speaker=turn.name,
            text=turn.text,
            status=turn.status,
            reason=turn.reason,
            source=turn.source,
        )


def _of_feed(epoch: int, posts: Iterable[Post], considered: Sequence[Considered]) -> Iterator[PlainRow]:
    reactions = {each.post_id: each for each in considered}
    for post in posts:
        row, reaction = _of_post("post read", epoch, post), reactions.get(post.id)
        if reaction is not None:
            row |= {"reaction": reaction.reaction, "status": reaction.status, "reason": reaction.reason}
        yield row


def _of_post(kind: str, epoch: int, post: Post) -> PlainRow:
    who = {"speaker_id": post.author_id, "speaker": post.name}
    return _row(kind, epoch, item_id=post.id, text=post.text or "", source=post.source, **who)


def _of_ballot(epoch: int, persona_id: str, name: str, ballot: OwnBallot) -> PlainRow:
    is_answer = ballot.status in ("choice", "abstained")
    return _row(
        "ballot",
        epoch,
        speaker_id=persona_id,
        speaker=name,
        text=ballot.reason if is_answer else "",
        status=ballot.status,
        reason="" if is_answer else ballot.reason,
        source=ballot.source,
    )


def _row(kind: str, epoch: int, *, status: str = "done", **texts: str) -> PlainRow:
    names = ("topic_id", "item_id", "speaker_id", "speaker", "text", "reaction")
    return {
        "epoch": epoch,
        "kind": kind,
        **{name: mend_text(texts.get(name, "")) for name in names},
        "status": mend_text(status),
        "reason": mend_text(texts.get("reason", "")),
        "source": mend_text(texts.get("source", "")),
    }
