from collections.abc import Callable

import narwhals as nw
import pytest

from dealcast.errors import ModelError
from dealcast.features.columns import Lens
from dealcast.features.spec import FeatureSpec, Leak, Measure


def spec(**changes: object) -> FeatureSpec:
    """A feature that is right but for what is changed."""
    right = {
        "name": "agent_won_value",
        "entity": "sales_agent",
        "dtype": nw.Float64,
        "unit": "USD",
        "meaning": "Revenue of the agent.",
        "lens": Lens.CLOSED,
        "leak": Leak.SAFE,
        "measure": Measure.sum(lambda col: col("close_value")),
    }
    return FeatureSpec(**right | changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"entity": "agent"}, "unknown entity 'agent'"),
        ({"measure": None}, "either an expr or a measure"),
        ({"expr": lambda col: col("won")}, "either an expr or a measure"),
        ({"lens": Lens.ROW}, "sees one row"),
        ({"measure": None, "expr": lambda col: col("won")}, "sees many rows"),
        ({"window_days": 0}, "empty window"),
        ({"leak": Leak.BANNED}, "banned without a reason"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ModelError, match=said) as refused:
        spec(**changes)

    assert "agent_won_value" in refused.value.problem
    assert "catalogue" in refused.value.remedy


def test_a_row_feature_has_no_window() -> None:
    with pytest.raises(ModelError, match="a window but no measure"):
        spec(lens=Lens.ROW, measure=None, expr=lambda col: col("engage_day"), window_days=7)


def test_a_spec_needs_the_tables_behind_what_it_reads_and_behind_its_entity() -> None:
    by_manager = spec(entity="manager", measure=Measure.sum(lambda col: col("sales_price")))

    assert by_manager.reads == {"manager", "sales_price"}
    assert by_manager.needs == {("sales_agents", "manager"), ("products", "sales_price")}


def test_the_calendar_is_always_there() -> None:
    calendar = spec(lens=Lens.ROW, measure=None, expr=lambda col: col("quarter_end"))

    assert calendar.needs == frozenset()


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({}, "from closes before the snapshot date"),
        ({"lens": Lens.OPEN}, "from what is open on the snapshot date"),
        ({"leak": Leak.UNDATED}, "undated: as of export"),
        ({"leak": Leak.BANNED, "reason": "it tells"}, "after the close"),
        (
            {"leak": Leak.BANNED, "reason": "it tells", "lens": Lens.EXPORT},
            "from the whole export, future included",
        ),
    ],
)
def test_a_spec_says_when_its_value_is_known(changes: dict[str, object], known: str) -> None:
    assert spec(**changes).available == known


def test_a_definition_changes_with_what_is_computed_and_with_nothing_else() -> None:
    def definition(**changes: object) -> str:
        return spec(**changes).definition

    def total(column: str) -> Callable[..., nw.Expr]:
        return lambda col: col(column)

    same = [definition(), definition(meaning="Other words."), definition(unit="EUR")]
    different = [
        definition(window_days=90),
        definition(lens=Lens.OPEN),
        definition(entity="product"),
        definition(dtype=nw.Int64),
        definition(measure=Measure.sum(total("cycle_days"))),
        definition(measure=Measure.sum(total("close_value"), decimals=0)),
        definition(measure=Measure.ratio(Measure.sum(total("close_value")), Measure.count())),
        definition(
            measure=Measure.ratio(
                Measure.sum(total("close_value")), Measure.count(), prior_strength=5
            )
        ),
    ]

    assert len(set(same)) == 1
    assert len({*same, *different}) == 1 + len(different)
