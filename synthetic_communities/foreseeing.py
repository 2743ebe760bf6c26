"""What a run will take, told before it begins: what an engine does for whoever asks for the price, or for a probe."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .candidate import Candidate
from .config import Config, build_topics
from .engine.bridge import run_sync
from .forecast.ahead import RunAhead, add_runs
from .forecast.assumed import Assumed
from .forecast.calls import CallsForecast
from .forecast.counting import forecast_run
from .forecast.forecast import Forecast, with_calls
from .late import Late
from .mediator import Mediator
from .minds.base import Mind
from .persona import Persona
from .population import Population
from .simulation.expectation import CastExpectation, Expectation, expect_own
from .simulation.gathering import gather_people
from .simulation.many import plan_replicates
from .simulation.minds import Minds
from .simulation.stage import Stage, build_course, refuse_problems
from .social_media import SocialMedia

if TYPE_CHECKING:
    from .forecast import foretelling, probing, understudies
    from .forecast.probe import Probe
    from .forecast.probed_act import ProbedAct
    from .forecast.understudies import Company
else:  # what asks no model foretells nothing, and few engines probe
    foretelling = Late("synthetic_communities.forecast.foretelling")
    probing = Late("synthetic_communities.forecast.probing")
    understudies = Late("synthetic_communities.forecast.understudies")


@dataclass(frozen=True, slots=True)
class _Foretold:
    """A forecast, and of how many runs it is, with or without people of their own."""

    forecast: Forecast
    replicates: int
    resample: bool = field(kw_only=True)
    config: Config = field(kw_only=True)

    def is_of(self, config: Config, replicates: int, *, resample: bool) -> bool:
        """Say whether it was made of just these runs: after a change of settings it was not."""
        return (self.config, self.replicates, self.resample) == (config, replicates, resample)


class Foreseeing(ABC):
    """What an engine tells of a run before it begins.

    Attributes:
        config: the settings.
        population: the people.
        candidates: who stands for election.
        mediator: who leads the debates.
        social_media: the platform.
    """

    config: Config
    population: Population
    candidates: list[Candidate]
    mediator: Mediator | None
    social_media: SocialMedia
    _minds: Minds
    _draws_people: bool = False
    _foretold: _Foretold | None = None

    @abstractmethod
    def expected_model(self) -> str:
        """Return the name of what people will think with."""

    @abstractmethod
    def _own_mind(self) -> Mind | None:
        """Return what the population came with, to think with; None: nothing."""

    @abstractmethod
    def _expected_of_people(self) -> Expectation:
        """Return what is known of what people will think with."""

    @abstractmethod
    def _gather_stage(self, minds: Minds) -> Stage:
        """Return what a run is made of, with these minds."""

    def forecast(self, assumed: Assumed | None = None, *, replicates: int = 1, resample: bool = False) -> Forecast:
        """Return what a run will do: its acts, its calls of models, and how many acts wait for one another.

        What the calls take is foreseen by a rehearsal with models that cost nothing. Nobody is asked, and no model is
        opened. If the run takes place, the forecast is kept beside what it took.

        Args:
            assumed: what is not known of the models, as a probe has measured it; None: as by default.
            replicates: how many runs, each with chance of its own, as `run_replicates` makes them under one limit.
            resample: whether each of these draws its own people.

        Raises:
            ConfigurationError: everything wrong with settings and people.
            UsageError: called from inside a running community, where models are asked; or `replicates` is no whole
                number from 1 up.
        """
        counted, asking = self._count(assumed, replicates, resample=resample)
        return self._keep(counted, None if asking is None else run_sync(asking, twin="GameEngine.forecast_async"))

    def foretold(self, *, replicates: int = 1, resample: bool = False) -> Forecast | None:
        """Return the forecast that was made last, or one that is made now; None where no model is asked.

        Where none is asked nothing is foretold, as the plan of a large community takes a while to draw up.

        Args:
            replicates: how many runs; one that was made of others is made again.
            resample: whether each of these draws its own people.

        Raises:
            ConfigurationError: as `forecast`.
        """
        if self._foretold is not None and self._foretold.is_of(self.config, replicates, resample=resample):
            return self._foretold.forecast
        return None if self._asks_nobody() else self.forecast(replicates=replicates, resample=resample)

    def _given_mind(self) -> Mind | None:
        """Return what a script gave everybody to think with, by whichever door; None: nothing."""
        return self._minds.given if self._minds.given is not None else self._own_mind()

    def _asks_nobody(self) -> bool:
        mediator = self.mediator or Mediator("mediator")
        own = expect_own(self.population.personas, self.candidates, mediator).values()
        shared = [self._expected_of_people()]
        shared += [self._minds.expected_of_candidates()] if self.config.candidate_model else []
        return all(each.calls_per_act == 0 for each in (*shared, *own))

    async def forecast_async(
        self, assumed: Assumed | None = None, *, replicates: int = 1, resample: bool = False
    ) -> Forecast:
        """As `forecast`; nobody else gets a turn meanwhile, which is a few seconds at most."""
        counted, asking = self._count(assumed, replicates, resample=resample)
        return self._keep(counted, None if asking is None else await asking)

    def _count(
        self, assumed: Assumed | None, replicates: int, *, resample: bool
    ) -> tuple[_Foretold, Coroutine[Any, Any, CallsForecast] | None]:
        """Return how many acts and calls there will be, and what foretells what these take; None: there are none."""
        ahead = self._look_ahead(replicates, resample=resample)
        forecast = add_runs(ahead, shares_opening=not ahead[0].config.resample_people)
        counted = _Foretold(forecast, replicates, resample=resample, config=self.config)
        return counted, foretelling.foretell(self._company, ahead, forecast, assumed) if forecast.calls else None

    def _keep(self, counted: _Foretold, asked: CallsForecast | None) -> Forecast:
        forecast = counted.forecast if asked is None else with_calls(counted.forecast, asked)
        self._foretold = replace(counted, forecast=forecast)
        return self._foretold.forecast

    def _look_ahead(self, replicates: int = 1, *, resample: bool = False) -> list[RunAhead]:
        mediator = self.mediator or Mediator("mediator")
        unnamed, given = self._minds.expected_name(), self._given_mind()
        refuse_problems(self.config, self.population, self.candidates, mediator, unnamed, given)
        people = self._expected_of_people()
        candidates = self._minds.expected_of_candidates() if self.config.candidate_model else people
        expected = CastExpectation(
            people, candidates, own=expect_own(self.population.personas, self.candidates, mediator)
        )
        topic_ids = [topic.id for topic in mediator.topics or build_topics(self.config)]
        return [
            self._look_at(config, topic_ids, expected)
            for config in plan_replicates(self.config, replicates, resample=resample)
        ]

    def _look_at(self, config: Config, topic_ids: Sequence[str], expected: CastExpectation) -> RunAhead:
        people, cast = self._people_of(config), [candidate.id for candidate in self.candidates]
        course = build_course(config, [persona.id for persona in people], cast, topic_ids)
        return RunAhead(config, people, course=course, forecast=forecast_run(course, expected, config))

    def _people_of(self, config: Config) -> Sequence[Persona]:
        """Return who takes part in a replicate: others only where each draws its own, and they come from a file."""
        if config == self.config or not (self._draws_people and config.resample_people):
            return self.population.personas
        story = self.population.world_story
        return [
            Persona(who, data, story) for who, data in gather_people(config, self.expected_model(), self._minds.given)
        ]

    def _company(self, run: RunAhead) -> "Company":
        own = self._own_mind()
        mind = own if own is not None else self._minds.imagined_of_people()
        return understudies.Company(
            run.config,
            run.people,
            candidates=self.candidates,
            mediator=self.mediator or Mediator("mediator", None, None, self.config.world_story),
            social_media=self.social_media,
            world_story=self.population.world_story,
            mind=mind,
            candidate_mind=self._minds.imagined_of_candidates() if self.config.candidate_model else mind,
        )

    def probe(self, tell: "Callable[[ProbedAct], None] | None" = None) -> "Probe":
        """Ask what a run would ask, each act once, for one person, and return what came of each.

        It costs a dozen calls, and is held to the limits of the settings: where one is reached, the other acts are not
        asked. Nothing is written, and nobody changes: those who are asked are copies.

        Args:
            tell: is told of every act as it ends.

        Raises:
            ConfigurationError: everything wrong with settings and people; or the model cannot be asked.
            ModelUnavailableError: no call can succeed, and none has.
            UsageError: called from inside a running community.
        """
        return run_sync(self.probe_async(tell))

    async def probe_async(self, tell: "Callable[[ProbedAct], None] | None" = None) -> "Probe":
        """As `probe`."""
        (ahead,) = self._look_ahead()
        steps = {step.step for step in ahead.forecast.steps}
        return await probing.probe_stage(self._gather_stage(self._minds.alike()), steps, tell)

    def _foretold_of_this_run(self) -> dict[str, Any] | None:
        """Return what the calls of one run were foretold to take, as plain data; None: nobody wanted to know."""
        is_told = self._foretold is not None and self._foretold.is_of(self.config, 1, resample=False)
        asked = self._foretold.forecast.asked if self._foretold is not None and is_told else None
        return None if asked is None else asked.as_data()


def forecast_together(engines: Sequence[Foreseeing], *, shares_opening: bool) -> Forecast | None:
    """Return what runs that are there will do together, each with its own people; None where no model is asked.

    Args:
        engines: of the runs, under one limit.
        shares_opening: whether they ask what the opening asks once for all of them.

    Raises:
        ConfigurationError: everything wrong with settings and people of one of them.
    """
    if all(engine._asks_nobody() for engine in engines):
        return None
    ahead = [engine._look_ahead()[0] for engine in engines]
    owners = {id(run): engine for run, engine in zip(ahead, engines, strict=True)}  # a run has settings, and no hash
    forecast = add_runs(ahead, shares_opening=shares_opening)
    if not forecast.calls:
        return forecast
    return with_calls(
        forecast, run_sync(foretelling.foretell(lambda run: owners[id(run)]._company(run), ahead, forecast))
    )
