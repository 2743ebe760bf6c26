"""A model around a model."""

from typing import Self

from .model import Call, Model, ModelReply, ModelRequest


class Wrapper:
    """A model that is another one with something added; by itself it adds nothing.

    Attributes:
        name: the other one's.
        inner: the other one.
    """

    def __init__(self, inner: Model) -> None:
        """Take the model to wrap."""
        self.name = inner.name
        self.inner = inner

    @property
    def keeps_journal(self) -> bool:
        """Whether what it is asked goes through the journal of the run."""
        return bool(getattr(self.inner, "keeps_journal", False))

    async def __aenter__(self) -> Self:
        """Open the other one on the running loop."""
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close it."""
        await self.inner.__aexit__(*exc_info)

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the other one's reply."""
        return await self.inner.reply(request, call)
