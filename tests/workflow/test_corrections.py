import json

import polars as pl
import pytest

from dealcast.workflow.corrections import CorrectionError, merged, of_row, suggested


def quarantine() -> pl.DataFrame:
    row = json.dumps({"opportunity_id": "a", "deal_stage": "Wonn"})
    return pl.DataFrame(
        {
            "row_hash": ["aa11", "aa22", "bb33"],
            "key": ["a", "b", None],
            "fix_column": ["deal_stage", None, None],
            "fix_value": ["Won", None, None],
            "row": [row] * 3,
        }
    )


def test_a_suggestion_is_one_cell_with_its_new_value() -> None:
    assert suggested(quarantine()).rows() == [("aa11", "deal_stage", "Won")]


@pytest.mark.parametrize("name", ["aa11", "aa1", "a"])
def test_a_row_is_named_by_its_hash_the_start_of_it_or_its_key(name: str) -> None:
    found = of_row(quarantine(), name, {"deal_stage": "Lost", "opportunity_id": ""})

    assert found.rows() == [("aa11", "deal_stage", "Lost"), ("aa11", "opportunity_id", None)]


@pytest.mark.parametrize("name", ["aa", "nothing"])
def test_a_name_of_many_rows_or_none_is_refused(name: str) -> None:
    with pytest.raises(CorrectionError, match="quarantined rows are named"):
        of_row(quarantine(), name, {"deal_stage": "Won"})


def test_an_unknown_column_is_refused_with_those_there_are() -> None:
    with pytest.raises(CorrectionError) as refused:
        of_row(quarantine(), "aa11", {"stage": "Won"})

    assert "'deal_stage'" in refused.value.remedy


def test_a_newer_correction_of_the_same_cell_replaces_the_former() -> None:
    first = of_row(quarantine(), "aa11", {"deal_stage": "Won"})
    second = of_row(quarantine(), "aa11", {"deal_stage": "Lost"})
    other = of_row(quarantine(), "bb33", {"deal_stage": "Won"})

    assert merged(merged(merged(None, first), other), second).sort("row_hash").rows() == [
        ("aa11", "deal_stage", "Lost"),
        ("bb33", "deal_stage", "Won"),
    ]
