"""Snapshots and point-in-time features on the real data, beside plain Python loops."""

import calendar
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import CrmTables, Snapshots
from dealcast.engines.duckdb import DuckdbEngine
from dealcast.features.build import (
    build_features,
    feature_contract,
    opportunity_facts,
    point_in_time_totals,
    snapshot_features,
)
from dealcast.features.catalogue import PRIOR_STRENGTH
from dealcast.features.selection import usable
from dealcast.settings import FeatureSettings
from dealcast.snapshots import as_known_on, build_snapshots, dates_frame, snapshot_dates

KEY = ["opportunity_id", "snapshot_date"]
AS_OF = date(2017, 12, 31)
ENTITIES = {
    "agent": "sales_agent",
    "product": "product",
    "manager": "manager",
    "region": "regional_office",
}


@pytest.fixture(scope="module")
def snapshots(real_tables: CrmTables) -> pl.DataFrame:
    dates = snapshot_dates(real_tables.opportunities, FeatureSettings(), as_of=AS_OF)
    return build_snapshots(real_tables.opportunities, dates, as_of=AS_OF).collect()


@pytest.fixture(scope="module")
def features(real_tables: CrmTables, snapshots: pl.DataFrame) -> pl.DataFrame:
    return build_features(snapshots.lazy(), real_tables, usable(real_tables)).collect()


def test_there_are_43_mondays_and_83_127_snapshots(snapshots) -> None:
    dates = snapshots["snapshot_date"].unique().sort()

    assert (dates[0], dates[-1], len(dates)) == (date(2017, 3, 6), date(2017, 12, 25), 43)
    assert snapshots.height == 83_127
    assert Snapshots.is_valid(snapshots)


def test_snapshots_are_who_was_open_by_the_definition(real_tables, snapshots) -> None:
    opportunities = real_tables.opportunities.collect()
    for day, rows in snapshots.group_by("snapshot_date"):
        was_open = opportunities.filter(
            pl.col("engage_date") <= day[0],
            pl.col("close_date").is_null() | (pl.col("close_date") > day[0]),
        )
        assert set(rows["opportunity_id"]) == set(was_open["opportunity_id"])


def test_duckdb_gives_what_polars_gives(real_tables, snapshots, features) -> None:
    engine = DuckdbEngine()
    specs = usable(real_tables)
    members = {name: engine.from_polars(rows) for name, rows in real_tables.to_dict().items()}
    dates = engine.from_polars(dates_frame(snapshots["snapshot_date"]))

    totals = point_in_time_totals(members, specs, dates, settled=engine.settled)
    facts = opportunity_facts(members, specs, totals, as_of=AS_OF)
    on_duckdb = engine.collect(snapshot_features(facts, dates, specs, totals)).sort(KEY)

    assert_frame_equal(on_duckdb.select(snapshots.columns), snapshots.sort(KEY))
    assert_frame_equal(
        on_duckdb.select(features.columns), features.sort(KEY), rel_tol=0, abs_tol=1e-9
    )


@pytest.mark.slow
def test_every_usable_feature_equals_a_plain_loop_on_500_snapshots(real_tables, features) -> None:
    drawn = features.sort(KEY).sample(500, seed=11)
    rows = records(real_tables)
    by_id = {row["opportunity_id"]: row for row in rows}
    known = {day: known_on(rows, day) for day in drawn["snapshot_date"].unique()}

    expected = [
        {"opportunity_id": one, "snapshot_date": day, **by_loop(by_id[one], day, *known[day])}
        for one, day in drawn.select(KEY).iter_rows()
    ]

    assert set(expected[0]) == set(features.columns), "say in by_loop what a new feature is"
    assert_frame_equal(drawn, pl.DataFrame(expected, drawn.schema), rel_tol=1e-9)


def test_the_features_keep_their_contract(real_tables, features) -> None:
    assert feature_contract(usable(real_tables)).is_valid(features)
    assert features.height == 83_127


@pytest.mark.parametrize("day", [date(2017, 3, 6), date(2017, 7, 3), date(2017, 12, 25)])
def test_erasing_all_that_happened_later_changes_nothing(
    real_tables, snapshots, features, day: date
) -> None:
    today = snapshots.lazy().filter(snapshot_date=day)

    known = build_features(today, as_known_on(real_tables, day), usable(real_tables)).collect()

    assert_frame_equal(known.sort(KEY), features.filter(snapshot_date=day).sort(KEY))


def records(tables: CrmTables) -> list[dict]:
    """Dated opportunities with their product, manager and office."""
    products = {r["product"]: r for r in tables.products.collect().to_dicts()}
    agents = {r["sales_agent"]: r for r in tables.sales_agents.collect().to_dicts()}
    rows = [
        {**row, **products[row["product"]], **agents[row["sales_agent"]]}
        for row in tables.opportunities.collect().to_dicts()
        if row["engage_date"]
    ]
    for row in rows:
        row["won"] = row["deal_stage"] == "Won"
        row["cycle"] = row["close_date"] and (row["close_date"] - row["engage_date"]).days
    return rows


def known_on(rows: list[dict], day: date) -> tuple[list[dict], list[dict]]:
    """What had closed before the day, and what was open on it."""
    closed = [r for r in rows if r["close_date"] and r["close_date"] < day]
    opened = [
        r
        for r in rows
        if r["engage_date"] <= day and not (r["close_date"] and r["close_date"] <= day)
    ]
    return closed, opened


def by_loop(one: dict, day: date, closed: list[dict], opened: list[dict]) -> dict:
    """Every used feature of one opportunity on one day, without any of our code."""
    last_month = day.month + (-day.month) % 3
    quarter_ends = date(day.year, last_month, calendar.monthrange(day.year, last_month)[1])
    quarter_began = date(day.year, last_month - 2, 1)
    values = {
        "age_days": (day - one["engage_date"]).days,
        "day_of_quarter": (day - quarter_began).days,
        "week_of_quarter": (day - quarter_began).days // 7,
        "month_of_quarter": (day.month - 1) % 3 + 1,
        "days_to_quarter_end": (quarter_ends - day).days,
        "engaged_month_of_quarter": (one["engage_date"].month - 1) % 3 + 1,
        "engaged_this_quarter": int(one["engage_date"] >= quarter_began),
        "list_price": one["sales_price"],
        "product_series": one["series"],
        "overall_win_rate": rate(closed),
        "overall_win_rate_30d": rate(since(closed, day, 30)),
        "overall_closed_7d": len(since(closed, day, 7)),
        "overall_closed_30d": len(since(closed, day, 30)),
        "overall_open_count": len(opened),
    }
    recent = since(closed, day, 90)
    for short, column in ENTITIES.items():
        own = [r for r in closed if r[column] == one[column]]
        own_open = [r for r in opened if r[column] == one[column]]
        values |= {
            f"{short}_closed_count": len(own),
            f"{short}_won_count": sum(r["won"] for r in own),
            f"{short}_won_value": sum(r["close_value"] for r in own),
            f"{short}_win_rate": shrunk("won", own, closed),
            f"{short}_win_rate_90d": shrunk("won", since(own, day, 90), recent),
            f"{short}_cycle_days": shrunk("cycle", own, closed),
            f"{short}_open_count": len(own_open),
            f"{short}_new_28d": sum(r["engage_date"] > day - timedelta(28) for r in own_open),
        }
    return values


def since(rows: list[dict], day: date, days: int) -> list[dict]:
    return [r for r in rows if r["close_date"] >= day - timedelta(days)]


def rate(rows: list[dict]) -> float | None:
    return sum(r["won"] for r in rows) / len(rows) if rows else None


def shrunk(column: str, own: list[dict], everyone: list[dict]) -> float | None:
    if not everyone:
        return None
    prior = sum(r[column] for r in everyone) / len(everyone)
    return (sum(r[column] for r in own) + PRIOR_STRENGTH * prior) / (len(own) + PRIOR_STRENGTH)
