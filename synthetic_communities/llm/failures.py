"""What can go wrong with a call: for this call, or for every call."""

from ..errors import RunStoppedError, SyntheticCommunitiesError
from .limits.headers import RateFact
from .model import Usage


class CallError(Exception):
    """One call got no reply. It becomes the failure of one act; it never leaves the mind that made the call.

    Attributes:
        kind: what failed, in a word or two from a small set: `timeout`, `connection`, `rate limit`, `overloaded`,
            `server error`, `bad request`, `malformed reply`, `reply too large`, `prompt cut by the server`.
        detail: what the other side said, shortened; may hold ids and times.
        is_transient: whether asking again may help.
        retry_after_seconds: how long the other side asked to wait; None if it did not say.
        status: HTTP status, None if there was none.
        usage: tokens of a reply that came, was counted, and is none all the same; None if no reply came.
        rates: what the other side told of its limits.
    """

    def __init__(
        self,
        kind: str,
        detail: str = "",
        *,
        is_transient: bool = False,
        retry_after_seconds: float | None = None,
        status: int | None = None,
        usage: Usage | None = None,
        rates: tuple[RateFact, ...] = (),
    ) -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
        self.detail = detail
        self.is_transient = is_transient
        self.retry_after_seconds = retry_after_seconds
        self.status = status
        self.usage = usage
        self.rates = rates


class NotReachedError(CallError):
    """No connection came about: nothing was sent, and nobody may be there. It may help to try again.

    Attributes:
        where: the address that was tried.
        remedy: what to look at, if it never helps.
    """

    def __init__(self, detail: str, *, where: str, remedy: str) -> None:
        super().__init__("connection", detail, is_transient=True)
        self.where = where
        self.remedy = remedy


class ModelUnavailableError(SyntheticCommunitiesError):
    """No call can succeed: a bad key, an unknown model, nobody listening, an exhausted quota. It stops the run.

    The message says what was tried, what came back, and what to do.
    """


class WrongSettingsError(ModelUnavailableError):
    """No call can succeed with these settings, model or address say, which a run that is gone on with keeps."""


class BudgetReachedError(RunStoppedError):
    """What a run may spend is spent: money, tokens, calls or time. It stops the run, which keeps what it has."""
