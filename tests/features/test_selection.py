import subprocess
import sys
from datetime import date

import polars as pl

from dealcast.contracts import CrmTables
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import catalogue_fingerprint, unavailable, usable
from dealcast.features.spec import Leak

ROW = ("A", "Ann", "X", "Won", date(2017, 3, 1), date(2017, 3, 9), 50.0)
PRODUCTS = pl.DataFrame({"product": ["X"], "series": [None], "sales_price": [60.0]})


def test_without_a_table_its_features_are_not_available_and_say_why(crm) -> None:
    tables = crm([ROW])

    why = unavailable(tables)

    assert why["list_price"] == "the export has no table products"
    assert why["manager_win_rate"] == "the export has no table sales_agents"
    assert "agent_win_rate" not in why
    names = {s.name for s in usable(tables)}
    assert {"age_days", "agent_win_rate", "overall_win_rate"} <= names
    assert not names & set(why)


def test_a_column_without_a_value_is_not_there(crm) -> None:
    why = unavailable(crm([(ROW[0], None, *ROW[2:])], products=PRODUCTS))

    assert why["product_series"] == "products.series holds no value"
    assert why["agent_win_rate"] == "opportunities.sales_agent holds no value"
    assert "list_price" not in why


def test_what_is_banned_is_never_usable_however_good_its_data(crm) -> None:
    tables = crm([ROW], products=PRODUCTS)
    with_account = CrmTables.cast(
        {
            **tables.to_dict(),
            "opportunities": tables.opportunities.with_columns(account=pl.lit("Acme")),
        }
    )

    assert all(s.leak is not Leak.BANNED for s in usable(with_account))
    assert "account_is_known" not in unavailable(with_account)


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    program = (
        "from dealcast.features.selection import CATALOGUE, catalogue_fingerprint as f\n"
        "print(f(CATALOGUE))"
    )

    there = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()

    assert there == catalogue_fingerprint(CATALOGUE)


def test_the_fingerprint_changes_when_a_feature_goes() -> None:
    every = {catalogue_fingerprint(s for s in CATALOGUE if s is not gone) for gone in CATALOGUE}

    assert len(every | {catalogue_fingerprint(CATALOGUE)}) == len(CATALOGUE) + 1
