"""What is learnt from counts is what is learnt from the opportunities that were counted."""

from datetime import date

import narwhals as nw
import numpy as np
import polars as pl
import pytest

from dealcast.engines.duckdb import DuckdbEngine
from dealcast.engines.polars import PolarsEngine
from dealcast.modeling.cell_counts import cell_counts, record_of
from dealcast.modeling.estimators import Context
from dealcast.modeling.history import History, known_by
from dealcast.modeling.training import WinModel, train_on
from dealcast.modeling.traits import ENTITIES, traits_of
from dealcast.settings import ModelSettings
from dealcast.snapshots import day_number

AS_OF = date(2017, 12, 31)
EARLIER = date(2017, 9, 30)


@pytest.fixture(scope="module")
def opportunities(real_tables) -> pl.DataFrame:
    return real_tables.opportunities.collect()


def from_counts(opportunities: pl.DataFrame, until: date, names=ENTITIES) -> History:
    counts = cell_counts(nw.from_native(opportunities.lazy()), names).to_native().collect()
    return record_of(counts.sample(fraction=1.0, shuffle=True, seed=3)).known_by(until)


def model_of(history: History, estimator: str) -> WinModel:
    context = Context(ModelSettings(), entities=("sales_agent", "product"))
    return train_on(history, context, catalogue_fingerprint="x", estimator=estimator)


@pytest.mark.parametrize("estimator", ["age", "calendar", "never_close", "shifting", "entities"])
def test_a_model_of_counts_is_the_model_of_the_rows(
    opportunities: pl.DataFrame, estimator: str
) -> None:
    of_rows = model_of(known_by(opportunities, AS_OF), estimator)
    of_counts = model_of(from_counts(opportunities, AS_OF), estimator)

    still_open = opportunities.filter(deal_stage="Engaging")
    traits, days = traits_of(still_open), np.full(still_open.height, day_number(AS_OF))
    expected, found = (m.incidence(traits, days) for m in (of_rows, of_counts))
    np.testing.assert_allclose(found.won, expected.won, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.lost, expected.lost, rtol=0, atol=1e-9)
    assert (of_counts.won, of_counts.lost) == (of_rows.won, of_rows.lost)
    assert of_counts.oldest_closed_age_days == of_rows.oldest_closed_age_days
    for horizon, rates in of_rows.base_rates.rates.items():
        np.testing.assert_allclose(of_counts.base_rates.rates[horizon], rates, rtol=1e-9)


def test_counts_are_turned_back_to_any_day(opportunities: pl.DataFrame) -> None:
    of_rows, of_counts = known_by(opportunities, EARLIER), from_counts(opportunities, EARLIER)

    for one, other in zip(of_rows.person_days.counts, of_counts.person_days.counts, strict=True):
        np.testing.assert_array_equal(one, other)


def test_names_that_do_not_matter_make_fewer_cells(opportunities: pl.DataFrame) -> None:
    frame = nw.from_native(opportunities.lazy())
    few, many = (
        cell_counts(frame, names).to_native().collect() for names in (["product"], ENTITIES)
    )

    assert few.height < many.height
    assert few["count"].sum() == many["count"].sum() == 8_300


def test_duckdb_counts_as_polars_does(opportunities: pl.DataFrame) -> None:
    counts = [
        engine.collect(cell_counts(engine.from_polars(opportunities), ["sales_agent"]))
        for engine in (PolarsEngine(), DuckdbEngine())
    ]

    one, other = (record_of(c) for c in counts)
    np.testing.assert_array_equal(one.closed, other.closed)
    assert one.traits.names["sales_agent"].equals(other.traits.names["sales_agent"])
