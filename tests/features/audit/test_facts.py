from datetime import date

import polars as pl

from dealcast.features.audit.facts import facts_of, last_day

D = date(2017, 3, 6)
ROWS = [
    ("won", "Ann", "X", "Won", date(2017, 3, 1), date(2017, 3, 20), 9.0),
    ("late", "Ann", "X", "Won", date(2017, 3, 2), date(2017, 6, 1), 9.0),
    ("lost", "Ann", "X", "Lost", date(2017, 2, 1), date(2017, 3, 10), 0.0),
    ("gone", "Ann", "X", "Lost", date(2017, 2, 1), D, 0.0),
    ("open", "Ann", "X", "Engaging", date(2017, 3, 3), None, None),
    ("later", "Ann", "X", "Engaging", date(2017, 3, 7), None, None),
    ("hope", "Ann", "X", "Prospecting", None, None, None),
]


def test_snapshots_are_labelled_within_the_horizon_and_only_where_still_open(crm) -> None:
    keys = pl.DataFrame({"opportunity_id": [r[0] for r in ROWS]}).with_columns(snapshot_date=D)

    facts = facts_of(keys, crm(ROWS), as_of=date(2017, 6, 30), horizon_days=30)

    columns = ("opportunity_id", "row", "won_within", "closed_within", "won_if_closed")
    assert facts.select(columns).rows() == [
        ("won", 0, 1, 1, 1),
        ("late", 1, 0, 0, 1),
        ("lost", 2, 0, 1, 0),
        ("open", 4, 0, 0, None),
    ]


def test_a_label_is_null_until_the_horizon_has_passed(crm) -> None:
    keys = pl.DataFrame({"opportunity_id": ["won"], "snapshot_date": [D]})

    facts = facts_of(keys, crm(ROWS), as_of=date(2017, 3, 31), horizon_days=30)

    assert facts["won_within"].to_list() == [None]
    assert facts["is_closed"].to_list() == [True]


def test_opportunities_of_one_week_are_one_stratum_and_those_not_engaged_are_left_out(crm) -> None:
    keys = pl.DataFrame({"opportunity_id": [r[0] for r in ROWS]})

    facts = facts_of(keys, crm(ROWS), as_of=date(2017, 6, 30), horizon_days=30)

    assert "hope" not in facts["opportunity_id"]
    assert facts["stratum"].to_list() == [1, 1, 0, 0, 1, 2]
    assert facts["closed"].to_list() == [1, 1, 1, 1, 0, 0]


def test_the_last_day_is_the_latest_date(crm) -> None:
    assert last_day(crm(ROWS)) == date(2017, 6, 1)
    assert last_day(crm([])) == date.min
