"""What every engine does alike."""

import importlib
from datetime import date
from pathlib import Path

import narwhals as nw
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.engines import base
from dealcast.engines.base import Engine, open_engine
from dealcast.errors import MissingExtraError
from dealcast.settings import EngineSettings

ROWS = pl.DataFrame(
    {
        "name": ["Ann", "Bob", None],
        "day": [date(2017, 3, 1), None, date(2017, 3, 3)],
        "count": pl.Series([1, 2, 3], dtype=pl.Int32),
        "value": [0.5, None, 2.5],
    }
)


@pytest.fixture(params=["polars", "duckdb", pytest.param("spark", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "spark":
        return request.getfixturevalue("spark")
    return open_engine(EngineSettings(name=request.param, memory_gb=1.5))


def test_rows_come_back_as_they_went_in(engine: Engine) -> None:
    back = engine.collect(engine.from_polars(ROWS.lazy()))

    assert_frame_equal(back, ROWS, check_row_order=False)


def test_rows_are_written_as_parquet_and_read_again(engine: Engine, tmp_path: Path) -> None:
    written = engine.write(engine.from_polars(ROWS), str(tmp_path / "new"))
    files = [tmp_path / "new" / file.name for file in written]

    assert sum(file.rows for file in written) == 3
    assert [file.size for file in written] == [file.stat().st_size for file in files]
    again = engine.collect(engine.read([str(file) for file in files]))
    assert_frame_equal(again, ROWS, check_row_order=False)


def test_several_files_are_read_as_one(engine: Engine, tmp_path: Path) -> None:
    for name in ("a", "b"):
        ROWS.write_parquet(tmp_path / f"{name}.parquet")

    frame = engine.read([str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")])

    assert engine.collect(frame.select(nw.len())).item() == 6


def test_a_kernel_makes_rows_of_rows_and_they_can_be_read_twice(engine: Engine) -> None:
    schema = pl.Schema({"name": pl.String, "double": pl.Float64})

    def doubled(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.select("name", double=pl.col("count") * 2.0)

    mapped = engine.mapped(engine.from_polars(ROWS), doubled, schema)

    assert engine.collect(mapped.select(nw.col("double").sum())).item() == 12
    assert engine.collect(mapped).schema == schema


def test_a_kernel_without_rows_still_gives_its_columns(engine: Engine) -> None:
    schema = pl.Schema({"count": pl.Int32})

    mapped = engine.mapped(
        engine.from_polars(ROWS).filter(nw.col("count") > 9),
        lambda rows: rows.select("count"),
        schema,
    )

    assert engine.collect(mapped).schema == schema


def test_settled_frames_are_those_that_went_in(engine: Engine) -> None:
    frame = engine.from_polars(ROWS)

    settled = engine.settled({"all": frame, "some": frame.filter(nw.col("count") > 1)})

    assert list(settled) == ["all", "some"]
    assert_frame_equal(engine.collect(settled["all"]), ROWS, check_row_order=False)
    assert engine.collect(settled["some"]).height == 2


def test_an_engine_that_is_not_installed_says_what_to_install(monkeypatch) -> None:
    absent = {"duckdb": "a_database_that_is_not_there:Engine"}
    monkeypatch.setattr(base, "ENGINES", absent)

    with pytest.raises(MissingExtraError, match="The engine duckdb") as refused:
        open_engine(EngineSettings(name="duckdb"))

    assert refused.value.remedy == "uv pip install 'dealcast[duckdb]'"


@pytest.mark.parametrize("name", ["polars", "duckdb", "spark"])
def test_what_the_settings_call_it_is_what_it_is_called(name: str) -> None:
    pytest.importorskip({"spark": "pyspark"}.get(name, name))
    module, kind = base.ENGINES[name].split(":")

    assert getattr(importlib.import_module(module), kind).name == name
