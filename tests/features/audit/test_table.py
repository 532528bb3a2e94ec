from datetime import date

import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.errors import LeakError
from dealcast.features.audit import AuditReport, audit_table
from dealcast.features.build import KEY
from dealcast.settings.tree import AuditSettings

HORIZON = pl.duration(days=30)
STAGE_CODES = {"Lost": 0, "Engaging": 2, "Won": 4}
_won, _at = pl.col("deal_stage") == "Won", pl.col("snapshot_date")
_closed_on = pl.col("close_date")
_won_soon = (_won & (_closed_on <= _at + HORIZON)).fill_null(value=False).cast(pl.Int64)
_die = pl.struct(KEY).hash(seed=5)
_later_win = (_won & (_closed_on > _at)).fill_null(value=False)

# Planted leak -> how it is computed, and tests that must name it without erasing the future.
PLANTED: dict[str, tuple[pl.Expr, set[str]]] = {
    "close_month": (_closed_on.dt.month(), {"LK2", "LK4", "LK7"}),
    "close_value": (pl.col("close_value"), {"LK2", "LK4", "LK5"}),
    "stage_code": (pl.col("deal_stage").replace_strict(STAGE_CODES), {"LK2", "LK5", "LK7"}),
    "closed_flag": (_closed_on.is_not_null().cast(pl.Int8), {"LK7"}),
    "cycle_days": ((_closed_on - pl.col("engage_date")).dt.total_days(), {"LK2", "LK4"}),
    "account_is_known": (pl.col("account").is_not_null(), {"LK7"}),
    "account": (pl.col("account"), {"LK4"}),
    "agent_win_rate": (pl.col("win_rate_of_export"), {"LK6"}),
    "agent_future_wins": (pl.col("wins_to_come"), {"LK6"}),
    "noisy_label": (pl.when(_die % 100 < 3).then(1 - _won_soon).otherwise(_won_soon), {"LK2"}),
    "shuffled_label": (2 * (_die % 7).cast(pl.Int64) + _won_soon, {"LK2", "LK5", "LK7"}),
    "loss_reason": (
        pl.when(pl.col("deal_stage") == "Lost").then(pl.lit("price")),
        {"LK2", "LK4", "LK5", "LK7"},
    ),
    "days_to_close": ((_closed_on - _at).dt.total_days().fill_null(999), {"LK2"}),
}
HONEST = {
    "age": (_at - pl.col("engage_date")).dt.total_days(),
    "age_in_months": (_at - pl.col("engage_date")).dt.total_days() // 30,
    "seller": pl.col("sales_agent"),
    "line": pl.col("product"),
    "die": _die % 6,
    "engaged_in": pl.col("engage_date").dt.month(),
}
UNDATED = {"account", "account_is_known"}


def table(tables: CrmTables, keys: pl.DataFrame) -> pl.DataFrame:
    """Honest and planted columns of these opportunities and dates, from the tables as they are."""
    opportunities = tables.opportunities.collect()
    agents = opportunities.group_by("sales_agent").agg(
        win_rate_of_export=_won.sum() / _closed_on.count()
    )
    dates = keys.select("snapshot_date").unique()
    to_come = opportunities.join(dates, how="cross").group_by("sales_agent", "snapshot_date")
    rows = (
        keys.join(opportunities, on="opportunity_id", how="left")
        .join(agents, on="sales_agent", how="left")
        .join(
            to_come.agg(wins_to_come=_later_win.sum()),
            on=["sales_agent", "snapshot_date"],
            how="left",
        )
    )
    planted = {name: expr for name, (expr, _) in PLANTED.items()}
    return rows.select(*KEY, **HONEST, **planted)


@pytest.fixture(scope="module")
def keys(generated) -> pl.DataFrame:
    _, snapshots, _ = generated()
    return snapshots.select(KEY).filter(pl.col("snapshot_date").dt.day() <= 7)


@pytest.fixture(scope="module")
def report(generated, keys) -> AuditReport:
    tables, _, as_of = generated()

    def rebuild(known: CrmTables, day: date) -> pl.DataFrame:
        return table(known, keys.filter(snapshot_date=day))

    return audit_table(
        table(tables, keys), tables, settings=AuditSettings(), as_of=as_of, rebuild=rebuild
    )


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_leak_is_caught_by_the_tests_that_can_see_it(report, name: str) -> None:
    _, tests = PLANTED[name]

    caught = set(report.leaks.get(name, ()))

    assert caught - {"LK1"} == tests
    assert ("LK1" in caught) is (name not in UNDATED)


def test_the_order_of_the_rows_does_not_matter(generated, keys) -> None:
    tables, _, as_of = generated()
    frame = table(tables, keys)
    settings = AuditSettings(max_rows=1_000)

    first, second = (
        audit_table(rows, tables, settings=settings, as_of=as_of)
        for rows in (frame, frame.sample(fraction=1.0, shuffle=True, seed=1))
    )

    assert first == second


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_feature_beside_them_passes(report, name: str) -> None:
    assert name not in report.leaks


def test_the_table_of_a_user_must_name_opportunities_of_the_export_once(crm) -> None:
    tables = crm([("a", "Ann", "X", "Engaging", date(2017, 1, 2), None, None)])
    refusals = {
        "no column 'opportunity_id'": pl.DataFrame({"id": ["a"], "x": [1]}),
        "share their opportunity_id": pl.DataFrame({"opportunity_id": ["a", "a"], "x": [1, 2]}),
        "the export does not have": pl.DataFrame({"opportunity_id": ["a", "b"], "x": [1, 2]}),
    }

    for problem, frame in refusals.items():
        with pytest.raises(LeakError) as refused:
            audit_table(frame, tables, settings=AuditSettings())
        assert problem in refused.value.problem


def test_groups_are_by_first_word_unless_they_are_given(crm) -> None:
    tables = crm([("a", "Ann", "X", "Engaging", date(2017, 1, 2), None, None)])
    frame = pl.DataFrame({"opportunity_id": ["a"], "close_day": [1], "close_hour": [2], "x": [0]})

    guessed = audit_table(frame, tables, settings=AuditSettings())
    given = audit_table(
        frame, tables, settings=AuditSettings(), groups={"clock": ["close_hour", "x", "close_day"]}
    )

    assert {r.feature: r.group for r in guessed.records}["close_hour"] == "close"
    assert {r.group for r in given.records} == {"clock"}
