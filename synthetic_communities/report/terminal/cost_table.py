"""What the calls of a run took and cost, act by act: a short table."""

from collections.abc import Sequence

from ..frames.plain_rows import PlainRow
from ..steps import name_acts
from ..text import ABSENT, align_row, clean_text, count_of, fit_text, spell_count, spell_share

MOST_ROWS = 6
"""Rows of single acts at most; the others are one row."""

NAME_WIDTH = 24
WIDTHS = (NAME_WIDTH, 8, 13, 9, 11, 8, 7)
HEAD = ("calls", "prompt", "cached", "replies", "USD", "share")

SUMMED = ("calls", "prompt", "cached", "replies", "cost_usd")


def build_cost_table(
    rows: Sequence[PlainRow], caption: str = "Tokens and cost", *, answered: PlainRow | None = None
) -> list[str]:
    """Return a table of what calls took by act, most first; nothing where there were no calls.

    `prompt` counts all tokens sent, `cached` tells which share of them was read from a cache, `share` is of the money
    where all of it is known, else of the tokens.

    Args:
        rows: of `result.usage`.
        caption: what stands above.
        answered: of `result.usage_answered`, for a line below.
    """
    asked = [_measure(row) for row in rows if row["calls"]]
    if not asked:
        return []
    weight = "cost_usd" if all(row["cost_usd"] is not None for row in asked) else "tokens"
    total = _add(asked, "in all")
    asked.sort(key=lambda row: -(row[weight] or 0))
    shown = asked if len(asked) <= MOST_ROWS else asked[: MOST_ROWS - 1]
    rest = [_add(asked[len(shown) :], f"{len(asked) - len(shown)} other kinds")] if len(shown) < len(asked) else []
    lines = [_line(row, total[weight], weight) for row in (*shown, *rest, total)]
    return [align_row((caption, *HEAD), WIDTHS), *lines, *_tell_answered(answered)]


def _tell_answered(answered: PlainRow | None) -> list[str]:
    if answered is None:
        return []
    cost = answered["cost_usd"]
    paid = "paid for before" if cost is None else f"{_spell_usd(cost)} USD paid before"
    return [f"  of these answered from other records: {count_of(answered['calls'], 'calls')}, {paid}"]


def _measure(row: PlainRow) -> PlainRow:
    sent = [row[f"{kind}_tokens"] for kind in ("input", "cache_write", "cache_read")]
    prompt = sum(tokens or 0 for tokens in sent) if sent[0] is not None else None
    replies = row["output_tokens"]
    return {
        "name": name_acts(row["step"]),
        "calls": row["calls"],
        "prompt": prompt,
        "cached": row["cache_read_tokens"],
        "replies": replies,
        "cost_usd": row["cost_usd"],
        "tokens": (prompt or 0) + (replies or 0),
    }


def _add(rows: Sequence[PlainRow], name: str) -> PlainRow:
    summed: PlainRow = {"name": name, "tokens": sum(row["tokens"] for row in rows)}
    for key in SUMMED:
        known = [row[key] for row in rows if row[key] is not None]
        is_partial = key == "cost_usd" and len(known) < len(rows)
        summed[key] = sum(known) if known and not is_partial else None
    return summed


def _line(row: PlainRow, whole: float | None, weight: str) -> str:
    cached = row["cached"] / row["prompt"] if row["cached"] is not None and row["prompt"] else None
    cells = [spell_count(row["calls"]), spell_count(row["prompt"]), spell_share(cached), spell_count(row["replies"])]
    money = ABSENT if row["cost_usd"] is None else _spell_usd(row["cost_usd"])
    share = spell_share(row[weight] / whole if whole and row[weight] is not None else None)
    return align_row((f"  {fit_text(clean_text(row['name']), NAME_WIDTH - 3)}", *cells, money, share), WIDTHS)


def _spell_usd(usd: float) -> str:
    if usd >= 1_000:
        return f"{usd:,.0f}"
    return f"{usd:.2f}" if usd >= 10 or not usd else f"{usd:.4f}"
