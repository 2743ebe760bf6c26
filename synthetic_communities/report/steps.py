"""What the steps of a run are called in tables."""

ACTS = {
    "opening_position": "opening positions",
    "opening_opinion": "opening opinions",
    "reading": "readings of the feed",
    "question": "questions",
    "introduction": "introductions",
    "statement": "statements",
    "reflection": "reflections",
    "debate_update": "updates from debates",
    "chat_turn": "chat turns",
    "chat_update": "updates from chats",
    "post": "posts",
    "reaction": "reactions to the feed",
    "social_update": "updates from the feed",
    "ballot": "ballots",
}
"""Step to what its acts are called, in the order in which they take place."""


STEP_OF_ACT = {
    "opening position": "opening_position",
    "opening opinion": "opening_opinion",
    "reading of the feed": "reading",
    "question": "question",
    "introduction": "introduction",
    "statement": "statement",
    "reflection": "reflection",
    "update from debate": "debate_update",
    "chat turn": "chat_turn",
    "update from chat": "chat_update",
    "post": "post",
    "reaction": "reaction",
    "update from social media": "social_update",
    "ballot": "ballot",
}
"""What a mind calls an act, as calls of models are counted by, to its step."""


def name_acts(step: str) -> str:
    """Return what the acts of a step are called; a step of a later version of this package goes by its own name."""
    return ACTS.get(step, step)
