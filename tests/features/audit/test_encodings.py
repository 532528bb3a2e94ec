from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.features.audit.encodings import likeness
from dealcast.features.audit.table import audit_table
from dealcast.settings.tree import AuditSettings

TEST = "LK6_full_sample_encoding"
AGENTS = [f"agent {i:02}" for i in range(12)]


@pytest.fixture(scope="module")
def tables(crm):
    draw = np.random.default_rng(4)
    rows = []
    for i in range(600):
        engaged = date(2017, 1, 2) + timedelta(days=int(draw.integers(200)))
        stage = str(draw.choice(["Won", "Lost", "Engaging"]))
        closed = None if stage == "Engaging" else engaged + timedelta(days=int(draw.integers(60)))
        value = {"Won": 5.0, "Lost": 0.0}.get(stage)
        agent = AGENTS[int(12 * draw.random() ** 2)]
        rows.append((f"o{i}", agent, "X", stage, engaged, closed, value))
    return crm(rows)


def by_agent(tables, value: pl.Expr) -> pl.DataFrame:
    rows = tables.opportunities.collect()
    return rows.select("opportunity_id", x=value.cast(pl.Float64).over("sales_agent"))


WON = pl.col("deal_stage") == "Won"
CLOSED = pl.col("close_date").is_not_null()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (WON.sum() / CLOSED.sum(), "the win rate, prior 0, by sales_agent"),
        ((WON.sum() + 4.0) / (CLOSED.sum() + 10.0), "the win rate"),
        (WON.sum(), "the count of won ones"),
        (pl.len().log(), "opportunities, by sales_agent"),
    ],
)
def test_a_summary_of_the_whole_export_is_found(tables, value, words) -> None:
    record = audit_table(by_agent(tables, value), tables, settings=AuditSettings()).of("x")[TEST]

    assert record.outcome == "failed"
    assert words in record.note


def test_what_an_agent_has_always_had_passes(tables) -> None:
    quota = pl.col("sales_agent").str.slice(6).cast(pl.Int64).first() * 7 % 12

    record = audit_table(by_agent(tables, quota), tables, settings=AuditSettings()).of("x")[TEST]

    assert record.outcome == "passed"


def test_what_varies_within_every_entity_is_not_applicable(tables) -> None:
    frame = by_agent(tables, pl.len()).with_columns(x=pl.int_range(pl.len()))

    record = audit_table(frame, tables, settings=AuditSettings()).of("x")[TEST]

    assert record.outcome == "not applicable"
    assert "not constant" in record.note


def test_likeness_needs_5_numbers_and_ranks_need_10() -> None:
    few, some, many = (np.arange(n, dtype=float) for n in (4, 9, 10))

    assert likeness(few, few) == 0.0
    assert likeness(some, np.exp(some)) < 0.9
    assert likeness(many, np.exp(many)) == pytest.approx(1.0)
    assert likeness(many, np.zeros(10)) == 0.0
