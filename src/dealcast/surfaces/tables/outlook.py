"""How forecasts held, the dead pipeline and what drifted, as tables."""

from collections.abc import Iterable

from dealcast.surfaces.tables.shape import Row, Table, number
from dealcast.surfaces.words import count, day, month, share


def methods(figures: Iterable[Row], issued: str) -> Table:
    """How each method did on the next month, the best first, as they come; `issued` is in use.

    A dash for errors where nothing was booked in those months.
    """
    rows = [
        (
            f["method"] + (" (issued)" if f["method"] == issued else ""),
            number(f["n"], count),
            number(f["wape"], share),
            "-" if f["bias"] is None else f"{f['bias']:+.1%}",
            "-" if f["covered"] is None else f"{share(f['covered'])} of {f['intervals']}",
        )
        for f in figures
        if (f["period_kind"], f["ahead"]) == ("month", 1)
    ]
    columns = ("method", ">months", ">error (WAPE)", ">bias", ">intervals that held")
    return Table("How each method did on the next month, at earlier dates", columns, rows)


def outcomes(forecasts: Iterable[Row]) -> Table:
    """What came of forecasts whose period has ended (contract ForecastOutcomes)."""
    rows = [
        (
            day(r["issued_on"]),
            f"{r['period_kind']} from {day(r['period_start'])}",
            number(r["forecast"], count),
            number(r["actual"], count),
            "-" if r["relative_error"] is None else f"{r['relative_error']:+.1%}",
            "-" if r["is_inside"] is None else ("yes" if r["is_inside"] else "no"),
        )
        for r in forecasts
    ]
    columns = ("issued", "period", ">forecast", ">booked", ">error", "within interval")
    return Table("What came of forecasts issued before", columns, rows)


def dead_by_owner(owners: Iterable[Row], currency: str) -> Table:
    """Stale opportunities by owner, and what the open amount is worth."""
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
        for r in owners
    ]
    columns = (
        "owner", ">open", ">dead", ">open amount", ">dead amount", ">dead share", ">worth",
    )  # fmt: skip
    return Table(f"Dead pipeline by owner, {currency}", columns, rows)


def drifted(title: str, results: Iterable[Row]) -> Table:
    """Results of the drift report: how large each change is, how sure, and what to do."""
    rows = [
        (
            f"{r['kind']} {r['what']}",
            r["level"],
            "-" if r["effect"] is None else f"{r['effect']:.3f} {r['effect_unit']}",
            number(r["p_adjusted"], lambda p: "-" if p is None else f"{p:.2g}"),
            r["note"] or "-",
            r["remedy"] or "-",
        )
        for r in results
    ]
    columns = ("what", "level", ">change", ">adjusted p", "what was found", "what to do")
    return Table(title, columns, rows, is_stacked=True)


def wins_by_month(months: Iterable[Row]) -> Table:
    """Expected and observed wins (contract CalibrationOverTime)."""
    rows = [
        (
            month(r["period"]),
            number(r["horizon_days"], count),
            r["basis"],
            number(r["n"], count),
            number(r["expected_wins"], lambda n: f"{n:.1f}"),
            number(r["observed_wins"], count),
            number(r["ratio"], lambda n: "-" if n is None else f"{n:.2f}"),
            "-" if r["ratio_low"] is None else f"{r['ratio_low']:.2f} to {r['ratio_high']:.2f}",
        )
        for r in months
    ]
    columns = ("scored in", ">days", "basis", ">scores", ">expected", ">won", ">ratio", ">95 %")
    return Table("Expected and observed wins by month", columns, rows)
