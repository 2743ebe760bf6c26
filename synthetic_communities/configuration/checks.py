"""Whether single values are what they should be: settings, texts, names of keys and models."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Collection, Iterable, Iterator, Mapping

from ..errors import ConfigurationError, Problem
from ..llm.choice import OFFLINE
from ..llm.naming import parse_model_name
from .places import Place, Places, spell_path, spell_type, spell_value
from .settings import SETTINGS, Kind, Setting
from .text_files import is_sound_text

_KIND_TYPES: Mapping[Kind, tuple[type, ...]] = {
    "whole number": (int,),
    "number": (int, float),
    "true or false": (bool,),
    "text": (str,),
    "file": (str, os.PathLike),
    "list": (list, tuple),
    "mapping": (Mapping,),
}

_MANY = 10
TAKES_NONE = "remove it, or name a model that takes it"


def find_setting_problem(setting: Setting, value: object, place: Place) -> Problem | None:
    """Return what is wrong with the value of a setting, None if nothing is."""
    if value is None:
        return None if setting.absent else Problem(place.where, "has no value", f"write {setting.wanted}")
    if not has_kind(value, setting.kind):
        return _kind_problem(setting, value, place)
    if isinstance(value, str):
        if setting.choices and value not in setting.choices:
            return Problem(place.where, f"cannot be {spell_value(value)}", f"write {setting.wanted}")
        return _line_problem(setting, value, place) or find_sound_problem(value, place)
    if isinstance(value, (int, float)) and not setting.covers(value):
        share = setting.unit == "share" and 1 < value <= 100
        remedy = f"for {value:g} % write {value / 100:g}" if share else f"write {setting.wanted}"
        return Problem(place.where, f"{spell_value(value)} is out of range", remedy)
    return None


def has_kind(value: object, kind: Kind) -> bool:
    """Say whether the value is of this kind; true and false are no numbers, and a number in quotes is none."""
    return isinstance(value, _KIND_TYPES[kind]) and (kind == "true or false" or not isinstance(value, bool))


def find_sound_problem(text: str, place: Place) -> Problem | None:
    """Return the problem of a text no file can keep, None if it is sound."""
    if is_sound_text(text):
        return None
    return Problem(place.where, "holds half a surrogate pair, which no file can keep", "write the character itself")


def find_text_problem(value: object, place: Place, *, blank_allowed: bool = True) -> Problem | None:
    """Return why the value is no text, None if it is one."""
    if isinstance(value, str):
        blank = not blank_allowed and not value.strip()
        return Problem(place.where, "is empty", "write something") if blank else find_sound_problem(value, place)
    if value is None and not place.written:
        return Problem(place.where, "has no value", "write a text")
    if isinstance(value, (Mapping, list, tuple)):
        return Problem(place.where, f"{spell_value(value)} is no text", "write one text")
    written = place.written or str(value)
    what = f"`{written}` is read as {spell_type(value)}, not as text"
    return Problem(place.where, what, f'write it in quotes: "{written}"')


def find_label_problem(value: object, place: Place) -> Problem | None:
    """Return why the value cannot stand in keys, tables and ballots; None if it can."""
    problem = find_text_problem(value, place, blank_allowed=False)
    if problem or not isinstance(value, str):
        return problem
    if value == value.strip() and value.isprintable():
        return None
    what = f"{spell_value(value)} has spaces around it, or characters that do not print"
    return Problem(place.where, what, "remove them")


def find_unknown_keys(
    data: Mapping[str, object], known: Iterable[str], places: Places, *path: str | int
) -> list[Problem]:
    """Return a problem for every key of `data` that is not known, with the nearest that is."""
    known = tuple(known)
    return [
        Problem(places.at(*path, str(key)).where, f"{spell_value(key)} is no {_noun(path)}", suggest_name(key, known))
        for key in data
        if key not in known
    ]


def find_model_problems(values: Mapping[str, object], places: Places, taken: Collection[str] = ()) -> list[Problem]:
    """Return what is wrong with the models named, and with settings that nobody takes.

    Args:
        values: of all settings.
        places: where they stand.
        taken: settings that are taken whichever models are named.
    """
    named = {name: values[name] for name in ("model", "candidate_model") if isinstance(values[name], str)}
    problems: list[Problem] = []
    for name, value in named.items():
        problems += _name_problems(name, str(value), values, places)
    if not are_offline(values):
        return problems
    given = [setting.name for setting in SETTINGS if setting.models_only and values[setting.name] is not None]
    who = "what a script gave to think with" if taken else f"the {OFFLINE} mind"
    return problems + [
        Problem(places.at(name).where, f"{who} takes no {name}", TAKES_NONE) for name in given if name not in taken
    ]


def _name_problems(name: str, text: str, values: Mapping[str, object], places: Places) -> Iterator[Problem]:
    if text == OFFLINE:
        return
    try:
        model = parse_model_name(text)
    except ConfigurationError as error:
        yield from (Problem(places.at(name).where, problem.what, problem.remedy) for problem in error.problems)
        return
    if model.provider.base_url is None and values["base_url"] is None:
        yield Problem(places.at(name).where, f"{text} has no address", "give base_url, like http://HOST:8000/v1")
    if model.provider.protocol == "anthropic" and values["temperature"] is not None:
        what = f"{text} takes no temperature: the Messages API has none"
        yield Problem(places.at("temperature").where, what, "leave temperature out")
    effort, efforts = values["effort"], model.provider.efforts
    if isinstance(effort, str) and efforts and effort not in efforts:
        remedy = f"write {', '.join(efforts[:-1])} or {efforts[-1]}, or leave it out for as little thinking as there is"
        yield Problem(places.at("effort").where, f"{text} takes no effort {spell_value(effort)}", remedy)


def are_offline(values: Mapping[str, object]) -> bool:
    """Say whether nobody in a run thinks with a language model."""
    return all(values[name] in (None, OFFLINE) for name in ("model", "candidate_model"))


def suggest_name(name: object, known: Iterable[str]) -> str:
    """Return what to write instead of a name that is not known."""
    plain = {_plain(each): each for each in known}
    nearest = difflib.get_close_matches(_plain(name), plain, n=1)
    if nearest:
        return f"did you mean {plain[nearest[0]]}?"
    if len(plain) > _MANY:
        return "docs/configuration.md lists what there is"
    return f"known are {', '.join(plain.values())}" if plain else "there is none"


def _plain(name: object) -> str:
    return str(name).casefold().replace("-", "_")


def _line_problem(setting: Setting, text: str, place: Place) -> Problem | None:
    if setting.most_characters is None:
        return None
    if len(text) > setting.most_characters:
        return Problem(place.where, f"has {len(text):,} characters", f"write {setting.wanted}")
    return find_label_problem(text, place)


def _kind_problem(setting: Setting, value: object, place: Place) -> Problem:
    if setting.kind in ("text", "file"):
        return find_text_problem(value, place) or Problem(place.where, f"{spell_value(value)} is no text")
    if isinstance(value, str) and _is_number(value):
        return Problem(place.where, f"{spell_value(value)} is text, no number", "write it plainly, as in 3 or 0.5")
    shown = place.written or spell_value(value)
    return Problem(place.where, f"{shown} is of the wrong kind", f"write {setting.wanted}")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _noun(path: tuple[str | int, ...]) -> str:
    return f"key of {spell_path(path)}" if path else "setting"
