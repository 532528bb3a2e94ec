"""The forecast and what has drifted, as terminal tables."""

from collections.abc import Sequence

from rich.table import Table

from dealcast.cli.render import Row, bar, console, table
from dealcast.surfaces.words import count, share


def forecast(
    content: Row, periods: Sequence[Row], outcomes: Sequence[Row], *, currency: str
) -> None:
    """The periods to come with parts and intervals, how each method held, what came of earlier."""
    out = console()
    for kind in ("quarter", "month", "week"):
        of_kind = [p for p in periods if p["period_kind"] == kind]
        out.print(_periods(kind, of_kind, currency))
        out.print()
    out.print(_methods(content["figures"], content["champion"]["method"]))
    for kind, covered in content["coverage"].items():
        out.print(f"Intervals of {kind}s: {share(covered['covered'])} of {covered['n']} held.")
    if outcomes:
        out.print(_outcomes(outcomes))
    for note in content["notes"]:
        out.print(f"Note: {note}.")
    out.print(f"\n{content['dead_pipeline']['summary']}")
    out.print(f"[bold]{content['summary']}[/]")


def _periods(kind: str, rows: Sequence[Row], currency: str) -> Table:
    largest = max((r["high"] or r["forecast"] for r in rows), default=0) or 1
    lines = [
        (
            f"{r['period_start']} - {r['period_end']}",
            *(count(r[part]) for part in ("booked", "pipeline", "new_business", "forecast")),
            "no interval yet" if r["low"] is None else f"{count(r['low'])}-{count(r['high'])}",
            bar(r["forecast"] / largest),
        )
        for r in rows
    ]
    columns = (kind, ">booked", ">pipeline", ">new business", f">{currency}", ">interval", "")
    level = f"{rows[0]['level']:.0%}" if rows else ""
    return table(f"Bookings by {kind} ({level} interval)", columns, lines)


def _methods(figures: Sequence[Row], issued: str) -> Table:
    lines = [
        (
            f["method"] + (" *" if f["method"] == issued else ""),
            count(f["n"]),
            f"{f['wape']:.3f}",
            f"{f['bias']:+.3f}",
            "-" if f["covered"] is None else f"{share(f['covered'])} of {f['intervals']}",
        )
        for f in sorted(figures, key=lambda f: f["wape"])
        if (f["period_kind"], f["ahead"]) == ("month", 1)
    ]
    columns = ("method (* issued)", ">months", ">WAPE", ">bias", ">intervals that held")
    return table("Next month, forecast at earlier origins", columns, lines)


def _outcomes(rows: Sequence[Row]) -> Table:
    lines = [
        (
            str(r["issued_on"]),
            f"{r['period_kind']} {r['period_start']}",
            count(r["forecast"]),
            count(r["actual"]),
            "-" if r["relative_error"] is None else f"{r['relative_error']:+.1%}",
            "-" if r["is_inside"] is None else ("yes" if r["is_inside"] else "no"),
        )
        for r in rows
    ]
    columns = ("issued", "period", ">forecast", ">booked", ">error", "inside")
    return table("Issued forecasts whose period has ended", columns, lines)


def dead_pipeline(content: Row, owners: Sequence[Row]) -> None:
    """Stale opportunities by owner, and what the open amount is worth."""
    out = console()
    lines = [
        (
            r["sales_agent"] or "-",
            count(r["open_opportunities"]),
            count(r["dead_opportunities"]),
            count(r["open_amount"]),
            count(r["dead_amount"]),
            share(r["dead_share"]),
            share(r["haircut"]),
        )
        for r in owners
    ]
    columns = ("owner", ">open", ">dead", ">open amount", ">dead amount", ">dead", ">worth")
    out.print(table("Dead pipeline by owner", columns, lines))
    out.print(f"\n[bold]{content['summary']}[/]")
    out.print("Each one: dealcast export scores --to FILE, rows with is_stale")


def drift(content: Row) -> None:
    """What changed since training, then expected and observed wins over time."""
    out = console()
    found = [r for r in content["results"] if r["level"] in ("warning", "alert")]
    lines = [
        (
            r["level"],
            f"{r['kind']} {r['what']}",
            "-" if r["effect"] is None else f"{r['effect']:.3f} {r['effect_unit']}",
            "-" if r["p_adjusted"] is None else f"{r['p_adjusted']:.2g}",
            r["note"] or "",
            r["remedy"] or "",
        )
        for r in found
    ]
    if lines:
        columns = ("level", "what", ">change", ">adjusted p", "what was found", "what to do")
        out.print(table("Drift", columns, lines))
    if content.get("calibration_over_time"):
        out.print(_calibration(content["calibration_over_time"]))
    skipped = [r for r in content["results"] if r["level"] == "not applicable"]
    if skipped:
        told = "; ".join(f"{r['kind']} {r['what']}: {r['note']}" for r in skipped[:5])
        more = f"; and {len(skipped) - 5} more" if len(skipped) > 5 else ""  # noqa: PLR2004
        out.print(f"Not applicable: {told}{more}")
    out.print(f"\n[bold]{content['summary']}[/]")


def _calibration(rows: list[Row]) -> object:
    lines = [
        (
            str(r["period"])[:7],
            str(r["horizon_days"]),
            r["basis"],
            count(r["n"]),
            f"{r['expected_wins']:.1f}",
            count(r["observed_wins"]),
            "-" if r["ratio"] is None else f"{r['ratio']:.2f}",
            "-" if r["ratio_low"] is None else f"{r['ratio_low']:.2f}-{r['ratio_high']:.2f}",
        )
        for r in rows
    ]
    columns = ("scored in", ">days", "basis", ">n", ">expected", ">won", ">ratio", ">95 %")
    return table("Expected and observed wins", columns, lines)
