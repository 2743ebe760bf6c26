"""How many tokens a text has, by a rule of the server's own."""

import math
from dataclasses import dataclass

from .draws import draw

FEWEST_CHARACTERS, MOST_CHARACTERS = 3.0, 4.5


@dataclass(frozen=True, slots=True)
class TokenRule:
    """So many characters to a token.

    Attributes:
        characters: of one token, on average.
    """

    characters: float

    def count(self, text: str) -> int:
        """Return the number of tokens of `text`."""
        return self.count_characters(len(text))

    def count_characters(self, characters: int) -> int:
        """Return the number of tokens of a text of so many characters."""
        return math.ceil(characters / self.characters)

    def keep(self, text: str, tokens: int) -> str:
        """Return the first `tokens` tokens of `text`."""
        return text[: int(tokens * self.characters)]


def build_token_rule(seed: int, characters: float | None = None) -> TokenRule:
    """Return the rule of so many characters to a token; None: that of the server with this seed, from 3.0 to 4.5."""
    if characters is not None:
        return TokenRule(characters)
    u = draw(seed, b"", 0, "characters per token")
    return TokenRule(FEWEST_CHARACTERS + (MOST_CHARACTERS - FEWEST_CHARACTERS) * u)
