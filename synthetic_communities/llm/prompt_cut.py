"""Noticing a server that read only a part of the prompt."""

from .failures import CallError
from .model import Call, ModelReply, ModelRequest
from .wrapper import Wrapper

PROMPT_CUT = "prompt cut by the server"
"""The kind of failure."""

MOST_CHARACTERS_PER_TOKEN = 8.0
"""More than prose comes to in any tokenizer: the densest, on English, stay under 6. A third more is left for luck.

One bound for all, and not what other calls of the run came to: whether a call fails may not depend on which was first.
So a prompt of which more than half was read may pass; a window that is asked for beforehand is the way to be sure.
"""

LEAST_CHARACTERS = 2_000
"""Shorter prompts fit into any window, and what a server adds around them counts for more."""


def was_cut(characters: int, prompt_tokens: int | None) -> bool:
    """Return whether so many characters cannot have been read in so few tokens; not if none were counted."""
    if prompt_tokens is None or characters < LEAST_CHARACTERS:
        return False
    return prompt_tokens * MOST_CHARACTERS_PER_TOKEN < characters


class PromptCut(Wrapper):
    """Fails a call whose prompt the server cut: its reply answers something else than was asked."""

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        """Return the reply.

        Raises:
            CallError: the prompt was cut, `prompt cut by the server`; asking again would cut it again.
        """
        reply = await self.inner.reply(request, call)
        if was_cut(request.length, reply.usage.prompt_tokens):
            detail = (
                f"{reply.usage.prompt_tokens} tokens read of {request.length} characters sent; its window is too short"
            )
            raise CallError(PROMPT_CUT, detail, usage=reply.usage)
        return reply
