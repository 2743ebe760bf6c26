"""Keys of tasks: how an id stands in them."""


def key_part(identifier: object) -> str:
    """Return an id as it stands in a key: `/`, `+` and `%` escaped, so that no id can look like another's task."""
    return str(identifier).replace("%", "%25").replace("/", "%2F").replace("+", "%2B")


def ballot_key(persona_id: str) -> str:
    """Return the key of the task in which somebody votes."""
    return f"ballot/{key_part(persona_id)}"
