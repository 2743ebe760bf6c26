"""What others said, as quoted material that cannot pass for anything else in a prompt."""

import re
import unicodedata
from functools import lru_cache

_LINE_ENDS = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_UNSEEN = ("Cc", "Cf", "Cs")


def quote(text: str) -> str:
    """Return `text` with `| ` before every line, whatever it takes for the end of a line.

    A text cannot leave its quotation: there is no closing mark that it could contain.
    """
    text = text.strip()
    if _is_plain(text):
        return f"| {text}"
    return "\n".join(f"| {clean(line)}" for line in _LINE_ENDS.split(text))


def one_line(text: object) -> str:
    """Return a name or an attribute on one line, without control characters."""
    return _put_on_one_line(str(text))


@lru_cache(maxsize=4_096)  # names of topics and candidates stand in every prompt, and several times
def _put_on_one_line(text: str) -> str:
    return text.strip() if _is_plain(text) else clean(_LINE_ENDS.sub(" ", text)).strip()


def clean(line: str) -> str:
    """Return a line without control characters, marks of direction among them, and half surrogate pairs."""
    if _is_plain(line):
        return line
    return "".join(mark for mark in line if mark == "\t" or unicodedata.category(mark) not in _UNSEEN)


def is_blank(text: str) -> bool:
    """Say whether nothing of a text can be seen: it is empty, or spaces, control characters and the like."""
    return all(mark.isspace() or unicodedata.category(mark) in _UNSEEN for mark in text)


def _is_plain(text: str) -> bool:
    """Say whether a text is one line without control characters: most are, and looking at every mark takes its time."""
    return text.isascii() and text.isprintable()
