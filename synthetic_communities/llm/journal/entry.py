"""One call in the journal: which it was, what was asked in short, what came of it, what it took."""

from dataclasses import dataclass, field
from typing import Literal

from ..call_log import CallEntry
from ..failures import CallError
from ..model import Call, ModelReply

Source = Literal["call", "replay", "cache", "replicate"]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One asking of a model and what came of it in the end, after however many tries.

    Attributes:
        call: which call it was.
        request: digest of what was asked.
        result: the reply, or the failure that ended it.
        seconds: how long it took, waits included.
        ended: when it ended, in seconds since 1970 (UTC).
        source: where the reply comes from: a call, the journal of another run, a cache, or another replicate, which
            asked for all of them.
    """

    call: Call
    request: bytes
    result: ModelReply | CallError = field(kw_only=True)
    seconds: float = field(kw_only=True)
    ended: float = field(kw_only=True)
    source: Source = field(default="call", kw_only=True)

    def give(self) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: there was none.
        """
        if isinstance(self.result, CallError):
            raise self.result
        return self.result

    def as_measured(self, asked: str) -> CallEntry:
        """Return it as the call log keeps it.

        Args:
            asked: the name of the model that was asked.
        """
        reply = self.result if isinstance(self.result, ModelReply) else None
        return CallEntry(
            self.call.key,
            self.call.act,
            outcome=reply.stop if reply is not None else str(getattr(self.result, "kind", "")),
            attempt=self.call.attempt,
            asked=asked,
            model=reply.model if reply is not None else None,
            usage=self.result.usage,
            seconds=self.seconds,
            is_recorded=True,
            is_paid_elsewhere=self.source != "call",
        )


@dataclass(frozen=True, slots=True)
class FailedTry:
    """One try of a call that got no reply.

    Attributes:
        call: which call and which try.
        kind: what failed.
        detail: what was said of it.
        seconds: how long it took.
        ended: when it ended, in seconds since 1970 (UTC).
    """

    call: Call
    kind: str
    detail: str = field(kw_only=True)
    seconds: float = field(kw_only=True)
    ended: float = field(kw_only=True)
