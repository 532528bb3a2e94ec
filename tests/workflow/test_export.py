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


ATTACK = pl.DataFrame(
    {
        "account": [
            "=1+1",
            "+1",
            "-2",
            "@SUM(A1)",
            "\tx",
            "\rx",
            "\uff1d1",
            "Acme",
            "'=1",
            "",
            None,
        ],
        "worth": [-1.5, *[2.0] * 10],
    }
)
SHOWN = ["'=1+1", "'+1", "'-2", "'@SUM(A1)", "'\tx", "'\rx", "'\uff1d1", "Acme", "'=1", "", None]


def test_no_text_of_a_csv_runs_as_a_formula_and_numbers_stay(tmp_path: Path) -> None:
    written = export_frame(ATTACK, tmp_path / "t.csv")

    assert pl.read_csv(written).rows() == list(zip(SHOWN, ATTACK["worth"], strict=True))


def test_no_text_of_an_xlsx_runs_as_a_formula_and_numbers_stay(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")

    written = export_frame(ATTACK[:4], tmp_path / "t.xlsx")

    rows = list(openpyxl.load_workbook(written).active.values)
    assert rows[1:] == list(zip(SHOWN[:4], ATTACK["worth"][:4], strict=True))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_text_is_kept_as_it_is_where_that_is_asked_for(tmp_path: Path, kind: str) -> None:
    written = export_frame(ATTACK, tmp_path / "t", kind, keeps_formulas=True)

    read = pl.read_csv if kind == "csv" else pl.read_parquet
    assert_frame_equal(read(written), ATTACK)


def test_parquet_keeps_text_as_no_spreadsheet_opens_it(tmp_path: Path) -> None:
    assert_frame_equal(pl.read_parquet(export_frame(ATTACK, tmp_path / "t.parquet")), ATTACK)
