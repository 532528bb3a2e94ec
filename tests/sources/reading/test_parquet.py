import io
from datetime import UTC, date, datetime

import polars as pl
import pytest

from dealcast.errors import SourceError
from dealcast.sources.reading.parquet import read_parquet


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def test_typed_columns_become_the_text_a_csv_would_give() -> None:
    frame = pl.DataFrame(
        {
            "day": [date(2017, 3, 1), None],
            "moment": [datetime(2017, 3, 1, 23, 59, tzinfo=UTC), None],
            "value": [1054.0, float("nan")],
            "half": [0.5, 1234.25],
            "count": [7, None],
            "name": ["  Ana ", " "],
            "flag": [True, False],
            "kind": pl.Series(["x", None], dtype=pl.Categorical),
        }
    )

    rows = read_parquet(parquet(frame), "deals.parquet")

    assert rows.frame.rows() == [
        ("2017-03-01", "2017-03-01", "1054", "0.5", "7", "  Ana ", "true", "x", 2),
        (None, None, None, "1234.25", None, None, "false", None, 3),
    ]
    assert rows.numeric == {"value", "half", "count"}


def test_a_broken_file_is_refused() -> None:
    with pytest.raises(SourceError, match=r"deals\.parquet is not a whole Parquet file"):
        read_parquet(parquet(pl.DataFrame({"a": [1, 2]}))[:-20], "deals.parquet")


def test_lists_and_structs_are_refused_by_name() -> None:
    frame = pl.DataFrame({"id": [1], "tags": [["a"]], "owner": [{"id": 1}]})

    with pytest.raises(SourceError, match="'tags', 'owner'"):
        read_parquet(parquet(frame), "deals.parquet")


def test_a_file_without_columns_is_refused() -> None:
    with pytest.raises(SourceError, match="has no columns"):
        read_parquet(parquet(pl.DataFrame()), "deals.parquet")
