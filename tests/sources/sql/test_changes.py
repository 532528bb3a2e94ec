"""What a cursor column needs, and which kept rows stay."""

from pathlib import Path

import polars as pl
import pytest

from dealcast.errors import SourceError
from dealcast.sources.sql.changes import (
    last_value,
    not_read_again,
    refuse_missing_cursor,
    refuse_unclear_keys,
)


def kept(folder: Path, **columns: list[object]) -> Path:
    pl.DataFrame(columns).write_parquet(folder / "opportunities.parquet")
    return folder / "opportunities.parquet"


def test_the_last_value_is_the_largest_that_is_kept(tmp_path: Path) -> None:
    file = kept(tmp_path, id=["a", "b", "c"], version=[2, 7, None])
    assert last_value(file, "version") == 7
    assert last_value(file, "updated_at") is None


def test_rows_that_were_read_again_are_no_longer_kept(tmp_path: Path) -> None:
    file = kept(tmp_path, id=["a", "b", "c"], n=[1, 2, 3])
    again = pl.LazyFrame({"id": ["b"], "n": [9]})
    assert not_read_again(file, [again], "id").collect()["id"].to_list() == ["a", "c"]


def test_nothing_read_again_keeps_all(tmp_path: Path) -> None:
    file = kept(tmp_path, id=[1, 2])
    nothing = pl.LazyFrame({"id": pl.Series([], dtype=pl.Null)})
    assert not_read_again(file, [nothing], "id").collect().height == 2


def test_a_missing_cursor_column_is_named_with_the_nearest() -> None:
    with pytest.raises(SourceError, match="no column 'update_at'") as refused:
        refuse_missing_cursor("update_at", ["opportunity_id", "updated_at"])
    assert refused.value.remedy == "set source.cursor_column to 'updated_at'"


def test_rows_that_cannot_be_replaced_are_counted(tmp_path: Path) -> None:
    file = kept(tmp_path, id=["a", "a", "b", None])
    with pytest.raises(SourceError, match=r"1 rows have no 'id' and 2 rows share their 'id'.*'a'"):
        refuse_unclear_keys(file, "id")
