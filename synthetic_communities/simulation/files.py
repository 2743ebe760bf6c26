"""The files of a run beside its rows: who and what it was made of, its configuration, what was measured."""

import platform
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from ..candidate import Candidate
from ..config import Config
from ..errors import ConfigurationError
from ..llm.call_log import CallEntry, CallLog, measure_totals
from ..llm.failures import WrongSettingsError
from ..llm.journal.journal import Journal
from ..llm.limits.changes import LimitChange
from ..llm.money.costs import measure_cost
from ..llm.money.prices import Prices
from ..minds.llm.rules import PROMPT_VERSION
from ..report.text import spell_error
from ..runs.directory import CONFIG, FORECAST, FORMAT_VERSION, METADATA, USAGE, write_json, write_text
from . import rows
from .journals import measure_journal
from .labels import mind_labels
from .stage import Stage
from .usage_parts import split_by_part
from .watching import Watcher

LIMITS = (
    *("max_concurrent", "call_timeout_seconds", "requests_per_minute", "tokens_per_minute", "schedule"),
    *("max_cost_usd", "max_tokens", "max_calls", "deadline_seconds", "max_failures", "prices", "prompt_cache"),
)
"""Settings that no result may depend on: they stand in `usage.json`, and not in the record."""

NOT_RECORDED = (*LIMITS, "api_key_command")
"""Settings that stand in no record; how somebody gets at a key is no business of those who read it."""

FILES = ("population_file", "world_file")
"""Settings that name files, of which the record keeps the name and not the path."""


def write_metadata(path: Path, simulation_id: str, stage: Stage) -> None:
    """Write who and what a run is made of.

    Raises:
        OSError: it cannot be written.
    """
    write_json(path / METADATA, build_metadata(simulation_id, stage))


def build_metadata(simulation_id: str, stage: Stage) -> dict[str, Any]:
    """Return who and what a run is made of; the people one by one, as they are taken."""
    return {
        "format_version": FORMAT_VERSION,
        "simulation_id": simulation_id,
        "config": recorded_settings(stage.config),
        "topics": [
            {"id": topic.id, "title": topic.title, "description": topic.description}
            | {"against": topic.against, "for": topic.in_favour}
            for topic in stage.mediator.topics
        ],
        "candidates": [_candidate(candidate) for candidate in stage.candidates],
        "population": map(rows.person_row, stage.population.personas),
        "provenance": _provenance(stage),
    }


def write_config(path: Path, config: Config, config_path: str | Path | None) -> None:
    """Write the configuration: as it was given where it came from a file, else as it is.

    Raises:
        OSError: it cannot be written, or the file it came from cannot be read any more.
    """
    if config_path is not None and is_as_given(config, config_path):
        text = Path(config_path).read_text(encoding="utf-8")
    else:
        text = yaml.safe_dump(_writable_settings(config), allow_unicode=True, sort_keys=False)
    write_text(path / CONFIG, text)


def is_as_given(config: Config, config_path: str | Path) -> bool:
    """Say whether the file still says what is run: settings may have been changed since it was read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what reading it warns of was said when it was read first
            return Config.from_yaml(config_path) == config
    except ConfigurationError:
        return False


def write_usage(
    path: Path,
    status: str,
    times: Mapping[str, Any],
    stage: Stage,
    watcher: Watcher,
    *,
    limit: int,
    calls: CallLog,
    is_known: bool,
    journal: Journal,
    began_at: float,
    stopped: str | None = None,
    failed: BaseException | None = None,
) -> None:
    """Write what was measured.

    Args:
        path: the run directory.
        status: how the run ended.
        times: when it began, and how long it took.
        stage: what it was made of.
        watcher: who counted and timed.
        limit: how many acts could be under way at once, in this run and in others beside it.
        calls: of models, as far as they are known.
        is_known: whether these are all; False: a mind took part that may have made others.
        journal: what was answered from records, and what was recorded.
        began_at: when it began, on the clock of `time.monotonic`.
        stopped: what stopped it; None: nothing did.
        failed: the error that ended it; None: none did.

    Raises:
        OSError: it cannot be written.
    """
    usage = {
        "format_version": FORMAT_VERSION,
        **_ending(status, stopped, failed),
        **times,
        "limits": {name: getattr(stage.config, name) for name in LIMITS} | {"max_concurrent": limit},
        "peak_in_flight": watcher.peak_in_flight,
        **mind_labels(stage),
        "model_calls": len(calls.entries) if is_known else None,
        **_calls(calls, Prices(stage.config.prices or {}), began_at),
        "journal": measure_journal(journal),
        "machine": {"python": platform.python_version(), "platform": platform.platform()},
        "acts": _acts(watcher),
    }
    write_json(path / USAGE, usage)


def _acts(watcher: Watcher) -> dict[str, Any]:
    return {
        step: {"statuses": dict(sorted(usage.statuses.items())), "seconds": usage.seconds}
        for step, usage in sorted(watcher.by_step.items())
    }


def _ending(status: str, stopped: str | None, failed: BaseException | None) -> dict[str, Any]:
    """Return how a run ended: an error that settings have to be corrected for is marked as such."""
    return {
        "status": status,
        "stopped": stopped,
        "failed": None if failed is None else spell_error(failed),
        "wants_correction": isinstance(failed, (WrongSettingsError, ConfigurationError)),
    }


def write_forecast(path: Path, asked: Mapping[str, Any]) -> None:
    """Write what the calls of models of a run, or of all in a folder, are foretold to take, before any begins.

    Args:
        path: the run directory, or the folder.
        asked: that, as plain data.

    Raises:
        OSError: it cannot be written.
    """
    write_json(path / FORECAST, {"format_version": FORMAT_VERSION, **asked})


def _calls(calls: CallLog, prices: Prices, began_at: float) -> dict[str, Any]:
    """Return what calls of models took and how their limits changed."""
    return {
        "calls": _totals(calls.entries, prices),
        "calls_answered": _totals([entry for entry in calls.entries if entry.is_paid_elsewhere], prices),
        "calls_by_act": {act: _totals(entries, prices) for act, entries in calls.entries_by_act().items()},
        "calls_by_epoch": {part: _totals(entries, prices) for part, entries in split_by_part(calls.entries).items()},
        "limit_changes": [_limit_change(model, change, began_at) for model, change in calls.limit_changes],
    }


def _limit_change(model: str, change: LimitChange, began_at: float) -> dict[str, Any]:
    told = {name: value for name, value in asdict(change).items() if name != "at_seconds"}
    return {"seconds": change.at_seconds - began_at, "model": model, **told}


def _totals(entries: Sequence[CallEntry], prices: Prices) -> dict[str, Any]:
    totals = measure_totals(entries)
    return {
        "calls": totals.calls,
        "outcomes": dict(totals.outcomes),
        "models": dict(totals.models),
        "tokens": asdict(totals.usage),
        "uncounted": totals.uncounted,
        **asdict(measure_cost(entries, prices)),
        "seconds": totals.seconds,
        "waited_seconds": totals.waited_seconds,
        "peak_in_flight": totals.peak_in_flight,
    }


def recorded_settings(config: Config) -> dict[str, Any]:
    """Return the settings as the record keeps them: no limits and keys, the world in words, files by name."""
    settings = {name: value for name, value in asdict(config).items() if name not in NOT_RECORDED}
    settings["world_story"] = config.load_world_story() or None
    return {
        name: Path(value).name if name in FILES and value is not None else value for name, value in settings.items()
    }


def _writable_settings(config: Config) -> dict[str, Any]:
    """Return the settings as a file may state them: the story instead of its file, paths as text."""
    settings = {**asdict(config), "world_file": None, "world_story": config.load_world_story() or None}
    written = {name: str(value) if name in FILES and value is not None else value for name, value in settings.items()}
    return {name: value for name, value in written.items() if value is not None}


def _candidate(candidate: Candidate) -> dict[str, Any]:
    return {
        "id": candidate.id,
        "name": candidate.name,
        "character": candidate.character,
        "initial_policy_positions": dict(candidate.state.policy_positions),
        "initial_stances": rows.stances_of(candidate.state.policy_positions),
    }


def _provenance(stage: Stage) -> dict[str, Any]:
    from importlib.metadata import version  # late: it brings all of `email` along

    return {
        "package": version("synthetic-communities"),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "platform": platform.system(),
        **mind_labels(stage),
        "mind_because": stage.choice.reason,
        "candidate_mind_because": stage.candidate_choice.reason,
        "model": stage.config.model,
        "candidate_model": stage.config.candidate_model,
        "prompt_version": PROMPT_VERSION,
        "seed": stage.population.community.seed,
        "settings": _settings_in_effect(stage.config),
    }


def _settings_in_effect(config: Config) -> dict[str, Any]:
    """Return the settings that shaped the run, those left at their defaults among them."""
    shown_elsewhere = ("topics", "candidates", "world_story", "model", "candidate_model")
    return {name: value for name, value in recorded_settings(config).items() if name not in shown_elsewhere}
