"""What several runs have paid for together, in a line."""

from collections.abc import Iterator, Sequence

from ...errors import RecordError
from ...runs.row import Row
from ..numbers.taken import Taken, add_taken, take_paid, tells_paid
from ..text import count_of
from .ranges import spell_money, spell_range


def describe_spent(usages: Sequence[Row | None]) -> Iterator[str]:
    """Yield a line that says what all runs have paid for; none where no model was asked, or nobody counted.

    Args:
        usages: what was measured of each; None: nothing that can be read.
    """
    known = [paid for usage in usages if (paid := _read_paid(usage)) is not None]
    if not any(paid["calls"] for paid in known):
        return
    paid = add_taken(known)
    which = "All runs" if len(known) == len(usages) else f"{len(known):,} of {count_of(len(usages), 'runs')}"
    yield f"{which} together: {', '.join(_spell(paid))}."


def _read_paid(usage: Row | None) -> Taken | None:
    if usage is None or not tells_paid(usage):
        return None
    try:
        return take_paid(usage)
    except RecordError:  # told of where that run is shown
        return None


def _spell(paid: Taken) -> Iterator[str]:
    calls, prompt, replies, usd = (paid[name] for name in ("calls", "prompt_tokens", "output_tokens", "cost_usd"))
    yield count_of(int(calls or 0), "calls")
    if prompt is not None and replies is not None:
        yield f"{spell_range(prompt + replies, prompt + replies)} tokens"
    yield "at a price that is not known" if usd is None else f"{spell_money(usd, usd)} US dollars"
