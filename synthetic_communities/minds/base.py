"""The seam between agents and the minds they think with."""

from typing import Any, Protocol, runtime_checkable

from ..domain.outcome import Answer
from .views import View


def mind_label(mind: "Mind") -> str:
    """Return a mind's name as tables and files show it: `offline mind`, or the name of a model."""
    return f"{mind.name} mind" if mind.name == "offline" else mind.name


@runtime_checkable
class Mind(Protocol):
    """Anything that can answer for an agent.

    A mind holds no state that a reply depends on: the same view must get the same answer, whatever was asked
    before or is being asked at the same time. Otherwise a run cannot be had again.

    Attributes:
        name: as it stands in the record and on every table, `offline` for the offline mind.
        source: what the record says of texts this mind makes: `template`, `model`, or a word of your own.
    """

    name: str
    source: str

    async def answer(self, view: View) -> Answer[Any]:
        """Return what the agent answers to what it sees.

        Returns:
            `Done` with an instance of `view.expects`; `Refused`, `Unreadable` or `Failed` where there is no
            answer; `NotAsked` where there was nothing to ask. An exception raised here is recorded as `Failed`
            with the exception's name.
        """
        ...
