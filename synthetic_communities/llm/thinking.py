"""Thinking that a local server leaves in the text of a reply."""

_START, _END = "<think>", "</think>"


def strip_thinking(text: str) -> str:
    """Return what follows the thinking at the beginning of a text; the text itself if it does not begin so.

    Some templates write the opening mark into the prompt, so that the reply holds the closing one only. A reply that
    was cut off while thinking has nothing after it.
    """
    before, end, after = text.partition(_END)
    if text.lstrip().startswith(_START):
        return after.lstrip()
    return after.lstrip() if end and _START not in before else text
