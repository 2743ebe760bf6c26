"""Short names for texts and requests: equal ones have the same, and different ones do not."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b

from ..model import ModelRequest, ReplyFormat

DIGEST_BYTES = 16

REMEMBERED_TEXTS = 2_048
"""Texts whose digest is remembered: what many calls share is hashed once."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A request in short.

    Attributes:
        request: digest of everything that is asked, the model's name included.
        settings: what is asked besides texts, as JSON.
        model: the name of the model that is asked.
        system: digests of the texts of the system message, one after the other.
        user: those of the user message.
    """

    request: bytes
    settings: str
    model: str = field(kw_only=True)
    system: bytes = field(kw_only=True)
    user: bytes = field(kw_only=True)


def fingerprint(model: str, request: ModelRequest) -> Fingerprint:
    """Return a request in short.

    Args:
        model: the name of the model that is asked.
        request: what it is asked.
    """
    warmth = None if request.temperature is None else request.temperature + 0.0  # 1 and 1.0 are one, and told as one
    settings = _spell_settings(
        model, request.max_output_tokens, warmth, request.effort, request.seed, _Same(request.reply_format)
    )
    system, user = _digest_all(request.system), _digest_all(request.user)
    where = len(system).to_bytes(4, "big")  # so that a text cannot move from one message to the other
    whole = blake2b(digest_text(settings) + where + system + user, digest_size=DIGEST_BYTES).digest()
    return Fingerprint(whole, settings, model=model, system=system, user=user)


@lru_cache(maxsize=REMEMBERED_TEXTS)
def digest_text(text: str) -> bytes:
    """Return the digest of a text."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=DIGEST_BYTES).digest()


def split_digests(digests: bytes) -> list[bytes]:
    """Return digests that were written one after the other."""
    return [digests[start : start + DIGEST_BYTES] for start in range(0, len(digests), DIGEST_BYTES)]


def _digest_all(texts: Iterable[str]) -> bytes:
    return b"".join(map(digest_text, texts))


class _Same:
    """A reply format, known again by being the same object: schemas cannot be hashed, and a run has few."""

    __slots__ = ("reply_format",)

    def __init__(self, reply_format: ReplyFormat | None) -> None:
        self.reply_format = reply_format

    def __hash__(self) -> int:
        return id(self.reply_format)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.reply_format is self.reply_format


@lru_cache(maxsize=256)
def _spell_settings(
    model: str, room: int, temperature: float | None, effort: str | None, seed: int | None, form: _Same
) -> str:
    """Return what is asked besides texts, always written in the same way."""
    shape = form.reply_format
    settings = {
        "model": model,
        "max_output_tokens": room,
        "temperature": temperature,
        "effort": effort,
        "seed": seed,
        "reply_format": None if shape is None else {"name": shape.name, "schema": shape.schema},
    }
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))
