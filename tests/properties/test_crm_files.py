"""Whatever ids and names an export has: a file for a CRM says them, and runs nothing."""

import csv
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from dealcast.settings import ExportSettings
from dealcast.surfaces.crm.files import write_files
from dealcast.surfaces.crm.systems import CRMS

NASTY = st.text(
    st.one_of(st.sampled_from("=+-@\t\r\n\"',; '\\＝é🙂"), st.characters(codec="utf-8")),  # noqa: RUF001
    max_size=12,
)
ROWS = st.lists(
    st.tuples(
        NASTY.filter(bool),
        st.floats(0, 1),
        st.sampled_from("ABCD"),
        st.none() | NASTY,
        st.none() | NASTY,
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda row: row[0],
)
COLUMNS = ("opportunity_id", "p_won", "grade", "reason_for", "reason_against")


@given(rows=ROWS, name=st.sampled_from(list(CRMS)), max_rows=st.integers(1, 9))
def test_a_file_says_every_row_and_no_text_runs(
    rows: list[tuple[str, float, str, str | None, str | None]], name: str, max_rows: int
) -> None:
    scored = pl.DataFrame(
        rows,
        schema=COLUMNS,
        orient="row",
        schema_overrides=dict.fromkeys(("reason_for", "reason_against"), pl.String),
    ).with_columns(scored_on=date(2026, 11, 23))
    crm = replace(CRMS[name], max_rows=max_rows)
    columns = crm.columns(ExportSettings())

    with tempfile.TemporaryDirectory() as folder:
        files = write_files(crm.rows(scored, columns), Path(folder) / "f.csv", crm)
        read = [row for file, _ in files for row in rows_of(file)]

    assert all(height <= max_rows for _, height in files)
    assert [r[columns.id] for r in read] == [row[0] for row in rows]
    for line, (_, chance, grade, *reasons) in zip(read, rows, strict=True):
        assert abs(float(line[columns.probability]) - 100 * chance) <= 0.51
        assert 0 <= float(line[columns.probability]) <= 100
        assert line[columns.grade] == grade
        for said, reason in zip(
            (line[columns.reason_for], line[columns.reason_against]), reasons, strict=True
        ):
            assert said in (reason or "", f"'{reason}")
            assert not said or said[0] not in "=+-@\t\r\n"


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as content:
        return list(csv.DictReader(content, strict=True))
