"""Why a request is answered with an error."""


class Problem(Exception):
    """Why a request is answered with an error; each protocol words and wraps it in its own way.

    Attributes:
        message: what is wrong, as the client reads it.
        status: the HTTP status.
        code: the protocol's own code for it, or empty.
        param: the field that is wrong, as a path, or empty.
        retry_after: the header of that name, or None for no such header.
    """

    def __init__(
        self, message: str, *, status: int = 400, code: str = "", param: str = "", retry_after: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after
