"""Attributes of a person in words: a model reads "trusts institutions very little", not 0.08."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from ...domain.person import LISTS, SHARES, TEXTS, Person
from .quoting import one_line

DEGREES = ((0.15, "very little"), (0.35, "little"), (0.65, "to a fair degree"), (0.85, "a lot"), (1.0, "very much"))
"""Upper end of each range of [0, 1], and how it is worded."""

SHARE_WORDS = {
    "susceptibility": "lets others change their mind",
    "trust_institution": "trusts institutions",
    "turnout_propensity": "feels that voting matters",
    "confirmation_bias": "prefers what fits what they already think",
    "social_network_influence": "listens to people they know",
    "risk_aversion": "avoids risks",
    "fairness_value": "cares about fairness",
}

TRAIT_WORDS = {
    "openness": "open to new things",
    "conscientiousness": "conscientious",
    "extraversion": "outgoing",
    "agreeableness": "agreeable",
    "neuroticism": "easily worried",
}

TRAIT_DEGREES = ((0.15, "hardly"), (0.35, "not very"), (0.65, "fairly"), (0.85, "quite"), (1.0, "very"))

LEANINGS = (
    (-0.6, "strongly against"),
    (-0.2, "against"),
    (0.2, "undecided"),
    (0.6, "in favour"),
    (1.0, "strongly in favour"),
)
"""Upper end of each range of [-1, 1], and how it is worded."""

MEDIA_WORDS = {"social_media": "social media", "tv": "television", "newspaper": "newspapers", "blogs": "blogs"}

_WORDED = {*SHARES, *TEXTS, *LISTS, "id", "media_diet", "personality_traits", "prior_beliefs"}


DESCRIBED = 10_000
"""Of how many people the words are kept: the same person is described for every act."""

_UNCHANGING = (str, int, float, type(None))


def describe_person(person: Person) -> str:
    """Return who a person is, a line an attribute; what is not known is not mentioned."""
    # A list among the attributes may be the caller's own, and be added to between two acts.
    changing = [value for value in person.attributes.values() if not isinstance(value, _UNCHANGING)]
    return _describe(_Same(person), repr(changing))


class _Same:
    """A person as a key: equal to itself alone, as comparing all attributes would take as long as wording them."""

    __slots__ = ("person",)

    def __init__(self, person: Person) -> None:
        self.person = person

    def __hash__(self) -> int:
        return id(self.person)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.person is self.person


@lru_cache(maxsize=DESCRIBED)
def _describe(same: _Same, changing: str) -> str:
    person = same.person
    return "\n".join([f"Name: {one_line(person.name)}", *_texts(person), *_numbers(person), *_others(person)])


def word_degree(value: float, degrees: Iterable[tuple[float, str]]) -> str:
    """Return the words of the first range whose upper end is not below `value`."""
    return next(words for upper, words in degrees if value <= upper)


def _texts(person: Person) -> Iterator[str]:
    for name in TEXTS:
        if name != "name" and name in person.attributes:
            yield f"{_title(name)}: {_plain(person.attributes[name])}"
    for name in LISTS:
        if person.attributes.get(name):
            yield f"{_title(name)}: {', '.join(map(_plain, person.attributes[name]))}"


def _numbers(person: Person) -> Iterator[str]:
    traits = [f"{word_degree(value, TRAIT_DEGREES)} {TRAIT_WORDS[name]}" for name, value in _known(person.traits)]
    if traits:
        yield f"Character: {', '.join(traits)}"
    for name, value in person.shares.items():
        yield f"{SHARE_WORDS[name].capitalize()}: {word_degree(value, DEGREES)}"
    if person.media_diet:
        yield f"Follows: {_media(person.media_diet)}"
    for subject, stance in person.prior_beliefs.items():
        yield f"Stance so far on {_title(subject).lower()}: {word_degree(stance, LEANINGS)}"


def _known(traits: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(name, value) for name, value in traits.items() if name in TRAIT_WORDS]


def _media(diet: Mapping[str, float]) -> str:
    ordered = sorted(diet.items(), key=lambda item: -item[1])
    return ", ".join(
        f"{MEDIA_WORDS.get(name, _title(name).lower())} {word_degree(share, DEGREES)}" for name, share in ordered
    )


def _others(person: Person) -> Iterator[str]:
    for name, value in person.attributes.items():
        if name not in _WORDED:
            yield f"- {_title(name)}: {_plain(value)}"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_title(str(key)).lower()} {_plain(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _plain_number(value) if isinstance(value, float) else one_line(value)


def _plain_number(value: float) -> str:
    """Return a fraction in words, as most attributes between 0 and 1 are shares of something; else the number."""
    if 0 < value < 1:
        return word_degree(value, DEGREES)
    return str(int(value)) if value.is_integer() else str(value)


def _title(name: str) -> str:
    words = one_line(name).replace("_", " ")
    return words[:1].upper() + words[1:]
