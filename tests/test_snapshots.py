from datetime import date, timedelta

import duckdb
import narwhals as nw
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.contracts import CrmTables, Snapshots
from dealcast.settings import FeatureSettings
from dealcast.snapshots import (
    as_known_on,
    build_snapshots,
    dates_frame,
    day_number,
    day_of_quarter,
    month_of_quarter,
    quarter_end,
    quarter_start,
    snapshot_dates,
    snapshots_of,
    week_of_quarter,
    with_quarters,
)

MONDAYS = [date(2017, 3, 6), date(2017, 3, 13), date(2017, 3, 20)]


def opportunities(*rows: tuple[str, str, date | None, date | None]) -> pl.LazyFrame:
    """Rows of id, stage, engage date, close date."""
    frame = pl.LazyFrame(
        rows,
        schema={
            "opportunity_id": pl.String,
            "deal_stage": pl.String,
            "engage_date": pl.Date,
            "close_date": pl.Date,
        },
        orient="row",
    )
    value = pl.when(deal_stage="Won").then(500.0).when(deal_stage="Lost").then(0.0)
    return frame.with_columns(
        close_value=value, sales_agent=pl.lit("Ann"), product=pl.lit("X"), account=pl.lit("Acme")
    )


@pytest.mark.parametrize(
    ("day", "first_month", "start", "week", "month"),
    [
        (date(2017, 1, 1), 1, date(2017, 1, 1), 0, 1),
        (date(2017, 3, 31), 1, date(2017, 1, 1), 12, 3),
        (date(2024, 2, 29), 1, date(2024, 1, 1), 8, 2),
        (date(2018, 1, 31), 2, date(2017, 11, 1), 13, 3),
        (date(2017, 2, 8), 2, date(2017, 2, 1), 1, 1),
        (date(2017, 12, 31), 3, date(2017, 12, 1), 4, 1),
        (date(2019, 9, 30), 10, date(2019, 7, 1), 13, 3),
        (date(2020, 3, 1), 12, date(2020, 3, 1), 0, 1),
    ],
)
def test_a_fiscal_quarter_is_three_months_from_its_first(
    day: date, first_month: int, start: date, week: int, month: int
) -> None:
    number = day_number(day)

    assert quarter_start(number, fiscal_year_start_month=first_month) == day_number(start)
    assert day_of_quarter(number, fiscal_year_start_month=first_month) == (day - start).days
    assert week_of_quarter(number, fiscal_year_start_month=first_month) == week
    assert month_of_quarter(number, fiscal_year_start_month=first_month) == month


@pytest.mark.parametrize("first_month", range(1, 13))
def test_every_day_that_the_contracts_allow_has_its_quarter(first_month: int) -> None:
    dates = np.arange("1980-01-01", "2100-01-01", dtype="datetime64[D]")
    months = dates.astype("datetime64[M]")
    into_quarter = (months.astype(int) - (first_month - 1)) % 3
    first_days = (months - into_quarter).astype("datetime64[D]")

    found = quarter_start(day_number(dates), fiscal_year_start_month=first_month)
    ends = quarter_end(day_number(dates), fiscal_year_start_month=first_month)

    assert (found == first_days.astype(int)).all()
    assert (quarter_start(ends + 1, fiscal_year_start_month=first_month) == ends + 1).all()
    assert ((ends >= day_number(dates)) & (ends - found <= 91)).all()


def test_integers_arrays_and_columns_give_the_same_calendar() -> None:
    dates = [date(1980, 1, 1), date(2000, 2, 29), date(2017, 12, 31), date(2099, 12, 31)]
    functions = (quarter_start, quarter_end, day_of_quarter, week_of_quarter, month_of_quarter)
    day = day_number(nw.col("d"))

    for function in functions:
        one_by_one = [function(day_number(d), fiscal_year_start_month=2) for d in dates]
        array = function(day_number(np.array(dates, "datetime64[D]")), fiscal_year_start_month=2)
        column = nw.from_native(pl.DataFrame({"d": dates}), eager_only=True).select(
            x=function(day, fiscal_year_start_month=2)
        )["x"]
        assert array.tolist() == one_by_one
        assert column.to_list() == one_by_one


@pytest.mark.parametrize("first_month", range(1, 13))
def test_the_columns_of_quarters_are_those_of_the_functions(first_month: int) -> None:
    days = np.arange("1980-01-01", "2100-01-01", dtype="datetime64[D]").astype(np.int64)
    rows = nw.from_native(pl.LazyFrame({"day": days}))

    found = with_quarters(rows, "day", fiscal_year_start_month=first_month).to_native().collect()

    assert found.columns == ["day", "month_of_quarter", "quarter_start", "quarter_end"]
    for function in (quarter_start, quarter_end, month_of_quarter):
        expected = function(days, fiscal_year_start_month=first_month)
        assert (found[function.__name__].to_numpy() == expected).all()


def test_every_date_that_the_contracts_allow_has_its_day_number_in_a_column() -> None:
    dates = np.arange("1980-01-01", "2100-01-01", dtype="datetime64[D]")

    found = nw.from_native(pl.DataFrame({"d": dates}), eager_only=True).select(
        number=day_number(nw.col("d"))
    )

    assert (found["number"].to_numpy() == dates.astype(np.int64)).all()


def test_snapshot_dates_start_on_the_weekday_after_the_first_known_close() -> None:
    rows = opportunities(
        ("A", "Won", date(2017, 1, 2), date(2017, 3, 8)),
        ("B", "Engaging", date(2017, 1, 2), None),
    )

    dates = snapshot_dates(
        rows, FeatureSettings(snapshot_weekday=4, snapshot_every_days=14), as_of=date(2017, 4, 7)
    )

    assert dates == [date(2017, 3, 10), date(2017, 3, 24), date(2017, 4, 7)]


@pytest.mark.parametrize("close", [None, date(2017, 5, 1)])
def test_there_are_no_snapshot_dates_before_a_close_is_known(close: date | None) -> None:
    stage = "Won" if close else "Engaging"
    rows = opportunities(("A", stage, date(2017, 1, 2), close))

    assert snapshot_dates(rows, FeatureSettings(), as_of=date(2017, 4, 7)) == []


def test_an_opportunity_is_open_from_its_engage_date_until_the_day_before_its_close() -> None:
    rows = opportunities(
        ("A", "Won", MONDAYS[0], MONDAYS[2]),
        ("B", "Lost", MONDAYS[0] + timedelta(days=1), MONDAYS[1] + timedelta(days=1)),
        ("C", "Won", MONDAYS[0], MONDAYS[0]),
        ("D", "Prospecting", None, None),
    )

    snapshots = build_snapshots(rows, reversed(MONDAYS), as_of=date(2017, 3, 31)).collect()

    assert Snapshots.validate(snapshots).sort("opportunity_id", "snapshot_date").rows() == [
        ("A", MONDAYS[0], "won", 14),
        ("A", MONDAYS[1], "won", 7),
        ("B", MONDAYS[1], "lost", 1),
    ]


def test_a_close_that_is_not_known_yet_is_censored() -> None:
    rows = opportunities(
        ("A", "Won", date(2017, 3, 1), date(2017, 3, 14)),
        ("B", "Engaging", date(2017, 3, 13), None),
    )

    snapshots = build_snapshots(rows, MONDAYS, as_of=MONDAYS[1]).collect()

    assert Snapshots.validate(snapshots).sort("opportunity_id", "snapshot_date").rows() == [
        ("A", MONDAYS[0], None, None),
        ("A", MONDAYS[1], None, None),
        ("B", MONDAYS[1], None, None),
    ]


@pytest.mark.parametrize(("dates", "as_of"), [([], MONDAYS[0]), (MONDAYS, date(2017, 1, 1))])
def test_without_dates_there_are_no_snapshots(dates: list[date], as_of: date) -> None:
    rows = opportunities(("A", "Engaging", date(2016, 3, 1), None))

    snapshots = build_snapshots(rows, dates, as_of=as_of).collect()

    assert snapshots.height == 0
    assert snapshots.columns == list(Snapshots.column_names())
    assert Snapshots.is_valid(snapshots)


def test_duckdb_finds_the_snapshots_that_polars_finds() -> None:
    days = [None, *(date(2017, 3, 5) + timedelta(days=d) for d in range(17))]
    pairs = [
        (e, c) for e in days for c in days if not (e is None and c) and not (e and c and c < e)
    ]
    rows = opportunities(
        *((f"o{i}", "Won" if c else "Engaging", e, c) for i, (e, c) in enumerate(pairs))
    ).collect()
    connection = duckdb.connect()
    opened, dates = (
        nw.from_native(connection.from_arrow(frame.to_arrow()))
        for frame in (rows, dates_frame(MONDAYS).collect())
    )

    on_duckdb = snapshots_of(opened, dates, as_of=date(2017, 3, 14)).to_native().pl()
    on_polars = build_snapshots(rows.lazy(), MONDAYS, as_of=date(2017, 3, 14)).collect()

    assert on_polars["outcome"].null_count() not in {0, on_polars.height}
    assert on_polars["snapshot_date"].n_unique() == 2
    assert_frame_equal(on_duckdb, on_polars, check_row_order=False)


def test_what_closed_later_is_open_again_and_what_was_engaged_later_is_gone() -> None:
    rows = opportunities(
        ("before", "Won", date(2017, 3, 1), date(2017, 3, 6)),
        ("after", "Lost", date(2017, 3, 6), date(2017, 3, 7)),
        ("open", "Engaging", date(2017, 3, 1), None),
        ("later", "Won", date(2017, 3, 7), date(2017, 3, 8)),
        ("undated", "Prospecting", None, None),
    )
    tables = CrmTables.validate(
        {
            "opportunities": rows,
            "products": pl.LazyFrame({"product": ["X"], "series": ["S"], "sales_price": [9.0]}),
            "plans": pl.LazyFrame(
                {
                    "opportunity_id": ["open"],
                    "expected_close_date": [date(2018, 1, 1)],
                    "amount": [5.0],
                }
            ),
        },
        cast=True,
    )

    known = as_known_on(tables, date(2017, 3, 6))

    columns = ("opportunity_id", "deal_stage", "close_date", "close_value")
    assert known.opportunities.select(columns).collect().rows() == [
        ("before", "Won", date(2017, 3, 6), 500.0),
        ("after", "Engaging", None, None),
        ("open", "Engaging", None, None),
        ("undated", "Prospecting", None, None),
    ]
    assert CrmTables.is_valid(known.to_dict())
    assert known.products is not None
    assert known.plans is None
