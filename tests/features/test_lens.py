import dataclasses

import narwhals as nw
import pytest

from dealcast.errors import LeakError
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.columns import SHOWN, Lens
from dealcast.features.lens import refuse_leaks
from dealcast.features.spec import Expression, FeatureSpec, Leak, Measure


def row_feature(expr: Expression) -> FeatureSpec:
    return FeatureSpec(
        name="planted",
        entity="opportunity",
        dtype=nw.Float64,
        unit="days",
        meaning="Planted.",
        lens=Lens.ROW,
        leak=Leak.SAFE,
        expr=expr,
    )


def agent_feature(lens: Lens, measure: Measure) -> FeatureSpec:
    return FeatureSpec(
        name="planted",
        entity="sales_agent",
        dtype=nw.Float64,
        unit="count",
        meaning="Planted.",
        lens=lens,
        leak=Leak.SAFE,
        measure=measure,
    )


@pytest.mark.parametrize(
    "column", ["close_day", "close_value", "won", "cycle_days", "account", "sector", "deal_stage"]
)
def test_a_row_feature_cannot_read_what_is_known_after_the_close(column: str) -> None:
    with pytest.raises(LeakError, match=rf"'planted' reads '{column}' \(known after") as refused:
        refuse_leaks([row_feature(lambda col: col(column))])

    assert "Lens.CLOSED" in refused.value.remedy


@pytest.mark.parametrize("column", ["won", "lost", "close_value", "close_day", "account"])
def test_a_measure_of_open_opportunities_cannot_read_their_outcome(column: str) -> None:
    measure = Measure.ratio(Measure.count(), Measure.sum(lambda col: col(column)))

    with pytest.raises(LeakError, match=rf"'{column}'.* which Lens.OPEN hides"):
        refuse_leaks([agent_feature(Lens.OPEN, measure)])


def test_a_measure_cannot_be_of_an_entity_that_is_known_after_the_close() -> None:
    of_agent = agent_feature(Lens.CLOSED, Measure.count())

    with pytest.raises(LeakError, match=r"reads 'account'.* Lens.ROW hides"):
        refuse_leaks([dataclasses.replace(of_agent, entity="account")])


@pytest.mark.parametrize("column", SHOWN[Lens.CLOSED])
def test_a_measure_may_learn_from_all_that_is_known_of_what_has_closed(column: str) -> None:
    refuse_leaks([agent_feature(Lens.CLOSED, Measure.count(lambda col: ~col(column).is_null()))])


@pytest.mark.parametrize(
    "expression",
    [
        lambda _: nw.col("close_day"),
        lambda col: col("engage_day") - nw.col("close_day"),
    ],
)
def test_a_column_cannot_be_read_past_the_lens(expression: Expression) -> None:
    with pytest.raises(LeakError, match="past its lens") as refused:
        refuse_leaks([row_feature(expression)])

    assert "lambda col" in refused.value.remedy


@pytest.mark.parametrize(
    "expression",
    [
        lambda col: col("engage_day").max(),
        lambda col: col("engage_day") - col("engage_day").min(),
        lambda col: col("engage_day").mean().over("sales_agent"),
        lambda col: col("engage_day").shift(1),
        lambda col: col("sales_agent").n_unique(),
        lambda _: nw.len(),
    ],
)
def test_neither_a_row_feature_nor_a_term_of_a_measure_looks_at_other_rows(
    expression: Expression,
) -> None:
    term = agent_feature(Lens.CLOSED, Measure.sum(expression))
    for spec in (row_feature(expression), term):
        with pytest.raises(LeakError, match="other rows"):
            refuse_leaks([spec])


def test_a_misspelt_column_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(LeakError, match="'sales_prise'") as refused:
        refuse_leaks([row_feature(lambda col: col("sales_prise"))])

    assert "did you mean 'sales_price'?" in refused.value.remedy


@pytest.mark.parametrize(
    "spec", [s for s in CATALOGUE if s.leak is Leak.BANNED], ids=lambda s: s.name
)
def test_a_banned_feature_is_refused_with_its_reason_and_again_by_its_lens(
    spec: FeatureSpec,
) -> None:
    with pytest.raises(LeakError) as refused:
        refuse_leaks([spec])
    assert spec.reason is not None
    assert spec.reason in refused.value.problem

    with pytest.raises(LeakError):
        refuse_leaks([dataclasses.replace(spec, leak=Leak.SAFE)])


def test_every_other_feature_passes() -> None:
    refuse_leaks(s for s in CATALOGUE if s.leak is not Leak.BANNED)


def test_outcomes_are_hidden_where_they_are_not_known() -> None:
    outcomes = {"won", "lost", "close_day", "close_value", "cycle_days", "deal_stage", "account"}

    assert not outcomes & {*SHOWN[Lens.ROW], *SHOWN[Lens.OPEN]}
    assert outcomes <= set(SHOWN[Lens.CLOSED])
