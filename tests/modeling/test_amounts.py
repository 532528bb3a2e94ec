from datetime import date

import polars as pl
import pytest

from dealcast.contracts import CrmTables
from dealcast.modeling.amounts import unstated, with_amount, worth

DAY = date(2024, 6, 3)


def tables(prices: dict[str, float] | None) -> CrmTables:
    won = [("W1", "Alpha", 80.0), ("W2", "Alpha", 100.0), ("W3", "Beta", 30.0), ("O", "Beta", None)]
    rows = {
        "opportunity_id": [id_ for id_, *_ in won],
        "sales_agent": None,
        "product": [product for _, product, _ in won],
        "account": None,
        "deal_stage": ["Won"] * 3 + ["Engaging"],
        "engage_date": DAY,
        "close_date": [DAY] * 3 + [None],
        "close_value": [value for *_, value in won],
    }
    text = {"sales_agent": pl.String, "account": pl.String}
    members = {"opportunities": pl.DataFrame(rows, schema_overrides=text)}
    if prices is not None:
        members["products"] = pl.DataFrame(
            {"product": list(prices), "series": "S", "sales_price": list(prices.values())}
        )
    return CrmTables.cast(members)


@pytest.mark.parametrize("prices", [{"Alpha": 100.0, "Gamma": 50.0, "Free": 0.0}, None])
def test_what_a_win_brings_where_nothing_is_stated_is_what_a_run_takes_it_to_be(
    prices: dict[str, float] | None,
) -> None:
    crm = tables(prices)
    known = {p: rest for p, *rest in unstated(worth(crm, DAY)).iter_rows()}

    asked = ["Alpha", "Beta", "Gamma", "Free", "Other", None]
    ids = [str(at) for at in range(len(asked))]
    opened = pl.LazyFrame({"opportunity_id": ids, "product": asked})
    rows = with_amount(opened, crm, DAY).select("product", "amount", "amount_from").collect()
    for product, *expected in rows.iter_rows():
        assert known.get(product, known[None]) == expected
    if prices:
        # Two wins of 80 and 100 at a list price of 100: a discount to 0.9.
        assert known["Alpha"] == [pytest.approx(90.0), "list price"]
        assert known["Gamma"] == [pytest.approx(45.0), "list price"]
    assert known["Beta"] == [30.0, "mean won value"]
    assert known[None] == [pytest.approx(70.0), "mean won value"]


def test_where_nothing_was_won_nothing_is_known() -> None:
    crm = tables(None)
    nothing = CrmTables.cast({"opportunities": crm.opportunities.collect().clear()})

    assert unstated(worth(nothing, DAY)).rows() == [(None, None, None)]
