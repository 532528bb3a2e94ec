import polars as pl
import pytest

from dealcast.sources.reading.mapping import CrmMapping, load_mapping
from dealcast.sources.reading.stages import in_our_stages


def staged(mapping: CrmMapping, *rows: dict[str, str | None]) -> list[dict[str, str | None]]:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    frame = pl.DataFrame(list(rows), schema=dict.fromkeys(columns, pl.String))
    return in_our_stages(frame, mapping).to_dicts()


@pytest.mark.parametrize(
    ("stage", "is_closed", "is_won", "ours"),
    [
        ("Legal Review", "false", "false", "Engaging"),
        ("Won for good", "true", "true", "Won"),
        ("Gone", "TRUE", "0", "Lost"),
        ("Gone", "1", "no", "Lost"),
        ("Gone", "true", None, "Gone"),
        ("Gone", None, None, "Gone"),
        ("Gone", "perhaps", "perhaps", "Gone"),
        # What the mapping lists goes before the flags.
        ("Closed Won", "false", "false", "Won"),
        # A blank stage is a bad row, whatever the flags say.
        (None, "true", "true", None),
    ],
)
def test_flags_tell_the_stages_that_the_mapping_does_not_list(
    stage: str | None, is_closed: str | None, is_won: str | None, ours: str | None
) -> None:
    row = {"deal_stage": stage, "is_closed": is_closed, "is_won": is_won}

    assert staged(load_mapping("salesforce"), row) == [{"deal_stage": ours}]


def test_without_flags_an_unlisted_stage_stays_as_it_came() -> None:
    rows = staged(load_mapping("salesforce"), {"deal_stage": " Legal Review"})

    assert rows == [{"deal_stage": " Legal Review"}]


def test_a_mapping_without_another_open_stage_leaves_it_as_it_came() -> None:
    mapping = load_mapping("salesforce").model_copy(update={"other_open_stage": None})

    rows = staged(mapping, {"deal_stage": "Legal Review", "is_closed": "false"})

    assert rows == [{"deal_stage": "Legal Review"}]


def test_what_is_hoped_for_while_open_is_no_close() -> None:
    rows = staged(
        load_mapping("hubspot"),
        {"deal_stage": "Contract sent", "close_date": "2025-01-31", "close_value": "70"},
        {"deal_stage": "Closed won", "close_date": "2024-12-01", "close_value": "80"},
        {"deal_stage": "Closed lost", "close_date": "2024-12-02", "close_value": "90"},
        {"deal_stage": "Never heard of", "close_date": "2024-12-03", "close_value": "100"},
        {"deal_stage": None, "close_date": "2024-12-04", "close_value": "110"},
    )

    assert pl.DataFrame(rows).select(
        "close_date", "close_value", "expected_close_date", "amount"
    ).rows() == [
        (None, None, "2025-01-31", "70"),
        ("2024-12-01", "80", None, None),
        ("2024-12-02", "0", None, None),
        ("2024-12-03", "100", None, None),
        ("2024-12-04", "110", None, None),
    ]


def test_a_plan_that_has_a_column_of_its_own_goes_first() -> None:
    rows = staged(
        load_mapping("hubspot"),
        {"deal_stage": "Contract sent", "close_value": "70", "amount": "75"},
        {"deal_stage": "Contract sent", "close_value": "71", "amount": None},
    )

    assert [row["amount"] for row in rows] == ["75", "71"]


def test_the_default_mapping_leaves_dates_and_values_alone() -> None:
    row = {"deal_stage": "Lost", "close_date": "2024-12-02", "close_value": "90"}

    assert staged(load_mapping("default"), row) == [row]
