from collections.abc import Callable
from datetime import date, timedelta

import polars as pl

from dealcast.contracts import CrmTables
from dealcast.monitoring.columns import WATCHED, compare_columns
from dealcast.monitoring.comparison import Comparison
from dealcast.monitoring.windows import newly_closed, newly_engaged, windows

Rows = list[tuple[str, date, date | None]]
OpportunitiesOf = Callable[..., pl.DataFrame]
TablesOf = Callable[..., CrmTables]


def compared(tables: CrmTables, as_of: date) -> dict[tuple[str, str], Comparison]:
    within = windows(tables, as_of=as_of, trained_until=None, current_days=90)
    engaged, closed = newly_engaged(tables, within), newly_closed(tables, within)
    populations = {"engaged": engaged, "closed": closed, "won": closed.filter("won")}
    return {(c.kind, c.what): c for c in compare_columns(populations, tables, min_rows=50)}


def test_every_watched_column_is_compared_once() -> None:
    names = [c.what for c in WATCHED]

    assert len(names) == len(set(names))


def test_an_account_that_open_ones_lack_is_not_missing(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf, steady_rows: Rows, steady_until: date
) -> None:
    accounts = ["Acme" if closed else None for _, _, closed in steady_rows]

    found = compared(tables_of(opportunities_of(steady_rows, account=accounts)), steady_until)

    assert found["missing values", "account"].effect == 0


def test_the_largest_shifts_are_told(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf, steady_rows: Rows, steady_until: date
) -> None:
    cut = steady_until - timedelta(90)
    products = ["Beta" if e > cut and e.day % 2 else "Alpha" for _, e, _ in steady_rows]

    found = compared(tables_of(opportunities_of(steady_rows, product=products)), steady_until)

    mix = found["mix", "product"]
    assert mix.effect is not None
    assert mix.effect > 1
    assert "Alpha 100.0% before, 48.7% now" in str(mix.note)


def test_rows_in_parts_of_the_quarter_not_seen_before_are_left_out_and_counted(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf
) -> None:
    days = [date(2024, 1, 1) + timedelta(n) for n in range(31)] * 4
    later = [date(2024, 4, 1) + timedelta(n) for n in range(61)] * 4
    rows = [("Won", d, d) for d in days + later]
    tables = tables_of(opportunities_of(rows))

    found = compared(tables, date(2024, 5, 31))

    assert "124 rows in parts of the quarter not seen before left out" in str(
        found["mix", "product"].note
    )
    assert found["mix", "product"].n_current == 4 * 30


def test_new_prices_are_a_changed_distribution(
    opportunities_of: OpportunitiesOf, tables_of: TablesOf, steady_rows: Rows, steady_until: date
) -> None:
    cut = steady_until - timedelta(90)
    values = [
        {"Won": 200.0 if c and c > cut else 100.0 + e.day, "Lost": 0.0}.get(stage)
        for stage, e, c in steady_rows
    ]

    found = compared(tables_of(opportunities_of(steady_rows, close_value=values)), steady_until)

    value = found["feature", "won_value"]
    assert value.p_value is not None
    assert value.p_value < 1e-9
    assert value.effect is not None
    assert value.effect > 1
