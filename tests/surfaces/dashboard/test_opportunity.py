"""One opportunity in detail: its figures are those that were issued."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from dealcast.surfaces.dashboard import pipeline
from dealcast.surfaces.dashboard.opportunity import detail
from dealcast.surfaces.report.blocks import Charts, Lead, Nothing
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.tables.shape import Table
from dealcast.surfaces.words import day, share


@pytest.fixture(scope="module")
def twice(run_on: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """The second run on one generated export, known until a later day than at the first."""
    root = tmp_path_factory.mktemp("twice")
    given = {
        "source__kind": "sample",
        "source__opportunities": 1_000,
        "features__snapshot_every_days": 28,
    }
    run_on(root, **given, data__as_of="2025-11-30")
    ran = run_on(root, **given, data__as_of="2025-12-14")
    return Kept(ran.manifest, ran.store)


def looked_at(kept: Kept, opportunity_id: str) -> list[Any]:
    only = pl.col("opportunity_id") == opportunity_id
    version = kept.records["score"].tables["scores_issued"]
    issued = kept.store.load("scores_issued", version=version, where=only)
    return list(detail(kept, pipeline.with_regions(kept).filter(only), issued))


def rows(blocks: list[Any], title: str) -> list[tuple[Any, ...]]:
    found = next(b for b in blocks if isinstance(b, Table) and b.title.startswith(title))
    return [tuple(getattr(cell, "text", cell) for cell in row) for row in found.rows]


def test_it_tells_history_course_and_cause_of_one_that_was_scored_twice(twice: Kept) -> None:
    change = twice.table("score", "score_changes").row(0, named=True)
    scores = twice.table("score", "scores")
    now = scores.filter(pl.col("opportunity_id") == change["opportunity_id"]).row(0, named=True)
    horizon = twice.figures("score")["horizon_days"]

    blocks = looked_at(twice, change["opportunity_id"])

    assert isinstance(blocks[0], Lead)
    assert share(now[f"p_won_{horizon}"]) in blocks[0].text
    history = rows(blocks, "Its history")
    assert [line[0] for line in history] == [day("2025-12-14"), day("2025-11-30")]
    assert history[0][1] == share(now[f"p_won_{horizon}"])
    moved = rows(blocks, "Why it moved")
    assert len(moved) == 4
    assert moved[0][2] == history[1][1]
    assert moved[-1][2] == history[0][1]
    drawn = next(b for b in blocks if isinstance(b, Charts)).figures
    assert 'data-chart="course"' in drawn[0].wide
    assert 'data-chart="reasons"' in drawn[1].wide


def test_of_one_never_scored_before_it_says_so(sample: Any) -> None:
    kept = Kept(sample.manifest, sample.store)
    first = kept.table("score", "scores")["opportunity_id"][0]

    blocks = looked_at(kept, first)

    assert isinstance(blocks[-1], Nothing)
    assert len(rows(blocks, "Its history")) == 1


def test_every_open_opportunity_can_be_told(tiny: Any) -> None:
    kept = Kept(tiny.manifest, tiny.store)

    for opportunity_id in kept.table("score", "scores")["opportunity_id"]:
        assert isinstance(looked_at(kept, opportunity_id)[0], Lead)


def test_rows_of_one_opportunity_are_read_as_they_are_among_all(twice: Kept) -> None:
    issued = twice.store.load("scores_issued")
    only = pl.col("opportunity_id") == issued["opportunity_id"][0]

    assert twice.store.load("scores_issued", where=only).equals(issued.filter(only))
