"""What a model behind Anthropic's Messages API can do, as it says itself."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..failures import CallError, ModelUnavailableError
from ..json_shapes import count, dig
from ..naming import ANTHROPIC_EFFORTS
from ..wire.http_failures import read_failure
from ..wire.reaching import reach
from ..wire.server import Server
from .anthropic_client import read_answer
from .opening import OPENING_SECONDS

if TYPE_CHECKING:
    import anthropic


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a model takes; nothing is sent about thinking that it is not known to take.

    Attributes:
        takes_schema: whether a schema of the reply; taken for granted where nothing is known.
        thinking_can_be_off: whether being told not to think.
        thinking_can_adapt: whether being told to think as much as it sees fit.
        lowest_effort: the least effort, None if it takes none.
        window_tokens: how many tokens it takes at once; None: not said.
    """

    takes_schema: bool = field(default=True, kw_only=True)
    thinking_can_be_off: bool = field(default=False, kw_only=True)
    thinking_can_adapt: bool = field(default=False, kw_only=True)
    lowest_effort: str | None = field(default=None, kw_only=True)
    window_tokens: int | None = field(default=None, kw_only=True)


async def look_up_abilities(client: "anthropic.AsyncAnthropic", model: str, server: Server) -> Abilities:
    """Return what the server says of a model; the default where it says nothing, or not in time.

    Raises:
        ModelUnavailableError: the key is refused, the model is not known, or the server's certificate is not believed.
    """
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            answer = await reach(server, read_answer(client.models.with_raw_response.retrieve(model)))
        if answer.is_success:
            return parse_abilities(answer.parse())
    except (TimeoutError, CallError):
        return Abilities()
    # A gateway without this path says 404 too, but in words of its own.
    is_no_such_path = answer.status == 404 and dig(answer.parse_error(), "error", "type") != "not_found_error"
    failure = read_failure(answer, server, now=0.0)
    if isinstance(failure, ModelUnavailableError) and answer.status in (401, 403, 404) and not is_no_such_path:
        raise failure
    return Abilities()


def parse_abilities(body: Any) -> Abilities:
    """Return what the parsed description of a model says."""
    abilities = dig(body, "capabilities")
    types, effort = dig(abilities, "thinking", "types"), dig(abilities, "effort")
    known = (name for name in ANTHROPIC_EFFORTS if dig(effort, name, "supported") is True)
    return Abilities(
        takes_schema=dig(abilities, "structured_outputs", "supported") is not False,
        thinking_can_be_off=dig(types, "disabled", "supported") is True,
        thinking_can_adapt=dig(types, "adaptive", "supported") is True,
        lowest_effort=next(known, None) if dig(effort, "supported") is True else None,
        window_tokens=count(body, "max_input_tokens"),
    )
