"""What changed since the model learnt, and do its chances come true?"""

import math
from collections.abc import Iterator

import polars as pl

from dealcast.surfaces import charts
from dealcast.surfaces.charts.svg import HALF
from dealcast.surfaces.report.blocks import Block, Charts, Figure, Lead, Prose, figure, folded
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.tables.outlook import drifted, wins_by_month
from dealcast.surfaces.tables.shape import Row, Table

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
        yield drifted("What drifted, and what to do", found)
    yield Prose(
        "Adjusted p: how likely chance alone is to do that much, given how many things are tested. "
        "PSI: how far two mixes are apart (0: not at all)."
    )
    tested = [r for r in content["results"] if r["level"] == "ok"]
    skipped = [r for r in content["results"] if r["level"] == "not applicable"]
    yield folded(drifted(f"{len(tested)} things that did not drift", tested))
    if skipped:
        rows = [(r["kind"], r["what"], r["note"] or "-") for r in skipped]
        columns = ("kind", "what", "why it cannot be told")
        yield folded(Table(f"{len(skipped)} things that cannot be told", columns, rows))
    if over_time.height:
        yield folded(wins_by_month(over_time.rows(named=True)))


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
            title=f"Wins, as a multiple of those expected within {shortest} days",
            caption="At 1 x as many were won as was said. By month in which chances were told.",
        ),
    )
