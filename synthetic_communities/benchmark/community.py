"""A community that has heard a debate and has not yet made anything of it."""

from ..config import Config, build_candidate_cards, build_topics
from ..domain.debate import Topic
from ..domain.scene import CandidateCard
from ..game_engine import GameEngine
from ..mediator import CandidateStatement, DebateTranscript, Question
from ..minds.base import Mind
from ..population import Population
from .towns import without_model

TURNS = 2

_STATEMENT = (
    "On {title} I, {name}, have listened to many of you, at the market and at the quay, and I will say plainly what I "
    "think. Some of you will lose a little by it for a year or two, and I do not hide that; but look at what it costs "
    "us to go on as we are, and at who is paying. My opponents make it sound simple, and it is not. I ask you to think "
    "of the people in your street, and to decide with them in mind."
)


def build_population(config: Config, mind: Mind, asked: int | None = None) -> Population:
    """Return the first `asked` people of a configuration, all by default, who have heard a debate on every topic."""
    population = GameEngine.from_config(without_model(config), model=mind).population
    del population.personas[asked if asked is not None else config.population_size :]
    cards = build_candidate_cards(config)
    for index, topic in enumerate(build_topics(config)):
        population.consume_debate_content(_build_transcript(topic, index, cards))
    return population


def _build_transcript(topic: Topic, index: int, cards: tuple[CandidateCard, ...]) -> DebateTranscript:
    question = Question(f"{topic.id}/q0", f"{topic.title}: {topic.description}", topic)
    said = [
        CandidateStatement(card.id, card.name, _STATEMENT.format(title=topic.title, name=card.name), question)
        for _ in range(TURNS)
        for card in cards
    ]
    return DebateTranscript(said, "mediator", 0, index, 0, topic, question)
