"""Whole runs whose server is not there, or whose certificate is not believed: they stop and say what to look at."""

from __future__ import annotations

import json
import sqlite3
import ssl
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm import stack
from synthetic_communities.llm.failures import ModelUnavailableError
from synthetic_communities.llm.journal.journal import JOURNAL
from synthetic_communities.rerunning import resume_run
from synthetic_communities.simulation.watching import Moment
from synthetic_communities.testing.loopback import LoopbackServer
from tests.bad_servers import BadServer, Peer
from tests.model_communities import MODELS, read_usage, run_engine, set_keys, use_policy
from tests.patience import find_lasting_port
from tests.small_communities import make_attributes, make_config, read_record
from tests.test_tls import CERTIFICATE

PEOPLE = 3
TRIES = 3
SMALL: dict[str, Any] = {"num_epochs": 1, "turns_per_question": 1, "num_rounds_mean": 1, "max_concurrent": 100}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys, few tries without long waits, and no variable of the machine that says whom to believe."""
    set_keys(monkeypatch)
    assert stack.RetryPolicy, "loaded before it is replaced where it is looked up"
    use_policy(monkeypatch, max_tries=TRIES)
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)


def build_town(url: str, protocol: str, folder: Path, **changes: Any) -> GameEngine:
    """Return a community of few people, all of whom ask the server at this address."""
    file = folder / "people.jsonl"
    lines = [json.dumps({"id": f"p{number}", **make_attributes(number)}) for number in range(PEOPLE)]
    file.write_text("\n".join(lines), encoding="utf-8")
    base_url = f"{url}/v1" if protocol == "openai" else url
    config = make_config(PEOPLE, model=MODELS[protocol], base_url=base_url, **{**SMALL, **changes})
    return GameEngine.from_config(config.changed(population_file=str(file)))


def count_tries(engine: GameEngine) -> Counter[str]:
    """Return key to how many tries of its call failed; of a run that did not begin there are none."""
    assert engine.simulation_dir is not None
    path = engine.simulation_dir / JOURNAL
    if not path.exists():
        return Counter()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        return Counter(row[0] for row in journal.execute("SELECT key FROM failed_tries"))


@pytest.mark.parametrize("protocol", MODELS)
def test_a_server_that_is_gone_before_the_first_call_stops_a_run_of_few_people(protocol: str, tmp_path: Path) -> None:
    async def answer_and_leave(peer: Peer) -> None:
        server.hang_up()
        await peer.answer(b"{}", "connection: close")
        raise ConnectionResetError

    with BadServer(Peer.answer, lookups=answer_and_leave) as server:
        engine = build_town(server.url, protocol, tmp_path)
        if protocol == "openai":  # a provider of which nothing is asked beforehand
            server.hang_up()
        told = f"no connection to {engine.config.base_url} came about, .* no call has succeeded so far .*check base_url"
        with pytest.raises(ModelUnavailableError, match=told):
            run_engine(engine, tmp_path)
    assert server.asks == []
    assert read_usage(engine)["status"] == "failed"
    tries = count_tries(engine)
    assert max(tries.values()) == TRIES
    assert sum(tries.values()) <= TRIES * 20


@pytest.mark.parametrize("protocol", MODELS)
def test_a_run_that_it_stopped_goes_on_when_the_server_is_there(protocol: str, tmp_path: Path) -> None:
    port = find_lasting_port()
    with LoopbackServer(port=port) as server:
        undisturbed = run_engine(build_town(server.url, protocol, tmp_path), tmp_path / "undisturbed")
        calls = server.stats()["calls"]
    engine = build_town(server.url, protocol, tmp_path)
    with pytest.raises(ModelUnavailableError, match=f"(no connection to|nobody listens at) {server.url}"):
        run_engine(engine, tmp_path / "stopped")
    assert engine.simulation_dir is not None
    with LoopbackServer(port=port) as again:
        result = resume_run(engine.simulation_dir)
        assert again.stats()["calls"] == calls
    assert read_record(result.path) == read_record(undisturbed.path)


def test_a_server_that_goes_later_stops_a_run_of_few_people_which_goes_on_when_it_is_back(tmp_path: Path) -> None:
    told = set()

    def leave(moment: Moment) -> None:
        told.add(moment.held_up)
        if moment.done == 4 and moment.in_flight == 0:
            leaving.close()

    port = find_lasting_port()
    with LoopbackServer(port=port) as server, ExitStack() as leaving:
        undisturbed = run_engine(build_town(server.url, "openai", tmp_path), tmp_path / "undisturbed")
        calls = server.stats()["calls"]
        leaving.callback(server.__exit__, None, None, None)
        engine = build_town(server.url, "openai", tmp_path, max_concurrent=1)
        engine.observer = leave
        why = f"no connection to {server.url}/v1 came about, however often it was tried, in 3 calls in a row"
        with pytest.raises(ModelUnavailableError, match=why):
            run_engine(engine, tmp_path / "stopped")
    assert {"", "no connection to openai"} <= told
    assert read_usage(engine)["status"] == "failed"
    assert engine.simulation_dir is not None
    with LoopbackServer(port=port) as again:
        result = resume_run(engine.simulation_dir, retry_failures=True)
        assert again.stats()["calls"] == calls - 4
    assert read_record(result.path) == read_record(undisturbed.path)


@pytest.mark.parametrize("protocol", MODELS)
def test_a_certificate_that_is_not_believed_stops_a_run_at_the_first_try(protocol: str, tmp_path: Path) -> None:
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.load_cert_chain(CERTIFICATE)
    with BadServer(Peer.answer, tls=certificate) as server:
        engine = build_town(server.url, protocol, tmp_path)
        with pytest.raises(ModelUnavailableError, match=f"the certificate of {server.url}(/v1)? is not believed"):
            run_engine(engine, tmp_path)
    assert server.asks == []
    assert set(count_tries(engine).values()) <= {1}
    assert (protocol == "openai") == bool(count_tries(engine)), "of the others something is asked beforehand"
    assert read_usage(engine)["status"] == "failed"
