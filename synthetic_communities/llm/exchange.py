"""What passed in one try of one call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from .call_log import CallEntry
from .model import ModelReply, ModelRequest


@dataclass(frozen=True, slots=True)
class Exchange:
    """One try of one call: what was asked, what came of it, and what was measured.

    It refers to texts that are there anyway and copies none, so it may be made for every call. A key is not in it.

    Attributes:
        request: what was asked.
        entry: what was measured.
        result: the reply, or the exception there was instead.
    """

    request: ModelRequest
    entry: CallEntry
    result: ModelReply | BaseException = field(kw_only=True)

    @property
    def reply(self) -> str | None:
        """Text of the reply, None if there is none."""
        return self.result.text if isinstance(self.result, ModelReply) else None

    @property
    def error(self) -> str | None:
        """What the exception says, None if there is a reply."""
        return None if isinstance(self.result, ModelReply) else str(self.result)


Observer: TypeAlias = Callable[[Exchange], None]
"""Is told of every try of every call, as it ends."""
