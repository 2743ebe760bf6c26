"""The opening that replicates share: each question asked once, nobody left waiting, the order of no consequence."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.config import Config
from synthetic_communities.errors import RecordError, RunStoppedError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.llm.failures import CallError, ModelUnavailableError
from synthetic_communities.llm.journal import shared, writer
from synthetic_communities.llm.journal.file import open_to_read
from synthetic_communities.llm.journal.journal import JOURNAL, Journal, journaling
from synthetic_communities.llm.journal.journaled import Journaled
from synthetic_communities.llm.journal.shared import SharedOpening
from synthetic_communities.llm.journal.writer import JournalWriter
from synthetic_communities.llm.model import Call, ModelReply, ModelRequest
from synthetic_communities.llm.money.budgeted import Budgeted, Counted
from synthetic_communities.minds.llm.mind import LLMMind
from synthetic_communities.report.replicates import Replicates
from synthetic_communities.rerunning import replay_run, resume_replicates, resume_run, verify_run
from synthetic_communities.runs.directory import BELIEFS, PLAN, USAGE
from synthetic_communities.testing.models import Reply, ScriptedModel
from synthetic_communities.testing.virtual_time import run_in_virtual_time
from tests.small_communities import lines_of, make_attributes, make_config, read_record

NAME = "openai:gpt-5-mini"
PEOPLE = 3
OPENING = PEOPLE + 2
"""Calls of the opening where none is repeated: people and candidates state where they stand."""


@pytest.fixture(autouse=True)
def _gather_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "GATHER_SECONDS", 0.0)


class Fickle(ScriptedModel):
    """A model that never says the same thing twice, answers in any order, and fails some."""

    def __init__(self, seed: int, failing: Iterable[str] = (), ends_after: int | None = None) -> None:
        super().__init__(self._decide_anew, name=NAME)
        self._draw = random.Random(seed)
        self._failing = tuple(failing)
        self._ends_after = ends_after

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        await asyncio.sleep(self._draw.uniform(0.1, 3.0))
        return await super().reply(request, call)

    def count(self, beginning: str = "opening/") -> Counter[str]:
        """Return how often which task asked."""
        return Counter(call.key for call in self.calls if call.key.startswith(beginning))

    def _decide_anew(self, request: ModelRequest, call: Call) -> Reply:
        if self._ends_after is not None and len(self.calls) > self._ends_after:
            return ModelUnavailableError("the quota is used up")
        if call.key in self._failing:
            return CallError("server error", "overheated", status=500)
        draw = self._draw
        if call.key.startswith("opening/position/"):
            return "\n".join(f"t{number}: {draw.uniform(-1, 1):+.2f}; so it is" for number in (0, 1))
        if request.reply_format is None:
            return f"I say {draw.random()}."
        opinions = [
            {"topic": topic, "sentence": f"So be it {draw.random()}.", "stance": round(draw.uniform(-1, 1), 2)}
            | {"candidate": draw.choice("AB")}
            for topic in ("t0", "t1")
        ]
        return json.dumps({"opinions": opinions, "vote": draw.choice("AB"), "thumbs_up": [], "thumbs_down": []})


def town(folder: Path, **changes: Any) -> Config:
    """Return a configuration with a file of people."""
    file = folder / "people.jsonl"
    lines = [json.dumps({"id": f"p{number}", **make_attributes(number)}) for number in range(PEOPLE)]
    file.write_text("\n".join(lines), encoding="utf-8")
    return make_config(PEOPLE, **{"population_file": file, "num_epochs": 1, "model": NAME, **changes})


def build_mind(model: ScriptedModel) -> LLMMind:
    """Return a mind that asks this model, within the budget of its run."""
    return LLMMind(Budgeted(Counted(model)))


def run(folder: Path, model: ScriptedModel, n: int = 3, *, name: str = "runs", **given: Any) -> Replicates:
    """Run replicates in virtual time."""
    config = given.pop("config", None) or town(folder)
    (folder / name).mkdir()
    running = GameEngine.run_replicates_async(config, n, model=build_mind(model), folder=folder / name, **given)
    return run_in_virtual_time(running)


def openings(runs: Iterable[Any]) -> list[list[dict[str, Any]]]:
    """Return what each run tells of the opening."""
    return [[row for row in lines_of(each, "beliefs") if row["step"] == "opening"] for each in runs]


def sources(path: Path, beginning: str = "opening/") -> Counter[str]:
    """Return how many entries of a journal came from where."""
    with closing(open_to_read(path / JOURNAL)) as connection:
        rows = connection.execute("SELECT source FROM calls WHERE key LIKE ?", (f"{beginning}%",))
        return Counter(source for (source,) in rows)


class TestRuns:
    def test_each_question_is_asked_once_and_everybody_has_the_answer(self, tmp_path: Path) -> None:
        model = Fickle(1)
        runs = run(tmp_path, model)
        assert set(model.count().values()) == {1}
        assert len(model.count()) == OPENING
        first, second, third = openings(runs)
        assert first == second == third
        assert len(first) > PEOPLE
        positions = [[each["initial_stances"] for each in one.metadata["candidates"]] for one in runs]
        assert positions[0] == positions[1] == positions[2]
        later = [key for key, number in model.count("e0/").items() if number > 1]
        assert later, "what comes after the opening is each replicate's own"

    def test_each_has_a_whole_journal_of_its_own(self, tmp_path: Path) -> None:
        model = Fickle(2)
        runs = run(tmp_path, model)
        measured = [each.measured["journal"] for each in runs]
        assert sum(each["answered"] for each in measured) == 2 * OPENING, "told as what a cache answers"
        assert sum(each["made"] for each in measured) == len(model.calls)
        found = [sources(each.path) for each in runs]
        assert [sum(each.values()) for each in found] == [OPENING] * 3
        assert sum(each["call"] for each in found) == OPENING, "one of them paid"
        assert sum(sum(sources(each.path, "").values()) for each in runs) == len(model.calls) + 2 * OPENING
        for each in runs:
            silent = LLMMind(Fickle(0, ends_after=0))
            assert verify_run(each.path, model=silent).word == "identical"
            again = replay_run(each.path, model=silent, base_dir=tmp_path / "again")
            assert read_record(again.path) == read_record(each.path)

    @pytest.mark.parametrize("limit", [2, 100])
    def test_what_failed_has_failed_for_all(self, limit: int, tmp_path: Path) -> None:
        model = Fickle(4, failing=["opening/opinion/p1", "opening/position/c0"])
        runs = run(tmp_path, model, max_concurrent=limit)
        assert set(model.count().values()) == {1}
        first, second, third = openings(runs)
        assert first == second == third
        assert {row["status"] for row in first if row["persona_id"] == "p1"} == {"failed"}

    def test_the_limit_and_the_order_of_replies_change_no_record(self, tmp_path: Path) -> None:
        """What the model says goes by the call here, so that runs can be compared."""

        def settled(seed: int) -> ScriptedModel:
            class Settled(Fickle):
                def _decide_anew(self, request: ModelRequest, call: Call) -> Reply:
                    self._draw = random.Random(f"{call.key} {call.attempt} {request.seed}")
                    return super()._decide_anew(request, call)

                async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
                    await asyncio.sleep(random.Random(f"{seed} {call.key} {len(self.calls)}").uniform(0.1, 3.0))
                    return await ScriptedModel.reply(self, request, call)

            return Settled(0)

        config = town(tmp_path)
        together = [
            run(tmp_path, settled(seed), name=f"{limit} {seed}", max_concurrent=limit, config=config)
            for limit, seed in ((1, 0), (3, 1), (100, 2))
        ]
        records = [[read_record(each.path) for each in runs] for runs in together]
        assert records[0] == records[1] == records[2]

    def test_whoever_draws_other_people_shares_nothing(self, tmp_path: Path) -> None:
        model = Fickle(5)
        runs = run(tmp_path, model, 2, resample=True)
        assert dict(model.count("opening/position/")) == {"opening/position/c0": 2, "opening/position/c1": 2}
        assert all(sources(each.path) == {"call": OPENING} for each in runs)

    def test_any_runs_share_nothing(self, tmp_path: Path) -> None:
        model = Fickle(6)
        configs = [town(tmp_path), town(tmp_path, replicate=1)]
        run_in_virtual_time(GameEngine.run_many_async(configs, model=LLMMind(model), base_dir=tmp_path / "many"))
        assert set(model.count().values()) == {2}

    def test_a_mind_that_asks_the_same_several_times_has_several_answers(self, tmp_path: Path) -> None:
        class Twice(LLMMind):
            async def answer(self, view: Any) -> Any:
                if view.key.startswith("opening/opinion/"):
                    request = self.build_request(view)
                    said = [(await self.model_asked.reply(request, Call(view.key, view.act))).text for _ in range(2)]
                    assert said[0] != said[1]
                    heard.setdefault(view.key, []).append(said)
                return await super().answer(view)

        heard: dict[str, list[list[str]]] = {}
        model = Fickle(7)
        run_in_virtual_time(GameEngine.run_replicates_async(town(tmp_path), 2, model=Twice(model), base_dir=tmp_path))
        assert len(heard) == PEOPLE
        assert all(first == second for first, second in heard.values())
        assert model.count()["opening/opinion/p0"] == 3

    def test_a_cache_has_the_opening_under_the_number_of_the_first(self, tmp_path: Path) -> None:
        first, second, third = Fickle(8), Fickle(9), Fickle(10)
        runs = run(tmp_path, first, 1, cache=tmp_path / "cache")
        again = run(tmp_path, second, 2, name="again", cache=tmp_path / "cache")
        assert not second.count(), "also the second has it, which was not there before"
        assert openings(again) == openings(runs) * 2
        alone = GameEngine.from_config(town(tmp_path, replicate=1), model=LLMMind(third))
        alone.use_cache(tmp_path / "cache")
        alone.initialize_simulation_output(tmp_path)
        run_in_virtual_time(alone.run_async())
        assert set(third.count().values()) == {1}, "a run alone with the number of another has an opening of its own"


class TestBudgets:
    def test_only_who_asks_pays(self, tmp_path: Path) -> None:
        alone = Fickle(11)
        config = town(tmp_path)
        run(tmp_path, alone, 1, name="alone", config=config)
        needed = len(alone.calls) - OPENING  # one run has this to pay even where others asked the opening
        with pytest.raises(RunStoppedError):
            run(tmp_path, Fickle(11), 3, config=config.changed(max_calls=needed + OPENING // 2))
        asked = [sources(path)["call"] for path in sorted((tmp_path / "runs").glob("run_*"))]
        assert sum(asked) == OPENING
        statuses = [row["status"] for row in Replicates(tmp_path / "runs").rows]
        assert "complete" in statuses, "who did not have to pay for it comes to its end"

    @pytest.mark.parametrize("seed", [0, 4])
    def test_one_that_is_stopped_leaves_nobody_waiting(self, seed: int, tmp_path: Path) -> None:
        config = town(tmp_path, max_calls=2 + seed)
        model = Fickle(seed)
        with pytest.raises(RunStoppedError):
            run(tmp_path, model, config=config)
        assert max(model.count().values()) == 1
        assert [row["status"] for row in Replicates(tmp_path / "runs").rows] == ["stopped"] * 3
        rest = Fickle(99)
        again = resume_in_virtual_time(tmp_path / "runs", rest, max_calls=10_000)
        assert max((model.count() + rest.count()).values()) == 1
        first, second, third = openings(again)
        assert first == second == third
        assert {row["status"] for row in first} == {"done"}

    @pytest.mark.parametrize("ends_after", [0, 9])
    def test_a_used_up_quota_ends_all_and_all_are_gone_on_with(self, ends_after: int, tmp_path: Path) -> None:
        model, rest = Fickle(12, ends_after=ends_after), Fickle(13)
        with pytest.raises(ModelUnavailableError, match="used up"):
            run(tmp_path, model)
        again = resume_in_virtual_time(tmp_path / "runs", rest)
        assert [row["status"] for row in again.rows] == ["complete"] * 3
        first, second, third = openings(again)
        assert first == second == third


def resume_in_virtual_time(folder: Path, model: ScriptedModel, **given: Any) -> Replicates:
    """Go on with replicates."""
    return resume_replicates(folder, model=build_mind(hurried(model)), **given)


def hurried(model: ScriptedModel) -> ScriptedModel:
    """Return a model that takes no time: what goes on does so in real time."""
    model.reply = lambda request, call: ScriptedModel.reply(model, request, call)  # type: ignore[method-assign]
    return model


class TestGoingOn:
    def leave_one(self, folder: Path, failing: Iterable[str] = ()) -> list[Path]:
        """Return the directories of three replicates, the last of which was broken off before it began."""
        paths = [each.path for each in run(folder, Fickle(14, failing))]
        for name in (JOURNAL, USAGE, "epochs.jsonl", BELIEFS, "conversations.jsonl", "reactions.jsonl"):
            (paths[-1] / name).unlink(missing_ok=True)
        for name in ("exposures.jsonl", "ballots.jsonl", "final_vote.json", "failed_calls.jsonl"):
            (paths[-1] / name).unlink(missing_ok=True)
        return paths

    def test_one_that_had_no_opening_has_that_of_the_others(self, tmp_path: Path) -> None:
        first, _, last = self.leave_one(tmp_path)
        rest = Fickle(15)
        again = resume_in_virtual_time(tmp_path / "runs", rest)
        assert not rest.count()
        assert rest.calls
        assert openings(again)[2] == openings(again)[0]
        assert sources(last) == {"replicate": OPENING}
        assert sum(sources(first).values()) == OPENING
        assert verify_run(last, model=LLMMind(Fickle(0, ends_after=0))).word == "identical"

    def test_so_it_has_when_it_is_gone_on_with_alone(self, tmp_path: Path) -> None:
        first, _, last = self.leave_one(tmp_path)
        rest = Fickle(16)
        resume_run(last, model=LLMMind(hurried(rest)))
        assert not rest.count()
        opening = [(path / BELIEFS).read_text("utf-8").splitlines()[:PEOPLE] for path in (first, last)]
        assert opening[0] == opening[1]

    def test_what_failed_has_failed_for_it_too_unless_it_is_asked_again(self, tmp_path: Path) -> None:
        model = Fickle(17, failing=["opening/opinion/p1"])
        with pytest.raises(RunStoppedError):
            run(tmp_path, model, config=town(tmp_path, max_calls=OPENING + 1), max_concurrent=100)
        assert set(model.count().values()) == {1}
        assert model.count()["opening/opinion/p1"] == 1
        rest = Fickle(18)
        again = resume_in_virtual_time(tmp_path / "runs", rest, retry_failures=True, max_calls=10_000)
        assert rest.count()["opening/opinion/p1"] == 1
        first, second, third = openings(again)
        assert first == second == third
        assert {row["status"] for row in first} == {"done"}

    @pytest.mark.parametrize("retry_failures", [False, True])
    def test_one_that_had_not_begun_takes_failures_unless_they_are_asked_again(
        self, retry_failures: bool, tmp_path: Path
    ) -> None:
        self.leave_one(tmp_path, ["opening/opinion/p1"])
        rest = Fickle(23)
        resume_in_virtual_time(tmp_path / "runs", rest, retry_failures=retry_failures)
        assert rest.count() == Counter({"opening/opinion/p1": 1} if retry_failures else {})

    def test_runs_that_no_plan_holds_together_share_nothing(self, tmp_path: Path) -> None:
        paths = self.leave_one(tmp_path)
        (tmp_path / "runs" / PLAN).unlink()
        rest = Fickle(19)
        resume_in_virtual_time(tmp_path / "runs", rest)
        assert sum(rest.count().values()) == OPENING
        assert sources(paths[-1]) == {"call": OPENING}

    def test_a_damaged_journal_beside_is_named(self, tmp_path: Path) -> None:
        first, _, last = self.leave_one(tmp_path)
        (first / JOURNAL).write_bytes(b"no journal at all" * 100)
        with pytest.raises(RecordError, match=str(first / JOURNAL)):
            resume_run(last, model=LLMMind(hurried(Fickle(20))))


class Asking:
    """Runs that ask the same questions at any time, of a model that may fail, and that may end at any time."""

    def __init__(self, seed: int) -> None:
        draw = self.draw = random.Random(seed)
        self.runs, self.questions = draw.randint(2, 5), draw.randint(1, 6)
        self.shared = SharedOpening(self.runs)
        self.answered: Counter[str] = Counter()
        self.heard: dict[str, set[str]] = {}
        self.ended: set[int] = set()
        self.doomed = {run for run in range(self.runs) if draw.random() < 0.4}

    async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
        await asyncio.sleep(self.draw.uniform(0.0, 2.0))
        luck = self.draw.random()
        if luck < 0.15:
            raise ModelUnavailableError("the quota of this run is used up")
        self.answered[call.key] += 1
        if luck < 0.4:
            raise CallError("server error", f"{self.draw.random()}")
        return ModelReply(f"{self.draw.random()}", stop="end", model=NAME)

    async def act(self, model: Journaled, number: int) -> None:
        await asyncio.sleep(self.draw.uniform(0.0, 2.0))
        key = f"opening/opinion/p{number}"
        request = ModelRequest(("You are one of them.",), (f"And you, {number}?",), max_output_tokens=9)
        try:
            said = (await model.reply(request, Call(key, "opening opinion"))).text
        except CallError as error:
            said = error.detail
        self.heard.setdefault(key, set()).add(said)

    async def carry_out(self, number: int) -> None:
        """Do all acts of one run; what ends one of them ends all, as in a run."""
        model = ScriptedModel([], name=NAME)
        model.reply = self.reply  # type: ignore[method-assign]
        with self.shared, journaling(Journal(None, shared=self.shared)):
            acts = [asyncio.ensure_future(self.act(Journaled(model), each)) for each in range(self.questions)]
            try:
                async with asyncio.timeout(self.draw.uniform(0.0, 3.0) if number in self.doomed else None):
                    await asyncio.gather(*acts)
            except (TimeoutError, ModelUnavailableError):
                self.ended.add(number)
            finally:
                for act in acts:
                    act.cancel()
                await asyncio.gather(*acts, return_exceptions=True)

    async def go(self) -> None:
        async with asyncio.timeout(1_000):
            await asyncio.gather(*map(self.carry_out, range(self.runs)))


@pytest.mark.parametrize("block", range(3))
def test_whatever_ends_nobody_waits_for_ever_and_nothing_is_asked_twice(block: int) -> None:
    ended = 0
    for seed in range(150 * block, 150 * (block + 1)):
        asking = Asking(seed)
        run_in_virtual_time(asking.go())
        assert max(asking.answered.values(), default=1) == 1, seed
        assert all(len(said) == 1 for said in asking.heard.values()), seed
        if len(asking.ended) < asking.runs:
            assert len(asking.heard) == asking.questions, seed
        ended += len(asking.ended)
        assert not asking.shared._recorded
    assert ended > 75


def test_an_answer_that_came_is_given_to_the_others_though_who_asked_is_gone(tmp_path: Path) -> None:
    """A run that is over cancels an act whose reply is on its way to the disk."""

    class Telling(ScriptedModel):
        is_asked = asyncio.Event()

        async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
            self.is_asked.set()
            return await super().reply(request, call)

    async def main() -> tuple[str, int]:
        opening, model = SharedOpening(2), Telling(["once", "twice"], name=NAME)
        request, call = ModelRequest((), ("And you?",), max_output_tokens=9), Call("opening/opinion/p0")
        journals = [Journal(JournalWriter(tmp_path / str(number)), shared=opening) for number in range(2)]

        async def ask(journal: Journal) -> str:
            with journaling(journal):
                return (await Journaled(model).reply(request, call)).text

        first = asyncio.create_task(ask(journals[0]))
        await model.is_asked.wait()
        second = asyncio.create_task(ask(journals[1]))
        first.cancel()
        said = await second
        assert first.cancelled()
        for journal in journals:
            journal.close()
        return said, len(model.calls)

    assert asyncio.run(main()) == ("once", 1)


def test_who_waits_holds_no_place(tmp_path: Path) -> None:
    """With two places, one of them at a question that takes its time, the other one is there for all the rest."""

    class Slow(Fickle):
        async def reply(self, request: ModelRequest, call: Call) -> ModelReply:
            await asyncio.sleep(10_000.0 if call.key == "opening/position/c0" else 1.0)
            ended.append(call.key)
            return await ScriptedModel.reply(self, request, call)

    ended: list[str] = []
    run(tmp_path, Slow(21), 3, max_concurrent=2)
    opinions = {f"opening/opinion/p{number}" for number in range(PEOPLE)}
    assert opinions <= set(ended[: ended.index("opening/position/c0")])


def test_a_cache_keeps_what_is_shared_under_the_number_of_the_first_whoever_asks(tmp_path: Path) -> None:
    async def ask() -> None:
        journal = Journal(
            JournalWriter(tmp_path / JOURNAL, replicate=7),
            cache=JournalWriter(tmp_path / "cache", replicate=7),
            shared=SharedOpening(2, replicate=5),
        )
        with journaling(journal):
            for key in ("opening/opinion/p0", "e0/post/p0"):
                request = ModelRequest((), ("And you?",), max_output_tokens=9)
                await Journaled(ScriptedModel(["So."], name=NAME)).reply(request, Call(key))
        journal.close()

    asyncio.run(ask())
    numbers = [("opening/opinion/p0", 5), ("e0/post/p0", 7)]
    for file, expected in (("cache", numbers), (JOURNAL, [(key, 7) for key, _ in numbers])):
        with closing(open_to_read(tmp_path / file)) as connection:
            assert list(connection.execute("SELECT key, replicate FROM calls ORDER BY id")) == expected


def test_what_is_shared_is_forgotten_when_all_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[SharedOpening] = []
    begin: Callable[..., None] = SharedOpening.__init__

    def note(opening: SharedOpening, *given: Any, **named: Any) -> None:
        made.append(opening)
        begin(opening, *given, **named)

    monkeypatch.setattr(shared.SharedOpening, "__init__", note)
    run(tmp_path, Fickle(22), 2)
    assert [opening._answers for opening in made] == [{}]
