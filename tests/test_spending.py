"""Being asked before much is spent: what is decided, what is said, and what a person at a terminal sees."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from synthetic_communities.cli import spending
from synthetic_communities.cli.held import Held, measure_held
from synthetic_communities.cli.main import program
from synthetic_communities.cli.spending import (
    Consent,
    Expense,
    decide,
    expect,
    is_confirmed,
    spell_expense,
    spell_foretold,
    spell_unknown,
)
from synthetic_communities.errors import UsageError
from synthetic_communities.forecast.assumed import Assumed, Span
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.report.replicates import Replicates
from synthetic_communities.testing.loopback import LoopbackServer
from tests.small_communities import SETTINGS, make_attributes, make_config, make_engine
from tests.test_cli import read_terminal

ROOT = Path(__file__).resolve().parent.parent

DEAR = Span(6.0, 9.0)


class Terminal:
    """A stream that says whether it is a terminal, and answers with lines."""

    def __init__(self, *lines: str, is_terminal: bool = True) -> None:
        self._lines = iter(lines)
        self._is_terminal = is_terminal
        self.shown = ""

    def isatty(self) -> bool:
        return self._is_terminal

    def readline(self) -> str:
        return next(self._lines, "")

    def write(self, text: str) -> None:
        self.shown += text

    def flush(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize(
    ("expense", "consent", "at_terminal", "in_a_log"),
    [
        (Expense(0, None), Consent(), "go on", "go on"),
        (Expense(9, None), Consent(), "say", "say"),
        (Expense(9, None), Consent(5, is_given=True), "say", "say"),
        (Expense(9, Span(1.0, 5.0)), Consent(), "go on", "go on"),
        (Expense(9, Span(1.0, 5.01)), Consent(), "ask", "refuse"),
        (Expense(9, Span(1.0, 5.01)), Consent(6.0), "go on", "go on"),
        (Expense(9, DEAR), Consent(5.0, is_given=True), "go on", "go on"),
        (Expense(9, Span(0.0, 0.01)), Consent(0.0), "ask", "refuse"),
        (Expense(None, DEAR), Consent(), "ask", "refuse"),
        (Expense(9, DEAR, limit_usd=5.0), Consent(), "go on", "go on"),
        (Expense(9, DEAR, limit_usd=7.0), Consent(), "ask", "refuse"),
        (Expense(9, None, limit_usd=7.0), Consent(), "ask", "refuse"),
        (Expense(9, Span(1.0, 2.0), uncached_usd=5.01), Consent(), "ask", "refuse"),
        (Expense(9, Span(1.0, 2.0), uncached_usd=5.0), Consent(), "go on", "go on"),
        (Expense(9, Span(1.0, 2.0), uncached_usd=9.0, limit_usd=4.0), Consent(), "go on", "go on"),
        (Expense(9, None, known_usd=DEAR), Consent(), "ask", "refuse"),
        (Expense(9, None, known_usd=DEAR), Consent(is_given=True), "say", "say"),
        (Expense(9, None, known_usd=Span(1.0, 5.0)), Consent(), "say", "say"),
        (Expense(9, None, known_usd=Span(1.0, 2.0), uncached_usd=6.0), Consent(), "ask", "refuse"),
    ],
)
def test_what_is_decided(expense: Expense, consent: Consent, at_terminal: str, in_a_log: str) -> None:
    assert decide(expense, consent, is_at_terminal=True) == at_terminal
    assert decide(expense, consent, is_at_terminal=False) == in_a_log


@pytest.mark.parametrize(
    ("expense", "words"),
    [
        (Expense(1_200, DEAR), "this run will cost 6.00 to 9.00 USD for up to 1,200 calls"),
        (Expense(30, DEAR, runs=3), "these 3 runs will cost 6.00 to 9.00 USD for up to 30 calls"),
        (Expense(137, DEAR, is_exact=True), "this run will cost 6.00 to 9.00 USD for 137 calls"),
        (Expense(None, Span(6, 6)), "this run will cost about 6.00 USD"),
        (Expense(None, DEAR, limit_usd=8), "this run will cost 6.00 to 9.00 USD, limited to 8.00 USD"),
        (Expense(None, None, limit_usd=8), "this run may cost up to 8.00 USD"),
        (
            Expense(30, Span(2, 3), uncached_usd=7, limit_usd=8),
            "this run will cost 2.00 to 3.00 USD for up to 30 calls, up to 7.00 USD if nothing is read from a cache, "
            "limited to 8.00 USD",
        ),
        (
            Expense(30, None, known_usd=DEAR, unpriced=("vllm:m",)),
            "this run will cost at least 6.00 to 9.00 USD for what has a price; the price of vllm:m is not known",
        ),
        (
            Expense(30, None, known_usd=Span(6, 6), uncached_usd=9, unpriced=("vllm:a", "vllm:b")),
            "this run will cost at least about 6.00 USD for what has a price, up to 9.00 USD if nothing is read from a "
            "cache; the price of vllm:a and vllm:b is not known",
        ),
        (Expense(10, DEAR, is_rest=True), "the rest of this run will cost 6.00 to 9.00 USD"),
        (Expense(10, DEAR, runs=3, is_rest=True), "the rest of these 3 runs will cost 6.00 to 9.00 USD"),
    ],
)
def test_in_words(expense: Expense, words: str) -> None:
    assert spell_expense(expense) == words


@pytest.mark.parametrize(
    ("known", "words"), [(Span(0, 0), "this run; the setting"), (DEAR, "this run; what has a price will cost 6.00 to")]
)
def test_what_is_not_known_in_words(known: Span, words: str) -> None:
    told = spell_unknown(Expense(9, None, known_usd=known, unpriced=("vllm:m",)))
    assert told.startswith("The price of vllm:m is not known, so neither is that of this run; ")
    assert words in told
    assert "Similar" not in told


def test_names_with_a_price_like_one_without_are_told() -> None:
    told = spell_unknown(Expense(9, None, unpriced=("openai:gpt-5-minni", "ollama:gpt-5-minni")))
    assert told.startswith("The price of openai:gpt-5-minni and ollama:gpt-5-minni is not known, so neither is")
    assert " limit what is asked. Similar names with a price: openai:gpt-5-mini, openai:gpt-5" in told
    assert "ollama" not in told.partition("Similar")[2]
    assert "Similar" not in spell_unknown(Expense(9, None, unpriced=("openai:my-own-one",)))


@pytest.mark.parametrize(
    ("expense", "words"),
    [
        (
            Expense(202, Span(0.019, 0.0291), minutes=Span(0.8, 3.7), is_exact=True),
            "Foretold: 0.019 to 0.030 USD, 202 calls, 0.8 to 3.7 minutes.",
        ),
        (Expense(9, None, minutes=Span(0.5, 1), known_usd=DEAR), "Foretold: up to 9 calls, 30 to 60 seconds."),
        (Expense(9, DEAR, runs=3), "Foretold: 6.00 to 9.00 USD, up to 9 calls, all 3 runs taken together."),
    ],
)
def test_what_is_foretold_in_words(expense: Expense, words: str) -> None:
    assert spell_foretold(expense) == words


class TestExpectation:
    @pytest.fixture
    def engine(self, monkeypatch: pytest.MonkeyPatch) -> GameEngine:
        def foretell(engine: GameEngine, *, replicates: int, resample: bool) -> Any:
            times = 2 if resample else 1
            return SimpleNamespace(calls=10, cost_usd=Span(2.0, 3.0).scaled(times * replicates), asked=None)

        monkeypatch.setattr(GameEngine, "foretold", foretell)
        return make_engine(make_config())

    def test_several_runs_are_foretold_together(self, engine: GameEngine) -> None:
        assert expect(engine).cost_usd == Span(2.0, 3.0)
        assert expect(engine, runs=4).cost_usd == Span(8.0, 12.0)
        assert expect(engine, runs=4, resample=True).cost_usd == Span(16.0, 24.0)

    def test_what_was_paid_is_not_paid_again(self, engine: GameEngine) -> None:
        assert expect(engine, runs=2, held=Held(4.5)).cost_usd == Span(0.0, 1.5)
        assert expect(engine, held=Held(99.0)).cost_usd == Span(0.0, 0.0)
        assert (expect(engine).is_rest, expect(engine, held=Held(4.5)).is_rest) == (False, True)

    def test_it_is_what_was_foretold(self) -> None:
        price = {"input": 1.0, "output": 10.0, "cache_read": 0.1}
        known = {"model": "vllm:m", "world_story": "A town by the water. " * 200, "prices": {"vllm:m": price}}
        engine = make_engine(make_config(**known))
        expense, rest, asked = expect(engine), expect(engine, held=Held(1e-4)), engine.forecast().asked
        assert asked is not None
        assert asked.uncached_usd is not None
        assert (expense.cost_usd, expense.known_usd) == (asked.cost_usd, Span(0, 0))
        assert expense.uncached_usd == asked.uncached_usd.high
        assert rest.uncached_usd == pytest.approx(asked.uncached_usd.high - 1e-4)
        assert expense.is_assumed
        engine.forecast(Assumed(reply_characters={"post": Span(9, 9)}))
        assert not expect(engine).is_assumed
        partly = expect(make_engine(make_config(**{**known, "candidate_model": "vllm:other"})), held=Held(1e-4))
        assert (partly.cost_usd, partly.unpriced) == (None, ("vllm:other",))
        assert 0 < partly.known_usd.high < (expense.most_usd or 0)
        unpaid = expect(make_engine(make_config(**{**known, "candidate_model": "vllm:other"})))
        assert partly.known_usd.high == pytest.approx(unpaid.known_usd.high - 1e-4)

    @pytest.mark.parametrize(
        ("foreseen", "runs", "told"),
        [(Span(8, 8), 1, (8, True)), (Span(7, 9), 1, (9, False)), (Span(8, 8), 2, (8, False))],
    )
    def test_calls_that_are_known_exactly_are_said_to_be(
        self, monkeypatch: pytest.MonkeyPatch, foreseen: Span, runs: int, told: tuple[int, bool]
    ) -> None:
        asked = SimpleNamespace(calls=foreseen, unpriced=(), uncached_usd=None, minutes=None, assumed=Assumed())
        foretold = SimpleNamespace(calls=10, cost_usd=Span(2.0, 3.0), asked=asked)
        monkeypatch.setattr(GameEngine, "foretold", lambda engine, **_: foretold)
        expense = expect(make_engine(make_config()), runs=runs)
        assert (expense.calls, expense.is_exact) == told

    def test_a_limit_of_each_run_limits_all_of_them(self) -> None:
        engine = make_engine(make_config(max_cost_usd=1.5, prices=PRICES, model="vllm:test", base_url="http://x/v1"))
        assert expect(engine, runs=3, held=Held(2.0, paid_usd=0.5)).limit_usd == 4.0


class TestAsking:
    def answer(self, monkeypatch: pytest.MonkeyPatch, *lines: str) -> tuple[bool, str]:
        shown = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal(*lines))
        monkeypatch.setattr(sys, "stderr", shown)
        return is_confirmed(Expense(9, DEAR), Consent()), shown.shown

    @pytest.mark.parametrize("line", ["y\n", "yes\n", " Y \n", "YES"])
    def test_yes(self, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
        agreed, shown = self.answer(monkeypatch, line)
        assert agreed
        assert shown == "This run will cost 6.00 to 9.00 USD for up to 9 calls. Go on? [y/N] "

    def test_that_replies_are_only_assumed_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown = Terminal()
        monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
        monkeypatch.setattr(sys, "stderr", shown)
        assert is_confirmed(Expense(9, DEAR, is_assumed=True), Consent())
        assert "9 calls. Replies are taken to be short; check --probe measures them. Go on?" in shown.shown

    @pytest.mark.parametrize("line", ["n\n", "\n", "", "yess\n", "on\n"])
    def test_anything_else_is_no(self, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
        agreed, shown = self.answer(monkeypatch, line)
        assert not agreed
        assert shown.endswith("Nothing was run, and nothing was spent.\n")

    @pytest.mark.parametrize("which", ["stdin", "stderr"])
    def test_where_nobody_can_be_asked_the_option_is_named(self, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
        for name in ("stdin", "stderr"):
            monkeypatch.setattr(sys, name, Terminal("y\n", is_terminal=name != which))
        with pytest.raises(UsageError, match=r"cost 6.00 to 9.00 USD .*is more than 5.00 USD .*add --yes"):
            is_confirmed(Expense(9, DEAR), Consent())

    @pytest.mark.parametrize(
        "expense",
        [
            Expense(9, Span(5.0, 9.0)),
            Expense(9, Span(6.0, 9.0), limit_usd=7.0),
            Expense(9, None, limit_usd=6.0),
            Expense(9, None, known_usd=Span(4.0, 6.0)),
        ],
    )
    def test_what_only_may_be_more_is_told_so(self, monkeypatch: pytest.MonkeyPatch, expense: Expense) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        why = "is more than" if expense.cost_usd == Span(6.0, 9.0) else "may be more than"
        with pytest.raises(UsageError, match=f"; that {why} 5.00 USD"):
            is_confirmed(expense, Consent())

    @pytest.mark.parametrize(
        ("limit", "way_out"), [(None, "limit it by --max-cost-usd"), (7.0, "set a lower --max-cost-usd")]
    )
    def test_who_is_limited_already_is_told_of_a_lower_limit(
        self, monkeypatch: pytest.MonkeyPatch, limit: float | None, way_out: str
    ) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        with pytest.raises(UsageError, match=f"add --yes to go on all the same, or {way_out}$"):
            is_confirmed(Expense(9, DEAR, limit_usd=limit), Consent())

    def test_without_streams_nobody_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        with pytest.raises(UsageError):
            is_confirmed(Expense(9, DEAR), Consent())


PEOPLE = 3
PRICES = {"vllm:test": {"input": 20_000.0, "output": 20_000.0}}
"""So dear that any run of it costs more than is spent without asking."""


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(no_auth=True) as started:
        yield started


@pytest.fixture
def town(server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration of a small town with a dear model, in the working directory."""
    monkeypatch.chdir(tmp_path)
    people = [json.dumps({"id": f"p{number}", **make_attributes(number)}) for number in range(PEOPLE)]
    Path("people.jsonl").write_text("\n".join(people), encoding="utf-8")
    server.reset()
    return write_town(server, prices=PRICES)


def write_town(server: LoopbackServer, **changes: Any) -> Path:
    model = {"model": "vllm:test", "base_url": f"{server.url}/v1", "population_file": "people.jsonl"}
    settings = {**SETTINGS, "population_size": PEOPLE, "num_epochs": 1, **model, **changes}
    Path("town.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    return Path("town.yaml")


def call(*arguments: str | Path) -> Result:
    """Run the command in this process; nobody is at a terminal."""
    runner = CliRunner(env={"COLUMNS": "80"})
    return runner.invoke(program, [str(each) for each in arguments], catch_exceptions=False)


def left_behind() -> list[str]:
    return sorted(path.name for path in Path().iterdir() if path.name not in ("people.jsonl", "town.yaml"))


class TestCommand:
    @pytest.mark.parametrize("options", [(), ("--replicates", "3"), ("--confirm-above", "0.5")])
    def test_what_is_dear_needs_yes(self, server: LoopbackServer, town: Path, options: tuple[str, ...]) -> None:
        result = call("run", town, *options)
        assert result.exit_code == 2
        assert "--yes" in result.stderr
        assert ("these 3 runs will cost" if "--replicates" in options else "this run will cost") in result.stderr
        assert (server.stats()["calls"], left_behind()) == (0, [])

    @pytest.mark.parametrize("options", [("--yes",), ("--confirm-above", "1e9"), ("--max-cost-usd", "5")])
    def test_what_is_agreed_to_is_run(self, town: Path, options: tuple[str, ...]) -> None:
        result = call("run", town, *options)
        assert result.exit_code in (0, 4)
        assert left_behind() == ["data"]
        if result.exit_code == 0:
            assert re.search(r"[^\n]\n\nTokens and cost ", result.stdout)
            assert re.search(r"[^\n]\n\nForetold and measured ", result.stdout)
        told = [line for line in result.stderr.splitlines() if line.startswith("Foretold: ")]
        assert told == [result.stderr.splitlines()[0]]
        assert re.fullmatch(r"Foretold: [\d.,]+ to [\d.,]+ USD, \d+ calls, \d+ to \d+ seconds\.", told[0])

    def test_a_price_that_is_not_known_is_told_and_stops_nothing(self, server: LoopbackServer, town: Path) -> None:
        result = call("run", write_town(server), "--replicates", "2")
        assert result.exit_code == 0
        assert "The price of vllm:test is not known, so neither is that of these 2 runs;" in result.stderr
        assert re.search(
            r"^Foretold: up to \d+ calls, \d+ to \d+ seconds, all 2 runs taken together\.$", result.stderr, re.M
        )

    def test_offline_nothing_is_asked_and_nothing_is_told(self, town: Path) -> None:
        settings = yaml.safe_load(town.read_text("utf-8"))
        kept = {name: value for name, value in settings.items() if name not in ("model", "base_url", "prices")}
        town.write_text(yaml.safe_dump({**kept, "model": "offline"}), encoding="utf-8")
        result = call("run", town, "--confirm-above", "0")
        assert (result.exit_code, result.stderr) == (0, "")

    @pytest.mark.parametrize("amount", ["-1", "nan", "much"])
    def test_what_is_no_amount_is_refused(self, town: Path, amount: str) -> None:
        result = call("run", town, "--confirm-above", amount)
        assert result.exit_code == 2
        assert "--confirm-above" in result.stderr

    def test_from_python_nobody_is_asked(self, town: Path) -> None:
        assert GameEngine.from_config(town).run().is_complete


class TestResuming:
    def test_what_is_left_of_a_run_is_what_it_costs(self, server: LoopbackServer, town: Path) -> None:
        path = self.break_off(town, "--max-calls", "12")
        held = measure_held([path], GameEngine.from_run(path).config)
        paid = held.usd
        assert paid == held.paid_usd > 5
        whole = expect(GameEngine.from_config(town)).cost_usd
        refused = call("resume", path, "--max-calls", "999")
        assert refused.exit_code == 2
        assert whole is not None
        left = spending.spell_usd(max(0.0, whole.high - paid), is_most=True)
        assert f"to {left}" in refused.stderr or f"about {left}" in refused.stderr
        assert call("resume", path, "--max-calls", "999", "--yes").exit_code == 0
        assert call("resume", path).exit_code == 0, "nothing is left that would cost anything"

    def test_of_replicates_those_that_are_left(self, town: Path) -> None:
        call("run", town, "--yes", "--max-calls", "40", "--replicates", "2")
        (folder,) = Path("data/simulation").iterdir()
        left = sum(row["status"] != "complete" for row in Replicates(folder).rows)
        assert left
        refused = call("resume", folder, "--max-calls", "999")
        assert refused.exit_code == 2
        assert ("these 2 runs" if left == 2 else "this run") in refused.stderr
        assert call("resume", folder, "--max-calls", "999", "--yes").exit_code == 0
        assert call("resume", folder).exit_code == 0

    def break_off(self, town: Path, *options: str) -> Path:
        assert call("run", town, "--yes", *options).exit_code == 4
        (path,) = Path("data/simulation").iterdir()
        return path


@pytest.mark.parametrize(("typed", "status"), [("y\n", 0), ("n\n", 1), ("\x03", 130)])
def test_at_a_terminal(town: Path, typed: str, status: int) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "synthetic_communities", "run", str(town)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "TERM": "xterm"},
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: take_terminal(slave),
        text=True,
    ) as process:
        os.close(slave)
        shown = ""
        while "Go on? [y/N] " not in shown:
            shown += os.read(master, 4096).decode(errors="replace")
        os.write(master, typed.encode())
        shown += "".join(read_terminal(master))
        assert process.stdout is not None
        stdout = process.stdout.read()
    os.close(master)

    assert process.returncode == status
    assert "This run will cost " in shown
    assert stdout.startswith("Run directory: ") == (status == 0)
    assert ("Nothing was run, and nothing was spent." in shown) == (status == 1)
    assert left_behind() == (["data"] if status == 0 else [])


def take_terminal(slave: int) -> None:
    """Make a terminal that of this process, so that what is typed there reaches it as signals too."""
    import fcntl
    import termios

    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
