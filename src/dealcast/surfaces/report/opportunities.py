"""The open opportunities, those worth most first, and why."""

from collections.abc import Iterator

import polars as pl

from dealcast.contracts import most_valuable
from dealcast.sums import exact_sum
from dealcast.surfaces import charts
from dealcast.surfaces.charts.svg import HALF
from dealcast.surfaces.report.blocks import Block, Charts, Figure, Lead, More, Nothing, figure
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.report.why import waterfalls
from dealcast.surfaces.sentences import close_window
from dealcast.surfaces.tables.shape import Cell, Row, Table, number
from dealcast.surfaces.words import count, counted, share

SHOWN, EXPLAINED = 25, 4
# What is told of all open opportunities; all else is read of those shown.
OF_ALL = ("opportunity_id", "expected_value", "amount", "grade", "is_stale")


def opportunities(kept: Kept) -> Iterator[Block]:
    """The part, of what the step `score` kept."""
    figures = kept.figures("score")
    horizon = figures["horizon_days"]
    columns = (*OF_ALL, f"p_won_{horizon}")
    scores = most_valuable(kept.rows("score", "scores", columns=columns))
    if scores.is_empty():
        yield Nothing(
            "No opportunity is open.",
            "an export with open stages is needed; `stages` of the mapping says which they are",
        )
        return
    live = scores.filter(~pl.col("is_stale") & pl.col(f"p_won_{horizon}").is_not_null())
    yield Lead(
        f"{figures['expected_wins']:.1f} wins worth {count(figures['expected_value'])} "
        f"{kept.currency} are expected within {horizon} days from "
        f"{counted(scores.height, 'open opportunity', 'open opportunities')}; "
        f"{count(figures['grades'].get('A', 0))} of them have grade A."
    )
    shown = pl.col("opportunity_id").is_in(live["opportunity_id"].head(SHOWN).to_list())
    best = most_valuable(kept.rows("score", "scores", where=shown))
    graded = scores.filter(pl.col("grade").is_not_null())
    drawn = (*([_grades(kept, graded)] if graded.height else ()), *waterfalls(kept, best.head(1)))
    if drawn:
        yield Charts(drawn)
    yield _ranked(kept, best, horizon, _rest(figures, live.height - best.height))
    more = waterfalls(kept, best.slice(1, EXPLAINED))
    if more:
        yield More(f"Why: the next {len(more)}, part by part", (Charts(more),))


def _grades(kept: Kept, graded: pl.DataFrame) -> Figure:
    amount = pl.col("amount").fill_null(0.0)
    rows = (
        graded.group_by("grade")
        .agg(
            opportunities=pl.len(),
            live=exact_sum(amount.filter(~pl.col("is_stale"))),
            stale=exact_sum(amount.filter("is_stale")),
        )
        .sort("grade")
    )
    limits = kept.manifest.settings["model"]["grades"]
    names = ", ".join(f"{n} from {limit:.0%}" for n, limit in zip("ABC", limits, strict=False))
    return figure(
        charts.pipeline_by_grade,
        rows,
        currency=kept.currency,
        width=HALF,
        title=f"Open amount by grade, {kept.currency}",
        caption=f"Grades by the chance to be won: {names}, D below.",
    )


def _ranked(kept: Kept, best: pl.DataFrame, horizon: int, rest: str) -> Table:
    columns = (
        "opportunity", "grade", "agent", "product", ">days open", f">won in {horizon} days",
        ">amount", ">expected", "closes", "why",
    )  # fmt: skip
    rows = [
        (
            r["opportunity_id"],
            r["grade"] or "-",
            r["sales_agent"] or "-",
            r["product"] or "-",
            number(r["age_days"], count),
            Cell(share(p := r[f"p_won_{horizon}"]), by=p, share=p),
            number(r["amount"], count),
            number(r["expected_value"], count),
            Cell(close_window(r) or r["note"] or "-", by=str(r["closes_from"] or "")),
            _why(r),
        )
        for r in best.rows(named=True)
    ]
    title = f"Worth most, by the value expected within {horizon} days ({kept.currency})"
    return Table(title, columns, rows, rest=rest, is_stacked=True)


def _why(row: Row) -> str:
    """What speaks most for it, and what most against it, on a line each."""
    told = (("▲", row["reason_for"]), ("▼", row["reason_against"]))
    return "\n".join(f"{sign} {why}" for sign, why in told if why) or "-"


def _rest(figures: Row, left: int) -> str:
    parts = [
        (left, "more that are live"),
        (figures["stale"], "stale"),
        (figures["open_opportunities"] - figures["scored"], "without a clock, not engaged yet"),
    ]
    told = ", ".join(f"{count(n)} {words}" for n, words in parts if n)
    return f"Not shown: {told}. All of them: `dealcast export scores --to FILE`" if told else ""
