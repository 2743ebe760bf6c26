"""The minds of an engine's runs: chosen when first needed, and once."""

import os
from collections.abc import Callable, Mapping
from functools import cache, cached_property, partial

import synthetic_communities.llm_client as llm_client

from ..cast.thinking import MindSettings, build_mind, build_silent_mind
from ..config import Config, build_candidate_cards, build_topics
from ..domain.scene import Scene
from ..llm.access.key_command import run_key_command
from ..llm.access.keys import read_environment
from ..llm.bodies import Bodies, encode_bodies
from ..llm.choice import OFFLINE, ModelChoice, choose_model
from ..llm.exchange import Exchange
from ..llm.listening import current_listener
from ..llm.money.prices import Prices
from ..llm.wire.over_aiohttp import MAX_CONNECTIONS
from ..mediator import Mediator
from ..minds.base import Mind
from ..minds.llm.foresight import Extent, foresee_window
from ..population import Population
from .expectation import Expectation, expect_mind, expect_model


class Minds:
    """What people think with, and what candidates and mediator do.

    Attributes:
        given: a mind somebody put in place, for everybody; None: one is chosen.
        bodies: where the whole texts of calls go; None: nowhere.
        foresee: for Ollama, foresees the room for prompt and reply together, in tokens; None: the server's default.
        recorded: name of a model as the configuration has it, or None, to the choice that a run made then; where a
            name stands here, nothing is looked for.
        may_call: whether models are asked at all; False: every answer comes from a journal.
        run_key_command: returns the key that a command prints, and runs each command once, however many models are
            asked; runs that begin together share it.
    """

    def __init__(self, config: Config, *, argument: str | None = None, looks_for_keys: bool = True) -> None:
        """Take what a choice depends on.

        Args:
            config: the settings; they may change until the first choice.
            argument: the model a call or the command line names.
            looks_for_keys: whether this is one of the doors whose callers rely on a key being found.
        """
        self.given: Mind | None = None
        self.bodies: Bodies | None = None
        self.foresee: Callable[[], int] | None = None
        self.recorded: Mapping[str | None, ModelChoice] = {}
        self.may_call = True
        self._config = config
        self._argument = argument
        self._looks_for_keys = looks_for_keys
        self.run_key_command: Callable[[str], str] = cache(run_key_command)
        self._chosen: dict[str | None, tuple[Mind, ModelChoice]] = {}

    def of_people(self) -> tuple[Mind, ModelChoice]:
        """Return what people think with, and why.

        Raises:
            ConfigurationError: the model cannot be asked.
        """
        if self.given is not None:
            return self.given, ModelChoice(self.given.name, "it was given")
        return self._choose(self._argument or self._config.model)

    def of_candidates(self) -> tuple[Mind, ModelChoice]:
        """Return what candidates and mediator think with, and why.

        Raises:
            ConfigurationError: the model cannot be asked.
        """
        named = self._config.candidate_model
        return self._choose(named) if named else self.of_people()

    def alike(self) -> "Minds":
        """Return minds that are chosen as these are, and opened anew."""
        minds = Minds(self._config, argument=self._argument, looks_for_keys=self._looks_for_keys)
        minds.given, minds.recorded, minds.may_call = self.given, self.recorded, self.may_call
        minds.bodies, minds.foresee, minds.run_key_command = self.bodies, self.foresee, self.run_key_command
        return minds

    def tell_bodies(self, exchange: Exchange, prices: Prices) -> None:
        """Write the whole texts of a try, if that is asked for.

        Raises:
            OSError: they cannot be written.
        """
        if self.bodies is not None:
            self.bodies.write(encode_bodies(exchange, prices))

    def expected_name(self) -> str:
        """Return the name of what people will think with, without making it.

        Raises:
            ConfigurationError: nothing is found, and something must be.
        """
        if self.given is not None:
            return OFFLINE  # a mind somebody put there takes no settings of models, as the offline one
        named = self._argument or self._config.model
        if named in self.recorded:
            return self.recorded[named].name
        environment = read_environment(os.environ)
        return choose_model(self._argument, named, environment, looks_for_keys=self._looks_for_keys).name

    def expected_of_people(self) -> Expectation:
        """Return what is known of what people will think with, without making it.

        Raises:
            ConfigurationError: no such model, or nothing is found, and something must be.
        """
        return expect_mind(self.given) if self.given is not None else expect_model(self.expected_name())

    def expected_of_candidates(self) -> Expectation:
        """Return what is known of what candidates and mediator will think with, without making it.

        Raises:
            ConfigurationError: no such model, or nothing is found, and something must be.
        """
        named = self._config.candidate_model
        return expect_model(named) if named else self.expected_of_people()

    def imagined_of_people(self) -> Mind:
        """Return a mind that puts into words what people are asked, as the one does that will be; it asks nobody.

        Raises:
            ConfigurationError: no such model, or nothing is found, and something must be.
        """
        return self.given if self.given is not None else self._imagine(self.expected_name())

    def imagined_of_candidates(self) -> Mind:
        """As `imagined_of_people`, for candidates and mediator."""
        named = self._config.candidate_model
        return self._imagine(named) if named else self.imagined_of_people()

    def _imagine(self, name: str) -> Mind:
        return build_silent_mind(name, self._settings(name))

    def _choose(self, named: str | None) -> tuple[Mind, ModelChoice]:
        if named not in self._chosen:
            environment = read_environment(os.environ)
            choice = self.recorded.get(named) or self._find(named, environment)
            self._chosen[named] = (self._open(choice, environment), choice)
        return self._chosen[named]

    def _find(self, named: str | None, environment: Mapping[str, str]) -> ModelChoice:
        argument = named if named == self._argument else None
        return choose_model(argument, named, environment, looks_for_keys=self._looks_for_keys)

    def _open(self, choice: ModelChoice, environment: Mapping[str, str]) -> Mind:
        if not self.may_call:
            return build_silent_mind(choice.name, self._settings(choice.name))
        if self._looks_for_keys:
            return llm_client.open_door(choice, self._settings(choice.name), environment)
        llm_client.tell_choice(choice)
        return build_mind(choice.name, self._settings(choice.name), environment)

    def _settings(self, name: str) -> MindSettings:
        config, command = self._config, self._config.api_key_command
        return MindSettings(
            base_url=config.base_url,
            api_key_env=config.api_key_env,
            look_up_key=partial(self.run_key_command, command) if command is not None else None,
            temperature=config.temperature,
            effort=config.effort,
            seed=config.random_seed,
            call_timeout_seconds=config.call_timeout_seconds,
            window_tokens=self.foresee() if self.foresee is not None and name != OFFLINE else None,
            # A verb called by hand may be told to ask more people at once than the configuration says.
            max_connections=max(MAX_CONNECTIONS, config.max_concurrent),
            requests_per_minute=config.requests_per_minute,
            tokens_per_minute=config.tokens_per_minute,
            max_reply_bytes=config.max_reply_bytes,
            observe=self._tell_by_hand,
            caches=config.prompt_cache != "none",
        )

    @cached_property
    def _prices(self) -> Prices:
        return Prices(self._config.prices or {})

    def _tell_by_hand(self, exchange: Exchange) -> None:
        if current_listener.get() is None:  # else the run under way, this engine's or another's, writes it
            self.tell_bodies(exchange, self._prices)


def foresee_run(config: Config, population: Population, mediator: Mediator | None) -> int:
    """Return the tokens that the longest prompt of a run and its reply can take together, on the long side."""
    topics = tuple(mediator.topics) if mediator and mediator.topics else build_topics(config)
    candidates = build_candidate_cards(config)
    questions = len(topics) * config.questions_per_topic
    extent = Extent(
        statements=questions * config.turns_per_question * len(candidates),
        questions=questions,
        turns=2 * (config.num_rounds_mean + config.num_rounds_variance),
        feed_size=config.feed_size,
        memory_epochs=config.memory_epochs,
        epochs=config.num_epochs,
    )
    scene = Scene(config.load_world_story(), topics, candidates)
    return foresee_window(scene, [persona.person() for persona in population.personas], extent)
