"""The bridge from synchronous verbs to coroutines: without a loop, beside one, and inside our own."""

import asyncio
import contextlib
import contextvars
import gc
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from synthetic_communities.candidate import Candidate
from synthetic_communities.config import Config
from synthetic_communities.domain.outcome import Answer, Done
from synthetic_communities.engine import bridge
from synthetic_communities.engine.bridge import run_sync
from synthetic_communities.engine.ledger import Ledger, Task
from synthetic_communities.engine.runner import Places, run_tasks
from synthetic_communities.errors import UsageError
from synthetic_communities.game_engine import GameEngine
from synthetic_communities.mediator import DebateTranscript, Mediator, Question, Topic
from synthetic_communities.minds.offline.mind import OfflineMind
from synthetic_communities.minds.views import View
from synthetic_communities.persona import ChatEntry, Persona
from synthetic_communities.population import Population
from synthetic_communities.social_media import Post

RENTS = Topic("rents", "Rents", "Cap rents?")
QUESTION = Question("q1", "Well?", RENTS)

place = contextvars.ContextVar("place", default="nowhere")


class Asking:
    """A mind that does something with what it is asked, before the offline mind answers."""

    name = "asking"
    source = "test"

    def __init__(self, do: Callable[[View], Any]) -> None:
        self.do = do

    async def answer(self, view: View) -> Answer[Any]:
        """Do it, then answer."""
        done = self.do(view)
        if asyncio.iscoroutine(done):
            await done
        return await OfflineMind().answer(view)


def make_persona(who: str = "ann", mind: Any = None) -> Persona:
    """Return somebody who has something to learn from every list of knowledge."""
    persona = Persona(who, {"name": who.title(), "turnout_propensity": 1.0})
    persona.llm_client = mind
    persona.consume_debate_content(DebateTranscript(["Cap them.", "Never."], "m", 0, 0, 0, RENTS, QUESTION))
    persona.chats.append(ChatEntry("bo", "Bo", [{"speaker_id": "bo", "message": "Rents!"}]))
    persona.social_media_knowledge.append({"id": "1", "persona_id": "bo", "content": "Rents!"})
    return persona


def make_population(mind: Any = None, size: int = 3) -> Population:
    population = Population("A town.", model=mind)
    for number in range(size):
        population.add_persona(make_persona(f"p{number}"))
    population.consume_debate_content(DebateTranscript(["Cap them."], "m", 0, 0, 0, RENTS, QUESTION))
    return population


def make_candidate(mind: Any = None) -> Candidate:
    return Candidate("noor", "Aisha Noor", "Calm.", [RENTS], mind)


def make_engine(directory: Path, mind: Any = None) -> GameEngine:
    engine = GameEngine(Config(3, 1, 1, 1, 5, post_probability=1.0))
    engine.population = make_population()
    engine.llm_client = mind
    engine.candidates = [make_candidate()]
    engine.mediator = Mediator("m", [RENTS])
    engine.initialize_simulation_output(directory)
    return engine


Verb = tuple[str, Callable[[Any, Path], Any]]

VERBS: list[Verb] = [
    ("Persona.update_beliefs", lambda mind, directory: make_persona(mind=mind).update_beliefs()),
    ("Persona.chat_with_peers", lambda mind, directory: make_persona(mind=mind).chat_with_peers([], "bo")),
    ("Persona.create_social_media_post", lambda mind, directory: make_persona(mind=mind).create_social_media_post([])),
    ("Persona.react_to_post", lambda mind, directory: make_persona(mind=mind).react_to_post(Post("1", "bo", "Rents!"))),
    ("Persona.vote", lambda mind, directory: make_persona(mind=mind).vote(["Noor", "Berg"])),
    (
        "Population.update_beliefs_from_debate",
        lambda mind, directory: make_population(mind).update_beliefs_from_debate(),
    ),
    ("Population.update_beliefs_from_chat", lambda mind, directory: make_population(mind).update_beliefs_from_chat()),
    (
        "Population.update_beliefs_from_social_media",
        lambda mind, directory: make_population(mind).update_beliefs_from_social_media(),
    ),
    ("Population.chat_with_peers", lambda mind, directory: make_population(mind).chat_with_peers()),
    (
        "Population.create_social_media_posts",
        lambda mind, directory: make_population(mind).create_social_media_posts(1.0),
    ),
    (
        "Population.react_to_posts",
        lambda mind, directory: make_population(mind).react_to_posts([Post("1", "bo", "Rents!")], None, 1.0),
    ),
    ("Population.conduct_vote", lambda mind, directory: make_population(mind).conduct_vote(["Noor", "Berg"])),
    (
        "Candidate.read_social_media_signals",
        lambda mind, directory: make_candidate(mind).read_social_media_signals("bo: Rents!"),
    ),
    (
        "Candidate.craft_debate_statement",
        lambda mind, directory: make_candidate(mind).craft_debate_statement(QUESTION, 0, []).statement,
    ),
    ("Candidate.reflect_on_debate", lambda mind, directory: make_candidate(mind).reflect_on_debate(QUESTION, ["Yes."])),
    ("Mediator.propose_question", lambda mind, directory: Mediator("m", [RENTS], mind).propose_question(RENTS, [])),
    ("Mediator.introduce_question", lambda mind, directory: Mediator("m", [RENTS], mind).introduce_question(QUESTION)),
    (
        "Mediator.orchestrate_debate_turn",
        lambda mind, directory: Mediator("m", [RENTS]).orchestrate_debate_turn(QUESTION, [make_candidate(mind)], 0, []),
    ),
    ("GameEngine.run", lambda mind, directory: make_engine(directory, mind).run().vote_counts),
    ("GameEngine.conduct_final_vote", lambda mind, directory: make_engine(directory, mind).conduct_final_vote()),
]

every_verb = pytest.mark.parametrize(("name", "call"), VERBS, ids=[name for name, _ in VERBS])


@pytest.fixture(autouse=True, scope="module")
def _what_others_left() -> None:
    """Throw away now what tests of other modules have left: it may warn when it is thrown away."""
    gc.collect()


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Fail if anything warns, now or when it is thrown away, or if a thread is left running."""
    threads = set(threading.enumerate())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    assert set(threading.enumerate()) <= threads


class TestBesideALoop:
    @every_verb
    def test_the_same_answer_with_and_without_a_loop(
        self, name: str, call: Callable[[Any, Path], Any], tmp_path: Path
    ) -> None:
        async def main() -> Any:
            return call(None, tmp_path)

        with nothing_left_behind():
            assert asyncio.run(main()) == call(None, tmp_path)

    def test_the_caller_waits_and_its_loop_stands_still_meanwhile(self) -> None:
        events: list[str] = []

        async def other() -> None:
            events.append("another task")

        async def main() -> None:
            task = asyncio.create_task(other())
            make_persona(mind=Asking(lambda view: events.append("asked"))).vote(["Noor", "Berg"])
            events.append("back")
            await task

        asyncio.run(main())
        assert events == ["asked", "back", "another task"]

    def test_context_variables_are_copied(self) -> None:
        seen: list[str] = []

        def look(view: View) -> None:
            seen.append(place.get())
            place.set("inside")

        async def main() -> str:
            place.set("outside")
            make_persona(mind=Asking(look)).vote(["Noor", "Berg"])
            return place.get()

        assert asyncio.run(main()) == "outside"
        assert seen == ["outside"]

    def test_context_variables_reach_a_verb_without_a_loop(self) -> None:
        seen: list[str] = []

        def vote() -> str:
            place.set("outside")
            make_persona(mind=Asking(lambda view: seen.append(place.get()))).vote(["Noor", "Berg"])
            return place.get()

        assert contextvars.copy_context().run(vote) == "outside"
        assert seen == ["outside"]

    def test_it_runs_on_a_loop_of_its_own_in_a_thread_of_its_own(self) -> None:
        seen: list[Any] = []

        def look(view: View) -> None:
            seen.append((asyncio.get_running_loop(), threading.current_thread()))

        async def main() -> tuple[Any, Any]:
            make_persona(mind=Asking(look)).vote(["Noor", "Berg"])
            return asyncio.get_running_loop(), threading.current_thread()

        loop, thread = asyncio.run(main())
        ((own_loop, own_thread),) = seen
        assert own_loop is not loop
        assert own_thread is not thread
        assert own_loop.is_closed()
        assert not own_thread.is_alive()

    def test_a_verb_after_another_and_tasks_side_by_side(self) -> None:
        async def call() -> int:
            return make_population().conduct_vote(["Noor", "Berg"]).population

        async def main() -> list[int]:
            one, other = asyncio.create_task(call()), asyncio.create_task(call())
            return [await one, await other, await call()]

        with nothing_left_behind():
            assert asyncio.run(main()) == [3, 3, 3]

    def test_a_task_that_is_being_cancelled_may_still_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Its clean-up waits as any other caller does: it was told to stop before, not while it waits.
        monkeypatch.setattr(bridge, "WAIT_SLICE_SECONDS", 0.0)
        counts: list[int] = []

        async def linger(view: View) -> None:
            for _ in range(1000):
                await asyncio.sleep(0)

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                counts.append(make_population(Asking(linger)).conduct_vote(["Noor", "Berg"]).population)

        async def main() -> None:
            task = asyncio.create_task(work())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(main())
        assert counts == [3]

    def test_a_task_cancelled_while_it_waits_ends_the_work(self) -> None:
        # As `asyncio.run` does it on Ctrl-C: nothing is raised in who waits, so it has to look.
        ended: list[str] = []

        async def main() -> None:
            task = asyncio.current_task()
            assert task is not None

            async def stall(view: View) -> None:
                task.cancel()
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append(view.key)

            make_population(Asking(stall)).conduct_vote(["Noor", "Berg"])

        with nothing_left_behind(), pytest.raises(asyncio.CancelledError):
            asyncio.run(main())
        assert len(ended) == 3

    def test_twins_are_awaited_on_the_caller_s_own_loop(self) -> None:
        loops: list[Any] = []

        async def main() -> Any:
            persona = make_persona(mind=Asking(lambda view: loops.append(asyncio.get_running_loop())))
            await persona.vote_async(["Noor", "Berg"])
            return asyncio.get_running_loop()

        assert asyncio.run(main()) is loops[0]

    def test_a_sync_verb_between_two_twins_works(self) -> None:
        # The caller's own task is not inside us before, between and after our coroutines.
        async def main() -> list[int]:
            population = make_population()
            counts = [await population.conduct_vote_async(["Noor"])]
            counts.append(population.conduct_vote(["Noor"]))
            await population.personas[0].vote_async(["Noor"])
            counts.append(population.conduct_vote(["Noor"]))
            return [each.population for each in counts]

        assert asyncio.run(main()) == [3, 3, 3]

    def test_another_thread_without_a_loop_inside_a_mind_s_answer(self) -> None:
        other = make_persona("other")

        async def ask_elsewhere(view: View) -> None:
            await asyncio.to_thread(other.vote, ["Noor", "Berg"])

        assert make_persona(mind=Asking(ask_elsewhere)).vote(["Noor", "Berg"]) is not None
        assert other.outcomes["vote"].status == "done"


class TestInside:
    @every_verb
    def test_a_sync_verb_in_a_mind_s_answer_names_its_twin(
        self, name: str, call: Callable[[Any, Path], Any], tmp_path: Path
    ) -> None:
        outer = make_persona(mind=Asking(lambda view: call(None, tmp_path)))
        with nothing_left_behind(), pytest.raises(UsageError) as caught:
            outer.vote(["Noor", "Berg"])
        assert f"{name}_async()" in str(caught.value)
        assert f"{name}()" in str(caught.value)

    @every_verb
    def test_in_every_kind_of_act(self, name: str, call: Callable[[Any, Path], Any], tmp_path: Path) -> None:
        inner = make_persona("inner")
        with nothing_left_behind(), pytest.raises(UsageError, match=r"Persona\.vote_async"):
            call(Asking(lambda view: inner.vote(["Noor", "Berg"])), tmp_path)

    @pytest.mark.parametrize("where", ["a twin awaited", "a sync verb beside a loop", "a task of the mind's own"])
    def test_wherever_the_mind_was_asked_from(self, where: str) -> None:
        inner = make_persona("inner")

        def call(view: View) -> Any:
            return inner.vote(["Noor", "Berg"])

        async def call_in_a_task(view: View) -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(_later(lambda: call(view)))

        async def main() -> Any:
            if where == "a twin awaited":
                return await make_persona(mind=Asking(call)).vote_async(["Noor", "Berg"])
            mind = Asking(call if where == "a sync verb beside a loop" else call_in_a_task)
            return make_persona(mind=mind).vote(["Noor", "Berg"])

        with nothing_left_behind():
            if where == "a task of the mind's own":
                # The group wraps the error, which thereby is the mind's own failure; the call did not go through.
                asyncio.run(main())
            else:
                with pytest.raises(UsageError, match=r"Persona\.vote_async"):
                    asyncio.run(main())
        assert inner.outcomes == {}

    def test_in_an_observer_of_a_run(self, tmp_path: Path) -> None:
        inner = make_persona("inner")
        engine = make_engine(tmp_path)
        engine.observer = lambda moment: inner.vote(["Noor", "Berg"])
        with nothing_left_behind(), pytest.raises(UsageError, match=r"Persona\.vote_async"):
            engine.run()
        assert inner.outcomes == {}

    def test_the_twin_is_what_works_there(self) -> None:
        inner = make_persona("inner")

        async def vote(view: View) -> None:
            await inner.vote_async(["Noor", "Berg"])

        assert make_persona(mind=Asking(vote)).vote(["Noor", "Berg"]) is not None
        assert inner.outcomes["vote"].status == "done"

    def test_a_verb_works_again_after_the_error(self) -> None:
        inner = make_persona("inner")
        with pytest.raises(UsageError):
            make_persona(mind=Asking(lambda view: inner.vote(["Noor"]))).vote(["Noor", "Berg"])
        assert inner.vote(["Noor", "Berg"]) is not None


class Lost(Exception):
    """Something a coroutine raises."""


async def _later(do: Callable[[], Any]) -> Any:
    return do()


def fail() -> Any:
    try:
        raise KeyError("the cause")
    except KeyError as error:
        raise Lost("what went wrong") from error


class TestErrors:
    @pytest.mark.parametrize("beside_a_loop", [False, True])
    def test_they_pass_through_with_their_cause(self, beside_a_loop: bool) -> None:
        async def main() -> None:
            run_sync(_later(fail))

        coroutine: Coroutine[Any, Any, Any] = main() if beside_a_loop else _later(lambda: None)
        with nothing_left_behind():
            with pytest.raises(Lost, match="what went wrong") as caught:
                asyncio.run(coroutine) if beside_a_loop else run_sync(_later(fail))
            coroutine.close()
        assert isinstance(caught.value.__cause__, KeyError)
        assert [entry.name for entry in caught.traceback][-1] == "fail"

    @pytest.mark.parametrize("beside_a_loop", [False, True])
    def test_a_bug_in_the_order_of_work_is_not_swallowed(self, beside_a_loop: bool) -> None:
        population = make_population()
        population.personas[1].cast_ballot = None

        async def main() -> None:
            population.conduct_vote(["Noor"])

        with nothing_left_behind(), pytest.raises(TypeError, match="not callable"):
            asyncio.run(main()) if beside_a_loop else population.conduct_vote(["Noor"])

    @pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError()], ids=repr)
    def test_what_ends_a_program_passes_too(self, error: BaseException) -> None:
        def leave() -> None:
            raise error

        async def main() -> None:
            run_sync(_later(leave))

        with nothing_left_behind(), pytest.raises(type(error)):
            asyncio.run(main())

    def test_an_act_that_cancels_itself_does_not_hang_or_puzzle(self) -> None:
        # A client library may raise this; nobody asked for the vote to be called off.
        async def cancel(view: View) -> None:
            raise asyncio.CancelledError

        population = make_population(Asking(cancel))
        counts = population.conduct_vote(["Noor"])
        assert (counts.failed, counts.population) == (3, 3)


INTERRUPTED = """
import asyncio, signal, sys, threading
from synthetic_communities.domain.ballot import Choice
from synthetic_communities.domain.outcome import Done
from synthetic_communities.persona import Persona
from synthetic_communities.population import Population

main_thread = threading.main_thread()

def is_main_waiting():
    # It has started the thread, and stands in some function of the standard library that waits for it.
    frame = sys._current_frames()[main_thread.ident]
    is_outside = "synthetic_communities" not in frame.f_code.co_filename
    names = set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return is_outside and "start" not in names

class Endless:
    name = source = "endless"
    under_way = ended = 0

    async def answer(self, view):
        self.under_way += 1
        try:
            if self.under_way == 3:
                while not is_main_waiting():
                    await asyncio.sleep(0)
                signal.pthread_kill(main_thread.ident, signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.ended += 1

mind = Endless()
population = Population(model=mind)
for number in range(3):
    population.add_persona(Persona(f"p{number}"))

async def main():
    try:
        population.conduct_vote(["Noor"])
    except (KeyboardInterrupt, asyncio.CancelledError):
        left = [thread.name for thread in threading.enumerate() if thread is not main_thread]
        print("interrupted", mind.under_way, mind.ended, left)
        raise

@@START@@
"""

STARTS = {
    "a loop that leaves Ctrl-C to Python": """
loop = asyncio.new_event_loop()
try:
    loop.run_until_complete(main())
finally:
    loop.close()
""",
    "asyncio.run, which takes Ctrl-C for itself": "asyncio.run(main())",
}

ANSWERED_LATER = """
answered = []

def answer(number, frame):
    answered.append(number)

signal.signal(signal.SIGINT, answer)
try:
    asyncio.run(main())
except asyncio.CancelledError:
    print(answered, signal.getsignal(signal.SIGINT) is answer)
"""

REPEATED = """
import asyncio, gc, logging, os, tempfile, threading
from synthetic_communities import Config, GameEngine

logging.getLogger("asyncio").setLevel(logging.ERROR)  # in development mode it also warns of steps that took long

def count_open():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

def work(directory):
    for _ in range(3):
        engine = GameEngine.from_config(Config.bundled(population_size=6, num_epochs=1))
        engine.initialize_simulation_output(directory)
        assert engine.run().is_complete
    engine.population.chat_with_peers()
    engine.population.conduct_vote(engine.candidates)

async def work_beside_a_loop(directory):
    work(directory)
    assert asyncio.all_tasks() == {asyncio.current_task()}, asyncio.all_tasks()

with tempfile.TemporaryDirectory() as directory:
    work(directory)
    before = count_open()
    work(directory)
    asyncio.run(work_beside_a_loop(directory))
gc.collect()
print(threading.enumerate() == [threading.main_thread()], count_open() - before, asyncio._get_running_loop())
"""


def run_script(text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script with this interpreter, every warning an error."""
    command = [sys.executable, "-X", "dev", "-W", "error", *options, "-c", text]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


class TestProcess:
    @pytest.mark.parametrize("start", STARTS)
    def test_ctrl_c_while_waiting_cancels_and_drains(self, start: str) -> None:
        done = run_script(INTERRUPTED.replace("@@START@@", STARTS[start]))
        assert done.stdout == "interrupted 3 3 []\n"
        assert done.stderr.rstrip().endswith("KeyboardInterrupt")
        assert "never awaited" not in done.stderr
        assert "Task was destroyed" not in done.stderr
        assert done.returncode != 0

    def test_ctrl_c_left_to_a_handler_that_raises_nothing_does_too(self) -> None:
        # As a notebook has one for cells that await something: it is answered when the loop comes round.
        done = run_script(INTERRUPTED.replace("@@START@@", ANSWERED_LATER))
        assert done.stdout == "interrupted 3 3 []\n[2] True\n"
        assert done.returncode == 0
        assert "Traceback" not in done.stderr
        assert "never awaited" not in done.stderr

    def test_successive_runs_and_verbs_leave_nothing_behind(self) -> None:
        done = run_script(REPEATED)
        assert done.stderr == ""
        assert done.stdout == "True 0 None\n"


# What is told to stop.


@pytest.mark.parametrize("asked_by", ["a flag", "a cancelled task"])
def test_once_told_to_stop_no_further_act_begins_though_the_loop_has_not_come_round(asked_by: str) -> None:
    begun: list[str] = []

    async def block_and_stop(task: Task) -> Done[None]:
        begun.append(task.key)
        if len(begun) == 3:  # as in a mind that blocks the loop, while somebody asks for a stop
            stop = bridge._stop.get()
            assert stop is not None
            if asked_by == "a flag":
                stop.is_asked = True
            assert stop.task is not None
            stop.task.cancel()
        return Done(None)

    async def run() -> None:
        ledger = Ledger([Task(f"t{number}", "act") for number in range(10)])
        await run_tasks(ledger, block_and_stop, lambda task, outcome: None, places=Places(10))

    with pytest.raises(asyncio.CancelledError):
        run_sync(run())
    assert begun == ["t0", "t1", "t2"]
