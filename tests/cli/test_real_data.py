"""The public CRM data set, from its files to scores: the figures of the issue."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.metrics import log_loss, roc_auc_score

Call = Callable[..., Any]
Finished = tuple[Path, dict[str, Any]]


@pytest.fixture(scope="module")
def finished(
    call_anywhere: Call, real_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    root = tmp_path_factory.mktemp("store")
    done = call_anywhere("run", "--source", "files", "--path", real_data, "--root", root, "--json")
    assert done.code == 0, done.err
    return root, done.json


def test_every_row_comes_through_clean(finished: Finished) -> None:
    _, summary = finished

    assert (summary["rows_in"], summary["rows_clean"], summary["rows_quarantined"]) == (
        8_800,
        8_800,
        0,
    )
    assert summary["stages"] == {"Won": 4_238, "Lost": 2_473, "Engaging": 1_589, "Prospecting": 500}


def test_product_keys_are_repaired_and_counted(finished: Finished) -> None:
    _, summary = finished

    keys = [r for r in summary["repairs"] if r["table"] == "opportunities"]
    assert [r["rows"] for r in keys] == [1_480]


def test_what_the_stage_leaves_blank_is_counted_as_such(finished: Finished) -> None:
    _, summary = finished

    assert sorted(summary["blank_by_design"].values())[-2:] == [2_089, 2_089]
    assert 500 in summary["blank_by_design"].values()


def test_the_score_is_less_than_one_raw_and_one_when_clean(finished: Finished) -> None:
    _, summary = finished

    deducted = sum(d["deduction"] for d in summary["quality_deductions"])
    assert 0.5 < summary["quality_raw"] < 1
    assert summary["quality_raw"] == pytest.approx(1 - deducted, abs=1e-3)
    assert summary["quality_clean"] == 1


def test_truncation_and_the_blank_account_are_named(finished: Finished) -> None:
    _, summary = finished

    told = " ".join(f"{n['title']} {n['note']}" for n in summary["quality_notices"])
    assert "account" in told
    assert "2017-03-01" in told
    assert "2017-12-31" in told


def test_no_close_value_is_imputed(call: Call, finished: Finished, tmp_path: Path) -> None:
    root, _ = finished
    file = tmp_path / "clean.parquet"
    assert call("export", "crm_data_processed", "--root", root, "--to", file).code == 0

    clean = pl.read_parquet(file)
    open_ones = clean.filter(pl.col("deal_stage").is_in(["Engaging", "Prospecting"]))
    assert open_ones["close_value"].null_count() == open_ones.height == 2_089
    assert clean["close_value"].null_count() == 2_089


def test_the_exported_features_round_trip(call: Call, finished: Finished, tmp_path: Path) -> None:
    root, _ = finished
    for kind in ("csv", "parquet"):
        assert (
            call("export", "crm_features", "--root", root, "--to", tmp_path / f"f.{kind}").code == 0
        )

    stored = pl.read_parquet(tmp_path / "f.parquet")
    read = pl.read_csv(tmp_path / "f.csv", schema=stored.schema)

    assert stored.shape == (8_800, 61)
    assert_frame_equal(read, stored)


def test_the_model_reaches_its_figures_and_reads_no_account(call: Call, finished: Finished) -> None:
    root, _ = finished

    model = call("train", "--root", root, "--json").json
    figures = call("evaluate", "--root", root, "--json").json

    within_30_days = figures["horizons"][0]
    assert within_30_days["horizon_days"] == 30
    assert within_30_days["auc"] >= 0.80
    assert within_30_days["auc_within_date"] >= 0.77
    assert within_30_days["auc_without_stale"] >= 0.75
    assert within_30_days["log_loss_skill"] >= 0.18
    assert within_30_days["ece"] <= 0.010
    assert not any("account" in name for name in (*model["features"], *model["entities"]))
    assert "timing: yes; entities: none detectable" in figures["summary"]


def test_anyone_can_recompute_the_figures(call: Call, finished: Finished, tmp_path: Path) -> None:
    root, _ = finished
    figures = call("evaluate", "--root", root, "--json").json
    file = tmp_path / "backtest.parquet"
    assert call("export", "backtest_predictions", "--root", root, "--to", file).code == 0

    for horizon in figures["horizons"]:
        rows = pl.read_parquet(file).filter(horizon_days=horizon["horizon_days"])
        won, p = (rows["outcome"] == "won").to_numpy(), rows["p_won"].to_numpy()
        assert rows.height == horizon["n"]
        assert roc_auc_score(won, p) == pytest.approx(horizon["auc"])
        assert log_loss(won, p) == pytest.approx(horizon["log_loss"], rel=1e-4)
        low, high = horizon["intervals"]["auc"]
        assert low < horizon["auc"] < high


def test_the_leak_gate_names_the_account_and_all_behind_it(finished: Finished) -> None:
    _, summary = finished

    assert {"account", "sector", "revenue", "employees"} <= set(summary["leaks"])
    assert not {"sales_agent", "product"} & set(summary["leaks"])


def test_reasons_sum_to_each_score(call: Call, finished: Finished, tmp_path: Path) -> None:
    root, _ = finished
    tables = {}
    for name in ("scores", "score_reasons"):
        file = tmp_path / f"{name}.parquet"
        assert call("export", name, "--root", root, "--to", file).code == 0
        tables[name] = pl.read_parquet(file)

    p = pl.col("p_won_90").clip(1e-9, 1 - 1e-9)
    told = tables["score_reasons"].group_by("opportunity_id").agg(pl.col("log_odds").sum())
    both = tables["scores"].join(told, on="opportunity_id")

    assert both.height == 1_589
    assert both.select(((p / (1 - p)).log() - pl.col("log_odds")).abs().max()).item() < 1e-9


def test_the_forecast_holds_at_earlier_origins(call: Call, finished: Finished) -> None:
    root, _ = finished

    forecast = call("forecast", "--root", root, "--json").json

    months = {
        f["method"]: f
        for f in forecast["figures"]
        if (f["period_kind"], f["ahead"]) == ("month", 1)
    }
    issued = months[forecast["champion"]["method"]]
    assert issued["n"] == 7
    assert issued["wape"] <= 0.08
    assert issued["wape"] <= months["same month last quarter"]["wape"]
    assert forecast["champion"]["is_tie"]
    assert sum(c["n"] for c in forecast["coverage"].values()) >= 20
    for row in forecast["tables"]["forecast"]:
        parts = row["booked"] + row["pipeline"] + row["new_business"]
        assert parts == pytest.approx(row["forecast"])


def test_every_open_opportunity_is_there_and_the_dead_are_marked(
    call: Call, finished: Finished
) -> None:
    root, summary = finished

    scores = call("score", "--root", root, "--json").json

    assert summary["open_opportunities"] == len(scores["scores"]) == 2_089
    assert summary["scored"] == 1_589
    assert 1_280 <= summary["stale"] <= 1_300


@pytest.mark.slow
def test_an_earlier_day_gives_what_an_export_of_that_day_would_have(
    call: Call, real_data: Path, tmp_path: Path
) -> None:
    day = pl.date(2017, 9, 30)
    rows = pl.read_csv(real_data / "sales_pipeline.csv").with_columns(
        engaged=pl.col("engage_date").str.to_date("%m/%d/%Y"),
        closed=pl.col("close_date").str.to_date("%m/%d/%Y"),
    )
    later = (pl.col("closed") > day).fill_null(value=False)
    (tmp_path / "then").mkdir()
    for name in ("accounts", "products", "sales_teams"):
        (tmp_path / "then" / f"{name}.csv").write_bytes((real_data / f"{name}.csv").read_bytes())
    rows.filter(pl.col("engaged").is_null() | (pl.col("engaged") <= day)).with_columns(
        deal_stage=pl.when(later).then(pl.lit("Engaging")).otherwise("deal_stage"),
        close_date=pl.when(~later).then("close_date"),
        close_value=pl.when(~later).then("close_value"),
    ).drop("engaged", "closed").write_csv(tmp_path / "then" / "sales_pipeline.csv")

    for root, arguments in {
        "cut": ["--path", tmp_path / "then"],
        "as_of": ["--path", real_data, "--set", "data.as_of=2017-09-30"],
    }.items():
        given = (*arguments, "--to", "score", "--root", tmp_path / root)
        assert call("run", *given).code == 0
        file = tmp_path / f"{root}.parquet"
        assert call("export", "scores", "--root", tmp_path / root, "--to", file).code == 0

    cut, as_of = (pl.read_parquet(tmp_path / f"{r}.parquet") for r in ("cut", "as_of"))
    assert cut.height > 2_000
    assert_frame_equal(cut, as_of)
