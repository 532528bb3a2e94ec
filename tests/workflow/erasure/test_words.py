import json

import pytest

from dealcast.workflow.erasure.words import Sought


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A1", True),
        ("'A1' stands before it", True),
        ("A1_x A12 XA1 a1", True),
        ("A12 XA1 a1", False),
        ("R&amp;D/7", True),
        ("12 rows", False),
        ("12", False),
        ("run 1234567", True),
    ],
)
def test_an_id_is_found_as_a_word(text: str, found: bool) -> None:
    assert Sought(("A1", "R&D/7", "12", "1234567")).is_in(text) is found


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
