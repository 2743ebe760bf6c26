"""How models are reached: whether settings of addresses and keys make sense, and send each key where it belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..errors import ConfigurationError, Problem
from ..llm.access.key_command import split_command
from ..llm.naming import parse_model_name
from ..llm.wire.server import parse_base_url
from .places import Places

KEY_SETTINGS = ("api_key_env", "api_key_command")
"""Settings that say where a key is; each holds for all models that are asked."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def find_access_problems(values: Mapping[str, object], places: Places) -> Iterator[Problem]:
    """Yield what is wrong with how models are reached; no message shows what may be a key."""
    for name, parse in (("base_url", parse_base_url), ("api_key_command", split_command)):
        value = values.get(name)
        if isinstance(value, str):
            try:
                parse(value)
            except ConfigurationError as error:
                yield from (Problem(places.at(name).where, each.what, each.remedy) for each in error.problems)
    variable = values.get("api_key_env")
    if isinstance(variable, str) and not _VARIABLE.fullmatch(variable):
        what = "is no name of an environment variable (it is not shown, as it may be a key)"
        yield Problem(places.at("api_key_env").where, what, "put the key into a variable, and write its name here")
    yield from _key_problems(values, places)


def _key_problems(values: Mapping[str, object], places: Places) -> Iterator[Problem]:
    given = [name for name in KEY_SETTINGS if values.get(name) is not None]
    if len(given) > 1:
        yield Problem(places.at(given[1]).where, f"is given beside {given[0]}", "leave one of the two out")
    asked = sorted(_find_providers(values))
    if given and values.get("base_url") is None and len(asked) > 1:
        what = f"would send one key to {' and '.join(asked)}"
        yield Problem(places.at(given[0]).where, what, "leave it out, and set each provider's own variable")


def _find_providers(values: Mapping[str, object]) -> set[str]:
    """Return the providers of the models named; a name that is none, or the offline mind's, has no provider."""
    found = set()
    for name in ("model", "candidate_model"):
        value = values.get(name)
        if isinstance(value, str):
            try:
                found.add(parse_model_name(value).provider.name)
            except ConfigurationError:
                continue
    return found
