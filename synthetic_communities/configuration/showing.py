"""A configuration as a notebook shows it: its settings, what of them is assumed, its topics and its candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..report.html import Cell, Fragment, build_table, paragraph, show_text, stand_alone, strong
from ..report.text import spell_stance
from .checks import are_offline, has_kind
from .places import spell_value
from .settings import SETTINGS, Setting

LISTS = ("topics", "candidates")
"""Settings with a table of their own, where there is something to show of them."""

ASSUMED = "assumed"


def show_configuration(values: Mapping[str, Any], is_stated: Callable[[str], bool]) -> str:
    """Return HTML of a configuration, whatever its values are: it need not be one that could run.

    Args:
        values: every setting by name.
        is_stated: says of a setting whether it was stated, and not assumed.
    """
    parts = [_show_settings(values, is_stated), *_show_topics(values), *_show_candidates(values), *_show_world(values)]
    return stand_alone(*parts)


def _show_settings(values: Mapping[str, Any], is_stated: Callable[[str], bool]) -> Fragment:
    rows: list[list[Cell]] = [
        [
            setting.name,
            _show_setting(setting, values[setting.name]),
            setting.unit,
            "" if is_stated(setting.name) else ASSUMED,
            setting.meaning,
        ]
        for setting in SETTINGS
        if _has_row(setting, values, is_stated)
    ]
    return build_table(["setting", "value", "unit", "", "meaning"], rows, caption="Configuration")


def _has_row(setting: Setting, values: Mapping[str, Any], is_stated: Callable[[str], bool]) -> bool:
    if setting.name in LISTS:
        return not _entries(values[setting.name])
    if setting.name == "world_story":
        return not values["world_story"]
    return is_stated(setting.name) or not (setting.models_only and are_offline(values))


def _show_setting(setting: Setting, value: object) -> Cell:
    return setting.absent if value is None and setting.absent else _show_any(value)


def _show_topics(values: Mapping[str, Any]) -> Iterator[Fragment]:
    rows = [
        [
            *(_show_any(topic.get(key)) for key in ("id", "title", "description")),
            _show_end(topic.get("against"), "the proposal rejected"),
            _show_end(topic.get("for"), "the proposal supported"),
        ]
        for topic in _entries(values["topics"])
    ]
    if rows:
        yield build_table(["id", "title", "what is proposed", "-1 means", "+1 means"], rows, caption="Topics")


def _show_candidates(values: Mapping[str, Any]) -> Iterator[Fragment]:
    topic_ids = [topic.get("id") for topic in _entries(values["topics"])]
    rows = [
        [
            *(_show_any(candidate.get(key)) for key in ("id", "name", "description")),
            *_show_positions(candidate.get("positions"), topic_ids),
        ]
        for candidate in _entries(values["candidates"])
    ]
    if rows:
        head = ["id", "name", "description", *map(str, topic_ids)]
        yield build_table(head, rows, caption="Candidates and their positions", numbers=range(3, len(head)))


def _show_positions(positions: object, topic_ids: Sequence[object]) -> Iterator[Cell]:
    declared = positions if isinstance(positions, Mapping) else {}
    for topic_id in topic_ids:
        stance = declared.get(topic_id) if isinstance(topic_id, str) else None
        yield spell_stance(stance) if has_kind(stance, "number") else _show_any(stance)


def _show_world(values: Mapping[str, Any]) -> Iterator[Fragment]:
    if values["world_story"]:
        yield paragraph(strong("The world"))
        yield show_text(str(values["world_story"]))


def _show_end(value: object, assumed: str) -> Cell:
    return _show_any(value) if value else f"{assumed} ({ASSUMED})"


def _show_any(value: object) -> Cell:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    return show_text(value) if isinstance(value, str) else spell_value(value)


def _entries(listed: object) -> list[Mapping[str, Any]]:
    """Return the entries of a list; what is no mapping stands as the id of one, to be seen."""
    if not isinstance(listed, (list, tuple)):
        return []
    return [entry if isinstance(entry, Mapping) else {"id": entry} for entry in listed]
