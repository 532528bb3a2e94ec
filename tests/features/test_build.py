import random
from datetime import date, timedelta

import dataframely as dy
import duckdb
import narwhals as nw
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import CrmTables, Snapshots
from dealcast.errors import LeakError
from dealcast.features.build import (
    build_features,
    collected,
    feature_contract,
    opportunity_facts,
    point_in_time_features,
    point_in_time_totals,
    snapshot_features,
)
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.columns import Lens
from dealcast.features.selection import usable
from dealcast.snapshots import build_snapshots, dates_frame

KEY = ["opportunity_id", "snapshot_date"]
PRODUCTS = pl.DataFrame(
    {"product": ["X", "Y"], "series": ["S", "T"], "sales_price": [100.0, 250.0]}
)
AGENTS = pl.DataFrame(
    {"sales_agent": ["Ann", "Bob"], "manager": ["Mia", "Mia"], "regional_office": ["East", "West"]}
)
MONDAYS = [date(2017, 1, 2) + timedelta(days=7 * week) for week in range(40)]


@pytest.fixture(scope="module")
def tables(crm) -> CrmTables:
    """300 opportunities, some of an unlisted agent or product, some of none."""
    draw = random.Random(1)
    rows = []
    for i in range(300):
        engaged = date(2016, 11, 1) + timedelta(days=draw.randrange(280))
        closed = engaged + timedelta(days=draw.randrange(140))
        stage = draw.choice(["Won", "Lost", "Engaging"])
        rows.append(
            (
                f"o{i}",
                draw.choice(["Ann", "Bob", "Cid", None]),
                draw.choice(["X", "Y", "Z", None]),
                stage,
                engaged,
                None if stage == "Engaging" else closed,
                {"Won": round(draw.uniform(1, 900), 2), "Lost": 0.0}.get(stage),
            )
        )
    rows.append(("undated", "Ann", "X", "Prospecting", None, None, None))
    return crm(rows, products=PRODUCTS, sales_agents=AGENTS)


@pytest.fixture(scope="module")
def snapshots(tables: CrmTables) -> pl.DataFrame:
    return build_snapshots(tables.opportunities, MONDAYS, as_of=MONDAYS[-1]).collect()


def test_there_is_one_row_per_snapshot_and_it_keeps_its_contract(tables, snapshots) -> None:
    specs = usable(tables)

    features = build_features(snapshots.lazy(), tables, specs).collect()

    assert features.columns == [*KEY, *(s.name for s in specs)]
    assert_frame_equal(features.select(KEY).sort(KEY), snapshots.select(KEY).sort(KEY))
    assert feature_contract(specs).is_valid(features)


def test_duckdb_gives_what_polars_gives(tables, snapshots) -> None:
    # The other entities take the same path; leaving them out halves the time.
    shown = {"opportunity", "sales_agent", "everyone"}
    specs = [s for s in usable(tables) if s.lens is Lens.ROW or s.entity in shown]
    connection = duckdb.connect()

    def relation(frame: pl.DataFrame) -> nw.LazyFrame:
        return nw.from_native(connection.from_arrow(frame.to_arrow()))

    on_duckdb = point_in_time_features(
        relation(snapshots),
        {name: relation(frame.collect()) for name, frame in tables.to_dict().items()},
        specs,
        fiscal_year_start_month=2,
    )
    on_polars = build_features(snapshots.lazy(), tables, specs, fiscal_year_start_month=2)

    assert_frame_equal(
        pl.from_arrow(on_duckdb.to_native().to_arrow_table()).sort(KEY),
        on_polars.collect().sort(KEY),
        rel_tol=0,
        abs_tol=1e-9,
    )


def test_date_by_date_they_are_what_they_are_at_once(tables, snapshots) -> None:
    specs = usable(tables)
    members = {name: nw.from_native(frame) for name, frame in tables.to_dict().items()}
    totals = point_in_time_totals(members, specs, nw.from_native(dates_frame(MONDAYS)))
    totals = collected(totals)
    facts = opportunity_facts(members, specs, totals, as_of=MONDAYS[-1])

    batches = [
        snapshot_features(facts, nw.from_native(dates_frame(days)), specs, totals).to_native()
        for days in (MONDAYS[:3], MONDAYS[3:4], MONDAYS[4:])
    ]
    together = pl.concat(batches).collect().sort(KEY)

    at_once = build_features(snapshots.lazy(), tables, specs).collect().sort(KEY)
    assert_frame_equal(together.select(Snapshots.column_names()), snapshots.sort(KEY))
    assert_frame_equal(together.select(at_once.columns), at_once, check_exact=True)


def test_a_feature_that_leaks_is_refused_before_anything_is_added_up(tables) -> None:
    members = {name: nw.from_native(frame) for name, frame in tables.to_dict().items()}
    dates = nw.from_native(dates_frame(MONDAYS))

    with pytest.raises(LeakError, match="account_is_known"):
        point_in_time_totals(members, CATALOGUE, dates)


def test_only_the_opportunities_own_features_need_no_totals(tables, snapshots) -> None:
    specs = [s for s in usable(tables) if s.lens is Lens.ROW]

    features = build_features(snapshots.lazy(), tables, specs).collect()

    assert features.height == snapshots.height
    assert feature_contract(specs).is_valid(features)


def test_the_fiscal_year_moves_the_calendar_and_nothing_else(tables, snapshots) -> None:
    specs = usable(tables)

    calendar_year = build_features(snapshots.lazy(), tables, specs).collect().sort(KEY)
    from_february = (
        build_features(snapshots.lazy(), tables, specs, fiscal_year_start_month=2)
        .collect()
        .sort(KEY)
    )

    moved = {s.name for s in specs if not calendar_year[s.name].equals(from_february[s.name])}
    assert moved == {
        "day_of_quarter",
        "week_of_quarter",
        "month_of_quarter",
        "days_to_quarter_end",
        "engaged_month_of_quarter",
        "engaged_this_quarter",
    }


def test_who_has_no_agent_or_product_has_null_where_theirs_would_stand(tables, snapshots) -> None:
    specs = usable(tables)
    missing = tables.opportunities.filter(pl.col("sales_agent").is_null()).select("opportunity_id")

    features = build_features(snapshots.lazy(), tables, specs)
    of_no_agent = features.join(missing, on="opportunity_id").collect()

    assert of_no_agent.height > 0
    for name in ("agent_closed_count", "agent_win_rate", "agent_open_count", "manager_open_count"):
        assert of_no_agent[name].null_count() == of_no_agent.height
    assert of_no_agent["overall_win_rate"].null_count() < of_no_agent.height


def test_without_dimension_tables_what_needs_them_is_null(tables, snapshots) -> None:
    bare = CrmTables.cast({"opportunities": tables.opportunities})
    specs = usable(tables)

    full = build_features(snapshots.lazy(), tables, specs).collect().sort(KEY)
    features = build_features(snapshots.lazy(), bare, specs).collect().sort(KEY)

    without = {s.name for s in specs if features[s.name].null_count() == features.height}
    assert without == {s.name for s in specs} - {s.name for s in usable(bare)}
    others = [s.name for s in usable(bare)]
    assert_frame_equal(features.select(others), full.select(others))


def test_a_banned_feature_is_not_built(tables, snapshots) -> None:
    with pytest.raises(LeakError, match="account_is_known"):
        build_features(
            snapshots.lazy(), tables, [s for s in CATALOGUE if s.name == "account_is_known"]
        )


def test_no_features_of_no_snapshots_still_have_their_columns(tables, snapshots) -> None:
    specs = usable(tables)

    features = build_features(snapshots.clear().lazy(), tables, specs).collect()

    assert features.height == 0
    assert feature_contract(specs).is_valid(features)


def test_the_contract_says_what_the_catalogue_says() -> None:
    specs = [s for s in CATALOGUE if s.name in {"age_days", "agent_win_rate", "product_series"}]

    columns = feature_contract(specs).columns()

    assert list(columns) == [*KEY, "age_days", "product_series", "agent_win_rate"]
    assert isinstance(columns["age_days"], dy.Int32)
    assert columns["agent_win_rate"].metadata == {
        "unit": "share 0-1",
        "lens": "closed",
        "leak": "safe",
    }
    wrong = pl.DataFrame(
        {
            "opportunity_id": ["A", "B"],
            "snapshot_date": MONDAYS[:2],
            "age_days": pl.Series([1, -1], dtype=pl.Int32),
            "product_series": ["S", None],
            "agent_win_rate": [1.5, 0.5],
        }
    )
    assert feature_contract(specs).filter(wrong).result.height == 0
