"""What an HTTP status that is no success means: for this call, for every call, or for the way of asking."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..failures import CallError, ModelUnavailableError, WrongSettingsError
from ..json_shapes import dig
from ..limits.headers import read_rates
from ..limits.retry_after import parse_retry_after
from .answers import HttpAnswer
from .server import Server

_TRANSIENT = {408: "timeout", 409: "server error", 429: "rate limit", 503: "overloaded", 529: "overloaded"}
_LASTING_SERVER_ERRORS = {501, 505}

_FILTERED = re.compile(
    r"content[ _-]?(filter|polic|management)|responsibleaipolicy|prohibited_content|data_?inspection"
    r"|content exists risk"
)
_SPENT = re.compile(r"insufficient_(quota|credits|balance|funds)|spend_limit|billing|credit_balance|payment_required")
_NO_CREDIT = re.compile(r"credit balance is too low|usage limit")
_BAD_KEY = re.compile(r"api_key_invalid|invalid_api_key|api key not valid")

_OPTION_WORDS = {
    "response_format": r"response_?format|json_?schema|response_?schema|grammar|structured output",
    "reasoning_effort": r"reasoning",
    "chat_template_kwargs": r"chat_template",
    "max_tokens": r"max_completion_tokens",
    "seed": r"\bseed\b",
    "output_config": r"output_config(?!\.effort)|output_?format|schema",
    "format": r"\bformat\b|grammar|schema",
    "think": r"\bthink",
}
"""Options a server may not know, and how it names them when it refuses one."""


@dataclass(frozen=True, slots=True)
class Filtered:
    """A filter refused the prompt: the request was sound, and the answer is no.

    Attributes:
        detail: what the server said.
    """

    detail: str


class OptionRefused(CallError):
    """The server refuses an option of the request that can be left out, and is left out when it is asked again.

    Attributes:
        option: which.
    """

    def __init__(self, option: str, detail: str, *, status: int) -> None:
        super().__init__("bad request", detail, status=status)
        self.option = option


Failure: TypeAlias = CallError | ModelUnavailableError | Filtered


def read_failure(answer: HttpAnswer, server: Server, *, now: float, options: Collection[str] = ()) -> Failure:
    """Return what an answer that is no success means.

    Args:
        answer: the answer.
        server: who gave it.
        now: the time, in seconds since 1970, for a date in `retry-after`.
        options: options sent that the request can do without, most wanted last.
    """
    status, body = answer.status, answer.parse_error()
    said = server.shown(_message_in(body))
    codes = " ".join(_codes_in(body)).lower()
    words = f"{codes} {_message_in(body).lower()}"
    if status in (400, 403, 422) and (_FILTERED.search(words) or dig(body, "error", "metadata", "flagged_input")):
        return Filtered(said)
    unavailable = _why_unavailable(answer, codes, said, server) or _why_wrong(answer, said, server)
    if unavailable is not None:
        return unavailable
    kind = _TRANSIENT.get(status, "server error" if status >= 500 else "bad request")
    if kind == "bad request":
        return _refused_option(status, words, said, options) or CallError(kind, said, status=status)
    wait = parse_retry_after(answer.headers, body, now=now)
    is_transient = status not in _LASTING_SERVER_ERRORS
    rates = read_rates(answer.headers, now=now)
    return CallError(kind, said, is_transient=is_transient, retry_after_seconds=wait, status=status, rates=rates)


def _why_unavailable(answer: HttpAnswer, codes: str, said: str, server: Server) -> ModelUnavailableError | None:
    status, came_back = answer.status, _spell_answer(answer, said)
    if status == 401 or (status in (400, 403) and _BAD_KEY.search(f"{codes} {said.lower()}")):
        # What servers say of a wrong key repeats parts of it: it is left out.
        return ModelUnavailableError(f"{server.name}: {_about_key(server)} (HTTP {status} from {server.url})")
    # Words of the codes and not of the message: what Gemini says of a limit per minute speaks of billing too.
    is_spent = _SPENT.search(codes) or _NO_CREDIT.search(said.lower())
    if status == 402 or (status in (400, 403, 429) and is_spent):
        remedy = "raise its limit or top it up"
        return ModelUnavailableError(f"{server.name}: the account has no credit left ({came_back}); {remedy}")
    if status == 403:
        remedy = "check what the key may do, and from where"
        return ModelUnavailableError(f"{server.name}: access is denied ({came_back}); {remedy}")
    return None


def _why_wrong(answer: HttpAnswer, said: str, server: Server) -> ModelUnavailableError | None:
    """Return what is wrong with the model's name or the address; None if it is something else."""
    if answer.status == 404:
        kind = ModelUnavailableError if server.get_command else WrongSettingsError
        return kind(f"{server.name}: not found at {server.url} ({_spell_answer(answer, said)}); {server.model_remedy}")
    if 300 <= answer.status < 400:
        elsewhere = server.shown(answer.headers.get("location", "elsewhere"))
        return WrongSettingsError(
            f"{server.name}: {server.url} redirects to {elsewhere}, where no key is sent; set base_url to where it is"
        )
    return None


def _spell_answer(answer: HttpAnswer, said: str) -> str:
    return f"HTTP {answer.status}: {said}" if said else f"HTTP {answer.status}"


def _about_key(server: Server) -> str:
    if server.key is None:
        return "the server wants a key; set api_key_env to the name of the environment variable that holds it"
    return f"the key in {server.key_variable or 'api_key'} was refused; check that it is whole and still valid"


def _refused_option(status: int, words: str, said: str, options: Collection[str]) -> OptionRefused | None:
    if status not in (400, 422):
        return None
    named = (option for option in options if re.search(_OPTION_WORDS[option], words))
    return next((OptionRefused(option, said, status=status) for option in named), None)


def _message_in(body: Any) -> str:
    """Return what the server said, in whichever of the usual places."""
    if isinstance(body, list) and body:
        body = body[0]
    places = (dig(body, "error", "message"), dig(body, "error"), dig(body, "message"), dig(body, "detail"), body)
    found = next((place for place in places if place), "")
    if isinstance(found, list):  # of a web framework: what is wrong with each field, and all that was sent besides
        found = "; ".join(f"{dig(fault, 'loc')}: {dig(fault, 'msg')}" for fault in found)
    return found if isinstance(found, str) else repr(found)


def _codes_in(body: Any, depth: int = 5) -> Iterator[str]:
    """Yield the machine-readable names of what is wrong, and of what parameter."""
    if depth == 0 or not isinstance(body, (dict, list)):
        return
    for key, value in body.items() if isinstance(body, dict) else enumerate(body):
        if isinstance(value, str) and key in ("code", "type", "status", "reason", "error_code", "param"):
            yield value
        yield from _codes_in(value, depth - 1)
