from io import BytesIO

import polars as pl

from dealcast.tracking.mlflow.figures import FIGURES, figures

BIN = {"bin": 1, "n": 9, "predicted": 0.2, "observed": 0.3, "low": 0.1, "high": 0.5}
FOLD = {"origin": "2026-01-01", "log_loss_skill": 0.1}
MONTH = {
    "period_kind": "month",
    "period_start": "2026-01-01",
    "booked": 1.0,
    "pipeline": 2.0,
    "new_business": None,
    "forecast": 3.0,
}
TABLES = {
    "reliability": pl.DataFrame([{"horizon_days": h, **BIN} for h in (30, 60)]),
    "by_origin": pl.DataFrame(
        [
            {"estimator": e, "is_chosen": e == "age", "horizon_days": h, "fold": 1, **FOLD}
            for e in ("age", "calendar")
            for h in (30, 60)
        ]
    ),
    "learning_curve": pl.DataFrame({"opportunities": [10, 20], "log_loss_skill": [0.1, 0.2]}),
    "forecast": pl.DataFrame(
        [
            {**MONTH, "low": 2.0, "high": 5.0, "level": 0.8},
            {**MONTH, "low": None, "high": None, "level": None},
        ]
    ),
}


def words(name: str) -> list[str]:
    drawn = dict(figures(TABLES))[name]
    (axes,) = drawn.axes
    legend = axes.get_legend()
    return [t.get_text() for t in legend.get_texts()] if legend else []


def test_every_figure_is_drawn_from_its_table() -> None:
    drawn = dict(figures(TABLES))

    assert list(drawn) == list(FIGURES)
    assert all(figure.axes[0].get_title(loc="left") for figure in drawn.values())


def test_a_table_that_is_missing_or_empty_is_not_drawn() -> None:
    empty = {
        "reliability": TABLES["reliability"].clear(),
        "learning_curve": TABLES["learning_curve"],
    }

    assert [name for name, _ in figures(empty)] == ["learning_curve"]


def test_the_chosen_estimator_is_told_from_the_others_at_the_shortest_horizon() -> None:
    assert words("skill_by_origin") == ["age (chosen)", "calendar"]


def test_a_forecast_says_what_its_intervals_hold() -> None:
    assert "forecast with 80% interval" in words("forecast")
    assert {"booked", "pipeline", "new business"} <= set(words("forecast"))


def test_the_reliability_diagram_has_a_line_for_each_horizon() -> None:
    assert words("reliability") == ["right", "won within 30 days", "won within 60 days"]


def test_columns_without_a_value_and_forecasts_without_a_month_are_drawn_all_the_same() -> None:
    blank = {
        "by_origin": TABLES["by_origin"].with_columns(log_loss_skill=pl.lit(None, pl.String)),
        "learning_curve": TABLES["learning_curve"].with_columns(
            log_loss_skill=pl.lit(None, pl.String)
        ),
        "forecast": TABLES["forecast"].with_columns(
            period_kind=pl.lit("week"), low=pl.lit(None, pl.String)
        ),
    }

    drawn = list(figures(blank))

    for _, figure in drawn:
        figure.savefig(BytesIO())
    assert [name for name, _ in drawn] == ["skill_by_origin", "learning_curve", "forecast"]
