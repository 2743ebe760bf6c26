"""The engine existing scripts call: it puts a community together, runs it, and keeps its record."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from .candidate import Candidate
from .config import Config
from .domain.ballot import VoteCounts
from .domain.debate import DebateTranscript
from .engine.bridge import run_sync
from .engine.collecting import not_collecting
from .engine.runner import Places
from .errors import UsageError
from .foreseeing import Foreseeing
from .llm.access.keys import MissingKeyError
from .llm.bodies import Bodies
from .llm.choice import ModelChoice
from .llm.journal.shared import SharedOpening
from .mediator import Mediator
from .minds.base import Mind
from .notebook.showing import at_home_in_notebook
from .persona import Persona
from .population import Population
from .replicated import Replicated
from .report.result import SimulationResult
from .runs.directory import EPOCHS, FINAL_VOTE, make_run_directory, write_json
from .runs.reading import read_metadata
from .simulation.expectation import Expectation, expect_mind
from .simulation.files import write_config
from .simulation.gathering import gather_people, load_config
from .simulation.journals import Answers, find_cache
from .simulation.kept.inputs import (
    Inputs,
    load_inputs,
    put_back,
    read_choices,
    refuse_not_kept,
    refuse_other_changes,
    refuse_other_config,
)
from .simulation.kept_run import KeptRun, lay_out
from .simulation.minds import Minds, foresee_run
from .simulation.progress import describe_interruption
from .simulation.simulation import Simulation
from .simulation.stage import Stage, build_community, refuse_problems, set_stage
from .simulation.watching import Moment
from .social_media import SocialMedia
from .warned import warn_caller


class GameEngine(Foreseeing, Replicated):
    """A community and its run.

    Attributes:
        config: the settings.
        config_path: the file they came from, or None.
        candidates: who stands for election, in the order listed.
        mediator: who leads the debates; None: one is made when the run starts.
        social_media: the platform.
        debate_transcripts: of all questions of the run so far, in order.
        current_epoch: the latest epoch in which an act began, from 0.
        simulation_id: name of the run; None before there is a run directory.
        simulation_dir: the run directory, likewise.
        simulation_file: its `epochs.jsonl`, likewise.
        observer: called with every step forward of a run, for progress displays; None: a run in a notebook shows its
            own, and elsewhere nobody watches.
    """

    def __init__(self, config: Config, config_path: str | Path | None = None) -> None:
        self.config = config
        self.config_path = config_path
        self._minds = Minds(config)
        self.population = Population(config.world_story, seed=config.random_seed)
        self.debate_transcripts: list[DebateTranscript] = []
        self.current_epoch = 0
        self.candidates: list[Candidate] = []
        self.mediator: Mediator | None = None
        self.social_media = SocialMedia()
        self.simulation_id: str | None = None
        self.simulation_dir: Path | None = None
        self.simulation_file: Path | None = None
        self.observer: Callable[[Moment], None] | None = None
        self._answers = Answers()
        self._goes_on = False
        self._is_laid_out = False
        self._missing_keys: tuple[MissingKeyError, ...] = ()
        self._draws_people = False
        self._display: Callable[[Moment], None] | None = None
        self._kept_run: KeptRun | None = None
        self._vote_taken: tuple[bytes, VoteCounts] | None = None

    @classmethod
    def from_config(cls, path_or_config: str | Path | Config, model: str | Mind | None = None) -> Self:
        """Return an engine with its people, candidates and mediator, ready to run.

        Without the key of a model it can be looked at and foretold: `missing_keys` says so, and `run` refuses.

        Args:
            path_or_config: a YAML file, or a configuration.
            model: what everybody thinks with: a name, or a mind; None: what the configuration names, else offline.

        Raises:
            ConfigurationError: everything wrong with the configuration and the files it names, fewer people than
                asked for among them.
        """
        path = None if isinstance(path_or_config, Config) else path_or_config
        config = path_or_config if isinstance(path_or_config, Config) else load_config(path_or_config)
        argument = model if isinstance(model, str) else None
        config = config.changed(model=argument) if argument is not None else config
        minds = Minds(config, argument=argument, looks_for_keys=False)
        engine = cls._assemble(config, path, minds, None if isinstance(model, str) else model)
        if config.api_key_command is None:  # a command is run when a run starts, and not to look at a configuration
            engine._missing_keys = engine._find_missing_keys()
        return engine

    @classmethod
    def from_run(
        cls,
        path: str | Path,
        config: str | Path | Config | None = None,
        *,
        model: Mind | None = None,
        may_call: bool = True,
        **limits: Any,
    ) -> Self:
        """Return an engine with everything a run was made from, ready to make that run again.

        Args:
            path: the run directory.
            config: another configuration in place of that of the run; its people come from the file it names.
            model: the mind everybody thought with, where it was one of a script's own; None: it is found by its name.
            may_call: whether models may be asked; False: nothing is opened, and no key is needed.
            **limits: settings that no result depends on, in place of those of then.

        Raises:
            RecordError: what the run was made from is not there, or damaged.
            UsageError: a setting that a result may depend on.
            ConfigurationError: everything wrong with the other configuration; or the model cannot be asked.
        """
        refuse_other_changes(limits)
        refuse_not_kept(Path(path))
        inputs = load_inputs(Path(path))
        chosen = load_config(config) if isinstance(config, (str, Path)) else config
        if chosen is not None:
            refuse_other_config(inputs)
        settings = (chosen or inputs.config).changed(**limits)
        minds = Minds(settings, looks_for_keys=False)
        minds.recorded = {} if model is not None else read_choices(Path(path), inputs.config)
        minds.may_call = may_call
        engine = cls._assemble(settings, None, minds, model, inputs if chosen is None else None)
        if settings.api_key_command is None:
            engine._choose_minds(engine._minds)
        return engine

    @classmethod
    def _assemble(
        cls,
        config: Config,
        path: str | Path | None,
        minds: Minds,
        given: Mind | None,
        inputs: Inputs | None = None,
    ) -> Self:
        """Return an engine with the people of these inputs, by default those the configuration asks for, and its cast.

        Raises:
            RecordError: what was put there beforehand is damaged.
        """
        engine, people = cls(config, path), inputs.people if inputs is not None else None
        engine._draws_people = people is None
        inputs = inputs or Inputs(config, people=())
        story = config.load_world_story() or inputs.beforehand.world_story
        engine._minds = minds
        engine.llm_client = given
        engine.population.world_story = story
        with not_collecting():
            found = people if people is not None else gather_people(config, engine.expected_model(), given)
            for persona_id, data in found:
                engine.population.add_persona(Persona(persona_id, data, story))
        engine.candidates, engine.mediator, engine.social_media = put_back(inputs, engine.population, story)
        return engine

    def go_on(self, path: str | Path) -> None:
        """Have `run` go on with the run in this directory, which was made of what this engine is made of.

        Raises:
            RecordError: this is no run directory.
        """
        self.simulation_dir = Path(path)
        self.simulation_id = str(read_metadata(self.simulation_dir)["simulation_id"])
        self.simulation_file = self.simulation_dir / EPOCHS
        self._goes_on = True

    def use_cache(self, folder: str | Path | None) -> None:
        """Answer the next run's calls from what other runs with this folder have asked before, and add to it.

        An answer is taken where the request and the number of the replicate are the same, once a run; so replicates
        stay independent of one another, and the same run costs nothing the second time.

        Args:
            folder: made where there is none; None: no cache.

        Raises:
            OSError: it cannot be made.
        """
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._answers = replace(self._answers, cache=find_cache(folder))

    def answer_from(self, answers: Answers) -> None:
        """Have the next run take answers from journals before it asks a model."""
        self._answers = answers

    @property
    def population(self) -> Population:
        """The people; a population put here takes over the configuration's limits for the verbs called on it."""
        return self._population

    @population.setter
    def population(self, population: Population) -> None:
        """Let other people take part: they get the settings of this engine, and keep their seed."""
        self._population = population
        shared = population.community
        limits = build_community(self.config, shared.scene, self._minds.given or shared.mind)
        population.community = replace(limits, seed=shared.seed, find_mind=lambda: self._minds.of_people()[0])

    @property
    def llm_client(self) -> Any:
        """A mind for everybody without one of their own; None: what the configuration names."""
        return self._minds.given

    @llm_client.setter
    def llm_client(self, llm_client: Any) -> None:
        """Let everybody think with this; None: with what the configuration names. A `UsageError` if it is no mind."""
        if llm_client is not None and not isinstance(llm_client, Mind):
            raise UsageError(
                f"{llm_client!r} is no mind: set llm_client to a client, or to an object with `answer(view)`"
            )
        if self._population.community.mind is self._minds.given:
            self._population.community = replace(self._population.community, mind=None)
        self._minds.given = llm_client
        self.population = self._population

    def expected_model(self) -> str:
        """Return the name of what people will think with: `offline`, or `provider:model`.

        Raises:
            ConfigurationError: nothing is found, and `SYNTHETIC_COMMUNITIES_REQUIRE_LLM` is set.
        """
        return self._minds.expected_name()

    @property
    def missing_keys(self) -> tuple[str, ...]:
        """A sentence for each provider whose key is not there; a run needs them."""
        if self._missing_keys:  # it may have been set since, or a mind given
            self._missing_keys = self._find_missing_keys()
        needed = {error.provider: error.variable for error in self._missing_keys}
        return tuple(f"No key for {who} was found: set {variable} before a run." for who, variable in needed.items())

    def log_bodies(self, file: Bodies | None) -> None:
        """Write the whole texts of every call of a model to `file`, a line of JSON each; None: nowhere."""
        self._minds.bodies = file

    def _gather_stage(self, minds: Minds) -> Stage:
        people, candidates = self._choose_minds(minds)
        return Stage(
            self.config,
            self.population,
            candidates=tuple(self.candidates),
            mediator=self.mediator or Mediator("mediator", None, None, self.config.world_story),
            social_media=self.social_media,
            mind=people[0],
            choice=people[1],
            candidate_mind=candidates[0],
            candidate_choice=candidates[1],
        )

    def initialize_simulation_output(self, base_dir: str | Path = "data/simulation") -> None:
        """Make the run directory under `base_dir` and set `simulation_id`, `simulation_dir`, `simulation_file`.

        A command that prints a key is run before that, so that nothing is left behind where it prints none.

        Raises:
            OSError: it cannot be made.
            ConfigurationError: the model cannot be asked: a command prints no key, say.
        """
        self.ask_for_key()
        now = datetime.now(UTC)
        self.simulation_dir = make_run_directory(Path(base_dir), f"run_{now:%Y%m%d_%H%M%S}")
        self.simulation_id = self.simulation_dir.name
        self.simulation_file = self.simulation_dir / EPOCHS
        write_config(self.simulation_dir, self.config, self.config_path)

    def run(self) -> SimulationResult:
        """Run the community from the opening to the ballot, and return what came of it.

        All acts run side by side under `max_concurrent`. The record is kept in the run directory, which is made under
        `data/simulation` unless `initialize_simulation_output` was called before.

        Raises:
            ConfigurationError: everything wrong with settings and people, before the first act.
            UsageError: this engine has run before.
            RunStoppedError: a limit was reached, as of money or of failures; the message says how much is left undone.
            KeyboardInterrupt: Ctrl-C, or a notebook's stop button; the epochs that had ended stand in the record, and
                the message says where.
        """
        try:
            return run_sync(self.run_async())
        except KeyboardInterrupt:
            if self._kept_run is None or self.simulation_dir is None:
                raise
            raise KeyboardInterrupt(describe_interruption(self.simulation_dir)) from None

    async def run_async(self) -> SimulationResult:
        """As `run`; when cancelled, what was under way is cancelled, and the epochs that had ended stand."""
        if self._kept_run is not None:
            raise UsageError("this engine has run; GameEngine.from_config(...) builds another")
        stage = self._set_stage()
        return await self._run(stage, Places(stage.limit()))

    async def _run(self, stage: Stage, places: Places) -> SimulationResult:
        if self.simulation_dir is None:
            self.initialize_simulation_output()
        assert self.simulation_dir is not None
        directory = self.simulation_dir
        self._kept_run = KeptRun(
            directory,
            stage,
            simulation_id=self.simulation_id or directory.name,
            minds=self._minds,
            places=places,
            answers=self._answers,
            goes_on=self._goes_on,
            is_laid_out=self._is_laid_out,
            foretold=self._foretold_of_this_run(),
            published=self.debate_transcripts,
            follow=self._follow,
        )
        with at_home_in_notebook(directory, is_watched=self.observer is not None) as self._display:
            await self._kept_run.carry_out(self._take_ballots)
        return SimulationResult(directory)

    def ask_for_key(self, run_key_command: Callable[[str], str] | None = None) -> None:
        """Have the command that prints the key, if the configuration names one, run now, before anything is made.

        A key that was missing when the engine was made has to be there now.

        Args:
            run_key_command: runs it, once for all that share this; None: it is run for this engine alone.

        Raises:
            ConfigurationError: it prints no key, or none is there, or the model cannot be asked for another reason.
        """
        if run_key_command is not None:
            self._minds.run_key_command = run_key_command
        if self.config.api_key_command is not None or self._missing_keys:
            self._choose_minds(self._minds)

    def _lay_out(self, stage: Stage, base_dir: Path) -> Path:
        self.initialize_simulation_output(base_dir)
        assert self.simulation_dir is not None
        lay_out(self.simulation_dir, self.simulation_id or self.simulation_dir.name, stage)
        self._is_laid_out = True
        return self.simulation_dir

    def _share_opening(self, shared: SharedOpening | None) -> None:
        self._answers = replace(self._answers, shared=shared)

    def _follow(self, moment: Moment) -> None:
        self.current_epoch = moment.epoch
        for observe in (self.observer, self._display):
            if observe is not None:
                observe(moment)

    def _take_ballots(self, simulation: Simulation) -> None:
        if not (self.population.personas and self.candidates):
            return
        ballots = [simulation.events.ballots[persona.id] for persona in self.population.personas]
        self.population.ballots = tuple(ballots)
        counts = VoteCounts([candidate.name for candidate in self.candidates], ballots)
        self.save_final_vote(counts)
        self._vote_taken = (self._electorate(), counts)

    def conduct_final_vote(self) -> VoteCounts:
        """Return the counts of the run's ballot; without a run, or after a change of people or candidates, hold one.

        Raises:
            ConfigurationError: everything wrong with settings and people.
        """
        return run_sync(self.conduct_final_vote_async())

    async def conduct_final_vote_async(self) -> VoteCounts:
        """As `conduct_final_vote`."""
        if self._vote_taken is not None and self._vote_taken[0] == self._electorate():
            return self._vote_taken[1]
        self._set_stage()
        counts = await self.population.conduct_vote_async(self.candidates)
        self._vote_taken = (self._electorate(), counts)
        return counts

    def save_final_vote(self, vote_results: Mapping[str, int]) -> None:
        """Write {candidate name: count} to `final_vote.json` in the run directory, which is made if there is none.

        Raises:
            OSError: it cannot be written.
        """
        if self.simulation_dir is None:
            self.initialize_simulation_output()
        assert self.simulation_dir is not None
        write_json(self.simulation_dir / FINAL_VOTE, dict(vote_results))

    def _set_stage(self) -> Stage:
        if self.mediator is None:
            self.mediator = Mediator("mediator", None, None, self.config.world_story)
        if not (self.population.personas or self.candidates) and self.config.candidates:
            missing = "the engine has neither people nor candidates, and the configuration names some"
            warn_caller(f"{missing}; GameEngine.from_config(...) takes them from there")
        unnamed, given = self._minds.expected_name(), self._given_mind()
        refuse_problems(self.config, self.population, self.candidates, self.mediator, unnamed, given)
        stage = self._gather_stage(self._minds)
        set_stage(stage)
        return stage

    def _find_missing_keys(self) -> tuple[MissingKeyError, ...]:
        """Choose minds as far as their keys are there, and return which are not."""
        self._minds.foresee = partial(foresee_run, self.config, self.population, self.mediator)
        missing: list[MissingKeyError] = []
        choosing: list[Callable[[], object]] = [partial(self._mind_of_people, self._minds)]
        choosing += [self._minds.of_candidates] if self.config.candidate_model else []
        for choose in choosing:
            try:
                choose()
            except MissingKeyError as error:
                missing.append(error)
        return tuple(missing)

    def _choose_minds(self, minds: Minds) -> tuple[tuple[Mind, ModelChoice], tuple[Mind, ModelChoice]]:
        minds.foresee = partial(foresee_run, self.config, self.population, self.mediator)
        people = self._mind_of_people(minds)
        return people, minds.of_candidates() if self.config.candidate_model else people

    def _expected_of_people(self) -> Expectation:
        own = self._own_mind()
        return expect_mind(own) if own is not None else self._minds.expected_of_people()

    def _mind_of_people(self, minds: Minds) -> tuple[Mind, ModelChoice]:
        own = self._own_mind()
        return minds.of_people() if own is None else (own, ModelChoice(own.name, "the population came with it"))

    def _own_mind(self) -> Mind | None:
        """Return the mind the population came with, None where another goes before it."""
        is_chosen = self._minds.given is not None or self.config.model is not None
        return None if is_chosen else self.population.community.mind

    def _electorate(self) -> bytes:
        """Return a digest of what a ballot depends on, to tell whether it has changed since."""
        digest = hashlib.blake2b()
        for p in self.population.personas:
            digest.update(f"{id(p)} {p.id} {p.features!r} {p.beliefs!r}\x1f".encode("utf-8", "backslashreplace"))
        for c in self.candidates:
            digest.update(f"{id(c)} {c.id} {c.name} {c.character}\x1f".encode("utf-8", "backslashreplace"))
        return digest.digest()
