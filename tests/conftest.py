"""What every test stands on: no key and no model from outside, and no network but this machine's own."""

import ipaddress
import os
import signal
import socket
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# Where a change is judged, the same examples for everybody; elsewhere new ones every time. How long one takes says
# nothing but how busy the machine is.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", settings.get_profile("patient"), derandomize=True)
settings.load_profile("repeatable" if os.environ.get("CI") else "patient")

# Whoever starts the tests in the background may have them ignore Ctrl-C, which some of them send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What is written here need not outlast a power cut, and waiting for a disk takes longer than many a test. What is
# synced when is tested in `test_lasting_names`; processes that tests start wait for the disk as ever.
os.fsync = lambda descriptor: os.fstat(descriptor) and None

KEYS = ("GEMINI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "ANTHROPIC_BASE_URL")


@pytest.fixture(autouse=True)
def _offline_unless_a_test_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """What existing scripts do without a model named is offline here, in subprocesses too, whatever the machine has."""
    monkeypatch.setenv("SYNTHETIC_COMMUNITIES_MODEL", "offline")
    for variable in (*KEYS, "SYNTHETIC_COMMUNITIES_REQUIRE_LLM"):
        monkeypatch.delenv(variable, raising=False)


def _refuse_other_machines(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and arguments[0].family in (socket.AF_INET, socket.AF_INET6):
        host = arguments[1][0]
        if not _is_own(host):
            raise RuntimeError(f"a test would reach {host}; tests reach nothing but this machine")
    if event == "socket.getaddrinfo" and arguments[0] is not None and not _is_own(arguments[0]):
        raise RuntimeError(f"a test would look up {arguments[0]}; tests reach nothing but this machine")


def _is_own(host: str | bytes) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


sys.addaudithook(_refuse_other_machines)
