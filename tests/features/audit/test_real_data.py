"""The leak gate on the real data: each leak named, nothing honest accused."""

from datetime import date

import polars as pl
import pytest

from dealcast.features.audit import (
    AuditReport,
    audit_catalogue,
    audit_fields,
    audit_table,
    crm_features_rebuilt,
)
from dealcast.features.build import KEY
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.descriptive import CrmFeatures, build_crm_features
from dealcast.features.spec import Leak
from dealcast.settings import FeatureSettings
from dealcast.settings.tree import AuditSettings
from dealcast.snapshots import build_snapshots, snapshot_dates

AS_OF = date(2017, 12, 31)
ENGAGING = [f"engage_{part}" for part in ("year", "month", "quarter", "day_of_week", "day_of_year")]
HONEST = {
    "sales_agent",
    "product",
    "engage_date",
    "opportunity_id_encoded",
    "sales_agent_encoded",
    "product_encoded",
    *ENGAGING,
    *(f"{name}_scaled" for name in ENGAGING),
}
# Families of columns -> the tests that must be among those that name each of them.
NAMED_BY = {
    "close_": {"LK1", "LK2", "LK4"},
    "deal_stage": {"LK1", "LK2", "LK5", "LK7"},
    "is_closed": {"LK1", "LK7"},
    "is_open": {"LK1", "LK7"},
    "is_won": {"LK1", "LK2", "LK5"},
    "is_lost": {"LK1", "LK2", "LK5"},
    "sales_cycle": {"LK1", "LK2", "LK4"},
    "account": {"LK4"},
    "is_repeat_account": {"LK4"},
    "account_frequency": {"LK1", "LK4", "LK6"},
    "agent_": {"LK1", "LK6"},
    "product_popularity": {"LK1", "LK6"},
    "target_": {"LK1", "LK2", "LK5", "LK7"},
}


@pytest.fixture(scope="module")
def crm_report(real_tables) -> AuditReport:
    features, transforms = build_crm_features(real_tables)
    return audit_table(
        features,
        real_tables,
        settings=AuditSettings(),
        rebuild=crm_features_rebuilt(transforms),
    )


@pytest.fixture(scope="module")
def snapshots(real_tables) -> pl.DataFrame:
    dates = snapshot_dates(real_tables.opportunities, FeatureSettings(), as_of=AS_OF)
    return build_snapshots(real_tables.opportunities, dates, as_of=AS_OF).collect()


def test_the_leaking_columns_of_crm_features_are_all_that_fail(crm_report) -> None:
    columns = set(CrmFeatures.columns()) - {"opportunity_id"}

    assert crm_report.excluded == columns - HONEST


@pytest.mark.parametrize(("family", "tests"), NAMED_BY.items())
def test_each_family_is_named_by_the_tests_that_see_it(crm_report, family, tests) -> None:
    caught = {n: set(t) for n, t in crm_report.leaks.items() if n.startswith(family)}

    assert caught
    assert {n: t for n, t in caught.items() if not tests <= t} == {}


def test_the_fields_behind_the_account_fail_and_the_others_pass(real_tables) -> None:
    report = audit_fields(real_tables, settings=AuditSettings())

    behind = {r.feature for r in report.records if r.group == "account"}
    assert set(report.leaks) == behind
    assert len(behind) == 7
    assert report.of("account")["LK4_filled_at_close"].figure == pytest.approx(0.69, abs=0.01)


def test_every_feature_of_the_account_is_named_on_snapshots_too(real_tables, snapshots) -> None:
    keys = snapshots.select(KEY).filter(pl.col("snapshot_date").dt.day() <= 7)
    opportunities = real_tables.opportunities.collect()
    at, closed_on = pl.col("snapshot_date"), pl.col("close_date")
    history = (
        opportunities.filter(pl.col("account").is_not_null())
        .join(keys.select("snapshot_date").unique(), how="cross")
        .group_by("account", "snapshot_date")
        .agg(
            account_win_rate=(pl.col("deal_stage") == "Won").filter(closed_on < at).mean(),
            account_open_count=(
                (pl.col("engage_date") <= at) & ~(closed_on <= at).fill_null(value=False)
            ).sum(),
        )
    )
    frame = (
        keys.join(opportunities.select("opportunity_id", "account"), on="opportunity_id")
        .join(history, on=["account", "snapshot_date"], how="left")
        .join(real_tables.accounts.collect(), on="account", how="left")
        .with_columns(account_is_known=pl.col("account").is_not_null())
    )

    report = audit_table(frame, real_tables, settings=AuditSettings(), as_of=AS_OF)

    assert report.excluded == set(frame.columns) - set(KEY)


@pytest.mark.parametrize("horizon_days", [30, pytest.param(90, marks=pytest.mark.slow)])
def test_the_shipped_catalogue_passes(real_tables, snapshots, horizon_days: int) -> None:
    report = audit_catalogue(
        real_tables,
        snapshots,
        CATALOGUE,
        as_of=AS_OF,
        settings=AuditSettings(),
        horizon_days=horizon_days,
    )

    assert not report.failed
    assert report.excluded == {spec.name for spec in CATALOGUE if spec.leak is Leak.BANNED}
