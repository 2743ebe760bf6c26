"""What a run was made from, kept with it: enough to make it again, wherever its directory goes."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ...config import NAMES, Config
from ...configuration.config_file import find_single_problems
from ...configuration.places import Places, shorten_problems, spell_value
from ...errors import ConfigurationError, RecordError, UsageError
from ...llm.choice import OFFLINE, ModelChoice
from ...llm.naming import parse_model_name
from ...minds.base import mind_label
from ...minds.offline.mind import OfflineMind
from ...persona import Persona
from ...population import Population
from ...runs.directory import FORMAT_VERSION, INPUTS, METADATA, PEOPLE, append_lines, write_json
from ...runs.reading import iterate_lines, read_json, read_metadata
from ...runs.row import Row
from ..files import FILES, NOT_RECORDED
from ..stage import Stage
from .beforehand import Beforehand, Cast, Values, build_cast, find_beforehand, let_hold

Attributes = Mapping[str, Any]

MOST_TOLD = 5
"""How many of the things that no file holds a message names."""

LONGEST_TOLD = 500
"""How many characters of each."""

NEEDED = tuple(each.name for each in fields(Config) if each.default is MISSING and each.default_factory is MISSING)
"""The settings without a default."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a run was made from.

    Attributes:
        config: the settings, the world's words instead of its file.
        people: id and attributes of everybody, in order.
        is_replay: whether it took its answers from another run.
        beforehand: what a script had put there before the first act.
        path: the run directory.
    """

    config: Config
    people: tuple[tuple[str, Attributes], ...] = field(kw_only=True)
    is_replay: bool = field(default=False, kw_only=True)
    beforehand: Beforehand = field(default_factory=Beforehand, kw_only=True)
    path: Path = field(default=Path(), kw_only=True)


def write_inputs(path: Path, stage: Stage, *, is_replay: bool = False) -> None:
    """Write what a run is made from, exactly as it is.

    Args:
        path: the run directory.
        stage: all of it.
        is_replay: whether it takes its answers from another run.

    Raises:
        OSError: it cannot be written.
        TypeError: somebody has an attribute that JSON cannot hold.
    """
    config, beforehand = stage.config, find_beforehand(stage)
    # A command is its user's: going on with a run directory from elsewhere must not run what stands in it.
    settings = {**asdict(config), "api_key_command": None, "world_story": config.load_world_story() or None}
    for name in FILES:  # paths are no text to JSON
        settings[name] = settings[name] if settings[name] is None else str(settings[name])
    stated = [name for name in NAMES if config.is_stated(name)]
    (path / PEOPLE).unlink(missing_ok=True)
    append_lines(path / PEOPLE, _people_lines(stage.population.personas, beforehand.held))
    inputs = {"format_version": FORMAT_VERSION, "settings": settings, "stated": stated, "is_replay": is_replay}
    inputs |= {"beforehand": beforehand.community, "not_kept": beforehand.not_kept}
    write_json(path / INPUTS, inputs, exactly=True)


def _people_lines(personas: Iterable[Persona], held: Mapping[str, Values]) -> Iterator[str]:
    for persona in personas:
        row = {"format_version": FORMAT_VERSION, "id": persona.id, "attributes": persona.features}
        row |= {"beforehand": held[persona.id]} if persona.id in held else {}
        yield json.dumps(row, ensure_ascii=False)


def load_inputs(path: Path) -> Inputs:
    """Return what a run was made from.

    Raises:
        RecordError: that is not there, is of another version, or is damaged.
    """
    file, values = path / INPUTS, _read_inputs(path)
    settings, stated = values.get("settings"), values.get("stated")
    if not isinstance(settings, dict) or not isinstance(stated, list):
        raise RecordError(f"{file} is damaged: it lacks settings, or which of them were stated")
    config = _load_config(file, settings, stated)
    held: dict[str, Values] = {}
    people = tuple(_load_people(path / PEOPLE, held))
    beforehand = _load_beforehand(Row(str(file), values), held)
    return Inputs(config, people=people, is_replay=values.get("is_replay") is True, beforehand=beforehand, path=path)


def _load_config(file: Path, settings: dict[str, Any], stated: list[Any]) -> Config:
    """Return the settings, which may be somebody else's: nothing in them is run, or leads to a file elsewhere."""
    unknown = [name for name in settings if name not in NAMES]
    if unknown:
        raise RecordError(f"{file} names settings this package does not know: {_tell(list(map(spell_value, unknown)))}")
    missing = [name for name in NEEDED if name not in settings]
    if missing:
        raise RecordError(f"{file} is damaged: its settings lack {', '.join(missing)}")
    harmless = {**settings, "api_key_command": None}
    if settings.get("world_file") is not None and settings.get("world_story") is None:  # it held nothing then
        harmless["world_story"] = ""
    problems = shorten_problems(find_single_problems(harmless, Places(str(file))), str(file))
    if problems:
        raise RecordError("; ".join(map(str, problems)))
    return Config.from_values(harmless, stated=[name for name in stated if name in NAMES])


def _read_inputs(path: Path) -> dict[str, Any]:
    file = path / INPUTS
    for name in (INPUTS, PEOPLE):
        if not (path / name).is_file():
            raise RecordError(f"{path} holds no {name}: it was made by an earlier version, or is no run directory")
    values = read_json(file)
    version = values.get("format_version")
    if version != FORMAT_VERSION or type(version) is not int:
        what = f"{file} is of format version {spell_value(version)}"
        raise RecordError(f"{what}; this package reads version {FORMAT_VERSION}")
    return values


def _load_people(file: Path, held: dict[str, Values]) -> Iterator[tuple[str, Attributes]]:
    for line in iterate_lines(file):
        row = line.take()
        if "beforehand" in row.values:
            held[row.text("id")] = row.row("beforehand").values
        yield row.text("id"), dict(row.row("attributes").values)


def _load_beforehand(inputs: Row, held: Mapping[str, Values]) -> Beforehand:
    """Return what was put there before the first act; the first versions of this package did not keep it."""
    if "beforehand" not in inputs.values:
        return Beforehand()
    return Beforehand(inputs.row("beforehand").values, held, not_kept=inputs.texts("not_kept"))


def refuse_not_kept(path: Path) -> None:
    """Check that all a run was made from is in its directory.

    Raises:
        RecordError: it is not; the message names what is missing.
    """
    inputs = Row(str(path / INPUTS), _read_inputs(path))
    not_kept = inputs.texts("not_kept") if "not_kept" in inputs.values else ()
    if not_kept:
        raise RecordError(
            f"{path} cannot be made again from what it holds: {_tell(not_kept)}. It cannot be replayed or "
            "verified; to go on with it, put the same community together in Python, and call "
            f"engine.go_on({str(path)!r}) before engine.run()"
        )


def _tell(texts: Sequence[str]) -> str:
    """Return texts in one line, those of somebody else's run shortened."""
    rest = f"; and {len(texts) - MOST_TOLD} more" if len(texts) > MOST_TOLD else ""
    return "; ".join(text[:LONGEST_TOLD] for text in texts[:MOST_TOLD]) + rest


def refuse_other_config(inputs: Inputs) -> None:
    """Check that a run can be made with another configuration: no script had put anything there that this would drop.

    Raises:
        UsageError: one had; the message names what.
    """
    names = inputs.beforehand.names()
    if names:
        raise UsageError(
            f"{inputs.path} began with what a script had put there ({', '.join(names)}), of which another "
            "configuration says nothing; replay it without one, or run again from the script"
        )


def put_back(inputs: Inputs, population: Population, world_story: str | None) -> Cast:
    """Return the cast as it was before the first act, and let people hold what they held then.

    Raises:
        RecordError: what was kept of that is damaged.
    """
    try:
        let_hold(population, inputs.beforehand)
        return build_cast(inputs.beforehand, inputs.config, world_story)
    except ValueError as error:
        what = f"{inputs.path}: what was there before the run cannot be put back: {error}"
        raise RecordError(f"{what}; {INPUTS} or {PEOPLE} is damaged, take it from a copy") from error


def read_choices(path: Path, config: Config) -> dict[str | None, ModelChoice]:
    """Return name of a model as the configuration has it, or None, to the choice the run in this directory made.

    Raises:
        RecordError: `metadata.json` cannot be read, or people thought with a mind that no name stands for.
    """
    provenance = Row(str(path / METADATA), read_metadata(path)).row("provenance")
    people = _read_choice(provenance, "mind", "mind_because")
    if not config.candidate_model:
        return {config.model: people}
    return {
        config.model: people,
        config.candidate_model: _read_choice(provenance, "candidate_mind", "candidate_mind_because"),
    }


def _read_choice(provenance: Row, name: str, because: str) -> ModelChoice:
    mind, reason = provenance.text(name), provenance.text(because)
    if mind == mind_label(OfflineMind()):
        return ModelChoice(OFFLINE, reason)
    try:
        parse_model_name(mind)
    except ConfigurationError:
        what = f"{provenance.place}: the {name} was {mind!r}, which a script brought along"
        raise RecordError(f"{what}; from Python, pass that mind as model=") from None
    return ModelChoice(mind, reason)


def refuse_other_changes(changes: Iterable[str]) -> None:
    """Check that these are settings that no result depends on.

    Raises:
        UsageError: they are not; the message names them.
    """
    others = [name for name in changes if name not in NOT_RECORDED]
    if others:
        raise UsageError(
            f"{', '.join(others)} cannot change within a run; what may: {', '.join(NOT_RECORDED)}. For another run on "
            "the same answers there is replay_run"
        )
