"""The one schema of judgements, and what its objects mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import GenericAlias
from typing import Any

from ...domain.ballot import Choice
from ...domain.belief import Belief, Opinion
from ...domain.feed import ReactionKind, Reactions
from ...domain.scene import CandidateCard, Scene
from ...llm.model import ReplyFormat
from ..views import PersonView, ReactionView
from .reading import UnreadableReplyError, read_object
from .sections import candidate_letter, number_posts

NOBODY = "none"
ABSTAIN = "abstain"


@dataclass(frozen=True, slots=True)
class StatedOpinion:
    """One topic of a judgement."""

    topic: str
    sentence: str
    stance: float
    candidate: str | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """Every field an act may fill; what an act is not about is None."""

    opinions: tuple[StatedOpinion, ...]
    first_choice: str | None
    vote: str | None
    reason: str | None
    thumbs_up: list[int] | None
    thumbs_down: list[int] | None


def judgement_format(scene: Scene) -> ReplyFormat:
    """Return the schema of judgements: one for the whole run, whoever judges."""
    return _format(tuple(topic.id for topic in scene.topics), len(scene.candidates))


@lru_cache(maxsize=32)
def _format(topic_ids: tuple[str, ...], candidates: int) -> ReplyFormat:
    letters = [candidate_letter(place) for place in range(candidates)]
    choice: dict[str, Any] = {"type": "string", "enum": [*letters, NOBODY]}
    opinion = _object(
        {
            "topic": {"type": "string", "enum": list(topic_ids)} if topic_ids else {"type": "string"},
            "sentence": {"type": "string"},
            "stance": {"type": "number"},
            "candidate": choice,
        }
    )
    numbers: dict[str, Any] = {"type": "array", "items": {"type": "integer"}}
    fields: dict[str, dict[str, Any]] = {
        "opinions": {"type": "array", "items": opinion},
        "first_choice": choice,
        "vote": {"type": "string", "enum": [*letters, ABSTAIN]},
        "reason": {"type": "string"},
        "thumbs_up": numbers,
        "thumbs_down": numbers,
    }
    return ReplyFormat("judgement", _object({name: _optional(schema) for name, schema in fields.items()}))


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def read_judgement(text: str, view: PersonView) -> Opinion | Choice | Reactions:
    """Return what the judgement in a reply means for an act.

    Raises:
        UnreadableReplyError: it holds none that fits.
    """
    read = _READERS.get(view.expects)
    assert read is not None, view.expects
    value: Opinion | Choice | Reactions = read_object(text, lambda data: read(_shape(data), view))
    return value


def _shape(data: Mapping[str, Any]) -> Judgement:
    import pydantic  # late: it takes a fifth of a second, and only who asks a language model needs it

    try:
        given = _judgement_type().model_validate(data)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UnreadableReplyError(f"{where}: {first['msg']}") from error
    opinions = tuple(
        StatedOpinion(stated.topic, stated.sentence, stated.stance, stated.candidate) for stated in given.opinions or ()
    )
    return Judgement(opinions, given.first_choice, given.vote, given.reason, given.thumbs_up, given.thumbs_down)


@lru_cache(maxsize=1)
def _judgement_type() -> Any:
    import pydantic  # late, as above

    make: Any = pydantic.create_model  # its own annotations know no types that are made at run time
    strict = pydantic.ConfigDict(extra="forbid", strict=True)
    text, numbers = (str | None, None), (list[int] | None, None)
    opinion = make(
        "StatedOpinion", __config__=strict, topic=(str, ...), sentence=(str, ...), stance=(float, ...), candidate=text
    )
    return make(
        "Judgement",
        __config__=strict,
        opinions=(GenericAlias(list, opinion) | None, None),
        first_choice=text,
        vote=text,
        reason=text,
        thumbs_up=numbers,
        thumbs_down=numbers,
    )


def _read_opinion(judgement: Judgement, view: PersonView) -> Opinion:
    if not judgement.opinions:
        raise UnreadableReplyError("opinions is empty")
    beliefs = tuple(_belief(stated, view) for stated in judgement.opinions)
    if len({belief.topic_id for belief in beliefs}) < len(beliefs):
        raise UnreadableReplyError("opinions names a topic twice")
    return Opinion(beliefs, _candidate(judgement.first_choice, view.candidates, "first_choice"))


def _belief(stated: StatedOpinion, view: PersonView) -> Belief:
    topics = {topic.id.casefold(): topic.id for topic in view.scene.topics}
    topic_id = topics.get(stated.topic.strip().casefold())
    if topic_id is None:
        raise UnreadableReplyError(f"topic {stated.topic!r} does not exist")
    if not -1 <= stated.stance <= 1:
        raise UnreadableReplyError(f"stance {stated.stance} is not from -1 to +1")
    vote = _candidate(stated.candidate, view.candidates, "candidate")
    return Belief(topic_id, stated.sentence.strip(), stance=stated.stance, vote=vote)


def _read_choice(judgement: Judgement, view: PersonView) -> Choice:
    if judgement.vote is None:
        raise UnreadableReplyError("vote is missing")
    abstains = judgement.vote.strip().casefold() == ABSTAIN
    chosen = None if abstains else _candidate(judgement.vote, view.candidates, "vote")
    if chosen is None and not abstains:
        raise UnreadableReplyError(f"vote {judgement.vote!r} is neither a letter nor {ABSTAIN!r}")
    first_choice = _candidate(judgement.first_choice, view.candidates, "first_choice")
    return Choice(chosen, (judgement.reason or "").strip(), first_choice)


def _read_reactions(judgement: Judgement, view: PersonView) -> Reactions:
    assert isinstance(view, ReactionView)
    by_number = {number: post_id for post_id, number in number_posts(view.considered).items()}
    given: dict[str, ReactionKind] = {}
    stated: tuple[tuple[ReactionKind, list[int] | None], ...] = (
        ("thumbs_up", judgement.thumbs_up),
        ("thumbs_down", judgement.thumbs_down),
    )
    for kind, numbers in stated:
        for number in numbers or ():
            if number not in by_number:
                raise UnreadableReplyError(f"post {number} does not exist")
            if given.setdefault(by_number[number], kind) != kind:
                raise UnreadableReplyError(f"post {number} is given thumbs up and thumbs down")
    if judgement.thumbs_up is None and judgement.thumbs_down is None:
        raise UnreadableReplyError("thumbs_up and thumbs_down are missing")
    return Reactions(given)


def _candidate(letter: str | None, candidates: Sequence[CandidateCard], field: str) -> str | None:
    stated = NOBODY if letter is None else letter.strip().casefold()
    if stated == NOBODY:
        return None
    by_letter = {candidate_letter(place).casefold(): card.id for place, card in enumerate(candidates)}
    if stated not in by_letter:
        raise UnreadableReplyError(f"{field} {letter!r} does not exist")
    return by_letter[stated]


_READERS: Mapping[type, Callable[[Judgement, Any], Any]] = {
    Opinion: _read_opinion,
    Choice: _read_choice,
    Reactions: _read_reactions,
}
