"""Lengths of time as they are typed: `90m`, `2h30m`, `45s`, or a number of seconds."""

import re

import click

_NUMBER = r"([0-9]+(?:\.[0-9]+)?)"
_DURATION = re.compile(f"(?:{_NUMBER}h)?(?:{_NUMBER}m)?(?:{_NUMBER}s?)?")
_UNIT_SECONDS = (3600.0, 60.0, 1.0)


def read_duration(text: str) -> float:
    """Return the seconds that a text spells.

    Raises:
        click.BadParameter: it spells none.
    """
    found = _DURATION.fullmatch(text.strip().lower())
    numbers = found.groups() if found else ()
    if not any(numbers):
        raise click.BadParameter(f"{text!r} is no length of time; write it like 90m, 2h30m, 45s, or in seconds")
    return sum(float(number or 0) * seconds for number, seconds in zip(numbers, _UNIT_SECONDS, strict=True))
