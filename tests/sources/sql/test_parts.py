"""Batches on disk, joined."""

from datetime import date
from pathlib import Path

import polars as pl

from dealcast.sources.sql.parts import join_parts, write_parts


def test_batches_of_different_types_join_in_one_that_fits_all(tmp_path: Path) -> None:
    batches = [
        (("id", "day", "amount"), [("a", None, 1)]),
        (("id", "day", "amount"), [("b", date(2025, 1, 1), 2.5)]),
        (("id", "day", "amount"), [(3, None, None)]),
    ]
    (tmp_path / "parts").mkdir()
    parts = write_parts(batches, "opportunities", tmp_path / "parts")
    file = join_parts([pl.scan_parquet(p) for p in parts], tmp_path / "all.parquet")
    rows = pl.read_parquet(file)
    assert rows.rows() == [("a", None, 1.0), ("b", date(2025, 1, 1), 2.5), ("3", None, None)]
    assert rows.schema == {"id": pl.String, "day": pl.Date, "amount": pl.Float64}


def test_a_whole_float_as_text_has_no_decimals(tmp_path: Path) -> None:
    parts = [pl.LazyFrame({"a": [2.0]}), pl.LazyFrame({"a": ["n/a"]})]
    assert pl.read_parquet(join_parts(parts, tmp_path / "f.parquet"))["a"].to_list() == ["2", "n/a"]


def test_the_same_rows_in_another_order_give_the_same_file(tmp_path: Path) -> None:
    rows = pl.LazyFrame({"id": [*"cab"], "n": [3, 1, 2]})
    one = join_parts([rows], tmp_path / "one.parquet", sort_by="id")
    other = join_parts([rows.reverse()], tmp_path / "other.parquet", sort_by="id")
    assert one.read_bytes() == other.read_bytes()
