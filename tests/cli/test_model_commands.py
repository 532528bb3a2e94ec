"""What the model, its gate, the forecast and monitoring say on the command line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from servers.sample import FEW, MONTHLY, SampleRun

Call = Callable[..., Any]


@pytest.fixture(scope="module")
def root(sample_run: SampleRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_run.copy(tmp_path_factory.mktemp("finished") / "store")


def test_the_leak_gate_names_the_columns_of_crm_features_that_know_the_outcome(
    call: Call, root: Path
) -> None:
    leaks = call("audit", "--table", "crm_features", "--root", root, "--json").json["leaks"]

    assert {"close_value", "is_won", "close_month", "sales_cycle_days", "target_binary"} <= set(
        leaks
    )
    assert not {"engage_month", "sales_agent", "product"} & set(leaks)


def test_a_file_of_features_is_audited(call: Call, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "clean.parquet"
    assert call("export", "crm_data_processed", "--root", root, "--to", file).code == 0
    rows = pl.read_parquet(file).filter(pl.col("engage_date").is_not_null())
    rows.select(
        "opportunity_id",
        honest=pl.col("opportunity_id").hash(1) % 7,
        paid=pl.col("close_value").fill_null(0.0),
    ).write_csv(tmp_path / "mine.csv")

    found = call("audit", "--file", tmp_path / "mine.csv", "--root", root, "--json").json

    assert set(found["leaks"]) == {"paid"}


def test_a_close_date_in_disguise_is_found_in_a_file_with_one_row_per_opportunity(
    call: Call, root: Path, tmp_path: Path
) -> None:
    file = tmp_path / "clean.parquet"
    assert call("export", "crm_data_processed", "--root", root, "--to", file).code == 0
    rows = pl.read_parquet(file).filter(pl.col("engage_date").is_not_null())
    hoped = pl.col("engage_date") + pl.duration(days=pl.col("opportunity_id").hash(1) % 120)
    rows.select(
        "opportunity_id",
        hoped=hoped,
        expected_close=pl.coalesce("close_date", hoped),
    ).write_csv(tmp_path / "mine.csv")

    found = call("audit", "--file", tmp_path / "mine.csv", "--root", root, "--json").json

    assert set(found["leaks"]) == {"expected_close"}


@pytest.mark.parametrize(
    ("content", "told"),
    [("a,b\n1,2\n", "opportunity_id"), ("opportunity_id,x\nNOBODY,1\n", "NOBODY")],
)
def test_a_file_that_does_not_fit_the_export_is_refused(
    call: Call, root: Path, tmp_path: Path, content: str, told: str
) -> None:
    (tmp_path / "mine.csv").write_text(content)

    refused = call("audit", "--file", tmp_path / "mine.csv", "--root", root)

    assert refused.code == 6
    assert told in refused.err


def test_an_allowed_leak_is_recorded_with_its_reason(call: Call, root: Path) -> None:
    allowed = call(
        "audit", "--root", root, "--json", "--set", "audit.allow={account: known at creation}"
    ).json

    account = [r for r in allowed["records"] if r["feature"] == "account"]
    assert "overridden" in {r["outcome"] for r in account}
    assert "account" not in allowed["excluded"]
    assert any("known at creation" in (r["note"] or "") for r in account)
    assert call("audit", "--root", root, "--json").json["leaks"]["account"]


def test_a_model_too_good_to_be_true_is_not_registered_unless_explained(
    call: Call, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    low = ["--root", store, *MONTHLY, "--set", "audit.max_auc_of_model=0.6"]

    refused = call("run", *FEW, *low)
    unregistered = call("models", "--root", store, "--json").json
    explained = call(
        "run", "--from", "train", *low, "--json", "--set", "audit.accept_near_perfect=it is a test"
    )

    assert refused.code == 6
    assert "above 0.60" in refused.err
    assert unregistered["models"] == []
    assert explained.code == 0, explained.err
    assert explained.json["accepted_near_perfect"] == "it is a test"


def test_one_command_goes_from_an_export_to_the_verdict(call: Call, tmp_path: Path) -> None:
    done = call("evaluate", *FEW, *MONTHLY, "--root", tmp_path / "store")

    assert done.code == 0, done.err
    assert "Verdict" in done.out


def test_people_are_ranked_only_where_they_differ(call: Call, root: Path) -> None:
    compared = call("people", "--by", "sales_agent", "--root", root, "--json").json
    refused = call("people", "--by", "agent", "--root", root)

    winning = next(c for c in compared if "won" in c["table"][0])
    assert winning["ranked"] == any(r["rank"] is not None for r in winning["table"])
    assert refused.code == 5
    assert "sales_agent" in refused.err


def test_a_model_is_promoted_by_hand_and_rolled_back(
    call: Call, sample_run: SampleRun, tmp_path: Path
) -> None:
    root = sample_run.copy(tmp_path / "store")
    first = call("models", "--root", root, "--json").json["champion"]
    chosen = ["--set", "model.estimator=age", "--root", root, "--json"]

    assert call("run", "--from", "evaluate", *chosen).json["promoted"]
    second = call("models", "--root", root, "--json").json["champion"]
    rolled = call("models", "rollback", "--root", root, "--json").json
    scored = call("score", "--root", root, "--json").json

    assert second != first
    assert rolled["model_id"] == first
    assert scored["scoring_model"] == first
    assert call("models", "promote", "nothing", "--root", root).code == 6
    assert call("models", "promote", second, "--root", root).code == 0


def test_monitoring_ends_with_the_code_of_its_level(
    call: Call, sample_run: SampleRun, tmp_path: Path
) -> None:
    root = sample_run.copy(tmp_path / "store")

    quiet = call("monitor", "--root", root, "--json")

    assert quiet.code == {"ok": 0, "warning": 10, "alert": 11}[quiet.json["level"]]
    assert quiet.json["calibration_over_time"]


def test_drift_may_train_anew(call: Call, tmp_path: Path) -> None:
    """Half of the agents stop filling in the product: the mix and the fill rate change."""
    exports, root = tmp_path / "exports", tmp_path / "store"
    assert call("sample", "--to", exports, "--opportunities", 2500, "--dirt", 0).code == 0
    file = exports / "sales_pipeline.csv"
    rows = pl.read_csv(file, infer_schema_length=None)
    late = pl.col("engage_date").cast(pl.String) >= "2025-10-05"
    rows.with_columns(product=pl.when(~late.fill_null(value=False)).then("product")).write_csv(file)
    given = ("--root", root, *MONTHLY)
    assert call("run", "--path", exports, *given, "--to", "score").code == 0

    found = call("monitor", *given, "--json", "--set", "monitoring.retrain_on=alert")

    assert found.code == 11
    assert found.json["retrained"]
    assert "product" in {r["what"] for r in found.json["results"] if r["level"] == "alert"}


def test_the_forecast_is_drawn_and_the_dead_pipeline_has_owners(call: Call, root: Path) -> None:
    shown = call("forecast", "--root", root).out
    dead = call("forecast", "--dead", "--root", root).out

    for words in ("Bookings by month", "new business", "same month last quarter", "WAPE"):
        assert words in shown
    assert "Dead pipeline by owner" in dead


def test_scores_that_moved_are_shown_with_why(call: Call, tmp_path: Path) -> None:
    run = ("run", *FEW, *MONTHLY, "--to", "score", "--root", tmp_path / "store")
    assert call(*run, "--set", "data.as_of=2025-11-30").code == 0
    first = call("score", "--moved", "--root", tmp_path / "store", "--set", "data.as_of=2025-11-30")
    assert call(*run).code == 0

    moved = call("score", "--moved", "--root", tmp_path / "store")

    assert "No score has moved" in first.out
    assert "since 2025-11-30" in moved.out
    assert "clock" in moved.out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("evaluate", "--set", "model.horizons_days=[0]"), 2, "horizons_days"),
        (("evaluate", "--set", "model.estimator=foo"), 2, "'never_close'"),
        (("evaluate", "--set", "model.entities=[foo]"), 2, "entities"),
        (("score", "--set", "model.grades=[0.1, 0.25, 0.5]"), 2, "must fall from A to C"),
        (("score", "--set", "model.grades=[1.5, 0.25, 0.1]"), 2, "grades"),
        (("monitor", "--set", "monitoring.current_days=100000"), 2, "current_days"),
        (("audit", "--set", "audit.allow={account: ''}"), 2, "account"),
        (("audit", "--feature", "acount"), 5, "'account'"),
        (("audit", "--table", "crm_features", "--file", "x.csv"), 2, "--file"),
        (("audit", "--file", "nothing.csv"), 3, "nothing.csv"),
        (("models", "promote", "nothing"), 6, "nothing"),
        (("score", "--top", "-1"), 2, "--top"),
    ],
)
def test_wrong_input_to_the_model_is_refused_with_what_to_do(
    call: Call, root: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    refused = call(*arguments, "--root", root)

    assert refused.code == code, refused.err
    assert told in refused.err
    assert "Traceback" not in refused.err


def test_an_estimator_that_was_not_judged_is_not_learnt(
    call: Call, sample_run: SampleRun, tmp_path: Path
) -> None:
    # A store of its own: other tests audit theirs anew, which makes its judgement an older one.
    root = sample_run.copy(tmp_path / "store")

    refused = call("train", "--set", "model.estimator=age", "--root", root)

    assert refused.code == 2, refused.err
    assert "--from evaluate" in refused.err


def test_a_file_without_rows_has_not_passed(call: Call, root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("opportunity_id,x\n")

    refused = call("audit", "--file", tmp_path / "empty.csv", "--root", root)

    assert refused.code == 3
    assert "no rows" in refused.err


@pytest.mark.parametrize("content", ["{broken", "{}", "[]"])
def test_a_broken_registry_is_named(call: Call, tmp_path: Path, content: str) -> None:
    copy = tmp_path / "copy"
    (copy / "models").mkdir(parents=True)
    (copy / "models" / "registry.json").write_text(content)

    refused = call("models", "--root", copy)

    assert refused.code == 6
    assert "registry.json" in refused.err
