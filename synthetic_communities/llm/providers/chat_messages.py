"""What requests of chat protocols have in common."""

import json
from functools import lru_cache

from ..model import ModelRequest, ReplyFormat

_JSON_IN_PROMPT = (
    "Reply with one JSON object and nothing else: no explanation, no code fence. "
    "It must fit this JSON schema:\n{schema}"
)

# Made once: `json.dumps` with any setting of its own makes an encoder for every call.
encode = json.JSONEncoder(separators=(",", ":"), default=dict).encode
"""Return the JSON of a value, in ASCII and without spaces; mappings of any kind are objects."""


def write_schema_instruction(reply_format: ReplyFormat) -> str:
    """Return the words that ask for JSON where a server takes no schema."""
    return _JSON_IN_PROMPT.format(schema=encode(reply_format.schema))


def write_messages(request: ModelRequest, *, instruction: str | None = None) -> list[dict[str, str]]:
    """Return the system message, if any, and the user message, with `instruction` at its end."""
    messages = [{"role": "user", "content": _user(request, instruction)}]
    if request.system:
        messages.insert(0, {"role": "system", "content": "\n\n".join(request.system)})
    return messages


def encode_messages(request: ModelRequest, *, instruction: str | None = None) -> str:
    """Return the JSON of `write_messages`; the system message, the same for all calls of a run, is written once."""
    first = f"{_encode_system(request.system)}," if request.system else ""
    # Written out: for a mapping an encoder is made at every call, and for a text alone none.
    return f'[{first}{{"role":"user","content":{encode(_user(request, instruction))}}}]'


def _user(request: ModelRequest, instruction: str | None) -> str:
    return "\n\n".join((*request.user, instruction) if instruction else request.user)


@lru_cache(maxsize=8)
def _encode_system(texts: tuple[str, ...]) -> str:
    return encode({"role": "system", "content": "\n\n".join(texts)})
