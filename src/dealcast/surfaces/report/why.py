"""Why an opportunity is scored as it is: its waterfall, and the words on each part."""

from collections.abc import Mapping, Sequence

import polars as pl

from dealcast.modeling.reasons import BASE, PARTS
from dealcast.surfaces import charts
from dealcast.surfaces.charts.svg import HALF
from dealcast.surfaces.report.blocks import Figure, figure
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.tables.shape import Row
from dealcast.surfaces.words import short

# A part (log-odds) that is smaller is drawn with the others like it.
SMALLEST_DRAWN = 0.02


def waterfalls(kept: Kept, scored: pl.DataFrame) -> tuple[Figure, ...]:
    """The waterfall of each of them, where its parts are kept."""
    if scored.is_empty() or not kept.has_table("score", "score_reasons"):
        return ()
    of_these = pl.col("opportunity_id").is_in(scored["opportunity_id"].to_list())
    parts = kept.rows("score", "score_reasons", where=of_these)
    of_each = parts.partition_by("opportunity_id", as_dict=True)
    return tuple(
        _waterfall(kept, row, of_each[(row["opportunity_id"],)])
        for row in scored.rows(named=True)
        if (row["opportunity_id"],) in of_each
    )


def _waterfall(kept: Kept, row: Row, parts: pl.DataFrame) -> Figure:
    names = {k: row[k] or "unknown" for k in ("sales_agent", "product", "account")}
    told = [
        (_words(part, size, row["age_days"], names), size)
        for part, size in parts.select("part", "log_odds").iter_rows()
    ]
    who = f"{row['opportunity_id']}: {names['product']}, {names['sales_agent']}"
    amount = "-" if row["amount"] is None else f"{short(row['amount'])} {kept.currency}"
    return figure(
        charts.reasons,
        pl.DataFrame(_drawn(told), schema={"words": pl.String, "log_odds": float}, orient="row"),
        name=row["opportunity_id"],
        width=HALF,
        title=f"Why {who}",
        caption="From the base rate to the score, part by part (log-odds: +0.7 doubles the odds "
        f"to win). Amount {amount}.",
    )


def _drawn(parts: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """The base rate, the parts that can be seen, and the others in one, so that they add up."""
    base, *others = parts
    seen = [p for p in others if abs(p[1]) >= SMALLEST_DRAWN]
    rest = [size for _, size in others if abs(size) < SMALLEST_DRAWN]
    return [base, *seen, *([("all else", sum(rest))] if rest else [])]


def _words(part: str, size: float, age: int, names: Mapping[str, str]) -> str:
    if part == BASE or part not in PARTS:
        return part.replace("_", " ")
    words = PARTS[part].raises if size >= 0 else PARTS[part].lowers
    return words.format(age=age, **names)
