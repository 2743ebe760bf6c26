"""What it means that no connection came about: to be tried again, or never to come about."""

import socket
import ssl
from collections.abc import Awaitable, Iterator

from ..failures import CallError, ModelUnavailableError, NotReachedError
from .answers import HttpAnswer
from .server import Server


async def reach(server: Server, asking: Awaitable[HttpAnswer]) -> HttpAnswer:
    """Return what a server answers.

    Args:
        server: who is asked.
        asking: sends the request, and is named after what went wrong, as `transport.name_failure` does.

    Raises:
        CallError: there is no answer; `NotReachedError` if no connection came about.
        ModelUnavailableError: its certificate is not believed, so that nothing is ever sent.
    """
    try:
        return await asking
    except CallError as error:
        meaning = explain_connection(error, server)
        if meaning is None:
            raise
        raise meaning from error


def explain_connection(error: CallError, server: Server) -> NotReachedError | ModelUnavailableError | None:
    """Return what a connection that never came about means; None if it is something else that failed."""
    # Late: with aiohttp half the start of the program would be spent, and whoever gets here has it.
    import aiohttp

    if error.kind != "connection":
        return None
    never = (
        aiohttp.ClientConnectorError,
        aiohttp.ClientHttpProxyError,
        aiohttp.ConnectionTimeoutError,
        aiohttp.InvalidURL,
        ConnectionRefusedError,
        socket.gaierror,
    )
    led_to = [*_led_to(error)]
    certificate = [earlier for earlier in led_to if isinstance(earlier, ssl.SSLCertVerificationError)]
    if certificate:
        return ModelUnavailableError(_about_certificate(certificate[-1], server))  # the last is that of Python itself
    if not any(isinstance(earlier, never) for earlier in led_to):
        return None
    start = f"that it runs ({server.start_command})" if server.start_command else "that it runs"
    return NotReachedError(
        error.detail, where=server.url, remedy=f"check base_url, {start}, and the network or proxy on the way there"
    )


def _about_certificate(error: ssl.SSLCertVerificationError, server: Server) -> str:
    why = getattr(error, "verify_message", "") or str(error)
    return (
        f"{server.name}: the certificate of {server.url} is not believed ({server.shown(why)}), and nothing was sent; "
        "check base_url and the clock of this machine, or name the file with the certificate of its authority in "
        "SSL_CERT_FILE"
    )


def _led_to(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that led to it, each once."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__
