"""What changed since the model learnt, and do its chances come true?"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from dealcast.surfaces import charts
from dealcast.surfaces.charts.svg import HALF
from dealcast.surfaces.report.blocks import (
    Block,
    Charts,
    Figure,
    Lead,
    More,
    Table,
    figure,
    number,
)
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.words import count, month

Row = Mapping[str, Any]
DRAWN = 8


def drift(kept: Kept) -> Iterator[Block]:
    """The part, of what the step `monitor` kept."""
    content = kept.object("monitor", "drift")
    yield Lead(content["summary"])
    over_time = pl.DataFrame()
    if kept.has_table("monitor", "calibration_over_time"):
        over_time = kept.table("monitor", "calibration_over_time")
    figures = (*_sizes(content["results"]), *_over_time(over_time))
    if figures:
        yield Charts(figures)
    found = [r for r in content["results"] if r["level"] in ("warning", "alert")]
    if found:
        yield _table("What drifted, and what to do", found)
    tested = [r for r in content["results"] if r["level"] == "ok"]
    skipped = [r for r in content["results"] if r["level"] == "not applicable"]
    yield More(f"{len(tested)} things that did not drift", (_table("", tested),))
    if skipped:
        rows = [(r["kind"], r["what"], r["note"] or "-") for r in skipped]
        told = Table("", ("kind", "what", "why it cannot be told"), rows)
        yield More(f"{len(skipped)} things that cannot be told", (told,))
    if over_time.height:
        yield More("Expected and observed wins by month", (_months(over_time),))


def times(result: Row) -> float | None:
    """The size of a change as a multiple of the one that counts; None where it was not measured."""
    effect, threshold = result["effect"], result["threshold"]
    if effect is None or not threshold:
        return None
    if result["effect_unit"] != "ratio":
        return float(abs(effect) / threshold)
    if effect <= 0 or threshold <= 1:
        return None
    return abs(math.log(effect)) / math.log(threshold)


def _sizes(results: list[Row]) -> tuple[Figure, ...]:
    rows = [
        {"what": f"{r['kind']}: {r['what']}", "level": r["level"], "times": times(r)}
        for r in results
        if r["level"] != "not applicable" and times(r) is not None
    ]
    if not rows:
        return ()
    largest = sorted(rows, key=lambda r: -r["times"])[:DRAWN]
    return (
        figure(
            charts.drift_sizes,
            pl.DataFrame(largest),
            width=HALF,
            title=f"The {len(largest)} largest changes of {len(rows)} measured",
            caption="As a multiple of the change that counts. A warning or an alert must be that "
            "large, and surer than chance.",
        ),
    )


def _over_time(months: pl.DataFrame) -> tuple[Figure, ...]:
    if months.is_empty():
        return ()
    shortest = min(months["horizon_days"].to_list())
    return (
        figure(
            charts.wins_over_time,
            months.filter(pl.col("horizon_days") == shortest),
            width=HALF,
            title=f"Wins by wins expected, within {shortest} days",
            caption="At 1 x as many were won as was said. By month in which chances were told.",
        ),
    )


def _table(title: str, results: list[Row]) -> Table:
    rows = [
        (
            r["level"],
            f"{r['kind']} {r['what']}",
            "-" if r["effect"] is None else f"{r['effect']:.3f} {r['effect_unit']}",
            number(r["p_adjusted"], lambda p: "-" if p is None else f"{p:.2g}"),
            r["note"] or "-",
            r["remedy"] or "-",
        )
        for r in results
    ]
    columns = ("level", "what", ">change", ">adjusted p", "what was found", "what to do")
    return Table(title, columns, rows, is_stacked=True)


def _months(months: pl.DataFrame) -> Table:
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
        for r in months.rows(named=True)
    ]
    columns = ("scored in", ">days", "basis", ">scores", ">expected", ">won", ">ratio", ">95 %")
    return Table("", columns, rows)
