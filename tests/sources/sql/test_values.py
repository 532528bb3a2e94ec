"""What a driver gives, as typed columns."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import polars as pl
import pytest

from dealcast.errors import SourceError
from dealcast.sources.sql.values import batch_frame, common_type, typed

NOON = datetime(2025, 1, 1, 12)  # noqa: DTZ001 - as a column without time zone gives it
BERLIN_WINTER = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["a", None], pl.String),
        ([date(2025, 1, 1), None], pl.Date),
        ([NOON], pl.Datetime("us")),
        ([datetime(2025, 1, 1, 12, tzinfo=UTC)], pl.Datetime("us", "UTC")),
        ([True, None], pl.Boolean),
        ([1, None], pl.Int64),
        ([2**70], pl.Decimal(38, 0)),
        ([1.5, 2], pl.Float64),
        ([Decimal("1.50"), 2], pl.Decimal(38, 2)),
        ([Decimal("1e40")], pl.Float64),
        ([Decimal("Infinity")], pl.Float64),
        ([None, None], pl.Null),
        ([UUID(int=1)], pl.String),
        (["a", 1], pl.String),
    ],
)
def test_a_column_has_the_type_of_its_values(values: list[object], dtype: pl.DataType) -> None:
    assert typed("c", values).dtype == dtype


def test_a_numeric_loses_no_digit() -> None:
    exact = Decimal("12345678901234567890.123456789")
    assert typed("c", [exact]).to_list() == [exact]


def test_a_numeric_with_endless_decimals_is_rounded() -> None:
    assert typed("c", [Decimal(1) / 3, None]).to_list() == [Decimal("0.333333333"), None]


def test_a_numeric_that_is_no_number_is_blank() -> None:
    assert typed("c", [Decimal("NaN"), Decimal(1)]).to_list() == [None, Decimal(1)]


def test_a_moment_with_a_time_zone_is_put_into_utc() -> None:
    moment = typed("c", [datetime(2025, 1, 1, 0, 30, tzinfo=BERLIN_WINTER)])
    assert moment.dt.date().to_list() == [date(2024, 12, 31)]


def test_json_and_lists_become_json_text() -> None:
    assert typed("c", [{"ä": 1}, [1, 2]]).to_list() == ['{"ä": 1}', "[1, 2]"]


def test_bytes_are_refused_by_column() -> None:
    with pytest.raises(SourceError, match="'accounts' gives bytes in the column 'logo'"):
        batch_frame(["account", "logo"], [("Acme", b"\x89PNG")], "accounts")


def test_no_rows_are_a_frame_of_untyped_columns() -> None:
    frame = batch_frame(["a", "b"], [], "accounts")
    assert frame.schema == {"a": pl.Null, "b": pl.Null}


@pytest.mark.parametrize(
    ("types", "common"),
    [
        ([pl.Null(), pl.Null()], pl.Null()),
        ([pl.Null(), pl.Date()], pl.Date()),
        ([pl.Int64(), pl.Float64()], pl.Float64()),
        ([pl.Int64(), pl.Decimal(38, 2), pl.Decimal(38, 4)], pl.Decimal(38, 4)),
        ([pl.Date(), pl.Datetime("us")], pl.Datetime("us")),
        ([pl.Date(), pl.String()], pl.String()),
        ([pl.Datetime("us"), pl.Datetime("us", "UTC")], pl.String()),
    ],
)
def test_parts_agree_on_a_type(types: list[pl.DataType], common: pl.DataType) -> None:
    assert common_type(types) == common
