"""Do agents, products and accounts differ? What is noise is said to be noise."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

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
    Points,
    Table,
    figure,
    number,
)
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.words import count, share

Row = Mapping[str, Any]
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
            table = _table(rates)
            yield More(table.title, (table,))


def _lead(comparisons: list[Row], ranked: list[Row]) -> str:
    if not ranked:
        return (
            f"{len(comparisons)} comparisons were made, and none finds a difference beyond chance: "
            "every ranking would show noise."
        )
    names = ", ".join(f"{_named(c)} ({_what(c)})" for c in ranked)
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
        what=f"{_what(rates)} by {_named(rates)}",
        overall=overall,
        width=HALF,
        title=f"{_what(rates).capitalize()} by {_named(rates)}",
        caption=differ + more,
    )


def _what(rates: Row) -> str:
    """What is compared: the share won, or where the open ones are counted, never closed."""
    return "share never closed" if rates["table"] and "open" in rates["table"][0] else "win rate"


def _table(rates: Row) -> Table:
    of, happened = list(rates["table"][0])[1:3]
    rows = [
        (
            str(r[rates["by"]]),
            number(r[of], count),
            number(r[happened], count),
            number(r["rate"], share),
            f"{share(r['low'])} to {share(r['high'])}",
            Cell(share(r["shrunk"]), by=r["shrunk"], share=r["shrunk"]),
            number(r["rank"], lambda n: "-" if n is None else f"{n:.0f}"),
        )
        for r in rates["table"][:SHOWN]
    ]
    left = len(rates["table"]) - len(rows)
    columns = (rates["by"], f">{of}", f">{happened}", ">rate", ">95 % interval", ">shrunk", ">rank")
    title = f"{_named(rates)}: {_what(rates)}" + ("" if rates["ranked"] else ", no ranking")
    rest = f"{count(left)} more: dealcast people --by {rates['by']}" if left else ""
    return Table(title, tuple(c.replace("_", " ") for c in columns), rows, rest=rest)


def _named(rates: Row) -> str:
    return str(rates["by"]).replace("_", " ")
