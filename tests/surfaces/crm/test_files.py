from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tests.surfaces.crm.conftest import read_back

from dealcast.errors import StoreError
from dealcast.surfaces.crm.files import remove_former, write_files
from dealcast.surfaces.crm.hubspot import HUBSPOT

ROWS = pl.DataFrame(
    {"Record ID": [str(n) for n in range(10)], "note": ["ü" * n for n in range(10)]}
)


def test_a_file_has_no_more_rows_than_the_crm_takes(tmp_path: Path) -> None:
    files = write_files(ROWS, tmp_path / "s.csv", replace(HUBSPOT, max_rows=4))

    assert [(f.name, n) for f, n in files] == [
        ("s-1-of-3.csv", 4),
        ("s-2-of-3.csv", 4),
        ("s-3-of-3.csv", 2),
    ]
    assert [r["Record ID"] for f, _ in files for r in read_back(f)] == ROWS["Record ID"].to_list()
    assert sorted(p.name for p in tmp_path.iterdir()) == [f.name for f, _ in files]


@pytest.mark.parametrize("max_bytes", [60, 61, 80, 200])
def test_a_file_is_no_larger_than_the_crm_takes(tmp_path: Path, max_bytes: int) -> None:
    files = write_files(ROWS, tmp_path / "s.csv", replace(HUBSPOT, max_bytes=max_bytes))

    assert all(f.stat().st_size <= max_bytes for f, _ in files)
    assert [r["note"] for f, _ in files for r in read_back(f)] == ROWS["note"].to_list()


def test_a_row_larger_than_a_file_may_be_has_one_of_its_own(tmp_path: Path) -> None:
    files = write_files(ROWS[8:], tmp_path / "s.csv", replace(HUBSPOT, max_bytes=1))

    assert [n for _, n in files] == [1, 1]


def test_more_rows_than_hubspot_takes_become_two_files(tmp_path: Path) -> None:
    many = pl.DataFrame({"Record ID": pl.int_range(1_048_577, eager=True).cast(pl.String)})

    files = write_files(many, tmp_path / "s.csv", HUBSPOT)

    assert [n for _, n in files] == [1_048_575, 2]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")

    with pytest.raises(StoreError, match="could not be written"):
        write_files(ROWS, tmp_path / "file" / "s.csv", HUBSPOT)


def test_what_an_earlier_export_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    former = ("s.csv", "s-1-of-3.csv", "s-3-of-3.csv", "s-2-of-12.csv")
    others = ("s-1-of-3.xlsx", "s-1-of-x.csv", "ss-1-of-3.csv", "s-1-of-3-mine.csv")
    for name in (*former, *others):
        (tmp_path / name).write_text("of yesterday")

    files = [f for f, _ in write_files(ROWS, tmp_path / "s.csv", replace(HUBSPOT, max_rows=5))]
    removed = remove_former(tmp_path / "s.csv", files)

    assert [f.name for f in removed] == sorted(former)
    kept = {p.name for p in tmp_path.iterdir()}
    assert kept == {"s-1-of-2.csv", "s-2-of-2.csv", *others}


def test_nothing_is_removed_where_nothing_was(tmp_path: Path) -> None:
    files = [f for f, _ in write_files(ROWS, tmp_path / "s.csv", HUBSPOT)]

    assert remove_former(tmp_path / "s.csv", files) == []
    assert files[0].exists()


def test_what_cannot_be_removed_is_named(tmp_path: Path) -> None:
    (tmp_path / "s-1-of-2.csv").mkdir()

    with pytest.raises(StoreError, match=r"s-1-of-2\.csv.*could not be removed"):
        remove_former(tmp_path / "s.csv", [])
