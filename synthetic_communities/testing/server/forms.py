"""Forms in a prompt: last lines with brackets, to be answered with the brackets filled in."""

import random
import re

from .sentences import build_sentence

_BRACKET = re.compile(r"\[[^\[\]\n]+\]")
_NUMBER = "from -1 to +1"


def find_form(text: str) -> list[str]:
    """Return the lines with brackets that a prompt ends with; none if it ends with anything else."""
    form: list[str] = []
    for line in reversed(text.rstrip().splitlines()):
        if not _BRACKET.search(line):
            break
        form.insert(0, line)
    return form


def fill_form(form: list[str], stream: random.Random) -> str:
    """Return the lines, a number put for every bracket that asks for one from -1 to +1, a sentence for the others."""
    return "\n".join(_BRACKET.sub(lambda bracket: _fill(bracket.group(), stream), line) for line in form)


def _fill(bracket: str, stream: random.Random) -> str:
    return f"{stream.uniform(-1, 1):+.2f}" if _NUMBER in bracket else build_sentence(stream)
