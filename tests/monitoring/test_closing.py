from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.monitoring.closing import compare_time_to_close
from dealcast.monitoring.windows import windows

Make = Callable[..., CrmTables]
START = date(2023, 1, 1)
DAYS = 600


@pytest.fixture
def closing_after(
    opportunities_of: Callable[..., pl.DataFrame], tables_of: Callable[..., CrmTables]
) -> Make:
    """Each day three engage; each closes after a geometric time, from a day on another."""

    def make(p_before: float, p_since: float, *, since: int = 500, seed: int = 0) -> CrmTables:
        rng = np.random.default_rng(seed)
        engaged = np.repeat(np.arange(DAYS), 3)
        before = engaged + rng.geometric(p_before, len(engaged))
        anew = np.maximum(engaged, since) + rng.geometric(p_since, len(engaged))
        closed = np.where(before <= since, before, anew)
        rows = [
            ("Won" if c < DAYS else "Engaging", day(e), day(c) if c < DAYS else None)
            for e, c in zip(engaged, closed, strict=True)
        ]
        return tables_of(opportunities_of(rows))

    return make


def day(n: int) -> date:
    return START + timedelta(int(n))


def test_recent_opportunities_that_had_little_time_are_no_drift(closing_after: Make) -> None:
    tables = closing_after(0.02, 0.02)
    within = windows(tables, as_of=day(599), trained_until=day(500), current_days=90)

    compared = compare_time_to_close(tables, within, min_rows=50)

    assert compared.effect == pytest.approx(1, abs=0.15)
    assert compared.p_value is not None
    assert compared.p_value > 0.05


def test_slower_closing_is_found_at_its_size(closing_after: Make) -> None:
    tables = closing_after(0.02, 0.01)
    within = windows(tables, as_of=day(599), trained_until=day(500), current_days=90)

    compared = compare_time_to_close(tables, within, min_rows=50)

    assert compared.effect == pytest.approx(0.5, abs=0.1)
    assert compared.p_value is not None
    assert compared.p_value < 1e-6


def test_no_closes_at_all_since_are_found(closing_after: Make) -> None:
    tables = closing_after(0.02, 1e-9)
    within = windows(tables, as_of=day(599), trained_until=day(500), current_days=90)

    compared = compare_time_to_close(tables, within, min_rows=50)

    assert compared.effect == 0
    assert compared.n_current == 0


def test_the_truncated_beginning_does_no_harm(closing_after: Make) -> None:
    tables = closing_after(0.02, 0.02)
    first = day(250)
    survivors = tables.opportunities.filter(
        pl.col("close_date").is_null() | (pl.col("close_date") >= first)
    )
    tables = CrmTables.cast({"opportunities": survivors})
    within = windows(tables, as_of=day(599), trained_until=day(500), current_days=90)

    compared = compare_time_to_close(tables, within, min_rows=50)

    assert within.reference_from == first
    assert compared.effect == pytest.approx(1, abs=0.2)
