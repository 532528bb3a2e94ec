"""Do agents, products and accounts differ? What is noise is said to be noise."""

from collections.abc import Iterator

import polars as pl

from dealcast.surfaces import charts
from dealcast.surfaces.charts.svg import HALF
from dealcast.surfaces.report.blocks import (
    Block,
    Charts,
    Figure,
    Lead,
    Nothing,
    Points,
    figure,
    folded,
)
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.tables.model import compared, groups, named
from dealcast.surfaces.tables.shape import Row

SHOWN, CHARTED = 40, 15
DRAWN = "sales_agent"


def people(kept: Kept) -> Iterator[Block]:
    """The part, of what the step `evaluate` kept."""
    if not kept.has_object("evaluate", "people"):
        yield Nothing(
            kept.figures("evaluate").get("not_evaluated", "Nothing was compared."),
            "with a longer history `dealcast run` compares them",
        )
        return
    comparisons = kept.object("evaluate", "people")
    ranked = [c for c in comparisons if c["ranked"]]
    yield Lead(_lead(comparisons, ranked))
    drawn = tuple(_chart(c) for c in comparisons if c["by"] == DRAWN and c["table"])
    if drawn:
        yield Charts(drawn)
    yield Points(tuple(c["note"] for c in comparisons))
    for rates in comparisons:
        if rates["table"]:
            yield folded(groups(rates, SHOWN))


def _lead(comparisons: list[Row], ranked: list[Row]) -> str:
    if not ranked:
        return (
            f"{len(comparisons)} comparisons were made, and none finds a difference beyond chance: "
            "every ranking would show noise."
        )
    names = ", ".join(f"{named(c)} ({compared(c)})" for c in ranked)
    return (
        f"A difference beyond chance is found in {len(ranked)} of {len(comparisons)} comparisons: "
        f"{names}. In the others a ranking would show noise."
    )


def _chart(rates: Row) -> Figure:
    """Those with the most opportunities, the highest rate first."""
    of, happened = list(rates["table"][0])[1:3]
    overall = sum(r[happened] for r in rates["table"]) / sum(r[of] for r in rates["table"])
    most = sorted(rates["table"], key=lambda r: -r[of])[:CHARTED]
    rows = [
        {"name": str(r[rates["by"]])} | {k: r[k] for k in ("rate", "low", "high", "shrunk")}
        for r in sorted(most, key=lambda r: -r["shrunk"])
    ]
    left = len(rates["table"]) - len(rows)
    differ = "They differ beyond chance." if rates["ranked"] else "No difference beyond chance."
    more = f" Drawn are the {CHARTED} with the most opportunities." if left else ""
    return figure(
        charts.rates,
        pl.DataFrame(rows),
        what=f"{compared(rates)} by {named(rates)}",
        overall=overall,
        width=HALF,
        title=f"{compared(rates).capitalize()} by {named(rates)}",
        caption=differ + more,
    )
