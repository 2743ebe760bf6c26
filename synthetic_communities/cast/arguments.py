"""Arguments of verbs called by hand: what means nothing is refused before anybody is asked."""

from ..errors import UsageError


def check_count(name: str, value: object, low: int) -> None:
    """Refuse what is no whole number from `low` up.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise UsageError(f"{name} is {value!r}; give a whole number, at least {low}")


def check_share(name: str, value: object) -> None:
    """Refuse what is no number from 0 to 1.

    Raises:
        UsageError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise UsageError(f"{name} is {value!r}; give a number from 0 to 1")
