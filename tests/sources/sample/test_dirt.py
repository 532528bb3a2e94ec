"""Dirt is as much as asked for, of every kind, and none where none is asked for."""

import polars as pl
import pytest

from dealcast.settings import SampleSource as SampleSettings
from dealcast.sources.sample import dimension_tables, sales_pipeline
from dealcast.sources.sample.dirt import DEFECTS, bad_rows
from dealcast.sources.sample.world import World

ROWS = 8_800
STAGES = ["Prospecting", "Engaging", "Won", "Lost"]
WON = pl.col("deal_stage") == "Won"
ENGAGED, CLOSED = (pl.col(c).str.to_date(strict=False) for c in ("engage_date", "close_date"))
COPIED = pl.col("opportunity_id").is_duplicated() & pl.col("opportunity_id").is_not_null()

SYMPTOMS = {
    "unknown_stage": ~pl.col("deal_stage").is_in(STAGES),
    "unreadable_date": pl.col("close_date").is_not_null() & CLOSED.is_null(),
    "unreadable_amount": ~pl.col("close_value").str.contains(r"^\d+$"),
    "close_before_engage": ENGAGED > CLOSED,
    "missing_id": pl.col("opportunity_id").is_null(),
    "won_without_date": WON & pl.col("close_date").is_null(),
    "exact_duplicate": pl.struct(pl.all()).is_duplicated() & COPIED,
    "conflicting_duplicate": pl.struct(pl.all()).is_unique() & COPIED,
}
ROWS_PER_DEFECT = {"exact_duplicate": 2, "conflicting_duplicate": 2}


def pipeline(**settings):
    world = World(SampleSettings(opportunities=ROWS, account_blank_while_open=False, **settings))
    return sales_pipeline(world).collect()


@pytest.mark.parametrize("dirt", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("defect", [defect.code for defect in DEFECTS])
def test_each_defect_is_as_frequent_as_dirt_says(defect, dirt):
    found = pipeline(dirt=dirt).select(SYMPTOMS[defect].sum()).item()

    assert found == bad_rows(ROWS, dirt)[defect] * ROWS_PER_DEFECT.get(defect, 1)
    assert found == 0 or dirt > 0


@pytest.mark.parametrize(("dirt", "bad"), [(0.0, 0), (1.0, 16), (10.0, 176)])
def test_only_duplicates_add_rows_and_bad_rows_are_few(dirt, bad):
    counts = bad_rows(ROWS, dirt)

    assert sum(counts.values()) == bad
    added = counts["exact_duplicate"] + counts["conflicting_duplicate"]
    assert pipeline(dirt=dirt).height == ROWS + added


@pytest.mark.parametrize(("dirt", "share"), [(0.0, 0.0), (0.5, 0.084), (1.0, 0.168)])
def test_one_product_is_named_otherwise_than_in_the_price_list(dirt, share):
    listed = dimension_tables(SampleSettings())["products"]["product"].implode()

    strays = pipeline(dirt=dirt).filter(~pl.col("product").is_in(listed))

    assert strays.height / ROWS == pytest.approx(share, abs=0.015)
    assert set(strays["product"]) <= {"NovaPro", "Nova-Pro", "nova pro"}


@pytest.mark.parametrize("column", ["sales_agent", "account"])
def test_some_names_have_white_space_around_them(column):
    padded = pl.col(column) != pl.col(column).str.strip_chars()

    assert pipeline(dirt=1.0).select(padded.mean()).item() == pytest.approx(0.005, abs=0.003)
    assert pipeline(dirt=0.0).select(padded.sum()).item() == 0


@pytest.mark.parametrize(
    ("column", "right", "wrong"),
    [("sector", "technology", "technolgy"), ("office_location", "Philippines", "Philipines")],
)
def test_accounts_misspell_a_sector_and_a_country(column, right, wrong):
    clean = dimension_tables(SampleSettings(dirt=0.0))["accounts"][column]
    half = dimension_tables(SampleSettings(dirt=0.5))["accounts"][column]
    dirty = dimension_tables(SampleSettings(dirt=1.0))["accounts"][column]

    assert wrong not in clean
    assert (clean == right).sum() == (dirty == wrong).sum() > 0
    assert (half == wrong).sum() + (half == right).sum() == (clean == right).sum()
    assert right not in dirty


def test_dirt_leaves_every_other_cell_as_it_was():
    clean, dirty = pipeline(dirt=0.0), pipeline(dirt=1.0).head(ROWS)
    expected = {"opportunity_id": 2, "deal_stage": 2, "engage_date": 2, "close_date": 6,
                "close_value": 2}  # fmt: skip

    changed = {c: clean[c].ne_missing(dirty[c]).sum() for c in expected}

    assert changed == expected
