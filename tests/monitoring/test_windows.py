from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.monitoring.windows import newly_closed, newly_engaged, row_features, windows

OpportunitiesOf = Callable[..., pl.DataFrame]
TablesOf = Callable[..., CrmTables]
AS_OF = date(2024, 6, 30)


@pytest.fixture
def tables(opportunities_of: OpportunitiesOf, tables_of: TablesOf) -> CrmTables:
    """O0 before the first close, O1 and O2 in the reference, O3 in the current window, O4 after."""
    rows = [
        ("Won", date(2024, 1, 1), date(2024, 2, 1)),
        ("Lost", date(2024, 2, 1), date(2024, 6, 1)),
        ("Engaging", date(2024, 3, 1), None),
        ("Won", date(2024, 5, 1), date(2024, 6, 2)),
        ("Won", date(2024, 7, 1), date(2024, 7, 2)),
    ]
    return tables_of(opportunities_of(rows))


@pytest.mark.parametrize(
    ("trained_until", "cut"),
    [
        (date(2024, 4, 30), date(2024, 4, 30)),
        (AS_OF, date(2024, 5, 31)),
        (None, date(2024, 5, 31)),
    ],
)
def test_a_model_that_knows_the_whole_export_is_compared_some_days_back(
    tables: CrmTables, trained_until: date | None, cut: date
) -> None:
    within = windows(tables, as_of=AS_OF, trained_until=trained_until, current_days=30)

    assert within.trained_until == cut
    assert within.reference_from == date(2024, 2, 1)


def test_each_opportunity_is_in_the_window_in_which_it_engaged_or_closed(tables: CrmTables) -> None:
    within = windows(tables, as_of=AS_OF, trained_until=date(2024, 4, 30), current_days=30)

    engaged = newly_engaged(tables, within).select("opportunity_id", "is_current")
    closed = newly_closed(tables, within).select("opportunity_id", "is_current", "won")

    assert engaged.rows() == [("O1", False), ("O2", False), ("O3", True)]
    assert closed.rows() == [("O0", False, True), ("O1", True, False), ("O3", True, True)]


def test_parts_follow_the_fiscal_quarter(tables: CrmTables) -> None:
    parts = [
        newly_engaged(
            tables,
            windows(
                tables,
                as_of=AS_OF,
                trained_until=None,
                current_days=30,
                fiscal_year_start_month=month,
            ),
        )["part"].to_list()
        for month in (1, 2)
    ]

    assert parts == [[2 * 14 + 4, 3 * 14 + 8, 2 * 14 + 4], [1 * 14, 2 * 14 + 4, 1 * 14]]


def test_features_of_the_calendar_and_histories_are_left_out() -> None:
    names = {spec.name for spec in row_features()}

    assert "list_price" in names
    assert names.isdisjoint({"age_days", "week_of_quarter", "agent_win_rate", "close_value"})


def test_what_was_paid_is_a_share_of_the_list_price(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf
) -> None:
    day = date(2024, 6, 1)
    tables = tables_of(
        opportunities_of([("Won", day, day), ("Lost", day, day)]),
        products=pl.DataFrame({"product": ["Alpha"], "series": ["A"], "sales_price": [100.0]}),
    )
    within = windows(tables, as_of=AS_OF, trained_until=day, current_days=30)

    assert newly_closed(tables, within)["discounted"].to_list() == [0.9, None]
