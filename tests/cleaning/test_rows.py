"""Opportunities cleaned in batches, here or in other processes: as if they were all at once."""

import pickle
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars import selectors as cs
from polars.testing import assert_frame_equal

from dealcast.cells import tidy
from dealcast.cleaning import (
    Cleaned,
    RowCleaner,
    added_up,
    as_raw,
    clean,
    clean_dimensions,
    known_keys,
)
from dealcast.contracts import RawExport
from dealcast.quality.report import assess
from dealcast.settings import CleaningSettings, SampleSource
from dealcast.sources.reading import ReadingOptions, read_export
from dealcast.sources.sample import write_sample

SETTINGS = CleaningSettings()
BATCH = 170


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> RawExport:
    """An export with every defect, copies and conflicts far apart among them."""
    folder: Path = tmp_path_factory.mktemp("dirty")
    write_sample(folder, SampleSource(opportunities=2_000, dirt=8, seed=5))
    export = read_export(sorted(folder.glob("*.csv")), ReadingOptions())
    rows = export.opportunities
    spaced = rows.slice(700, 3).with_columns(
        pl.format("  {} ", "opportunity_id").alias("opportunity_id")
    )
    changed = rows.slice(30, 3).with_columns(account=pl.lit("another"))
    return RawExport(dict(export.tables) | {"opportunities": pl.concat([rows, spaced, changed])})


def compact(export: RawExport) -> RawExport:
    """The export as a large one is held."""
    return RawExport(
        {
            table: frame.with_columns(cs.string().cast(pl.Categorical))
            for table, frame in export.tables.items()
        }
    )


def suggested_and_a_new_id(quarantine: pl.DataFrame) -> pl.DataFrame:
    """Corrections: every fix that is suggested, and an id for a row that shares its own."""
    fix = quarantine.filter(pl.col("fix_column").is_not_null())
    shared = quarantine.filter(pl.col("reason") == "CL103").head(1)
    return pl.concat(
        [
            fix.select("row_hash", column="fix_column", value="fix_value"),
            shared.select("row_hash", column=pl.lit("opportunity_id"), value=pl.lit(" NEW ")),
        ]
    ).unique(["row_hash", "column"])


def assert_equal(one: Cleaned, other: Cleaned) -> None:
    assert one.log == other.log
    assert_frame_equal(one.quarantine, other.quarantine)
    for table in ("opportunities", "accounts", "products", "sales_agents"):
        assert_frame_equal(*(getattr(c.tables, table).collect() for c in (one, other)))


@pytest.mark.parametrize("corrected", [None, suggested_and_a_new_id])
@pytest.mark.parametrize("held", [lambda export: export, compact])
def test_in_batches_all_comes_out_as_from_all_at_once(
    dirty: RawExport,
    held: Callable[[RawExport], RawExport],
    corrected: Callable[[pl.DataFrame], pl.DataFrame] | None,
) -> None:
    corrections = corrected(clean(dirty, None, SETTINGS).quarantine) if corrected else None
    told: list[float] = []

    whole = clean(dirty, corrections, SETTINGS)
    batches = clean(
        held(dirty),
        corrections,
        SETTINGS,
        batch_rows=BATCH,
        progress=lambda _, share: told.append(share),
    )

    assert {r.code for r in whole.log.rules if r.rows} > {"CL102", "CL103", "CL004", "CL002"}
    assert_equal(batches, whole)
    assert told == sorted(told)
    assert len(told) == dirty.rows // BATCH


def test_an_export_is_as_good_however_it_is_held(dirty: RawExport) -> None:
    cleaned = clean(dirty, None, SETTINGS)
    again = as_raw(cleaned.tables, like=dirty)

    for export in (dirty, again):
        assert assess(compact(export), spelling=SETTINGS.spelling) == assess(
            export, spelling=SETTINGS.spelling
        )


def test_partitions_by_id_cleaned_in_other_processes_add_up_to_the_whole(dirty: RawExport) -> None:
    known = known_keys(clean_dimensions(dirty.tables, None, SETTINGS))
    cleaner: RowCleaner = pickle.loads(
        pickle.dumps(
            RowCleaner(
                known={column: tuple(keys) for column, keys in known.items()},
                spelling=SETTINGS.spelling,
                corrections=None,
                present=frozenset(dirty.opportunities.columns),
            )
        )
    )
    part = dirty.opportunities.select(tidy("opportunity_id").hash() % 4).to_series()

    parts = [cleaner(dirty.opportunities.filter(part.eq_missing(n))) for n in (0, 1, 2, 3, None)]

    whole = clean(dirty, None, SETTINGS)
    assert_frame_equal(
        pl.concat([p.opportunities for p in parts]),
        whole.tables.opportunities.collect(),
        check_row_order=False,
    )
    assert_frame_equal(
        pl.concat([p.quarantine for p in parts]),
        whole.quarantine.filter(pl.col("table") == "opportunities"),
        check_row_order=False,
    )
    assert sum(p.rows_in for p in parts) == dirty.rows
    assert {r.code: r.rows for r in added_up(p.rules for p in parts)} == {
        r.code: r.rows for r in whole.log.rules if r.table == "opportunities"
    }
    assert sum(p.plans.height for p in parts) == 0
