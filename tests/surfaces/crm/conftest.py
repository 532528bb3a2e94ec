"""Stores with scores written in the test, and upload files read back as an importer would."""

import csv
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dealcast.contracts import scores_contract
from dealcast.workflow.freshness import made_from
from dealcast.workflow.manifest import StepRecord, save_latest_step
from dealcast.workflow.steps import STEPS
from dealcast.workflow.store import Store

SCORED_ON = date(2026, 11, 23)


def scores_of(ids: Sequence[str], chance: float | None = 0.4275, **cells: Any) -> pl.DataFrame:
    """A table `scores` with one row per id, all alike but for the cells that are given."""
    contract = scores_contract((30, 90))
    row: dict[str, Any] = {
        "scored_on": SCORED_ON,
        "model_id": "m1",
        "deal_stage": "Engaging",
        "p_won_90": chance,
        "grade": "B" if chance is not None else None,
        "reason_for": "open for 29 days, when many close (+0.50)",
        "reason_against": None,
        "is_stale": False,
        "is_low_information": False,
        **cells,
    }
    return contract.cast(
        pl.DataFrame({"opportunity_id": list(ids)}).with_columns(
            **{
                name: pl.lit(row.get(name))
                for name in contract.column_names()
                if name != "opportunity_id"
            }
        )
    )


@pytest.fixture
def store_of(tmp_path: Path) -> Callable[[pl.DataFrame], Store]:
    """A store whose steps up to `score` were done, each on what the one before it had made."""

    def of(scores: pl.DataFrame) -> Store:
        store = Store(str(tmp_path / "store"))
        version = store.save("scores", scores, contract=scores_contract((30, 90)))
        records: dict[str, StepRecord] = {}
        for step in STEPS[:8]:
            records[step.name] = StepRecord(
                step.name,
                "run 1",
                f"of {step.name}",
                0.0,
                made_from=made_from(step, records.__getitem__),
                tables={"scores": version} if step.name == "score" else {},
                figures={"horizon_days": 90} if step.name == "score" else {},
            )
            save_latest_step(store, records[step.name])
        return store

    return of


def read_back(file: Path) -> list[dict[str, str]]:
    """The rows of a file as a CSV reader that is not Polars takes them."""
    with file.open(encoding="utf-8-sig", newline="") as content:
        return list(csv.DictReader(content, strict=True))
