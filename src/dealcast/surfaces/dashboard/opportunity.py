"""One opportunity in detail: what it is, how its chance went on, why it is so, why it moved."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from dealcast.surfaces import charts
from dealcast.surfaces.charts.svg import HALF
from dealcast.surfaces.report.blocks import Block, Charts, Figure, Lead, Nothing, figure
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.report.why import waterfalls
from dealcast.surfaces.tables.shape import Table
from dealcast.surfaces.words import count, day, share

Row = Mapping[str, Any]
# The parts of a change (contract ScoreChanges), in the order in which they are told.
MOVED = {
    "clock": "time passed: it is older, and the quarter is further on",
    "crm_edit": "it was edited in the CRM: agent, product, account or engage date",
    "model": "the model has learnt from what closed since",
}


def detail(kept: Kept, scored: pl.DataFrame, issued: pl.DataFrame) -> Iterator[Block]:
    """Blocks on the one row of `scored`; `issued`: all scores ever issued of it."""
    row, horizon = scored.row(0, named=True), kept.figures("score")["horizon_days"]
    yield Lead(_lead(row, horizon, kept.currency))
    drawn = (*_course(issued), *waterfalls(kept, scored))
    if drawn:
        yield Charts(drawn)
    yield Table("What is known of it", ("what", "is"), list(_facts(row)))
    yield _history(issued, horizon, kept.currency)
    yield from _moved(kept, row["opportunity_id"])


def _lead(row: Row, horizon: int, currency: str) -> str:
    chance = row[f"p_won_{horizon}"]
    if chance is None:
        return f"It has no chance to tell yet: {row['note'] or 'it is not engaged'}."
    text = f"{share(chance)} to be won within {horizon} days, grade {row['grade'] or '-'}"
    if row["amount"] is not None:
        worth = count(row["expected_value"])
        text += f": of {count(row['amount'])} {currency}, {worth} are expected"
    return f"{text}." + (f" Stale: {row['stale_evidence']}." if row["is_stale"] else "")


def _facts(row: Row) -> Iterator[tuple[str, str]]:
    window = "-"
    if row["closes_from"] is not None:
        window = f"{day(row['closes_from'])} to {day(row['closes_until'])}, in four of five cases"
    chances = [
        f"{share(value)} within {name.removeprefix('p_won_')} days"
        for name, value in row.items()
        if name.startswith("p_won_") and value is not None
    ]
    yield "stage", row["deal_stage"]
    yield "agent", row["sales_agent"] or "nobody's"
    yield "region", row["region"] or "-"
    yield "product", row["product"] or "-"
    yield "account", row["account"] or "-"
    yield "engaged", f"{day(row['engage_date'])}, {count(row['age_days'])} days open"
    yield "chance to be won", ", ".join(chances) or "-"
    yield "amount from", row["amount_from"] or "no amount is known"
    yield "if it closes, then", window
    for sign, which in (("speaks for it", "reason_for"), ("speaks against it", "reason_against")):
        if row[which]:
            yield sign, row[which]


def _horizons(issued: pl.DataFrame) -> list[int]:
    names = (c.removeprefix("p_won_") for c in issued.columns if c.startswith("p_won_"))
    return sorted(int(n) for n in names)


def _course(issued: pl.DataFrame) -> tuple[Figure, ...]:
    """Its chances from one date of scoring to the next; nothing where there was only one."""
    if issued["scored_on"].n_unique() < 2:  # noqa: PLR2004 - a line needs two
        return ()
    points = pl.concat(
        issued.select(
            when="scored_on",
            series=pl.lit(f"within {h} days"),
            value=pl.col(f"p_won_{h}"),
        )
        for h in _horizons(issued)
    ).unique(["when", "series"], keep="last", maintain_order=True)
    return (
        figure(
            charts.course,
            points,
            what="Chance to be won",
            title="Its chance to be won, as told on each date",
            caption="Every score that was issued is kept as it was.",
            width=HALF,
        ),
    )


def _history(issued: pl.DataFrame, horizon: int, currency: str) -> Table:
    rows = [
        (
            day(r["scored_on"]),
            share(r.get(f"p_won_{horizon}")),
            r["grade"] or "-",
            count(r["amount"]),
            r["deal_stage"],
            r["sales_agent"] or "-",
            r["account"] or "-",
            r["model_id"],
        )
        for r in issued.reverse().rows(named=True)
    ]
    columns = (
        "scored on", f">won in {horizon} days", "grade", f">amount, {currency}", "stage", "agent",
        "account", "model",
    )  # fmt: skip
    return Table("Its history: every score that was issued", columns, rows, is_stacked=True)


def _moved(kept: Kept, opportunity_id: str) -> Iterator[Block]:
    changes = pl.DataFrame()
    if kept.has_table("score", "score_changes"):
        changes = kept.table("score", "score_changes")
        changes = changes.filter(pl.col("opportunity_id") == opportunity_id)
    if changes.is_empty():
        yield Nothing(
            "It was not scored before, so there is nothing to compare with.",
            "the next `dealcast run` on a later export tells why its chance moved",
        )
        return
    yield _moves(changes.row(0, named=True))


def _moves(change: Row) -> Table:
    """From the former chance to the present one, cause by cause."""
    odds = change["log_odds_before"]
    rows = [(f"as told on {day(change['former_scored_on'])}", "", share(_chance(odds)))]
    for part, words in MOVED.items():
        odds += change[part]
        sign = "▲" if change[part] > 0 else "▼"
        moved = "no change" if abs(change[part]) < 5e-3 else f"{sign} {change[part]:+.2f}"  # noqa: PLR2004
        rows.append((words, moved, share(_chance(odds))))
    title = f"Why it moved, within {change['horizon_days']} days"
    return Table(title, ("cause", ">log-odds", ">chance then"), rows)


def _chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))
