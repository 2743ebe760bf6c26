"""What a run has cost so far: added up call by call, and shown while the run goes on."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from synthetic_communities.cli.live import draw
from synthetic_communities.config import Config
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.call_log import CallEntry, CallLog
from synthetic_communities.llm.model import Usage
from synthetic_communities.llm.money.meter import Meter, Spend, spell_spend, spell_usd, spell_usd_range
from synthetic_communities.llm.money.prices import Prices
from synthetic_communities.llm.money.rates import Price
from synthetic_communities.notebook.frames import draw as draw_frame
from synthetic_communities.notebook.frames import draw_end
from synthetic_communities.simulation.many import add_up
from synthetic_communities.simulation.progress import Progress
from synthetic_communities.simulation.watching import Moment
from synthetic_communities.testing.loopback import LoopbackServer

OWN = {"openai:a": {"input": 1.0, "output": 2.0, "cache_read": 0.5}}


class CountedPrices(Prices):
    """Prices that know how often they were asked for one."""

    asked = 0

    def cost(self, model: str, usage: Usage | None) -> float | None:
        CountedPrices.asked += 1
        return super().cost(model, usage)

    def of(self, model: str) -> Price | None:
        return super().of(model)


def call(sent: int | None, written: int | None, *, cached: int = 0, asked: str = "openai:a", **more: Any) -> CallEntry:
    usage = Usage(input_tokens=sent, output_tokens=written, cache_read_tokens=cached)
    return CallEntry("k", "post", asked=asked, outcome="end", model="a", usage=usage, **more)


def read(*entries: CallEntry) -> Spend | None:
    log = CallLog()
    for entry in entries:
        log.note(entry)
    return Meter(log, Prices(OWN)).read()


class TestMeter:
    def test_nothing_was_asked(self) -> None:
        assert read() is None

    def test_money_and_tokens_are_added_up(self) -> None:
        assert read(call(1_000_000, 500_000), call(0, 0, cached=2_000_000)) == Spend(3_500_000, 3.0, 0)

    def test_a_price_that_is_not_known_is_counted_and_not_guessed(self) -> None:
        spend = read(call(1_000_000, 0), call(10, 5, asked="vllm:x"))
        assert spend == Spend(1_000_015, 1.0, 1)

    def test_tokens_that_nobody_counted_have_no_price(self) -> None:
        assert read(call(10, None)) == Spend(10, 0.0, 1)
        assert read(CallEntry("k", "post", asked="openai:a", outcome="end", model="a")) == Spend(0, 0.0, 1)

    def test_what_got_no_reply_cost_nothing(self) -> None:
        assert read(CallEntry("k", "post", asked="openai:a", outcome="timeout")) == Spend()

    def test_what_a_record_answered_is_not_paid_for_again(self) -> None:
        assert read(call(1_000_000, 0, is_recorded=True)) is None
        assert read(call(1_000_000, 0, is_recorded=True), call(0, 1_000_000)) == Spend(1_000_000, 2.0, 0)

    def test_every_call_is_looked_at_once(self) -> None:
        log, CountedPrices.asked = CallLog(), 0
        meter = Meter(log, CountedPrices(OWN))
        for number in range(1, 6):
            log.note(call(1_000_000, 0))
            assert meter.read() == meter.read() == Spend(number * 1_000_000, float(number), 0)
        assert CountedPrices.asked == 5


@pytest.mark.parametrize(
    ("usd", "words"),
    [
        *((0, "0.00 USD"), (0.00001234, "0.000012 USD"), (0.0309, "0.031 USD"), (0.05, "0.050 USD")),
        *((0.0999, "0.10 USD"), (0.1, "0.10 USD"), (0.999, "1.00 USD"), (5, "5.00 USD"), (1234.567, "1,234.57 USD")),
    ],
)
def test_money_in_words(usd: float, words: str) -> None:
    assert spell_usd(usd) == words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        *(
            (0.059, 0.09, "0.059 to 0.090 USD"),
            (0.019, 0.02991, "0.019 to 0.030 USD"),
            (0, 0.0101, "0.000 to 0.011 USD"),
        ),
        *((6.1, 9, "6.10 to 9.00 USD"), (0.4, 1.231, "0.40 to 1.24 USD"), (0.1, 0.1 + 0.2, "0.10 to 0.30 USD")),
        *((6, 6, "about 6.00 USD"), (0.05, 0.05, "about 0.050 USD"), (0, 0, "about 0.00 USD")),
    ],
)
def test_a_range_of_money_in_words(low: float, high: float, words: str) -> None:
    assert spell_usd_range(low, high) == words


def test_the_most_is_not_rounded_down() -> None:
    assert (spell_usd(5.001), spell_usd(5.001, is_most=True)) == ("5.00 USD", "5.01 USD")


def test_what_is_not_priced_is_told_in_tokens() -> None:
    assert spell_spend(Spend(12_345, 0.5, 0)) == "0.50 USD"
    assert spell_spend(Spend(12_345, 0.0, 3)) == "12,345 tokens"
    assert spell_spend(Spend(12_345, 0.5, 3)) == "more than 0.50 USD, 12,345 tokens"


def progress_of(spend: Spend | None) -> Progress:
    progress = Progress(lambda: 0.0)
    progress(Moment(1, 3, "chat_turn", 500, 2000, 20, 0, spend=spend))
    return progress


class TestShown:
    def test_in_a_log(self) -> None:
        line = progress_of(Spend(10, 0.25)).line()
        assert "talk in pairs: 500 of 2,000 acts done, 0.25 USD so far, 20 in flight" in line
        assert "so far" not in progress_of(None).line()

    def test_on_a_terminal_of_80_columns(self) -> None:
        progress = Progress(lambda: 0.0)
        progress(Moment(99, 100, "debate_update", 1_234_567, 2_345_678, 1_000, 3, spend=Spend(10, 9_999.99)))
        console = Console(width=80, force_terminal=True, color_system=None, file=io.StringIO())
        with console.capture() as capture:
            console.print(draw(progress))
        first = capture.get().splitlines()[0].rstrip()
        assert first == "epoch 100 of 100, people weigh what they heard in debates, 9,999.99 USD so far"

    def test_in_a_notebook_and_when_it_has_ended(self) -> None:
        frames = [draw_frame(progress_of(Spend(10, 0.25))), draw_end(progress_of(Spend(10, 0.25)), "complete", Path())]
        for frame in frames:
            assert "0.25 USD so far" in frame.text
            assert "0.25 USD so far" in frame.html
        assert (
            "so far" not in draw_frame(progress_of(None)).text + draw_end(Progress(lambda: 0.0), "failed", Path()).text
        )

    def test_of_several_runs_together(self) -> None:
        moments = [Moment(0, 1, "post", 1, 2, 0, 0, spend=spend) for spend in (Spend(1, 0.5), None, Spend(2, 0.25, 1))]
        assert add_up(moments[0], moments).spend == Spend(3, 0.75, 1)
        assert add_up(moments[1], moments[1:2]).spend is None

    def test_runs_together_are_held_up_where_all_that_go_on_are(self) -> None:
        held, going = Moment(0, 1, "post", 1, 2, 1, 0, held_up="no connection to x"), Moment(0, 1, "post", 1, 2, 1, 0)
        ended = replace(going, in_flight=0)
        assert [add_up(held, [held, other]).held_up for other in (held, ended, going)] == ["no connection to x"] * 2 + [
            ""
        ]


class TestRuns:
    def test_offline_nothing_is_spent_and_nothing_is_told(self, tmp_path: Path) -> None:
        assert {moment.spend for moment in self.watch(tmp_path)} == {None}

    def test_what_is_told_last_is_what_the_run_cost(self, tmp_path: Path) -> None:
        with LoopbackServer(no_auth=True) as server:
            model = {"model": "vllm:small", "base_url": f"{server.url}/v1"}
            moments = self.watch(tmp_path, prices={"vllm:small": {"input": 2.0, "output": 8.0}}, **model)
        spent = [moment.spend.cost_usd for moment in moments if moment.spend is not None]
        assert spent == sorted(spent)
        assert moments[-1].spend is not None
        assert moments[-1].spend.unpriced == 0
        assert spent[-1] == pytest.approx(self.measured["calls"]["cost_usd"])

    def watch(self, folder: Path, **changes: Any) -> list[Moment]:
        engine = GameEngine.from_config(Config.bundled(population_size=2, num_epochs=1, **changes))
        moments: list[Moment] = []
        engine.observer = moments.append
        engine.initialize_simulation_output(folder)
        self.measured = engine.run().measured
        return moments
