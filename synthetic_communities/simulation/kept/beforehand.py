"""What a script put into a community before its run: kept with the run, and put back when it is made again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from ...candidate import Candidate
from ...cast.member import Member
from ...config import Config, build_candidate_cards, build_topics
from ...domain.debate import Topic
from ...errors import UsageError
from ...mediator import Mediator
from ...minds.base import Mind
from ...minds.llm.mind import LLMMind
from ...minds.offline.mind import OfflineMind
from ...persona import Persona, as_chat
from ...population import Population
from ...social_media import Post, SocialMedia, as_feed_post
from ..gathering import build_candidates
from ..stage import Stage, declare_positions, find_world_story
from .plain_values import as_plain, from_plain
from .shapes import HELD, PARTS, find_misfit

Values = Mapping[str, Any]
Cast = tuple[list[Candidate], Mediator, SocialMedia]


@dataclass(frozen=True, slots=True)
class Beforehand:
    """What there was before the first act, beyond what configuration and people say.

    Attributes:
        community: what of it is there in place of what the configuration says, as plain values: `world_story`,
            `topics`, `mediator`, `candidates`, `posts`, `reactions`.
        held: persona id to what that person held, as plain values.
        not_kept: in words, what no file can hold, and without which the run cannot be made again.
    """

    community: Values = field(default_factory=dict)
    held: Mapping[str, Values] = field(default_factory=dict)
    not_kept: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def world_story(self) -> str | None:
        """The world in words, where the configuration has none."""
        return self.community.get("world_story")

    def names(self) -> list[str]:
        """Return the names of all there was, each once."""
        return list(dict.fromkeys([*self.community, *(name for values in self.held.values() for name in values)]))


def find_beforehand(stage: Stage) -> Beforehand:
    """Return what a script has put on a stage that is set."""
    unlike: list[str] = []
    told = _tell(unlike, _parts_of(stage.candidates, stage.mediator, stage.social_media))
    usual = _tell([], _parts_of(_usual_candidates(stage), Mediator("mediator", build_topics(stage.config)), None))
    story = "" if stage.config.load_world_story() else find_world_story(stage)
    community = {"world_story": story} if story else {}
    community |= {name: value for name, value in told.items() if value != usual[name]}
    held = {
        persona.id: values
        for persona in stage.population.personas
        if (values := _tell(unlike, _held_by(persona), of=persona))
    }
    return Beforehand(community, held, not_kept=(*_find_not_kept(stage), *unlike[:1]))


def _usual_candidates(stage: Stage) -> list[Candidate]:
    candidates = build_candidates(stage.config, None)
    declare_positions(candidates, build_candidate_cards(stage.config), stage.mediator.topics)
    return candidates


Parts = Mapping[str, Callable[[], Any]]


def _parts_of(candidates: Iterable[Candidate], mediator: Mediator, platform: SocialMedia | None) -> Parts:
    topics = {topic.id for topic in mediator.topics}
    return {
        "topics": lambda: [asdict(topic) for topic in mediator.topics],
        "mediator": lambda: {"id": mediator.id, "notes": mediator.state.memory},
        "candidates": lambda: [_describe(candidate, topics) for candidate in candidates],
        "posts": lambda: platform.posts if platform is not None else [],
        "reactions": lambda: platform.reactions if platform is not None else {},
    }


def _describe(candidate: Candidate, known_topics: set[str]) -> dict[str, Any]:
    return {
        "id": candidate.id,
        "name": candidate.name,
        "character": candidate.character,
        "topics": [asdict(topic) for topic in candidate.topics if topic.id not in known_topics],
        "positions": candidate.state.policy_positions,
        "notes": candidate.state.memory,
    }


def _held_by(persona: Persona) -> Parts:
    return {name: partial(_read_held, persona, name) for name in HELD if getattr(persona, name)}


def _read_held(persona: Persona, name: str) -> Any:
    """Return what somebody holds, of whatever make scripts put it there."""
    held = getattr(persona, name)
    make = {"chats": as_chat, "social_media_knowledge": as_feed_post}.get(name)
    return held if make is None else list(map(make, held))


def _tell(unlike: list[str], parts: Parts, *, of: object = "the community") -> dict[str, Any]:
    """Return parts as plain values; those that cannot be are named in `unlike`."""
    told: dict[str, Any] = {}
    for name, find in parts.items():
        try:
            told[name] = as_plain(find())
            _read({name: told[name]}, {**PARTS, **HELD})
        except (TypeError, ValueError, RecursionError, UsageError) as error:
            unlike.append(f"{name} of {of} hold what cannot be kept: {error}")
            told[name] = None
    return told


def _find_not_kept(stage: Stage) -> Iterator[str]:
    people, cast = stage.population.personas, (*stage.candidates, stage.mediator)
    own = [*_with_own_minds(people, stage.mind), *_with_own_minds(cast, stage.candidate_mind)]
    if own:
        yield f"{_first_of(own)} thought with a mind of its own, {own[0].llm_client.name!r}"
    unlike = [each for each in (*people, *cast) if type(each) not in (Persona, Candidate, Mediator)]
    if unlike:
        yield f"{_first_of(unlike)} was of a class of its own, {type(unlike[0]).__name__}"
    changed = {each: names for each in (*people, *cast) if (names := _own_functions(each))}
    if changed:
        yield f"{_first_of(list(changed))} had a function of its own, {next(iter(changed.values()))[0]}"
    lived = [persona for persona in people if persona.has_lived()]
    if lived:
        yield f"{_first_of(lived)} had acted before the run"


def _own_functions(member: Member) -> list[str]:
    return [name for name, value in vars(member).items() if name != "llm_client" and callable(value)]


def _with_own_minds(members: Iterable[Member], shared: Mind) -> list[Member]:
    return [each for each in members if each.llm_client is not None and not _is_alike(each.llm_client, shared)]


def _is_alike(own: Mind, shared: Mind) -> bool:
    """Say whether it is the shared mind, or one that the shared mind can stand for: what it asks is compared later."""
    if own is shared or (type(own) is OfflineMind and type(shared) is OfflineMind):
        return True
    return isinstance(own, LLMMind) and isinstance(shared, LLMMind) and own.name == shared.name


def _first_of(members: list[Any]) -> str:
    return repr(members[0]) + (f" (and {len(members) - 1} more)" if len(members) > 1 else "")


def build_cast(beforehand: Beforehand, config: Config, world_story: str | None) -> Cast:
    """Return candidates, mediator and platform as they were before the first act.

    Raises:
        ValueError: what was kept is damaged.
    """
    kept = _read(beforehand.community, PARTS)
    topics = _build_topics(kept["topics"]) if "topics" in kept else list(build_topics(config))
    led_by = kept.get("mediator", {"id": "mediator", "notes": []})
    mediator = Mediator(led_by["id"], topics, None, world_story)
    mediator.state.memory = led_by["notes"]
    platform = SocialMedia()
    platform.posts = [Post(**post) for post in kept.get("posts", ())]
    platform.reactions = kept.get("reactions", {})
    if "candidates" not in kept:
        return build_candidates(config, world_story), mediator, platform
    return [_build_candidate(values, topics, world_story) for values in kept["candidates"]], mediator, platform


def _build_candidate(values: Values, topics: list[Topic], world_story: str | None) -> Candidate:
    own = [*topics, *_build_topics(values["topics"])]
    candidate = Candidate(values["id"], values["name"], values["character"], own, None, world_story)
    candidate.state.policy_positions = values["positions"]
    candidate.state.memory = values["notes"]
    return candidate


def _build_topics(rows: Iterable[Values]) -> list[Topic]:
    return [Topic(**{**row, "priors": tuple(row["priors"])}) for row in rows]


def let_hold(population: Population, beforehand: Beforehand) -> None:
    """Let people hold what they held before the first act.

    Raises:
        ValueError: what was kept is damaged.
    """
    for persona in population.personas:
        for name, value in _read(beforehand.held.get(persona.id, {}), HELD).items():
            setattr(persona, name, value)


def _read(values: Values, shapes: Values) -> dict[str, Any]:
    made = {name: from_plain(value) for name, value in values.items()}
    misfit = find_misfit(made, shapes)
    if misfit is not None:
        raise ValueError(f"they are not as {misfit} are")
    return made
