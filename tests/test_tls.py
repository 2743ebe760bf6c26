"""HTTPS to this machine: whose certificate is believed, that nothing turns that off, and what is said of plain HTTP."""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from synthetic_communities.llm import stack
from synthetic_communities.llm.failures import ModelUnavailableError
from synthetic_communities.llm.wire.over_aiohttp import build_httpx2_transport, build_httpx_transport
from tests.bad_servers import BadServer, Peer
from tests.model_calls import KEY, ask, make_model

CERTIFICATE = Path(__file__).parent / "certificates" / "loopback.pem"
"""Of 127.0.0.1, signed by itself, with its key; good for nothing but these tests."""

NAMES = ("openai:gpt-x", "anthropic:claude-haiku-5-5", "ollama:llama3")

SWITCHES = {
    "PYTHONHTTPSVERIFY": "0",
    "CURL_CA_BUNDLE": "",
    "REQUESTS_CA_BUNDLE": "",
    "SSL_VERIFY": "false",
    "NODE_TLS_REJECT_UNAUTHORIZED": "0",
    "GIT_SSL_NO_VERIFY": "1",
}
"""Variables that turn verification off in other programs."""

PACKAGE = Path(stack.__file__).parents[1]


@pytest.fixture(scope="module")
def certificate() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


@pytest.fixture
def server(certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[BadServer]:
    """A server over HTTPS, and no variable of the machine that says whom to believe."""
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    with BadServer(Peer.answer, tls=certificate) as running:
        yield running


def ask_it(server: BadServer, name: str) -> str:
    base_url = f"{server.url}/v1" if name.startswith("openai:") else server.url
    return ask(make_model(name, base_url=base_url, transport=None)).text


@pytest.mark.parametrize("name", NAMES)
def test_a_certificate_of_nobody_known_is_refused_and_nothing_is_sent(
    name: str, server: BadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in SWITCHES.items():
        monkeypatch.setenv(variable, value)
    told = f"the certificate of {server.url}(/v1)? is not believed .*, and nothing was sent; check .* SSL_CERT_FILE"
    with pytest.raises(ModelUnavailableError, match=told):
        ask_it(server, name)
    assert server.asks == []


@pytest.mark.parametrize("name", NAMES)
def test_a_certificate_of_one_own_authority_is_believed(
    name: str, server: BadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    assert ask_it(server, name) == "Hello."
    assert len(server.asks) == 1


@pytest.mark.parametrize("build", [build_httpx_transport, build_httpx2_transport])
@pytest.mark.parametrize("address", ["http://localhost:1", "https://localhost:1", "HTTP://localhost:1"])
def test_a_context_that_believes_everybody_is_made_nowhere(build: object, address: str) -> None:
    context = build(address, 1).ssl_context  # type: ignore[operator]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    "word",
    [r"verify\s*=\s*False", "CERT_NONE", r"check_hostname\s*=\s*False", r"ssl\s*=\s*False", "_create_unverified"],
)
def test_no_module_turns_it_off(word: str) -> None:
    files = [*PACKAGE.rglob("*.py")]
    assert len(files) > 200
    assert [file.name for file in files if re.search(word, file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("address", "key", "is_told"),
    [
        ("http://gpu-box.example:8000/v1", KEY, True),
        ("http://gpu-box.example:8001/v1", None, False),
        ("http://127.0.0.1:8000/v1", KEY, False),
        ("http://localhost:8000/v1", KEY, False),
        ("https://gpu-box.example:8000/v1", KEY, False),
    ],
)
def test_a_key_that_goes_elsewhere_unencrypted_is_warned_of_once(
    address: str, key: str | None, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stack._tell_unencrypted.cache_clear()
    with caplog.at_level(logging.WARNING, logger="synthetic_communities"):
        for _ in range(2):
            make_model("openai-compatible:m", base_url=address, api_key=key)
    assert [f"the key goes to {address} unencrypted" in said for said in caplog.messages] == [True] * is_told
    assert KEY not in caplog.text
