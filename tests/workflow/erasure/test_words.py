import json

import pytest

from dealcast.workflow.erasure.words import Sought


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A1", True),
        ("'A1' stands before it", True),
        ("it was A1.", True),
        ("A1: lost, (A1), A1/", True),
        ("A12 XA1 a1", False),
        ("A1_x x_A1 A1-B B-A1 A1.b A1/B B/A1 A1:B", False),
        ("R&amp;D/7", True),
        ("see https://crm.example/opportunities/A1/view", True),
        ("see https://crm.example/opportunities/A1-B", False),
        ("Größe-A1 A1é", False),
        ("12 rows", False),
        ("12", False),
        ("run 1234567 of 2024-05-01", False),
    ],
)
def test_an_id_is_found_as_a_word(text: str, found: bool) -> None:
    """A number or a date is none that is looked for in text: it may mean anything there."""
    assert Sought(("A1", "R&D/7", "12", "1234567", "2024-05-01")).is_in(text) is found


def test_ids_alone_are_looked_for_where_a_log_tells_of_columns() -> None:
    """The least account is no opportunity, though it may be called as one."""
    told = {"add": {"stats": json.dumps({"minValues": {"account": "A1", "opportunity_id": "7"}})}}

    of_quarantine = {"minValues": {"table": "accounts", "key": "7"}, "maxValues": {"key": "A1"}}

    assert not Sought(("A1",)).is_keyed(told)
    assert Sought(("A1",)).is_keyed(of_quarantine)
    assert not Sought(("7",)).is_keyed(of_quarantine)
    assert Sought(("7",)).is_keyed(told)
    assert not Sought(("7",)).is_keyed({"add": {"size": 7, "stats": "{cut"}})


def test_json_stays_json_without_what_names_it() -> None:
    content = {
        "rows": 12,
        "examples": [{"key": n, "value": n} for n in ("A1", "B2", "12")],
        "told": ["A1 (row 3): secret", "12 (row 4): secret", "B2 (row 12): x"],
        "by_id": {"A1": 0.5, "B2": 0.25},
        "by_horizon": {"12": 0.5},
        "error": "2 rows: A1, B2",
    }

    left = Sought(("A1", "12")).json_without(content)

    assert json.loads(json.dumps(left)) == {
        "rows": 12,
        "examples": [{"key": "B2", "value": "B2"}],
        "told": ["B2 (row 12): x"],
        "by_id": {"B2": 0.25},
        "by_horizon": {"12": 0.5},
        "error": "2 rows: [erased], B2",
    }
