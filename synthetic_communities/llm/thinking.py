"""Thinking: the room it takes, and what a local server leaves of it in the text of a reply."""

_START, _END = "<think>", "</think>"

ROOM_TOKENS = {
    "none": 0,
    "minimal": 1_000,
    "low": 2_000,
    "medium": 8_000,
    "high": 16_000,
    "xhigh": 32_000,
    "max": 32_000,
}
"""Tokens a reply's limit is raised by for thinking, by effort: several times what it commonly takes.

A limit is no aim: it costs nothing where it is not reached, and a thought that reaches it leaves no reply.
"""

UNKNOWN_ROOM_TOKENS = 8_000
"""The same for an effort of another name."""


def room_for_thinking(effort: str | None) -> int:
    """Return the tokens to add to a reply's limit for thinking of this effort; None is no thinking."""
    return 0 if effort is None else ROOM_TOKENS.get(effort, UNKNOWN_ROOM_TOKENS)


def strip_thinking(text: str) -> str:
    """Return what follows the thinking at the beginning of a text; the text itself if it does not begin so.

    Some templates write the opening mark into the prompt, so that the reply holds the closing one only. A reply that
    was cut off while thinking has nothing after it.
    """
    before, end, after = text.partition(_END)
    if text.lstrip().startswith(_START):
        return after.lstrip()
    return after.lstrip() if end and _START not in before else text
