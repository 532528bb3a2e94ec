"""How far the chances can be trusted: the verdict, calibration, skill beside plain methods."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from dealcast.modeling.estimators import ESTIMATORS
from dealcast.surfaces import charts
from dealcast.surfaces.charts.svg import HALF
from dealcast.surfaces.report.blocks import (
    Block,
    Charts,
    Lead,
    More,
    Nothing,
    Points,
    Prose,
    figure,
    folded,
)
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.sentences import floors_line
from dealcast.surfaces.tables.model import beside_baselines
from dealcast.surfaces.tables.shape import Row, Table, number
from dealcast.surfaces.words import count, share
from dealcast.surfaces.words import figure as of_merit

# What heads and captions of this part say, in plain words.
WORDS = (
    ("snapshot", "an opportunity that was open on a Monday, as it was known on that day"),
    ("origin", "a date from which on the model knew nothing: it is judged on what followed"),
    ("AUC", "how often, of one won and one not, the one won had the higher chance"),
    ("within date", "the same among those open on one date: timing cannot help there"),
    ("without stale", "the same without those older than any that ever closed, which are easy"),
    ("log-loss skill", "the share of climatology's loss that is saved; being sure and wrong costs"),
    ("Brier skill", "the same by squared errors"),
    ("ECE", "how far chances and shares won are apart on average, in ten groups by chance"),
)  # fmt: skip


def trust(kept: Kept) -> Iterator[Block]:
    """The part, of what the step `evaluate` kept."""
    if why := kept.figures("evaluate").get("not_evaluated"):
        yield Nothing(
            why,
            "with a longer history `dealcast evaluate` can judge; until then treat every chance "
            "as a guess",
        )
        return
    content = kept.object("evaluate", "evaluation")
    first = content["horizons"][0]
    verdict, *others = filter(None, content["verdict"]["sentences"])
    figures = [s for s in others if s.startswith("Won within")]
    yield Lead(" ".join([verdict, *figures]))
    yield Charts((_reliability(first), _skill(content)))
    yield Points(
        (
            *(s[:1].upper() + s[1:] for s in others if s not in figures),
            floors_line(first),
            f"Chosen: {content['choice']['reason']}.",
        )
    )
    yield Prose(
        "Skill: by how much the chances beat climatology, the plain share won (0: not at all, "
        "1: perfect). AUC: how often the one won of two had the higher chance (0.5: by luck)."
    )
    yield More("What the words mean", (Table("", ("word", "means"), [*WORDS, *_estimators()]),))
    for horizon in content["horizons"]:
        table = beside_baselines(horizon, content["estimator"])
        yield table if horizon is first else folded(table)
    yield More("By age", (_by_age(first),))
    yield More("Would more history help?", (_learning_curve(content["learning_curve"]),))


def _reliability(horizon: Row) -> Any:
    return figure(
        charts.reliability,
        pl.DataFrame(horizon["reliability"]),
        horizon_days=horizon["horizon_days"],
        width=HALF,
        title=f"Do chances come true? Won within {horizon['horizon_days']} days",
        caption="On the dashed line as many were won as was said; above it more, below it fewer.",
    )


def _skill(content: Row) -> Any:
    own = content["estimator"]
    rows = [
        {"estimator": name, "horizon_days": h["horizon_days"], "skill": f["log_loss_skill"],
         "low": None, "high": None}
        for h in content["horizons"]
        for name, f in h["baselines"].items()
    ]  # fmt: skip
    for h in content["horizons"]:
        low, high = h["intervals"].get("log_loss_skill", (None, None))
        rows.append(
            {"estimator": own, "horizon_days": h["horizon_days"], "skill": h["log_loss_skill"],
             "low": low, "high": high}
        )  # fmt: skip
    schema = {"estimator": pl.String, "horizon_days": pl.Int64, "skill": float, "low": float,
              "high": float}  # fmt: skip
    return figure(
        charts.skill,
        pl.DataFrame(rows, schema=schema),
        chosen=own,
        width=HALF,
        title="How much better than the plain share won?",
        caption="Log-loss skill on dates after those learnt from; 0 is no better, 1 perfect.",
    )


def _estimators() -> Iterator[tuple[str, str]]:
    """Every way to learn that stands in the tables, and what it does."""
    return ((e.name, e.about) for e in ESTIMATORS.values())


def _by_age(horizon: Row) -> Table:
    rows = [
        (
            r["age_band"],
            number(r["n"], count),
            number(r["rate"], share),
            number(r["predicted"], share),
            number(r["auc"], of_merit),
        )
        for r in horizon["by_age"]
    ]
    title = f"By age, won within {horizon['horizon_days']} days"
    return Table(title, ("days open", ">rows", ">won", ">predicted", ">AUC"), rows)


def _learning_curve(curve: list[Row]) -> Table:
    rows = [
        (number(r["opportunities"], count), *(number(r[k], of_merit)
                                              for k in ("auc", "log_loss_skill")))
        for r in curve
    ]  # fmt: skip
    title = "Figures on the latest dates, by how many opportunities were learnt from"
    return Table(title, (">learnt from", ">AUC", ">log-loss skill"), rows)
