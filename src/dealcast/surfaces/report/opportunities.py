"""The open opportunities, those worth most first; whose are dead; when they close."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from dealcast.errors import ModelError
from dealcast.modeling.hazard import WEEKS
from dealcast.modeling.reasons import BASE, PARTS
from dealcast.modeling.training import WinModel
from dealcast.surfaces import charts
from dealcast.surfaces.charts.svg import HALF
from dealcast.surfaces.report.blocks import (
    Block,
    Cell,
    Charts,
    Figure,
    Lead,
    More,
    Nothing,
    Table,
    figure,
    number,
)
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.words import count, counted, day, share, short

Row = Mapping[str, Any]
SHOWN, EXPLAINED, OWNERS = 25, 4, 12
DAYS_IN_A_WEEK, FORTNIGHT = 7, 14
# A part (log-odds) that is smaller is drawn with the others like it.
SMALLEST_DRAWN = 0.02


def opportunities(kept: Kept) -> Iterator[Block]:
    """The part, of what the step `score` kept."""
    figures, scores = kept.figures("score"), kept.table("score", "scores")
    if scores.is_empty():
        yield Nothing(
            "No opportunity is open.",
            "an export with open stages is needed; `stages` of the mapping says which they are",
        )
        return
    horizon = figures["horizon_days"]
    live = scores.filter(~pl.col("is_stale") & pl.col(f"p_won_{horizon}").is_not_null())
    yield Lead(
        f"{figures['expected_wins']:.1f} wins worth {count(figures['expected_value'])} "
        f"{kept.currency} are expected within {horizon} days from "
        f"{counted(scores.height, 'open opportunity', 'open opportunities')}; "
        f"{count(figures['grades'].get('A', 0))} of them have grade A."
    )
    best = live.head(SHOWN)
    yield Charts((_grades(kept, scores), *_explained(kept, live.head(1))))
    yield _ranked(kept, best, horizon, _rest(figures, live.height - best.height))
    more = _explained(kept, live.slice(1, EXPLAINED))
    if more:
        yield More(f"Why: the next {len(more)}, part by part", (Charts(more),))


def dead_pipeline(kept: Kept) -> Iterator[Block]:
    """The part on stale opportunities, of what the step `forecast` kept."""
    owners, dead = (
        kept.table("forecast", "dead_pipeline"),
        kept.figures("forecast")["dead_pipeline"],
    )
    yield Lead(dead["summary"])
    if owners.is_empty():
        return
    yield Charts(
        (
            figure(
                charts.dead_by_owner,
                owners.head(OWNERS),
                currency=kept.currency,
                title=f"Open amount by owner, {kept.currency}",
                caption="Dead: older than any opportunity that ever closed. Closing them in the "
                "CRM, or asking again, makes the pipeline say what it is worth."
                + _owners_left(owners.height),
            ),
        )
    )
    columns = ("owner", ">open", ">dead", ">open amount", ">dead amount", ">dead", ">worth")
    rows = [
        (
            r["sales_agent"] or "nobody's",
            number(r["open_opportunities"], count),
            number(r["dead_opportunities"], count),
            number(r["open_amount"], count),
            number(r["dead_amount"], count),
            number(r["dead_share"], share),
            number(r["haircut"], share),
        )
        for r in owners.rows(named=True)
    ]
    yield More("Every owner", (Table(f"By owner, {kept.currency}", columns, rows),))


def closing(kept: Kept) -> Iterator[Block]:
    """The part on when opportunities close, of the model that scored."""
    try:
        table = WinModel.from_dict(kept.object("score", "scored_with")).fitted.table
    except ModelError as error:
        yield Nothing(error.problem, error.remedy)
        return
    weekly = 1 - (1 - table.closing) ** DAYS_IN_A_WEEK
    oldest = int(table.ages[-1])
    cells = []
    for first in range(1, max(oldest, 2), FORTNIGHT):
        last = min(first + FORTNIGHT - 1, oldest)
        bands = np.searchsorted(table.ages, np.arange(first, last + 1), side="right") - 1
        chances = weekly[np.maximum(bands, 0)].mean(axis=0)
        cells += [
            {"ages": f"{first}-{last}", "week": week + 1, "chance": float(chances[week])}
            for week in range(WEEKS)
        ]
    won = ", ".join(f"{part:.0%}" for part in table.won)
    yield Lead(
        f"Of what closes in the first, second and third month of a quarter, {won} is won. Nothing "
        f"older than {oldest - 1} days has ever closed."
    )
    yield Charts(
        (
            figure(
                charts.closing_chances,
                pl.DataFrame(cells),
                title="Chance to close within a week, in per cent",
                caption="Of those that do close one day; by days since engaging and week of the "
                "fiscal quarter, as the model has learnt it.",
            ),
        )
    )


def _grades(kept: Kept, scores: pl.DataFrame) -> Figure:
    amount = pl.col("amount").fill_null(0.0)
    rows = (
        scores.filter(pl.col("grade").is_not_null())
        .group_by("grade")
        .agg(
            opportunities=pl.len(),
            live=amount.filter(~pl.col("is_stale")).sum(),
            stale=amount.filter("is_stale").sum(),
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
            Cell(_window(r), by=str(r["closes_from"] or "")),
            _why(r),
        )
        for r in best.rows(named=True)
    ]
    title = f"Worth most, by the value expected within {horizon} days ({kept.currency})"
    return Table(title, columns, rows, rest=rest, is_stacked=True)


def _window(row: Row) -> str:
    if row["closes_from"] is None:
        return row["note"] or "-"
    first, last = (day(row[end]).rsplit(" ", 1)[0] for end in ("closes_from", "closes_until"))
    # Spaces that do not break keep the window on one line.
    return f"{first} to {last}".replace(" ", "\N{NO-BREAK SPACE}")


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
    return f"Not shown: {told}. All of them: dealcast export scores --to FILE" if told else ""


def _explained(kept: Kept, scored: pl.DataFrame) -> tuple[Figure, ...]:
    """The waterfall of each of them, where its parts are kept."""
    if scored.is_empty() or not kept.has_table("score", "score_reasons"):
        return ()
    ids = scored["opportunity_id"].to_list()
    parts = kept.table("score", "score_reasons").filter(pl.col("opportunity_id").is_in(ids))
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
        caption=f"From the base rate to the score, part by part (log-odds). Amount {amount}.",
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


def _owners_left(owners: int) -> str:
    return f" {count(owners - OWNERS)} more owners are in the table." if owners > OWNERS else ""
