"""One limiter for each account and model, for everybody in this process who asks it."""

import hashlib
import threading
from typing import TypeAlias
from weakref import WeakValueDictionary

from ..naming import PROVIDERS
from .limiter import Limiter
from .pace import OPENING_RATE
from .shared import SharedLimiter

SDK_OPENING_RATE = 400.0
"""Calls a second at the very beginning where each goes through an SDK: twice as many would take the whole processor,
and a refusal would be heard when most of them are out."""

_Account: TypeAlias = tuple[str, bytes, str]

_limiters: "WeakValueDictionary[_Account, SharedLimiter]" = WeakValueDictionary()
_lock = threading.Lock()


def find_limiter(name: str, url: str, key: str | None, *, most: int) -> SharedLimiter:
    """Return the limiter of this account and model, the same for all who ask while one of them still holds it.

    Args:
        name: the model, as `provider:model`.
        url: where it is reached.
        key: what it is asked with; it is not kept.
        most: how many calls at once whoever asks may make.
    """
    account = url, _digest(key), name
    with _lock:
        found = _limiters.get(account)
        if found is None:
            found = _limiters[account] = build_limiter(name, most=most)
    found.allow(most)
    return found


def build_limiter(name: str, *, most: int) -> SharedLimiter:
    """Return a limiter that nobody else has.

    Args:
        name: the model, as `provider:model`.
        most: how many calls at once may be made.
    """
    return SharedLimiter(name, Limiter(most, opening_rate=_choose_opening_rate(name)))


def _choose_opening_rate(name: str) -> float:
    provider = PROVIDERS.get(name.partition(":")[0])
    return SDK_OPENING_RATE if provider is not None and provider.protocol == "anthropic" else OPENING_RATE


def _digest(key: str | None) -> bytes:
    return b"" if key is None else hashlib.blake2b(key.encode(), digest_size=16).digest()
