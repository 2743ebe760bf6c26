"""What journals hold of runs that are gone on with: what need not be paid again."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..config import Config
from ..llm.journal.file import is_begun
from ..llm.journal.journal import JOURNAL
from ..llm.journal.recorded import Answered, Recorded
from ..llm.journal.shared import OPENING
from ..llm.money.prices import Prices
from ..runs.plan import read_plan_beside


@dataclass(frozen=True, slots=True)
class Held:
    """What journals hold of runs, in US dollars, as far as prices are known.

    Attributes:
        usd: what their answers took then, whoever paid for them; what runs share counts once.
        paid_usd: what these runs have paid themselves.
    """

    usd: float = 0.0
    paid_usd: float = 0.0


NOTHING_HELD = Held()
"""What journals hold of runs that have not begun."""


def measure_held(runs: Sequence[Path], config: Config) -> Held:
    """Return what journals hold of what these runs ask, those of the replicates beside them included.

    Args:
        runs: their directories, all in one folder.
        config: of one of them, for the prices.

    Raises:
        JournalError: one of the journals cannot be read.
        RecordError: what says which replicates there are is damaged.
    """
    plan, prices = read_plan_beside(runs[0]), Prices(config.prices or {})
    shared = [] if plan is None or not plan.shares_opening else list(plan.find_paths().values())
    held: dict[tuple[object, ...], float] = {}
    paid: list[float] = []
    for path in dict.fromkeys((*runs, *shared)):
        for answer in _list_answers(path / JOURNAL, "" if path in runs else OPENING):
            usd = prices.cost(answer.model, answer.usage) or 0.0
            is_of_all = bool(shared) and answer.key.startswith(OPENING)
            held["" if is_of_all else path.name, answer.question] = usd  # what was asked again counts as it came last
            paid += [usd] if answer.source == "call" and path in runs else []
    return Held(math.fsum(held.values()), math.fsum(paid))


def _list_answers(journal: Path, beginning: str) -> Iterator[Answered]:
    if is_begun(journal):
        with Recorded(journal, beginning=beginning, is_shared=True) as recorded:
            yield from recorded.list_answers()
