"""`python -m synthetic_communities.testing.server`."""

import asyncio
import sys

from .arguments import parse_settings
from .serving import allow_many_connections, serve


def main() -> None:
    """Serve until told to stop, after one line of JSON on stdout that tells where."""
    settings = parse_settings(sys.argv[1:])
    allow_many_connections()
    asyncio.run(serve(settings, _announce))


def _announce(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
