"""Sessions of aiohttp, and transports for httpx and httpx2 over it: their own cost ten times as much under load."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...errors import ConfigurationError, Problem
from ..json_shapes import well_formed

if TYPE_CHECKING:
    import ssl

    import aiohttp
    import httpx
    import httpx2

MAX_CONNECTIONS = 1_000
"""How many connections there may be at once, where nobody says otherwise."""

_KEEPALIVE_SECONDS = 15.0
OWN_MACHINE = ("localhost", "127.0.0.1", "::1")


def build_httpx_transport(base_url: str, max_connections: int) -> "httpx.AsyncBaseTransport":
    """Return a transport for httpx.

    Args:
        base_url: where it is to lead.
        max_connections: how many connections there may be at once.
    """
    # Late, as everywhere: httpx and aiohttp together take a third of a second to import.
    import httpx
    from httpx_aiohttp import AiohttpTransport

    proxy = find_proxy(base_url)
    verify = _choose_roots(base_url, proxy)
    transport = AiohttpTransport(verify=verify, proxy=httpx.Proxy(proxy) if proxy else None)
    transport.client = lambda: _open_session(transport.ssl_context, max_connections)
    return transport


def build_httpx2_transport(base_url: str, max_connections: int) -> "httpx2.AsyncBaseTransport":
    """Return a transport for httpx2.

    Args:
        base_url: where it is to lead.
        max_connections: how many connections there may be at once.
    """
    import httpx2
    from httpx_aiohttp.httpx2 import AiohttpTransport

    proxy = find_proxy(base_url)
    verify = _choose_roots(base_url, proxy)
    transport = AiohttpTransport(verify=verify, proxy=httpx2.Proxy(proxy) if proxy else None)
    transport.client = lambda: _open_session(transport.ssl_context, max_connections)
    return transport


def open_session(base_url: str, max_connections: int, *, headers: Mapping[str, str]) -> "aiohttp.ClientSession":
    """Return a session that leads to one server, through the proxy that the system names for it.

    Args:
        base_url: where it is to lead.
        max_connections: how many connections there may be at once.
        headers: sent with every request.
    """
    import httpx

    proxy = find_proxy(base_url)
    ssl_context = httpx.create_ssl_context(verify=_choose_roots(base_url, proxy))
    return _open_session(ssl_context, max_connections, headers=headers, proxy=proxy, auto_decompress=False)


def _choose_roots(base_url: str, proxy: str | None) -> "ssl.SSLContext | bool":
    """Return whose certificates are believed; True: those of the well-known authorities, or of `SSL_CERT_FILE`.

    Loading them takes longer than a call. Where nothing is encrypted none are loaded, and nobody would be believed.
    """
    if proxy is not None or not base_url.startswith("http://"):
        return True
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _open_session(ssl_context: "ssl.SSLContext", max_connections: int, **settings: Any) -> "aiohttp.ClientSession":
    """Return a session of our own: the transport's would open 100 connections at most if it were told of no limit.

    It takes no cookies: one that ties a client to one machine of many would tie all calls of a run to it.
    """
    import aiohttp

    connector = aiohttp.TCPConnector(limit=max_connections, keepalive_timeout=_KEEPALIVE_SECONDS, ssl=ssl_context)
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), response_class=_make_response_class(), **settings
    )


@lru_cache(maxsize=1)
def _make_response_class() -> "type[aiohttp.ClientResponse]":
    """Return responses whose status comes with words that are text: the transports fail over others in mid-air."""
    import aiohttp

    class WellFormedResponse(aiohttp.ClientResponse):
        """A response whose reason, which httpx takes in ASCII only, can be handed on."""

        async def start(self, connection: Any) -> aiohttp.ClientResponse:
            """Read the head of the reply, and mend its reason where there is none, or one beyond ASCII."""
            started = await super().start(connection)
            if self.reason is None or not self.reason.isascii():
                self.reason = well_formed(self.reason or "")
            return started

    return WellFormedResponse


def find_proxy(base_url: str) -> str | None:
    """Return the proxy that the system names for an address, None if it names none; there is none to this machine.

    Raises:
        ConfigurationError: it names one that aiohttp cannot talk to; the message does not show it, as it may hold a
            password.
    """
    from urllib.request import getproxies, proxy_bypass  # late: it brings all of `http` and `email` along

    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if host in OWN_MACHINE or proxy_bypass(host):
        return None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    fault = _fault_of_proxy(proxy)
    if fault:
        what = f"a proxy {fault} is set for {host}, and only HTTP proxies are known here"
        raise ConfigurationError([Problem("proxy", what, f"add {host} to no_proxy, or set {parts.scheme}_proxy")])
    return proxy


def _fault_of_proxy(proxy: str) -> str:
    """Return why aiohttp cannot talk to a proxy, an empty string if it can; the address itself is not shown."""
    speaks = proxy.partition(":")[0]
    if speaks.lower() not in ("http", "https"):
        return f"that speaks {speaks}"
    try:
        parts = urlsplit(proxy)
        (parts.hostname or "").encode("idna")
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none among them, which is where a password with a slash in it ends up
        is_address = False
    return "" if is_address else "whose address is none"
