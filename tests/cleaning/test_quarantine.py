"""A row's hash names it, in any export and version."""

import polars as pl
import pytest

from dealcast.cleaning import row_hash

ROW = {"opportunity_id": "A1", "deal_stage": "Won", "account": None}


def hashed(row: dict[str, str | None], table: str = "opportunities") -> str:
    frame = pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))
    return str(row_hash(frame, table).item())


def test_the_hash_does_not_change_between_versions() -> None:
    assert hashed(ROW) == "1ab71aa5a985445a14ec332406da39ae"


@pytest.mark.parametrize(
    "same",
    [
        dict(reversed(ROW.items())),
        {k: v for k, v in ROW.items() if v},
        ROW | {"product": None},
        ROW | {"source_file": "other.csv"},
    ],
    ids=["order of columns", "no blank column", "another blank column", "another file"],
)
def test_the_same_cells_have_the_same_hash(same: dict[str, str | None]) -> None:
    assert hashed(same) == hashed(ROW)


@pytest.mark.parametrize(
    "other",
    [
        ROW | {"deal_stage": "Lost"},
        ROW | {"deal_stage": "Won "},
        {"opportunity_id": "A1", "deal_stage": None, "account": "Won"},
    ],
    ids=["another cell", "white space", "another column"],
)
def test_other_cells_have_another_hash(other: dict[str, str | None]) -> None:
    assert hashed(other) != hashed(ROW)


def test_rows_of_different_tables_differ() -> None:
    row: dict[str, str | None] = {"account": "Acme"}

    assert hashed(row, "accounts") != hashed(row, "opportunities")


def test_no_rows_have_no_hashes() -> None:
    assert row_hash(pl.DataFrame(schema={"account": pl.String}), "accounts").to_list() == []
