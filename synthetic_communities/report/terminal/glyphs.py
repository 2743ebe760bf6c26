"""What a terminal can show: which characters, and what stands for those it cannot."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..text import clean_text, spell_in

EMPTY = " "
"""What stands for nobody, where a distribution is drawn."""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters a terminal takes.

    Attributes:
        steps: what distributions are drawn with, from few to many.
        encoding: how it wants its characters.
    """

    steps: str
    encoding: str = field(kw_only=True)

    def show(self, text: str) -> str:
        """Return a text on one line, of what prints here; what the encoding lacks stands there by its number."""
        return spell_in(self.encoding, clean_text(text))

    def draw(self, shares: Sequence[float], most: float) -> str:
        """Return a distribution, a character for each share; `most` is the share that the last of the steps stands for.

        However small a share is, it is not drawn as nobody.
        """
        last = len(self.steps)
        levels = (max(1, math.ceil(round(share / most * last, 6))) if share else 0 for share in shares)
        return "".join(self.steps[level - 1] if level else EMPTY for level in levels)


BLOCKS = Glyphs("▁▂▃▄▅▆▇█", encoding="utf-8")
"""For terminals that take any character."""

PLAIN_STEPS = ".:-=+*#@"
"""What distributions are drawn with where there are no blocks: from light to dark."""


def choose_glyphs(encoding: str | None) -> Glyphs:
    """Return the characters for an encoding: blocks where it has them, else plain ASCII; None: it is not known."""
    known = encoding or "ascii"
    try:
        BLOCKS.steps.encode(known)
    except UnicodeEncodeError:
        return Glyphs(PLAIN_STEPS, encoding=known)
    except LookupError:
        return Glyphs(PLAIN_STEPS, encoding="ascii")
    return Glyphs(BLOCKS.steps, encoding=known)
