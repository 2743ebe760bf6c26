"""What is looked at when a model is opened, before the first call is made."""

import asyncio

from ..failures import CallError, ModelUnavailableError
from ..wire.connections import Connections
from ..wire.reaching import reach
from ..wire.server import Server

OPENING_SECONDS = 15.0
"""How long what is looked at may take in all."""


async def check_somebody_listens(connections: Connections, path: str, server: Server) -> None:
    """Return if anything at all is answered there.

    Raises:
        ModelUnavailableError: nobody listens, its certificate is not believed, or nothing comes.
    """
    try:
        async with asyncio.timeout(OPENING_SECONDS):
            await reach(server, connections.get(path))
    except TimeoutError as error:
        raise no_answer(server) from error
    except CallError as error:
        if error.kind == "connection":
            raise nobody_listens(server, error) from error


def nobody_listens(server: Server, error: CallError) -> ModelUnavailableError:
    """Return the error of a server that is not there."""
    remedy = f"start it with: {server.start_command}" if server.start_command else "check base_url"
    return ModelUnavailableError(f"{server.name}: nobody listens at {server.url}; {remedy} ({error.detail})")


def no_answer(server: Server) -> ModelUnavailableError:
    """Return the error of a server that is there and says nothing."""
    waited = f"within {OPENING_SECONDS:g} s"
    return ModelUnavailableError(
        f"{server.name}: no answer from {server.url} {waited}; check that it is the server meant"
    )
