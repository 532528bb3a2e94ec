from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.errors import StoreError
from dealcast.workflow.export import export_frame

FRAME = pl.DataFrame(
    {
        "opportunity_id": ["a", 'b "quoted", and, commas', "ü\nnew line"],
        "close_date": [date(2024, 1, 31), None, date(2024, 12, 1)],
        "close_value": [1234.5, None, 0.0],
    }
)


def test_a_csv_round_trips(tmp_path: Path) -> None:
    written = export_frame(FRAME, tmp_path / "new" / "t.csv")

    assert_frame_equal(pl.read_csv(written, try_parse_dates=True), FRAME)


def test_a_parquet_round_trips(tmp_path: Path) -> None:
    written = export_frame(FRAME, tmp_path / "t.dat", "parquet")

    assert_frame_equal(pl.read_parquet(written), FRAME)


def test_an_xlsx_opens_with_dates_and_numbers(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")

    written = export_frame(FRAME, tmp_path / "t.xlsx")

    rows = list(openpyxl.load_workbook(written).active.values)
    assert rows[0] == tuple(FRAME.columns)
    assert rows[1][1].date() == date(2024, 1, 31)
    assert rows[1][2] == 1234.5


@pytest.mark.parametrize("name", ["t.pdf", "t"])
def test_an_unknown_format_is_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="not known"):
        export_frame(FRAME, tmp_path / name)

    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named_and_the_former_file_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")

    with pytest.raises(StoreError, match="could not be written"):
        export_frame(FRAME, tmp_path / "file" / "t.csv")

    assert (tmp_path / "file").read_text() == "here"


def test_more_rows_than_a_spreadsheet_holds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="do not fit"):
        export_frame(pl.DataFrame({"a": range(1_048_576)}), tmp_path / "t.xlsx")

    assert list(tmp_path.iterdir()) == []
