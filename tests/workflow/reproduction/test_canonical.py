"""One form for what says the same."""

from datetime import date

import polars as pl
import pytest

from dealcast.workflow.reproduction.canonical import document_hash, table_hash

ROWS = pl.DataFrame(
    {
        "run_id": ["20261130T122048Z-390a1c"] * 2,
        "id": ["a", None],
        "day": [date(2026, 1, 1), None],
        "share": [0.1, None],
    }
)


@pytest.mark.parametrize(
    "same",
    [
        ROWS.reverse(),
        ROWS.with_columns(run_id=pl.lit("20261130T122048Z-ffff2d")),
        pl.concat([ROWS.head(1), ROWS.tail(1)], rechunk=False),
    ],
    ids=["in another order", "of another run", "in other parts"],
)
def test_what_says_the_same_has_the_same_hash(same: pl.DataFrame) -> None:
    assert table_hash(same) == table_hash(ROWS)


@pytest.mark.parametrize(
    "other",
    [
        ROWS.with_columns(share=pl.Series([0.1 + 2**-56, None])),
        ROWS.with_columns(share=pl.Series([0.1, 0.0])),
        ROWS.with_columns(id=pl.Series(["a", ""])),
        ROWS.with_columns(pl.col("share").cast(pl.Float32)),
        ROWS.select("run_id", "day", "id", "share"),
        ROWS.rename({"share": "part"}),
        ROWS.head(1),
    ],
    ids=["last bit", "zero for blank", "empty for blank", "type", "columns", "name", "rows"],
)
def test_what_differs_in_anything_has_another(other: pl.DataFrame) -> None:
    assert table_hash(other) != table_hash(ROWS)


@pytest.mark.parametrize("ends", [("390a1c", "c26e2d"), ("390a", "c26e")], ids=["", "of 0.1.0"])
def test_ids_of_runs_and_the_order_of_keys_are_no_part_of_a_document(ends: tuple[str, str]) -> None:
    one = {"key": f"runs/20261130T122048Z-{ends[0]}/drift.json", "share": 0.1}
    other = {"share": 0.1, "key": f"runs/20261130T122111Z-{ends[1]}/drift.json"}

    assert document_hash(one) == document_hash(other)
    assert document_hash(one) != document_hash(one | {"share": 0.1 + 2**-56})
