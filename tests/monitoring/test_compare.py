import json
import logging
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from dealcast.contracts import CrmTables, Drift
from dealcast.errors import ModelError
from dealcast.monitoring import monitor
from dealcast.settings.tree import MonitoringSettings

# The slow tests say what they measured: pytest -m slow --log-cli-level=INFO
logger = logging.getLogger(__name__)

SETTINGS = MonitoringSettings()
OpportunitiesOf = Callable[..., pl.DataFrame]
TablesOf = Callable[..., CrmTables]
Draw = Callable[..., Any]
Plant = Callable[[Any], Any]


def win_rate_falls(business: Any, share: float = 0.3) -> Any:
    hit = business.closed_since() & (pl.col("deal_stage") == "Won") & business.chosen(share)
    return business.with_opportunities(
        lambda rows: rows.with_columns(
            deal_stage=pl.when(hit).then(pl.lit("Lost")).otherwise("deal_stage"),
            close_value=pl.when(hit).then(0.0).otherwise("close_value"),
        )
    )


def product_takes_over(business: Any, share: float = 0.5) -> Any:
    hit = business.engaged_since() & business.chosen(share)
    return business.with_opportunities(
        lambda rows: rows.with_columns(
            product=pl.when(hit).then(pl.lit("Nova Pro")).otherwise("product")
        )
    )


def agents_go_blank(business: Any, share: float = 0.25) -> Any:
    hit = business.engaged_since() & business.chosen(share)
    return business.with_opportunities(
        lambda rows: rows.with_columns(sales_agent=pl.when(~hit).then("sales_agent"))
    )


def fewer_arrive(business: Any, share: float = 0.35) -> Any:
    gone = business.engaged_since() & business.chosen(share)
    return business.with_opportunities(lambda rows: rows.filter(~gone))


def fewer_close(business: Any, share: float = 0.35) -> Any:
    hit = business.closed_since() & business.chosen(share)
    return business.with_opportunities(
        lambda rows: rows.with_columns(
            deal_stage=pl.when(hit).then(pl.lit("Engaging")).otherwise("deal_stage"),
            close_date=pl.when(~hit).then("close_date"),
            close_value=pl.when(~hit).then("close_value"),
        )
    )


PLANTED = [
    pytest.param(win_rate_falls, ("rate", "win_rate"), id="win rate falls by .19"),
    pytest.param(product_takes_over, ("mix", "product"), id="half of the new go to one product"),
    pytest.param(agents_go_blank, ("missing values", "sales_agent"), id="a quarter blank"),
    pytest.param(fewer_arrive, ("rate", "arrivals"), id="35 % fewer arrive"),
    pytest.param(fewer_close, ("rate", "time_to_close"), id="35 % fewer close"),
]


@pytest.mark.parametrize(("plant", "key"), PLANTED)
def test_what_was_planted_is_found_and_named(
    generated: Draw, plant: Plant, key: tuple[str, str]
) -> None:
    report = plant(generated(1)).monitored()

    assert report[key].level in ("warning", "alert")
    assert report[key].remedy is not None
    assert " ".join(key) in report.summary
    assert report.exit_code in (10, 11)


def test_a_stationary_business_is_quiet_in_a_window_unlike_the_reference(generated: Draw) -> None:
    business = generated(2)
    closed = business.tables.opportunities.filter(pl.col("close_date").is_not_null())
    late = pl.col("close_date") > business.as_of - timedelta(30)
    rate = (pl.col("deal_stage") == "Won").mean()
    then, now = (closed.filter(f).select(rate).collect().item() for f in (~late, late))

    report = business.monitored(MonitoringSettings(current_days=30))

    assert now - then > SETTINGS.share_warning
    assert report["rate", "win_rate"].n_current > SETTINGS.min_rows
    assert report.level == "ok"


def test_the_last_three_weeks_are_compared_with_the_same_weeks(generated: Draw) -> None:
    report = generated(3).monitored(MonitoringSettings(current_days=21))

    assert report.level == "ok"
    assert report["rate", "time_to_close"].p_value is not None


def test_neither_the_order_of_rows_nor_the_future_matters(generated: Draw) -> None:
    business = generated(1)
    earlier = business.as_of - timedelta(60)
    then = monitor(business.tables, SETTINGS, as_of=earlier, scores=business.scores)
    shuffled = business.with_opportunities(
        lambda rows: rows.filter(
            pl.col("engage_date").is_null() | (pl.col("engage_date") <= earlier)
        ).reverse()
    )

    again = monitor(shuffled.tables, SETTINGS, as_of=earlier, scores=business.scores)

    assert [(r.what, r.level, r.n_current) for r in again.results] == [
        (r.what, r.level, r.n_current) for r in then.results
    ]
    assert [r.p_value for r in again.results] == pytest.approx([r.p_value for r in then.results])


def test_too_few_rows_are_not_applicable_and_say_so(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf
) -> None:
    rows = [("Won", date(2024, 1, 1), date(2024, 2, n)) for n in range(1, 21)]
    tables = tables_of(opportunities_of(rows))

    report = monitor(tables, SETTINGS, as_of=date(2024, 2, 20), trained_until=date(2024, 2, 10))

    assert {r.level for r in report.results} == {"not applicable"}
    assert all(r.note for r in report.results)
    assert report.level == "not applicable"
    assert report.exit_code == 0
    assert "cannot be told" in report.summary


def test_nothing_since_training_is_arrivals_stopped_and_else_not_applicable(
    opportunities_of: OpportunitiesOf,
    tables_of: TablesOf,
    steady_rows: list[object],
    steady_until: date,
) -> None:
    tables = tables_of(opportunities_of(steady_rows))

    report = monitor(
        tables, SETTINGS, as_of=steady_until + timedelta(60), trained_until=steady_until
    )

    assert report["rate", "arrivals"].level == "alert"
    assert report["rate", "arrivals"].effect == 0
    assert report["mix", "product"].level == "not applicable"
    assert report["rate", "win_rate"].level == "not applicable"
    json.dumps(report.to_dict(), allow_nan=False)


def test_before_the_first_close_there_is_no_reference(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf
) -> None:
    rows = [("Engaging", date(2024, 1, 1) + timedelta(n), None) for n in range(200)]

    report = monitor(tables_of(opportunities_of(rows)), SETTINGS, as_of=date(2024, 7, 1))

    assert report.reference_from is None
    assert report.level == "not applicable"


def test_an_export_without_dimension_tables_says_what_is_not_there(
    opportunities_of: OpportunitiesOf,
    tables_of: TablesOf,
    steady_rows: list[object],
    steady_until: date,
) -> None:
    report = monitor(tables_of(opportunities_of(steady_rows)), SETTINGS, as_of=steady_until)

    assert report["mix", "regional_office"].note == "the export has no table sales_agents"
    assert "no table products" in str(report["feature", "list_price"].note)
    assert report["rate", "win_rate"].level == "ok"
    assert report.level == "ok"


def test_a_column_without_any_value_is_not_applicable(
    opportunities_of: OpportunitiesOf,
    tables_of: TablesOf,
    steady_rows: list[object],
    steady_until: date,
) -> None:
    tables = tables_of(opportunities_of(steady_rows, product=None, sales_agent=None))

    report = monitor(tables, SETTINGS, as_of=steady_until)

    assert report["missing values", "product"].note == "it holds no value in either window"
    assert report["mix", "sales_agent"].level == "not applicable"


def test_no_opportunities_at_all_is_not_applicable(tables_of: TablesOf) -> None:
    empty = pl.DataFrame(
        schema={
            **dict.fromkeys(
                ["opportunity_id", "sales_agent", "product", "account", "deal_stage"], pl.String
            ),
            **dict.fromkeys(["engage_date", "close_date"], pl.Date),
            "close_value": pl.Float64,
        }
    )

    report = monitor(tables_of(empty), SETTINGS, as_of=date(2024, 7, 1))

    assert report.level == "not applicable"


def test_a_model_that_knows_the_future_is_refused(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf
) -> None:
    tables = tables_of(opportunities_of([("Won", date(2024, 1, 1), date(2024, 1, 2))]))

    with pytest.raises(ModelError, match="until 2024-02-02"):
        monitor(tables, SETTINGS, as_of=date(2024, 2, 1), trained_until=date(2024, 2, 2))


def test_the_frame_keeps_its_contract(generated: Draw) -> None:
    report = generated(1).monitored()

    assert Drift.validate(report.to_frame()).height == len(report.results)


SEEDS = 150


@pytest.mark.slow
@pytest.mark.parametrize("calendar", [0.0, 1.0])
def test_false_alarms_are_no_more_than_stated(generated: Draw, calendar: float) -> None:
    reports = [generated(1_000 + seed, calendar=calendar).monitored() for seed in range(SEEDS)]
    stated = SETTINGS.false_alarm_rate
    sure = [
        min(r.p_adjusted for r in report.results if r.p_adjusted is not None) for report in reports
    ]

    for what, found, rate in (
        ("alarms", sum(r.exit_code > 0 for r in reports), stated),
        ("adjusted p at most .01, of any size", int((np.array(sure) <= stated).sum()), stated),
        ("adjusted p at most .1, of any size", int((np.array(sure) <= 0.1).sum()), 0.1),
    ):
        low, high = stats.binomtest(found, SEEDS).proportion_ci()
        logger.info(
            "calendar %.0f: %s in %d of %d seeds, 95 %% interval %.4f to %.4f",
            *(calendar, what, found, SEEDS, low, high),
        )
        assert stats.binomtest(found, SEEDS, rate, alternative="greater").pvalue > 0.001


@pytest.mark.slow
@pytest.mark.parametrize(("plant", "key"), PLANTED)
def test_planted_changes_are_found_in_nearly_every_seed(
    generated: Draw,
    plant: Plant,
    key: tuple[str, str],
) -> None:
    found = [plant(generated(2_000 + seed)).monitored()[key].level for seed in range(60)]

    share = np.mean([level in ("warning", "alert") for level in found])
    logger.info("%s: found in %.1f %% of 60 seeds", " ".join(key), 100 * share)
    assert share >= 0.95
