"""A person's attributes: which are known to the field, and what each may hold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import eq, is_
from typing import Any

from ..errors import ConfigurationError, Problem

SHARES = (
    "susceptibility",
    "trust_institution",
    "turnout_propensity",
    "confirmation_bias",
    "social_network_influence",
    "risk_aversion",
    "fairness_value",
)
"""Attributes that are a number in [0, 1]."""

MEDIA = ("social_media", "tv", "newspaper", "blogs")
"""Channels of `media_diet`, each a share in [0, 1]."""

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
"""Traits of `personality_traits`, each in [0, 1]."""

TEXTS = (
    "name",
    "age",
    "gender",
    "city",
    "country",
    "job",
    "company",
    "sector",
    "education_level",
    "income_bracket",
    "ethnicity",
    "cultural_background",
    "religion",
    "demeanour",
    "backstory",
)
"""Attributes that are a text or a number, as they stand."""

LISTS = ("interests",)
"""Attributes that are a list."""

GROUPS = {"media_diet": 0.0, "personality_traits": 0.0, "prior_beliefs": -1.0}
"""Attributes that map names to numbers, and the least such a number may be; the most is 1."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who somebody is; what is None or empty is not known about that person.

    Attributes:
        id: unique in the population.
        name: for reading; the id if no name is known.
        attributes: everything known, as given, but for `timestamp` and keys beginning with `_`.
        shares: attribute to number in [0, 1], for those of `SHARES` that are known.
        media_diet: channel to share in [0, 1].
        traits: personality trait to number in [0, 1].
        prior_beliefs: subject to stance in [-1, 1].
    """

    id: str
    name: str
    attributes: Mapping[str, Any] = field(kw_only=True)
    shares: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    media_diet: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    traits: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    prior_beliefs: Mapping[str, float] = field(default_factory=dict, kw_only=True)


def parse_person(person_id: str, data: Mapping[str, Any]) -> Person:
    """Return the person `data` describes.

    Raises:
        ConfigurationError: attributes that cannot be read, all of them.
    """
    known = visible_attributes(data)
    problems = list(find_person_problems(known, f"person {person_id}"))
    if problems:
        raise ConfigurationError(problems)
    return Person(
        person_id,
        str(known.get("name", person_id)),
        attributes=known,
        shares={name: float(known[name]) for name in SHARES if name in known},
        media_diet=_known_numbers(known.get("media_diet", {})),
        traits=_known_numbers(known.get("personality_traits", {})),
        prior_beliefs=_known_numbers(known.get("prior_beliefs", {})),
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """A person, and what it was parsed from, so that the same attributes need not be parsed again.

    Attributes:
        person: the person.
        source: the attributes it was parsed from.
    """

    person: Person
    source: Mapping[str, Any]

    @staticmethod
    def of(person_id: str, data: Mapping[str, Any]) -> "Reading":
        """Parse a person.

        Raises:
            ConfigurationError: attributes that cannot be read, all of them.
        """
        person = parse_person(person_id, data)
        is_all = len(person.attributes) == len(data)
        return Reading(person, person.attributes if is_all else dict(data))

    def holds_for(self, person_id: str, data: Mapping[str, Any]) -> bool:
        """Say whether parsing `data` would give this person: its values are the same objects, its groups unchanged."""
        person, source = self.person, self.source
        return (
            person_id == person.id
            and len(data) == len(source)
            and all(map(eq, data, source))
            and all(map(is_, data.values(), source.values()))
            and _holds_numbers(data.get("media_diet"), person.media_diet)
            and _holds_numbers(data.get("personality_traits"), person.traits)
            and _holds_numbers(data.get("prior_beliefs"), person.prior_beliefs)
        )


def visible_attributes(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of `data` is about the person: no nulls, no `timestamp`, no keys beginning with `_`."""
    return {key: value for key, value in data.items() if value is not None and is_about_person(key)}


def is_about_person(key: str) -> bool:
    """Say whether an attribute of this name is about the person, and not about the file it came from."""
    return key != "timestamp" and not key.startswith("_")


def find_person_problems(data: Mapping[str, Any], where: str) -> Iterator[Problem]:
    """Yield what is wrong with known attributes; attributes of other names may hold anything."""
    for name in SHARES:
        yield from _number_problems(data.get(name), f"{where}: {name}", 0.0)
    for name in TEXTS:
        if isinstance(data.get(name), (list, dict)):
            yield Problem(f"{where}: {name}", f"{data[name]!r} is no text", "write one text or number")
    for name in LISTS:
        if not isinstance(data.get(name, []), (list, type(None))):
            yield Problem(f"{where}: {name}", f"{data[name]!r} is no list", "write [one, another]")
    for name, low in GROUPS.items():
        yield from _group_problems(data, name, where, low)


def _group_problems(data: Mapping[str, Any], name: str, where: str, low: float) -> Iterator[Problem]:
    group = data.get(name)
    if group is None:
        return
    if not isinstance(group, Mapping):
        yield Problem(f"{where}: {name}", f"{group!r} is no mapping of names to numbers", 'write {"name": number}')
        return
    for key, value in group.items():
        yield from _number_problems(value, f"{where}: {name}.{key}", low)


def _number_problems(value: object, where: str, low: float) -> Iterator[Problem]:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= 1.0:
        remedy = f"{remedy_share(value, low)}, or leave it out if not known"
        yield Problem(where, f"{value!r} is no number from {low:g} to 1", remedy)


def remedy_share(value: object, low: float) -> str:
    """Return what to do about a value that is no number from `low` to 1: it may be one of per cent."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 100 * low <= value <= 100:
        return f"for {value:g} % write {value / 100:g}"
    return "correct it"


def _known_numbers(group: Mapping[str, Any]) -> dict[str, float]:
    return {str(key): float(value) for key, value in group.items() if value is not None}


def _holds_numbers(group: Mapping[str, Any] | None, known: Mapping[str, float]) -> bool:
    """Say whether these are the numbers of a group: it may have been changed where it lies."""
    return (group or {}) == known or {key: value for key, value in (group or {}).items() if value is not None} == known
