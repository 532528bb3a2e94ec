import contextlib
import io
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from dealcast.errors import SourceError
from dealcast.sources.reading.parquet import read_parquet
from dealcast.sources.reading.parquet_size import VIEW, unpacked_size


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


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_moment_of_any_unit_is_its_day(unit: Any) -> None:
    moments = [datetime(1969, 12, 31, 23, 59, 59), datetime(2017, 3, 1), None]  # noqa: DTZ001
    frame = pl.DataFrame({"moment": pl.Series(moments, dtype=pl.Datetime(unit))})

    rows = read_parquet(parquet(frame.with_row_index()), "deals.parquet")

    assert rows.frame["moment"].to_list() == ["1969-12-31", "2017-03-01", None]


def test_a_duration_is_text_like_others() -> None:
    frame = pl.DataFrame({"id": [1], "open_for": [timedelta(days=3, hours=1)]})

    assert read_parquet(parquet(frame), "deals.parquet").frame["open_for"].to_list() == ["3d 1h"]


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


def written(frame: pl.DataFrame, **options: Any) -> bytes:
    file = io.BytesIO()
    frame.write_parquet(file, **options)
    return file.getvalue()


def test_a_day_that_no_calendar_has_is_no_date_and_no_end_of_the_program() -> None:
    days = pl.Series([0, 2_932_896, 2_932_897, 2_000_000_000, -800_000, None], dtype=pl.Int32)
    moments = (days.cast(pl.Int64) * 86_400_000).cast(pl.Datetime("ms"))
    frame = pl.DataFrame({"days": days.cast(pl.Date), "moments": moments})

    read = read_parquet(written(frame), "deals.parquet").frame

    kept = ["1970-01-01", "9999-12-31"]
    assert read["days"].to_list() == [*kept, "2932897", "2000000000", "-800000"]
    assert read["moments"].to_list()[:3] == [*kept, str(2_932_897 * 86_400_000)]


@pytest.mark.parametrize("compression", ["uncompressed", "zstd", "snappy", "gzip", "lz4"])
@pytest.mark.parametrize("rows", [1, 3_000])
def test_the_size_of_a_file_is_told_by_its_pages(compression: str, rows: int) -> None:
    names = [f"deal {n}" for n in range(rows)]
    frame = pl.DataFrame({"id": names, "stage": ["Won"] * rows, "value": range(rows)})
    data = written(frame, compression=compression, row_group_size=1_000, data_page_size=500)

    size = unpacked_size(data)

    groups = pq.ParquetFile(io.BytesIO(data)).metadata
    chunks = [groups.row_group(g).column(c) for g in range(groups.num_row_groups) for c in range(3)]
    # There, but not here, the headers of the pages count.
    told = sum(chunk.total_uncompressed_size for chunk in chunks)
    assert 0 < size - VIEW * 3 * rows <= told


def test_a_file_that_pyarrow_wrote_is_measured_too() -> None:
    file = io.BytesIO()
    pq.write_table(pa.table({"id": ["a", "b", None] * 100}), file, data_page_version="2.0")

    assert unpacked_size(file.getvalue()) > VIEW * 300


def test_groups_without_rows_that_pyarrow_wrote_are_passed_over() -> None:
    file, rows = io.BytesIO(), pa.table({"id": ["a"]})
    with pq.ParquetWriter(file, rows.schema) as writer:
        for part in (rows[:0], rows, rows[:0]):
            writer.write_table(part)

    assert read_parquet(file.getvalue(), "deals.parquet").frame["id"].to_list() == ["a"]


BOMBS = {
    "many equal rows": pl.DataFrame({"id": pl.Series(["a"]).new_from_index(0, 200_000)}),
    "a long text in many rows": pl.DataFrame({"id": pl.Series(["x" * 9_000] * 2_000)}),
    "many nulls": pl.DataFrame({"id": pl.Series([None] * 200_000, dtype=pl.String)}),
}


@pytest.mark.parametrize("kind", list(BOMBS))
def test_a_small_file_that_stands_for_much_is_refused(kind: str) -> None:
    data = written(BOMBS[kind])

    assert len(data) < 20_000
    with pytest.raises(SourceError, match=r"bomb\.parquet stands for") as refused:
        read_parquet(data, "bomb.parquet", max_gb=0.002)
    assert "source.max_unpacked_gb" in refused.value.remedy


@pytest.mark.parametrize("seed", range(150))
def test_a_damaged_file_is_read_or_refused(seed: int) -> None:
    rng = Random(seed)
    days = pl.date_range(date(2024, 1, 1), date(2024, 3, 1), eager=True)
    frame = pl.DataFrame({"id": [f"A{n}" for n in range(len(days))], "day": days})
    data = bytearray(written(frame))
    for _ in range(rng.choice((1, 2, 5))):
        data[-1 - rng.randrange(min(len(data), 700))] = rng.randrange(256)

    with contextlib.suppress(SourceError):
        read_parquet(bytes(data), "deals.parquet", max_gb=1)
