"""Short plain sentences, as people say them about public affairs."""

import random

_OPENINGS = (
    "I think",
    "To my mind",
    "As I see it",
    "Honestly",
    "From what I have heard",
    "In my street",
    "After all that was said",
    "For people like me",
    "In the end",
    "If you ask me",
    "These days",
    "Looking at the numbers",
)
_SUBJECTS = (
    "the council",
    "this plan",
    "the cost of it",
    "a fair rule",
    "the other side",
    "a slower start",
    "what was promised",
    "the new proposal",
    "public money",
    "a clear answer",
    "more time",
    "the argument about jobs",
)
_PREDICATES = (
    "matters more than the noise around it",
    "would help families who have little",
    "has to be paid for by somebody",
    "deserves a closer look before we decide",
    "leaves too many questions open",
    "is the right way to go",
    "worries me a little",
    "makes sense if it is done with care",
    "will not change much for the town",
    "could bring people together",
    "should come before anything else",
    "sounds better than it is",
)

REFUSAL = "I'm sorry, but I can't help with that request."
"""How a model refuses in so many words."""


def build_sentence(stream: random.Random) -> str:
    """Return a sentence of about sixty characters."""
    return f"{stream.choice(_OPENINGS)}, {stream.choice(_SUBJECTS)} {stream.choice(_PREDICATES)}."


def build_prose(stream: random.Random, characters: int) -> str:
    """Return sentences of `characters` characters in all, to the nearest word below, ending with a full stop."""
    sentences: list[str] = []
    length = -1
    while length < characters:
        sentences.append(build_sentence(stream))
        length += len(sentences[-1]) + 1
    return cut_prose(" ".join(sentences), characters)


def cut_prose(text: str, characters: int) -> str:
    """Return at most the first `characters` characters of `text`, cut between words, ending with a full stop."""
    if len(text) <= characters:
        return text
    whole, space, _ = text[:characters].rpartition(" ")
    kept = (whole if space else text[: characters - 1]).rstrip(" ,.")
    return f"{kept}."[:characters]
