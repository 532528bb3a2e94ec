"""Whatever the dirt: nothing vanishes, what is clean keeps its contract, and stays clean."""

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dealcast.cleaning import Cleaned, as_raw, clean
from dealcast.contracts import CrmTables, Quarantine, RawExport
from dealcast.quality.report import assess
from dealcast.settings import CleaningSettings

SETTINGS = CleaningSettings(max_quarantined=1.0)

# A good value stands several times, so that whole rows come out good often enough.
DATES = [*["2025-01-07", "2025-03-04"] * 3, "2025-02-30", "1066-10-14", "soon", " 2025-05-05", None]
AMOUNTS = [*["0", "900"] * 3, "10.5", "-1", "1e13", "tba", "nan", " 7 ", "", *[None] * 3]
CELLS = {
    "opportunity_id": [*"ABCDEFGHIJ", " A", "", None],
    "sales_agent": [*["Ann Lee"] * 5, "annlee", "Ann  Lee", "Bob", None],
    "product": [*["GTX Pro"] * 5, "GTXPro", "gtx_pro", "GTX Plus", "technolgy", None],
    "account": [*["Acme"] * 5, "ACME ", "Nobody", None],
    "deal_stage": [*["Won", "Lost", "Engaging", "Prospecting"] * 3, "Wonn", "Won ", None],
    "engage_date": DATES,
    "close_date": [*DATES, *[None] * 8],
    "close_value": AMOUNTS,
    "expected_close_date": DATES,
    "amount": AMOUNTS,
}
DIMENSIONS = {
    "accounts": {
        "account": ["Acme", "acme", "Beta", None],
        "sector": ["technolgy", "retail", None],
        "employees": ["12", "many", "-1", "12.5", None],
    },
    "products": {
        "product": ["GTX Pro", "GTX Plus", "technology", " ", None],
        "sales_price": AMOUNTS,
    },
    "sales_agents": {"sales_agent": ["Ann Lee", "Bob", ""], "manager": ["Bo", "Bo ", None]},
}
OPTIONAL = ("account", "close_value", "expected_close_date", "amount")


@st.composite
def tables(draw: st.DrawFn, cells: dict[str, list[str | None]], least: int) -> pl.DataFrame:
    left_out = draw(st.sets(st.sampled_from(OPTIONAL))) if "deal_stage" in cells else set()
    columns = {c: st.sampled_from(v) for c, v in cells.items() if c not in left_out}
    rows = draw(st.lists(st.fixed_dictionaries(columns), min_size=least, max_size=12))
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String)).with_columns(
        source_file=pl.lit("dirt.csv"),
        source_row=pl.int_range(2, len(rows) + 2, dtype=pl.UInt32),
    )


@st.composite
def exports(draw: st.DrawFn) -> RawExport:
    chosen = draw(st.sets(st.sampled_from(sorted(DIMENSIONS))))
    dimensions = {table: draw(tables(DIMENSIONS[table], 0)) for table in sorted(chosen)}
    return RawExport({"opportunities": draw(tables(CELLS, 1)), **dimensions})


def members(cleaned: Cleaned) -> dict[str, pl.DataFrame]:
    return {
        name: frame.collect()
        for name in CrmTables.members()
        if (frame := getattr(cleaned.tables, name)) is not None
    }


many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(exports())
@many
def test_nothing_vanishes_and_what_is_clean_keeps_its_contract(export: RawExport) -> None:
    cleaned = clean(export, None, SETTINGS)

    clean_rows = {name: frame.height for name, frame in members(cleaned).items()}
    for table, raw in export.tables.items():
        set_aside = cleaned.quarantine.filter(pl.col("table") == table).height
        assert raw.height == clean_rows.get(table, 0) + set_aside
    CrmTables.validate(members(cleaned))
    Quarantine.validate(cleaned.quarantine)
    assert cleaned.quarantine["suggested_fix"].null_count() == 0


@given(exports())
@many
def test_clean_rows_name_only_keys_that_are_there(export: RawExport) -> None:
    found = members(clean(export, None, SETTINGS))

    for column, table in (
        ("product", "products"),
        ("account", "accounts"),
        ("sales_agent", "sales_agents"),
    ):
        if table in found:
            named = set(found["opportunities"][column].drop_nulls())
            assert named <= set(found[table][column])


@given(exports())
@many
def test_cleaning_twice_is_cleaning_once(export: RawExport) -> None:
    once = clean(export, None, SETTINGS)
    raw_again = as_raw(once.tables, like=export)

    twice = clean(raw_again, None, SETTINGS)

    assert twice.quarantine.is_empty()
    assert not [r for r in twice.log.rules if r.rows]
    for name, frame in members(once).items():
        assert_frame_equal(members(twice)[name], frame)


@given(exports(), st.integers(0, 1_000))
@many
def test_row_order_does_not_matter(export: RawExport, seed: int) -> None:
    shuffled = RawExport(
        {t: f.sample(fraction=1, shuffle=True, seed=seed) for t, f in export.tables.items()}
    )

    one, other = clean(export, None, SETTINGS), clean(shuffled, None, SETTINGS)

    for name, frame in members(one).items():
        assert_frame_equal(members(other)[name], frame, check_row_order=False)
    reasons = ["table", "key", "reason", "explanation", "fix_column", "fix_value"]
    assert_frame_equal(
        one.quarantine.select(reasons), other.quarantine.select(reasons), check_row_order=False
    )


@given(exports())
@many
def test_only_blanks_and_notices_are_left_after_cleaning(export: RawExport) -> None:
    cleaned = clean(export, None, SETTINGS)

    report = assess(as_raw(cleaned.tables, like=export), spelling=SETTINGS.spelling)

    assert set(report.deductions) <= {"DQ105", "DQ107", "DQ108"}
    assert report.score == max(0, 1 - sum(r.deduction for r in report.results))
