"""Finding the key a provider asks for."""

from collections.abc import Callable, Mapping
from typing import Self

from ...errors import ConfigurationError, Problem
from ..naming import PROVIDERS, Provider
from .key_command import SOURCE


class MissingKeyError(ConfigurationError):
    """A key that is needed and not there.

    Attributes:
        provider: who would be asked with it.
        variable: the variable that should hold it, in words that may be shown.
    """

    def __init__(self, provider: str, variable: str) -> None:
        self.provider, self.variable = provider, variable
        needs = provider in PROVIDERS and PROVIDERS[provider].key_required
        why = "needs a key" if needs else "is to be given a key"
        what = f"{provider} {why}, and {variable} is not set"
        super().__init__([Problem("model", what, "set it in the environment or in a .env file")])

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        """Say how it is made again: it may come from another process."""
        return type(self), (self.provider, self.variable)


def read_environment(variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return `variables` and, for those not among them, what a `.env` in the working directory or above says.

    Raises:
        ConfigurationError: the `.env` cannot be read.
    """
    import dotenv  # late: only whoever looks for a key needs it

    path = ""
    try:
        path = dotenv.find_dotenv(usecwd=True)
        # Not interpolated: a `$` in a key is part of it.
        written = dotenv.dotenv_values(path, interpolate=False) if path else {}
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot be read: {error}"
        remedy = "write lines like GEMINI_API_KEY=..., in UTF-8"
        raise ConfigurationError([Problem(path or ".env", what, remedy)]) from error
    return {**{name: value for name, value in written.items() if value is not None}, **variables}


def find_key(
    provider: Provider,
    environment: Mapping[str, str],
    *,
    api_key_env: str | None = None,
    look_up: Callable[[], str] | None = None,
) -> str | None:
    """Return the key for a provider; None if it takes none, or works without the one it has not.

    Args:
        provider: who is to be asked.
        environment: variables, those of a `.env` among them; see `read_environment`.
        api_key_env: the variable that holds the key; None: the provider's own.
        look_up: returns the key that a command prints; None: the key is in a variable.

    Raises:
        MissingKeyError: the key is missing.
        ConfigurationError: it is no key; the message names the variable, and never shows the key.
    """
    if look_up is not None:
        printed = look_up()
        check_key(printed, SOURCE)
        return printed
    variable = api_key_env or provider.key_variable
    if variable is None:
        return None
    key = environment.get(variable, "").strip()
    if not key:
        if api_key_env is None and not provider.key_required:
            return None
        raise MissingKeyError(provider.name, _shown(variable))
    check_key(key, variable)
    return key


def _shown(variable: str) -> str:
    """Return the name of a variable; not one in small letters, as it may be a key that stands in the wrong place."""
    return "the variable that api_key_env names" if variable != variable.upper() else variable


def check_key(key: str, source: str) -> None:
    """Return if `key` can be one.

    Raises:
        ConfigurationError: it cannot; the message names the source, and does not show the key.
    """
    if not (key.isascii() and key.isprintable() and " " not in key):
        what = f"{source} holds characters that no key has"
        raise ConfigurationError([Problem("model", what, "copy the key again, without quotes or spaces")])
