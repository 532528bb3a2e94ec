from datetime import date

import polars as pl
import pytest

from dealcast.cells import (
    COMPACT_FROM,
    as_text,
    compact,
    in_batches,
    key_variants,
    repeated,
    stated,
    tidied,
    tidy,
    usable,
    with_repeats,
)

TIDY = {
    "plain": "plain",
    "  around\t": "around",
    "two  words": "two words",
    "no\u00a0break": "no break",
    "   ": None,
    "": None,
    None: None,
}


def test_tidy_takes_out_white_space_and_blanks_what_is_nothing_else() -> None:
    frame = pl.DataFrame({"product": list(TIDY)})

    assert frame.select(tidy("product")).to_series().to_list() == list(TIDY.values())


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("close_date", "2025-03-04", date(2025, 3, 4)),
        ("close_date", "2025-02-30", None),
        ("close_date", "4.3.2025", None),
        ("close_date", "1979-12-31", None),
        ("close_date", "2100-01-01", None),
        ("close_value", "1054", 1054.0),
        ("close_value", "10.50", 10.5),
        ("close_value", "nan", None),
        ("close_value", "inf", None),
        ("close_value", "-1", None),
        ("close_value", "1e13", None),
        ("close_value", "1,054", None),
        ("year_established", "1996", 1996),
        ("year_established", "1996.0", 1996),
        ("year_established", "1996.5", None),
        ("year_established", "96", None),
        ("employees", "1e300", None),
    ],
)
def test_a_cell_is_usable_where_it_says_a_value_in_the_contract_s_range(
    column: str, text: str, value: object
) -> None:
    frame = pl.DataFrame({column: [text]})

    assert frame.select(usable(column)).item() == value


def test_what_is_out_of_range_is_stated_but_not_usable() -> None:
    frame = pl.DataFrame({"engage_date": ["1066-10-14"]})

    assert frame.select(stated("engage_date")).item() == date(1066, 10, 14)
    assert frame.select(usable("engage_date")).item() is None


@pytest.mark.parametrize(
    ("found", "known", "variants"),
    [
        (
            ["GTXPro", "gtx-pro", "GTX_PRO"],
            ["GTX Pro"],
            dict.fromkeys(["GTXPro", "GTX_PRO", "gtx-pro"], "GTX Pro"),
        ),
        (["GTX Pro"], ["GTX Pro"], {}),
        (["GTX Plus"], ["GTX Pro"], {}),
        ([None], ["GTX Pro", None], {}),
        (["gtxpro"], ["GTX Pro", "GTXPro"], {}),
    ],
    ids=["another form", "exact", "another key", "blank", "two keys of this form"],
)
def test_a_variant_differs_from_exactly_one_key_in_form_only(
    found: list[str], known: list[str], variants: dict[str, str]
) -> None:
    in_use, keys = (pl.Series(values=names, dtype=pl.String) for names in (found, known))

    assert key_variants(in_use, keys) == variants


def test_copies_follow_their_first_and_conflicts_have_other_cells() -> None:
    rows = pl.DataFrame(
        {
            "product": ["a", "a", "b", "b", "b", "c", None, None],
            "series": ["1", "1", "1", "2", "2", "1", "1", "1"],
            "source_row": range(8),
        }
    )

    marked = with_repeats(rows, "products")

    assert marked["is_copy"].to_list() == [False, True, False, False, True, *[False] * 3]
    assert marked["is_conflict"].to_list() == [False, False, True, True, *[False] * 4]


def test_many_rows_of_few_values_are_held_compact_and_give_the_same_text() -> None:
    rows = COMPACT_FROM
    frame = pl.DataFrame(
        {
            "opportunity_id": [f"A{n}" for n in range(rows)],
            "product": ["GTX Pro", None] * (rows // 2),
        }
    ).with_columns(source_row=pl.int_range(rows, dtype=pl.UInt32))

    held = compact(frame)

    assert held.schema["product"] == pl.Categorical
    assert held.schema["opportunity_id"] == pl.String
    assert as_text(held).equals(frame)
    assert compact(frame.head(9)).schema == frame.schema


@pytest.mark.parametrize("kind", [pl.String, pl.Categorical])
def test_columns_are_tidied_as_their_cells_are_however_they_are_held(kind: pl.DataType) -> None:
    frame = pl.DataFrame({"product": list(TIDY), "series": "GTX"})

    done = tidied(frame.with_columns(pl.col("product").cast(kind)), ["product", "series"])

    assert done["product"].to_list() == list(TIDY.values())


def test_keys_in_several_rows_are_found_and_blank_ones_are_not_keys() -> None:
    keys = pl.Series(["A", None, "B", "A", None, "C", "B", "A"])

    assert repeated(keys).to_list() == [True, False, True, True, False, False, True, True]
    assert repeated(keys.clear()).to_list() == []


def test_batches_are_the_rows_in_order_with_progress_between_them() -> None:
    frame = pl.DataFrame({"product": list("abcde")})
    told: list[tuple[str, float]] = []

    batches = list(in_batches(frame, 2, lambda what, share: told.append((what, share))))

    assert [(start, "".join(rows["product"])) for start, rows in batches] == [
        (0, "ab"),
        (2, "cd"),
        (4, "e"),
    ]
    assert told == [("2 of 5 rows", 0.4), ("4 of 5 rows", 0.8)]
    assert [rows.height for _, rows in in_batches(frame.clear(), 2)] == [0]
