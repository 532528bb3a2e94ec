from datetime import date

import polars as pl
import pytest

from dealcast.features.audit.future import differs
from dealcast.features.audit.table import audit_table
from dealcast.settings.tree import AuditSettings

TEST = "LK1_future_erased"
ROWS = [
    ("a", "Ann", "X", "Won", date(2017, 1, 2), date(2017, 2, 1), 9.0),
    ("b", "Ann", "X", "Lost", date(2017, 1, 3), date(2017, 4, 1), 0.0),
    ("c", "Ann", "X", "Engaging", date(2017, 1, 4), None, None),
    ("d", "Ann", "X", "Won", date(2017, 3, 5), date(2017, 5, 1), 9.0),
]


def features(tables, _: date | None = None) -> pl.DataFrame:
    return tables.opportunities.select(
        "opportunity_id",
        won=(pl.col("deal_stage") == "Won").sum().over("sales_agent"),
        engaged_in=pl.col("engage_date").dt.month(),
        value=pl.col("close_value"),
        text=pl.col("deal_stage"),
        nothing=pl.lit(None),
    ).collect()


def outcome(tables, **options) -> dict[str, str]:
    report = audit_table(features(tables), tables, settings=AuditSettings(), **options)
    return {r.feature: r.outcome for r in report.records if r.test == TEST}


def test_what_moves_when_the_future_is_erased_has_failed(crm) -> None:
    assert outcome(crm(ROWS), rebuild=features) == {
        "won": "failed",
        "engaged_in": "passed",
        "value": "failed",
        "text": "failed",
        "nothing": "passed",
    }


def test_without_a_rebuild_it_is_not_applicable_and_says_so(crm) -> None:
    assert set(outcome(crm(ROWS)).values()) == {"not applicable"}


def test_where_nothing_happened_later_it_is_not_applicable(crm) -> None:
    assert set(outcome(crm(ROWS[2:3]), rebuild=features).values()) == {"not applicable"}


def test_a_column_that_is_not_rebuilt_is_not_applicable(crm) -> None:
    def without(tables, day: date) -> pl.DataFrame:
        return features(tables, day).drop("value")

    assert outcome(crm(ROWS), rebuild=without)["value"] == "not applicable"


@pytest.mark.parametrize(
    ("now", "then", "different"),
    [
        ([1.0, 0.0, None], [1.0 + 1e-12, 1e-15, None], [False, False, False]),
        ([1.0, None, 2.0], [1.0 + 1e-6, 0.0, None], [True, True, True]),
        (["a", None, "b"], ["a", None, "c"], [False, False, True]),
        ([1.0], ["1.0"], [False]),
    ],
)
def test_values_differ_beyond_rounding_and_null_only_from_values(now, then, different) -> None:
    found = differs(pl.DataFrame({"x": now}), pl.DataFrame({"x": then}))

    assert found["x"].to_list() == different
