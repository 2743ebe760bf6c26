"""What calls of models wait for, where none gets a reply: from how each try ended."""

from ..llm.exchange import Exchange
from ..llm.failures import CallError, NotReachedError


def describe_try(exchange: Exchange, before: str = "") -> str:
    """Return what is waited for after a try: `held up by openai (HTTP 429)`; empty if somebody answered.

    Args:
        exchange: the try.
        before: what was waited for until then: a try that was cancelled tells nothing new.
    """
    who = exchange.entry.asked.partition(":")[0]
    match exchange.result:
        case NotReachedError():
            return f"no connection to {who}"
        case CallError(is_transient=True, status=status, kind=kind):
            return f"held up by {who} ({kind if status is None else f'HTTP {status}'})"
    return before if exchange.entry.outcome == "cancelled" else ""
