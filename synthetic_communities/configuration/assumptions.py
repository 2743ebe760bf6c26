"""What a configuration does not state, and what a run assumes instead."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from .checks import are_offline
from .entries import find_entries
from .settings import SETTINGS, Setting

NOT_STATED = " is not stated: "
"""What stands between a setting and what is assumed of it."""

_TOPIC_DEFAULTS = {
    "against": "-1 on its axis means the proposal rejected",
    "for": "+1 on its axis means the proposal supported",
    "priors": "prior beliefs on the subject of its id speak to it",
}
_SPREAD = "the offline mind spreads candidates evenly over the axis in the order listed"


def list_assumptions(values: Mapping[str, Any], stated: Collection[str]) -> list[str]:
    """Return a sentence for everything in `values` that is not stated; `stated` holds names of settings."""
    return [*_assumed_settings(values, stated), *_assumed_of_topics(values), *_assumed_of_candidates(values)]


def _assumed_settings(values: Mapping[str, Any], stated: Collection[str]) -> Iterator[str]:
    for setting in SETTINGS:
        idle = setting.models_only and are_offline(values)
        if setting.name not in stated and not idle and not _is_told_otherwise(setting, values):
            yield f"{setting.name}{NOT_STATED}{_spell_default(setting, values[setting.name])}"


def _is_told_otherwise(setting: Setting, values: Mapping[str, Any]) -> bool:
    return setting.name in ("world_file", "world_story") and (values["world_file"] or values["world_story"]) is not None


def _spell_default(setting: Setting, value: object) -> str:
    if value is None:
        return setting.absent
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value} ({setting.unit})" if setting.unit else str(value)


def _assumed_of_topics(values: Mapping[str, Any]) -> Iterator[str]:
    for place, topic in find_entries(values["topics"]):
        for key, assumed in _TOPIC_DEFAULTS.items():
            if not topic.get(key):
                yield f"topics[{place}] ({topic.get('id')}) has no `{key}`: {assumed}"


def _assumed_of_candidates(values: Mapping[str, Any]) -> Iterator[str]:
    topic_ids = [topic.get("id") for _, topic in find_entries(values["topics"])]
    if not are_offline(values):
        return
    for place, candidate in find_entries(values["candidates"]):
        open_topics = [str(topic_id) for topic_id in topic_ids if topic_id not in (candidate.get("positions") or {})]
        if open_topics:
            yield f"candidates[{place}] ({candidate.get('id')}) has no position on {', '.join(open_topics)}: {_SPREAD}"
