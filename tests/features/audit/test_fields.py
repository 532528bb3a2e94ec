import pytest

from dealcast.features.audit import audit_fields
from dealcast.settings.tree import AuditSettings

BEHIND_ACCOUNT = {"sector", "year_established", "revenue", "employees", "office_location"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_account_filled_in_at_close_fails_with_all_behind_it(generated, seed: int) -> None:
    tables, _, _ = generated(seed=seed)

    report = audit_fields(tables, settings=AuditSettings())

    assert set(report.leaks) - {"subsidiary_of"} == {"account", *BEHIND_ACCOUNT}
    assert set(report.leaks.values()) == {("LK4",)}
    assert report.of("sector")["LK4_filled_at_close"].group == "account"


def test_an_account_named_from_the_start_passes(generated) -> None:
    tables, _, _ = generated(blank=False)

    assert not audit_fields(tables, settings=AuditSettings()).failed


def test_tables_without_rows_and_dimensions_are_not_applicable(crm) -> None:
    report = audit_fields(crm([]), settings=AuditSettings())

    assert {r.feature for r in report.records} == {"sales_agent", "product", "account"}
    assert {r.outcome for r in report.records} == {"not applicable"}
