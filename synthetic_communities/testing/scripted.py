"""A mind that answers from a script: what to fail, refuse or garble, what to delay, and what was asked.

    from synthetic_communities import Config, GameEngine
    from synthetic_communities.domain.outcome import Failed
    from synthetic_communities.testing.scripted import ScriptedMind

    mind = ScriptedMind({"e0/chat/*": Failed("timeout")})
    result = GameEngine.from_config(Config.bundled(max_failures=1.0), model=mind).run()
    assert not any(row["message"] for row in result.conversations if row["epoch"] == 0)

With `testing.virtual_time` the delays of such a run cost nothing.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from ..domain.outcome import Answer
from ..minds.base import Mind
from ..minds.offline.mind import OfflineMind
from ..minds.views import View

Reply: TypeAlias = Answer[Any] | BaseException | None
"""An answer, an exception to raise, or None for whatever the other mind answers."""

Rule: TypeAlias = Reply | Callable[[View], Reply]
"""A reply, or what decides on one when it has seen the view."""

Script: TypeAlias = Mapping[str, Rule] | Mapping[type[View], Rule] | Mapping[str | type[View], Rule]
"""Patterns of task keys, or classes of views, to what is replied."""

Delay: TypeAlias = float | Callable[[View], float]
"""How long an answer takes, in seconds; or what decides on it when it has seen the view."""


class ScriptedMind:
    """A mind that answers from a script, and asks another mind where the script is silent.

    A pattern is matched as by `fnmatch.fnmatchcase` against the whole key of the task, so that `*` also stands for
    `/`: `e1/belief/*` is every update of the second epoch. A class of views matches its own and those below it:
    `PersonView` is everything asked of people. The first that matches decides.

    Attributes:
        name: as it stands in the record.
        source: what the record says of beliefs and ballots this mind makes.
        asked: every view it was asked with, in the order asked.
        in_flight: how many of them it is answering now.
        peak_in_flight: the most it was answering at once.
    """

    def __init__(
        self,
        script: Script | Callable[[View], Reply] | None = None,
        *,
        otherwise: Mind | None = None,
        delay_seconds: Delay = 0.0,
        name: str = "scripted",
        source: str = "script",
    ) -> None:
        """Take a script.

        Args:
            script: patterns or classes to what is replied, or one callable that decides on every view.
            otherwise: who answers where the script is silent; None: the offline mind.
            delay_seconds: how long every answer takes, exceptions included; 0: the loop is not given a turn.
            name: as it is to stand in the record.
            source: what the record is to say of beliefs and ballots this mind makes.
        """
        self._script = script if script is not None else {}
        self._otherwise = otherwise if otherwise is not None else OfflineMind()
        self._delay_seconds = delay_seconds
        self.name = name
        self.source = source
        self.asked: list[View] = []
        self.in_flight = 0
        self.peak_in_flight = 0

    @property
    def asked_keys(self) -> list[str]:
        """Keys of the tasks it was asked for, in the order asked."""
        return [view.key for view in self.asked]

    async def answer(self, view: View) -> Answer[Any]:
        """Return what the script says, else what the other mind answers, after the delay.

        Raises:
            BaseException: what the script says is to be raised.
        """
        with self._noting(view):
            delay = self._delay_seconds(view) if callable(self._delay_seconds) else self._delay_seconds
            if delay > 0:
                await asyncio.sleep(delay)
            reply = self._reply_to(view)
            if isinstance(reply, BaseException):
                raise reply
            return await self._otherwise.answer(view) if reply is None else reply

    @contextmanager
    def _noting(self, view: View) -> Iterator[None]:
        self.asked.append(view)
        self.in_flight += 1
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1

    def _reply_to(self, view: View) -> Reply:
        rule = self._script if callable(self._script) else self._first_match(self._script, view)
        return rule(view) if callable(rule) else rule

    @staticmethod
    def _first_match(script: Script, view: View) -> Rule:
        return next((rule for what, rule in script.items() if _matches(what, view)), None)


def _matches(what: str | type[View], view: View) -> bool:
    if isinstance(what, str):
        return fnmatchcase(view.key, what)
    return isinstance(view, what)
