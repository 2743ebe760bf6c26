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


def name_acts(step: str) -> str:
    """Return what the acts of a step are called; a step of a later version of this package goes by its own name."""
    return ACTS.get(step, step)
