"""What can go wrong with a reply, and with which it does."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast, get_args

from .draws import Draws
from .problem import Problem

Fault: TypeAlias = Literal[
    "thinking",
    "refuse",
    "content-filter",
    "filter-400",
    "cut",
    "cut-prompt",
    "429",
    "spend-limit",
    "529",
    "500",
    "503",
    "drop",
    "drop-mid",
    "malformed",
    "wrong-shape",
    "wrong-type",
    "slow",
    "hang",
    "huge",
    "malformed-text",
    "wrong-shape-text",
    "prose",
    "fenced",
    "two-objects",
    "ignore-schema",
    "refuse-schema",
    "empty",
]
"""What can go wrong; `FAULT_HELP` says what each does."""

FAULT_HELP: Mapping[str, str] = {
    "thinking": "the reply begins with thinking, whose tokens count; goes together with any other fault",
    "refuse": "refused as the protocol says it: stop reason, refusal field; in so many words on Ollama",
    "content-filter": "stopped by a filter: finish reason content_filter; as refuse elsewhere",
    "filter-400": "refused by a filter with HTTP 400; in so many words on Ollama",
    "cut": "half a reply, said to be cut off by the token limit",
    "cut-prompt": "a tenth of the prompt's tokens reported: the server cut it silently",
    "429": "HTTP 429 with the header retry-after",
    "spend-limit": "HTTP 429 without it: no credit left",
    "529": "HTTP 529",
    "500": "HTTP 500",
    "503": "HTTP 503",
    "drop": "the connection closes without a reply",
    "drop-mid": "the connection closes in the middle of the body",
    "malformed": "a body that is not JSON",
    "wrong-shape": "a body that is JSON and no reply",
    "wrong-type": "a page of HTML with status 200",
    "slow": "the body comes byte by byte",
    "hang": "nothing ever comes",
    "huge": "a valid body of 10 MB",
    "malformed-text": "where JSON was asked for: a text that is not JSON",
    "wrong-shape-text": "where a schema was asked for: JSON that does not fit it",
    "prose": "where JSON was asked for: JSON with prose around it",
    "fenced": "where JSON was asked for: JSON in a fenced block",
    "two-objects": "where JSON was asked for: two different values",
    "ignore-schema": "where JSON was asked for: plain text",
    "refuse-schema": "where a schema was asked for: HTTP 400 that names the parameter",
    "empty": "an empty text",
}
"""What each fault does."""

FAULTS: tuple[str, ...] = get_args(Fault)

_MARKER = re.compile(r"\[\[loopback:([^\]]*)\]\]")


@dataclass(frozen=True, slots=True)
class Forced:
    """A fault called for, by a marker or by a setting.

    Attributes:
        fault: which.
        times: how many of the first times it befalls the request; 0 for always.
    """

    fault: Fault
    times: int

    def befalls(self, ask: int) -> bool:
        """Return whether it befalls a request that was asked `ask` times before."""
        return self.times == 0 or ask < self.times


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes wrong with one reply.

    Attributes:
        fault: what does, or None; never `thinking`.
        thinks: whether the reply begins with thinking.
    """

    fault: Fault | None
    thinks: bool


def parse_forced(text: str, times: int) -> tuple[Forced, ...]:
    """Return the faults `text` names: `NAME` or `NAME:TIMES`, separated by commas; `times` where it gives none.

    Raises:
        ValueError: a name that is no fault, or times that are no number.
    """
    return tuple(_parse_one(part.strip(), times) for part in text.split(","))


def _parse_one(text: str, times: int) -> Forced:
    name, _, own = text.partition(":")
    if name not in FAULTS:
        raise ValueError(f"unknown fault {name!r}; one of {', '.join(FAULTS)}")
    if own and not own.isdecimal():
        raise ValueError(f"fault {text!r}: {own!r} is no number of times")
    return Forced(cast(Fault, name), int(own) if own else times)


def find_marked(text: str, times: int) -> Iterator[Forced]:
    """Yield the faults called for by `[[loopback:FAULT]]` markers in `text`.

    Raises:
        Problem: a marker names no fault.
    """
    if "[[loopback:" not in text:
        return
    for names in _MARKER.findall(text):
        try:
            yield from parse_forced(names, times)
        except ValueError as error:
            raise Problem(f"[[loopback:{names}]]: {error}") from error


def plan_faults(forced: Iterable[Forced], shares: Mapping[str, float], fault_times: int, draws: Draws) -> Plan:
    """Return what goes wrong: what was called for and still befalls the request, else what the shares draw for it."""
    due = [each.fault for each in forced if each.befalls(draws.ask)]
    drawn = fault_times == 0 or draws.ask < fault_times
    thinks = "thinking" in due or (drawn and draws.first("thinking") < shares.get("thinking", 0.0))
    fault: Fault | None = next((each for each in due if each != "thinking"), None)
    if fault is None and drawn:
        fault = _draw_fault(shares, draws)
    return Plan(fault, thinks)


def _draw_fault(shares: Mapping[str, float], draws: Draws) -> Fault | None:
    if not shares:
        return None
    left = draws.first("fault")
    for name in FAULTS:
        if name != "thinking":
            left -= shares.get(name, 0.0)
            if left < 0:
                return cast(Fault, name)
    return None
