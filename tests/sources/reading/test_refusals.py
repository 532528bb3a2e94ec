import polars as pl
import pytest

from dealcast.errors import SourceError
from dealcast.sources.reading.mapping import load_mapping
from dealcast.sources.reading.refusals import (
    refuse_missing_columns,
    refuse_repeated_ids,
    refuse_unknown_stages,
)

DEFAULT = load_mapping("default")


def with_stages(**rows: int) -> pl.DataFrame:
    stages = [stage.replace("_", " ") or None for stage, n in rows.items() for _ in range(n)]
    return pl.DataFrame({"deal_stage": stages}, schema={"deal_stage": pl.String}).with_columns(
        source_file=pl.lit("deals.csv")
    )


def with_ids(ids: list[str | None], products: list[str] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "source_file": "deals.csv",
            "source_row": range(2, len(ids) + 2),
            "opportunity_id": ids,
            "product": products or ["x"] * len(ids),
        },
        schema_overrides={"opportunity_id": pl.String},
    )


def test_a_missing_column_is_named_with_the_nearest_and_all_there_are() -> None:
    names = ["opportunity_id", "dealstage", "engage_date", "closed"]
    found = DEFAULT.columns_found("opportunities", ["opportunity_id", "engage_date"])

    with pytest.raises(SourceError) as refused:
        refuse_missing_columns("deals.csv", "opportunities", DEFAULT, names, found)

    assert refused.value.problem == (
        "deals.csv has no column that the mapping default knows as deal_stage (nearest: "
        "'dealstage'), close_date (nearest: 'closed'). It has 'opportunity_id', 'dealstage', "
        "'engage_date', 'closed'."
    )
    assert "docs/mapping.md" in refused.value.remedy


def test_the_mapping_whose_names_are_there_is_offered() -> None:
    names = ["Record ID", "Deal Stage", "Create Date", "Close Date"]

    with pytest.raises(SourceError) as refused:
        refuse_missing_columns("deals.csv", "opportunities", DEFAULT, names, {})

    assert refused.value.remedy == "--mapping hubspot: its names are there"


def test_of_many_names_only_some_are_shown() -> None:
    names = [f"custom_{n}" for n in range(300)]

    with pytest.raises(SourceError, match="and 275 more"):
        refuse_missing_columns("deals.csv", "opportunities", DEFAULT, names, {})


def test_a_dimension_table_needs_its_key() -> None:
    with pytest.raises(SourceError, match=r"accounts\.csv has no column .* as account"):
        refuse_missing_columns("accounts.csv", "accounts", DEFAULT, ["sector"], {})


def test_as_many_known_stages_as_unknown_ones_are_let_pass() -> None:
    refuse_unknown_stages(with_stages(Won=2, Elsewhere=2), DEFAULT)


def test_mostly_unknown_stages_mean_the_wrong_mapping() -> None:
    frame = with_stages(Won=2, Prospect=3, Xyz=1).extend(with_stages(**{"": 1}))

    with pytest.raises(SourceError) as refused:
        refuse_unknown_stages(frame, DEFAULT)

    assert refused.value.problem == (
        "Column deal_stage of 'deals.csv': 5 of 7 rows have a stage that the mapping default does "
        "not know: 'Prospect' (3 rows, nearest 'Prospecting'), no stage (1 rows), 'Xyz' (1 rows)."
    )


def test_the_mapping_that_knows_the_stages_is_offered() -> None:
    frame = with_stages(Closed_Won=2, Closed_Lost=3, Perception_Analysis=1)

    with pytest.raises(SourceError) as refused:
        refuse_unknown_stages(frame, DEFAULT)

    assert refused.value.remedy.startswith("--mapping salesforce")


def test_of_many_unknown_stages_five_are_shown() -> None:
    with pytest.raises(SourceError, match="and 95 more"):
        refuse_unknown_stages(with_stages(**{f"Phase_{n}": 1 for n in range(100)}), DEFAULT)


def test_line_items_are_not_taken_for_opportunities() -> None:
    frame = with_ids(["a", "a", "b", "b", "c"], ["x", "y", "x", "y", "x"])

    with pytest.raises(SourceError, match=r"4 of 5 rows .* such as 'a', 'b': .* line items"):
        refuse_repeated_ids(frame)


@pytest.mark.parametrize(
    "frame",
    [
        with_ids(["a", "b", "c", None]),
        with_ids(["a", "a", "b", "c"], ["x", "y", "x", "x"]),
        with_ids(["a", "a", "a", "a", "b"]),
        with_ids([None, None, "a", "b"]),
    ],
    ids=["one each", "a few conflicts", "exact copies", "half of them blank"],
)
def test_a_few_repeated_or_blank_ids_are_let_pass(frame: pl.DataFrame) -> None:
    refuse_repeated_ids(frame)


def test_mostly_blank_ids_are_refused() -> None:
    with pytest.raises(SourceError, match="3 of 4 rows have no opportunity_id"):
        refuse_repeated_ids(with_ids([None, None, "a", None]))
