"""How good the model is, as terminal tables."""

from collections.abc import Sequence

from rich.table import Table

from dealcast.cli.render import bar, console, shown, table
from dealcast.cli.terminal import styled
from dealcast.surfaces.sentences import floors_line
from dealcast.surfaces.tables.model import beside_baselines
from dealcast.surfaces.tables.shape import Row
from dealcast.surfaces.words import count, figure, share

COHORTS_SHOWN = 18


def evaluation(content: Row) -> None:
    """Figures with intervals beside the baselines, reliability, ages, learning curve, verdict."""
    out = console()
    for horizon in content["horizons"]:
        out.print(shown(beside_baselines(horizon, content["estimator"])))
        out.print()
    first = content["horizons"][0]
    out.print(_reliability(first, content["estimator"]))
    out.print()
    title = f"By age, won within {first['horizon_days']} days"
    out.print(
        _parts([{"days open": r["age_band"], **r} for r in first["by_age"]], "days open", title)
    )
    out.print()
    out.print(_cohorts(content["cohorts"]))
    out.print()
    out.print(_learning_curve(content["learning_curve"]))
    out.print(f"\n{floors_line(first)}")
    out.print(f"Chosen: {content['choice']['reason']}.")
    out.print(styled(f"\n{content['summary']}", "bold"))


def _reliability(horizon: Row, estimator: str) -> Table:
    lines = [
        (
            share(b["predicted"]),
            share(b["observed"]),
            f"{share(b['low'])}-{share(b['high'])}",
            count(b["n"]),
            bar(b["observed"]),
        )
        for b in horizon["reliability"]
    ]
    title = f"Reliability of {estimator}, won within {horizon['horizon_days']} days"
    columns = (">predicted", ">observed", ">95 % interval", ">rows", "observed")
    return table(title, columns, lines)


def by_segment(rows: Sequence[Row], by: str) -> None:
    """How good the model is in each part of the pipeline, at each horizon."""
    for horizon in dict.fromkeys(r["horizon_days"] for r in rows):
        of_horizon = [r for r in rows if r["horizon_days"] == horizon]
        console().print(_parts(of_horizon, by, f"By {by}, won within {horizon} days"))
        console().print()


def _parts(rows: Sequence[Row], by: str, title: str) -> Table:
    lines = [
        (
            r[by] or "-",
            count(r["n"]),
            share(r["rate"]),
            share(r["predicted"]),
            *_ratio(r),
            figure(r["auc"]),
        )
        for r in rows
    ]
    columns = (by, ">rows", ">won", ">predicted", ">won/predicted", ">95 % interval", ">AUC")
    return table(title, columns, lines)


def _ratio(row: Row) -> tuple[str, str]:
    """Wins by wins expected, with the interval; dashes where hardly a win was expected."""
    if row["ratio"] is None or row["predicted"] * row["n"] < 1:
        return "-", "-"
    low, high = row["ratio_low"], row["ratio_high"]
    return f"{row['ratio']:.2f}", "-" if low is None else f"{low:.2f}-{high:.2f}"


def _cohorts(rows: Sequence[Row]) -> Table:
    lines = [
        (
            str(r["engaged_in"])[:7],
            *(count(r[name]) for name in ("opportunities", "won", "lost", "open")),
            ", ".join(
                words
                for words, holds in (
                    ("survivors only", r["is_truncated"]),
                    ("not mature yet", not r["is_mature"]),
                )
                if holds
            ),
        )
        for r in rows[-COHORTS_SHOWN:]
    ]
    return table("Cohorts", ("engaged in", ">opportunities", ">won", ">lost", ">open", ""), lines)


def _learning_curve(rows: Sequence[Row]) -> Table:
    lines = [
        (count(r["opportunities"]), figure(r["auc"]), figure(r["log_loss_skill"]),
         bar(max(r["log_loss_skill"] or 0.0, 0.0)))
        for r in rows
    ]  # fmt: skip
    columns = (">learnt from", ">AUC", ">log-loss skill", "skill")
    return table("Learning curve, on the latest origins", columns, lines)
