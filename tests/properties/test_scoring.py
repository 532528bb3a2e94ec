"""What holds for issued scores whatever the opportunities."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dealcast.contracts import (
    CrmTables,
    ScoreChanges,
    ScoreReasons,
    most_valuable,
    scores_contract,
)
from dealcast.errors import ModelError
from dealcast.modeling.estimators import Context
from dealcast.modeling.movement import Issued, score_changes
from dealcast.modeling.reasons import log_odds_of
from dealcast.modeling.recalibration import Recalibration
from dealcast.modeling.scoring import Scored, score, score_in_batches
from dealcast.modeling.training import train
from dealcast.modeling.traits import ENTITIES
from dealcast.settings import ModelSettings

START = date(2024, 1, 1)
SPAN = 200
AS_OF = START + timedelta(SPAN)
HORIZONS = (7, 30, 90)
CONTEXT = Context(ModelSettings(horizons_days=HORIZONS), entities=ENTITIES)

Drawn = list[tuple[str, int, int, str | None, str | None]]

# Stage, day engaged, days until it closes, agent, product.
one = st.tuples(
    st.sampled_from(["Won", "Lost", "Engaging", "Prospecting"]),
    st.integers(0, SPAN + 20),
    st.integers(0, SPAN),
    st.sampled_from(["Ann", "Bob", None]),
    st.sampled_from(["Alpha", None]),
)
many = st.lists(one, min_size=4, max_size=40)
recalibrations = st.builds(Recalibration, st.floats(-3, 3), st.floats(0.1, 3), st.floats(-3, 3))


def tables(drawn: Drawn) -> CrmTables:
    rows = [
        {
            "opportunity_id": f"O{i:03}",
            "sales_agent": agent,
            "product": product,
            "account": None,
            "deal_stage": stage,
            "engage_date": None if stage == "Prospecting" else START + timedelta(engaged),
            "close_date": START + timedelta(engaged + length) if stage in ("Won", "Lost") else None,
            "close_value": {"Won": 9.0, "Lost": 0.0}.get(stage),
        }
        for i, (stage, engaged, length, agent, product) in enumerate(drawn)
    ]
    dates, texts = ("engage_date", "close_date"), ("sales_agent", "product", "account")
    types = dict.fromkeys(dates, pl.Date) | dict.fromkeys(texts, pl.String)
    frame = pl.DataFrame(rows, schema_overrides={**types, "close_value": pl.Float64})
    return CrmTables.cast({"opportunities": frame})


def issued(drawn: Drawn, estimator: str, recalibration: Recalibration) -> Scored:
    crm = tables(drawn)
    try:
        model = train(
            crm.opportunities.collect(),
            CONTEXT,
            as_of=AS_OF,
            catalogue_fingerprint="abc",
            estimator=estimator,
            recalibration=recalibration,
            min_closed=1,
        )
    except ModelError:
        assume(condition=False)
    return score(model, crm, as_of=AS_OF, catalogue_fingerprint="abc")


@pytest.mark.parametrize("estimator", ["age", "calendar", "never_close", "entities"])
@settings(max_examples=10, deadline=None)
@given(drawn=many, recalibration=recalibrations)
def test_issued_chances_add_up_to_at_most_one_and_grow_with_the_horizon(
    estimator: str, drawn: Drawn, recalibration: Recalibration
) -> None:
    scores = issued(drawn, estimator, recalibration).scores

    scores_contract(HORIZONS).validate(scores)
    known = scores.drop_nulls("age_days")
    won, lost = (known.select(f"p_{o}_{h}" for h in HORIZONS).to_numpy() for o in ("won", "lost"))
    assert ((won + lost) <= 1 + 1e-12).all()
    for p in (won, lost):
        assert (np.diff(p, axis=1) >= 0).all()
    assert (won[:, -1] <= known["p_ever_won"].to_numpy() + 1e-12).all()
    window = known.drop_nulls("closes_from")
    assert (window["closes_from"] <= window["closes_until"]).all()
    assert (window["closes_from"] > AS_OF).all()


@settings(max_examples=10, deadline=None)
@given(drawn=many, recalibration=recalibrations, rows=st.integers(1, 9))
def test_a_few_at_a_time_are_scored_as_all_at_once(
    drawn: Drawn, recalibration: Recalibration, rows: int
) -> None:
    whole, crm = issued(drawn, "entities", recalibration), tables(drawn)
    batches = list(
        score_in_batches(
            whole.model,
            crm,
            as_of=AS_OF,
            catalogue_fingerprint="abc",
            grades=(0.5, 0.25, 0.1),
            batch_rows=rows,
        )
    )

    assert len(batches) == max(1, -(-whole.scores.height // rows))
    assert_frame_equal(most_valuable(pl.concat(b.scores for b in batches)), whole.scores)
    assert_frame_equal(pl.concat(b.reasons for b in batches), whole.reasons)


@pytest.mark.parametrize("estimator", ["calendar", "entities"])
@settings(max_examples=10, deadline=None)
@given(drawn=many, recalibration=recalibrations)
def test_reasons_add_up_to_the_score_and_nothing_moves_within_a_day(
    estimator: str, drawn: Drawn, recalibration: Recalibration
) -> None:
    found = issued(drawn, estimator, recalibration)

    ScoreReasons.validate(found.reasons)
    summed = found.reasons.group_by("opportunity_id").agg(pl.col("log_odds").sum())
    both = found.scores.drop_nulls("age_days").join(summed, on="opportunity_id", how="left")
    assert np.allclose(both["log_odds"], log_odds_of(both["p_won_90"].to_numpy()), atol=1e-9)
    once = Issued(found.model, found.scores)
    changes = score_changes(once, once)
    ScoreChanges.validate(changes)
    assert changes.select("clock", "crm_edit", "model").sum_horizontal().abs().sum() == 0
