"""The one place where a mind is asked, and where its answer is held against what was asked for."""

import asyncio
import logging
import math
from functools import singledispatch
from typing import Any, cast, get_args

from ..domain.ballot import Choice
from ..domain.belief import Opinion
from ..domain.feed import ReactionKind, Reactions
from ..domain.outcome import Answer, Done, Failed, NotAsked, Refused, Unreadable
from ..domain.remark import Remark
from ..engine.bridge import inside
from ..errors import SyntheticCommunitiesError
from ..minds.base import Mind
from ..minds.views import PersonView, Positions, PositionView, ReactionView, View

logger = logging.getLogger(__name__)


async def ask(mind: Mind, view: View, *, timeout_seconds: float | None = None) -> Answer[Any]:
    """Return what `mind` answers to `view`, or why there is no answer.

    An answer that is not of the kind asked for, or that names what was not shown, is `Unreadable`. An exception is
    the failure of this act and of no other, but for this package's own, which mean that something is used wrongly.

    Args:
        mind: who answers.
        view: what is asked.
        timeout_seconds: how long it may take in all; None: as long as it takes, as for a mind that keeps time.
    """
    try:
        with inside():
            if timeout_seconds is None or getattr(mind, "keeps_time", False):
                answer = await mind.answer(view)
            else:
                async with asyncio.timeout(timeout_seconds):
                    answer = await mind.answer(view)
    except asyncio.CancelledError:
        if _is_being_cancelled():
            raise
        return Failed("CancelledError", "the mind cancelled its own act")
    except TimeoutError as error:
        return Failed("timeout", str(error))
    except SyntheticCommunitiesError:
        raise
    except Exception as error:  # recorded as data: one mind's exception is one act's failure
        logger.info("%s failed: %s: %s", view.key, type(error).__name__, error)
        logger.debug("%s failed", view.key, exc_info=True)
        return Failed(type(error).__name__, str(error))
    return _checked(answer, view)


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _checked(answer: object, view: View) -> Answer[Any]:
    if isinstance(answer, (NotAsked, Refused, Unreadable, Failed)):
        return answer
    if not isinstance(answer, Done):
        return Unreadable(f"no answer of a known kind, a {type(answer).__name__}")
    if not isinstance(answer.value, view.expects):
        got = answer.value if isinstance(answer.value, str) else f"a {type(answer.value).__name__}"
        return Unreadable(f"{view.expects.__name__} was asked for, got {got}")
    fault = find_fault(answer.value, view)
    return Unreadable(f"{fault}: {answer.value!r}") if fault else answer


@singledispatch
def find_fault(value: object, view: View) -> str:
    """Return what is wrong with an answer of the right type, or an empty string."""
    return ""


@find_fault.register
def _(value: Remark, view: View) -> str:
    return "" if value.strip() else "an empty text"


@find_fault.register
def _(value: Opinion, view: View) -> str:
    topics = {topic.id for topic in view.scene.topics}
    for belief in value.beliefs:
        if belief.topic_id not in topics:
            return f"a topic that does not exist, {belief.topic_id}"
        if belief.stance is not None and not is_stance(belief.stance):
            return f"a stance outside [-1, 1], {belief.stance}"
    return _unknown_candidate([value.first_choice, *(belief.vote for belief in value.beliefs)], view)


@find_fault.register
def _(value: Choice, view: View) -> str:
    return _unknown_candidate([value.candidate_id, value.first_choice], view)


@find_fault.register
def _(value: Reactions, view: View) -> str:
    considered = cast(ReactionView, view).considered
    for post_id, reaction in value.by_post.items():
        if post_id not in considered:
            return f"a reaction to a post it was not asked about, {post_id}"
        if reaction not in get_args(ReactionKind):
            return f"an unknown reaction, {reaction}"
    return ""


@find_fault.register
def _(value: Positions, view: View) -> str:
    wanted = {topic.id for topic in cast(PositionView, view).wanted}
    unasked = set(value.by_topic) - wanted
    return f"a position on a topic it was not asked about, {min(unasked)}" if unasked else ""


def is_stance(value: object) -> bool:
    """Say whether `value` is a number in [-1, 1]."""
    return isinstance(value, (int, float)) and math.isfinite(value) and -1 <= value <= 1


def _unknown_candidate(ids: list[str | None], view: View) -> str:
    shown = {card.id for card in cast(PersonView, view).candidates}
    unknown = [candidate_id for candidate_id in ids if candidate_id is not None and candidate_id not in shown]
    return f"a candidate that does not exist, {unknown[0]}" if unknown else ""
