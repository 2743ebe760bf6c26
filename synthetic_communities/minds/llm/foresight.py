"""How long the longest prompt of a run can become, before anything is asked."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...domain.person import Person
from ...domain.scene import Scene
from ..views import ChatTurnView, IntroductionView, PostView, QuestionView, StatementView
from .judgement import judgement_format
from .mind import JUDGEMENT_TOKENS, OPINION_TOKENS, ROOM_TOKENS
from .rules import RULES
from .sections import world_section
from .wording import describe_person

CHARACTERS_A_TOKEN = 3.0
"""Fewer than languages written in Latin letters usually need, so that the foresight errs on the long side."""

HEADER_TOKENS = 15
"""Room for the name that stands before every quoted text, and its marks."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much there is to live through.

    Attributes:
        statements: in the debates of an epoch.
        questions: in the debates of an epoch.
        turns: in the longest conversation.
        feed_size: posts shown.
        memory_epochs: of how many past epochs the words are remembered.
        epochs: number of epochs.
    """

    statements: int = field(kw_only=True)
    questions: int = field(kw_only=True)
    turns: int = field(kw_only=True)
    feed_size: int = field(kw_only=True)
    memory_epochs: int = field(kw_only=True)
    epochs: int = field(kw_only=True)


def foresee_window(scene: Scene, people: Iterable[Person], extent: Extent) -> int:
    """Return the tokens that the longest prompt and its reply can take together, on the long side.

    Every text of others is taken to be as long as its reply limit allows.
    """
    shared = measure_tokens(RULES) + measure_tokens(world_section(scene)) + _schema_tokens(scene)
    person = max((measure_tokens(describe_person(person)) for person in people), default=0)
    epoch = _debates(extent) + _conversation(extent) + _feed(extent)
    opinions = OPINION_TOKENS * len(scene.topics) + JUDGEMENT_TOKENS
    epochs_lived = 1 + min(extent.memory_epochs, max(0, extent.epochs - 1))
    return shared + person + epochs_lived * epoch + (extent.epochs + 1) * opinions + 2 * _reply_tokens(scene)


def measure_tokens(text: str) -> int:
    """Return about how many tokens a text takes, on the long side."""
    return round(len(text) / CHARACTERS_A_TOKEN)


def _debates(extent: Extent) -> int:
    asked = ROOM_TOKENS[QuestionView] + ROOM_TOKENS[IntroductionView] + HEADER_TOKENS
    return extent.questions * asked + extent.statements * (ROOM_TOKENS[StatementView] + HEADER_TOKENS)


def _conversation(extent: Extent) -> int:
    return extent.turns * (ROOM_TOKENS[ChatTurnView] + HEADER_TOKENS)


def _feed(extent: Extent) -> int:
    return extent.feed_size * (ROOM_TOKENS[PostView] + HEADER_TOKENS)


def _schema_tokens(scene: Scene) -> int:
    return measure_tokens(json.dumps(judgement_format(scene).schema))


def _reply_tokens(scene: Scene) -> int:
    return max(*ROOM_TOKENS.values(), JUDGEMENT_TOKENS + OPINION_TOKENS * len(scene.topics))
