"""The forecast and what has drifted, as terminal tables."""

from collections.abc import Sequence

from rich.table import Table

from dealcast.cli.render import bar, console, shown, table
from dealcast.cli.terminal import styled
from dealcast.surfaces.tables.outlook import (
    dead_by_owner,
    drifted,
    methods,
    outcomes,
    wins_by_month,
)
from dealcast.surfaces.tables.shape import Row
from dealcast.surfaces.words import count, share


def forecast(content: Row, periods: Sequence[Row], issued: Sequence[Row], *, currency: str) -> None:
    """The periods to come with parts and intervals, how each method held, what came of earlier."""
    out = console()
    for kind in ("quarter", "month", "week"):
        of_kind = [p for p in periods if p["period_kind"] == kind]
        out.print(_periods(kind, of_kind, currency))
        out.print()
    out.print(shown(methods(content["figures"], content["champion"]["method"])))
    for kind, covered in content["coverage"].items():
        out.print(f"Intervals of {kind}s: {share(covered['covered'])} of {covered['n']} held.")
    if issued:
        out.print(shown(outcomes(issued)))
    for note in content["notes"]:
        out.print(f"Note: {note}.")
    out.print(f"\n{content['dead_pipeline']['summary']}")
    out.print(styled(content["summary"], "bold"))


def _periods(kind: str, rows: Sequence[Row], currency: str) -> Table:
    largest = max((r["high"] or r["forecast"] for r in rows), default=0) or 1
    lines = [
        (
            r["period_start"],
            *(count(r[part]) for part in ("booked", "pipeline", "new_business", "forecast")),
            "no interval yet" if r["low"] is None else f"{count(r['low'])}-{count(r['high'])}",
            bar(r["forecast"] / largest),
        )
        for r in rows
    ]
    columns = (
        f"{kind} from",
        ">booked",
        ">pipeline",
        ">new business",
        f">{currency}",
        ">interval",
        "",
    )
    level = f"{rows[0]['level']:.0%}" if rows else ""
    return table(f"Bookings by {kind} ({level} interval)", columns, lines)


def dead_pipeline(content: Row, owners: Sequence[Row], *, currency: str) -> None:
    """Stale opportunities by owner, and what the open amount is worth."""
    out = console()
    out.print(shown(dead_by_owner(owners, currency)))
    out.print(styled(f"\n{content['summary']}", "bold"))
    out.print("Each one: dealcast export scores --to FILE, rows with is_stale")


def drift(content: Row) -> None:
    """What changed since training, then expected and observed wins over time."""
    out = console()
    found = [r for r in content["results"] if r["level"] in ("warning", "alert")]
    if found:
        out.print(shown(drifted("Drift", found)))
    if content.get("calibration_over_time"):
        out.print(shown(wins_by_month(content["calibration_over_time"])))
    skipped = [r for r in content["results"] if r["level"] == "not applicable"]
    if skipped:
        told = "; ".join(f"{r['kind']} {r['what']}: {r['note']}" for r in skipped[:5])
        more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""  # noqa: PLR2004
        out.print(f"Not applicable: {told}{more}")
    out.print(styled(f"\n{content['summary']}", "bold"))
