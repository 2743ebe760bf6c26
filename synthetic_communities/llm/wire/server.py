"""Where a model is asked, and what a message about it says."""

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from ...errors import ConfigurationError, Problem
from ..json_shapes import well_formed

SHOWN_CHARACTERS = 300
"""How much of what a server said is shown in a message."""

CHECK_NAMES = "check the model's name and base_url"
"""What to do where a model is not known, unless its server has a command for that."""

CHECK_PATH = f"{CHECK_NAMES}, which usually ends in /v1 for servers of this kind"
"""The same where the address looks as if a part were missing."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a model is asked.

    Attributes:
        name: `provider:model`, as asked for.
        url: where it is reached, without a slash at the end.
        key: what it is asked with; None: nothing. It never appears in a message.
        key_variable: the environment variable, or what else, the key came from; None if it takes no key.
        start_command: what to type where nobody listens; None: nothing to type.
        get_command: what to type where the model is not known; None: nothing to type.
        is_versioned: whether addresses of its kind usually end in a version, `/v1`.
    """

    name: str
    url: str
    key: str | None = field(default=None, kw_only=True, repr=False)
    key_variable: str | None = field(default=None, kw_only=True)
    start_command: str | None = field(default=None, kw_only=True)
    get_command: str | None = field(default=None, kw_only=True)
    is_versioned: bool = field(default=False, kw_only=True)

    @property
    def model_remedy(self) -> str:
        """What to do where the model, or the path, is not known."""
        if self.get_command:
            return f"to get it, type: {self.get_command}"
        lacks_version = self.is_versioned and not re.search(r"/v\d", urlsplit(self.url).path)
        return CHECK_PATH if lacks_version else CHECK_NAMES

    def shown(self, said: str) -> str:
        """Return what it said as it may be shown: shortened, and without the key."""
        if self.key:
            said = said.replace(self.key, "[key]")
        said = " ".join(well_formed(said).split())
        return said if len(said) <= SHOWN_CHARACTERS else said[: SHOWN_CHARACTERS - 3] + "..."


def parse_base_url(text: str) -> str:
    """Return a base URL without the slash at its end.

    Raises:
        ConfigurationError: it is no address of a server.
    """
    fault = _fault_of(text)
    if fault:
        what = f"{_without_secrets(text)!r} {fault}"
        raise ConfigurationError([Problem("base_url", what, "write it like http://localhost:8000/v1")])
    return text.rstrip("/")


def _without_secrets(text: str) -> str:
    """Return an address without what may be a password in it, or a key."""
    return re.sub(r"[?#].*", "?...", re.sub(r"//.*@", "//...@", text, flags=re.DOTALL), flags=re.DOTALL)


def _fault_of(text: str) -> str:
    try:
        parts = urlsplit(text)
        port_is_wrong = parts.port == 0
        (parts.hostname or "").encode("idna")  # what cannot be asked of a name server fails with no word of why
    except ValueError:
        return "is no address"
    if parts.scheme not in ("http", "https") or not parts.hostname or port_is_wrong:
        return "is no address of a server"
    if any(character.isspace() for character in text):
        return "holds spaces"
    return _superfluous(parts)


def _superfluous(parts: SplitResult) -> str:
    if parts.username is not None:
        return "holds a user name; a key belongs in the variable that api_key_env names"
    return "holds a query" if parts.query or parts.fragment else ""
