"""What an export changes: before the first day that is told, everything is as it was."""

from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dealcast.contracts import CrmTables
from dealcast.features.build import build_features
from dealcast.features.changes import changes_between
from dealcast.features.selection import usable
from dealcast.snapshots import build_snapshots
from dealcast.workflow.layers import SETTLED, of_layer

KEY = ["opportunity_id", "snapshot_date"]
START = date(2017, 1, 30)
DATES = [START + timedelta(d) for d in range(0, 81, 10)]
DAYS = st.integers(-10, 85)
OPPORTUNITY = {
    **dict.fromkeys(("opportunity_id", "sales_agent", "product", "account"), pl.String),
    "deal_stage": pl.String,
    "engage_date": pl.Date,
    "close_date": pl.Date,
    "close_value": pl.Float64,
}
AGENTS, PRODUCTS, ACCOUNTS = ("Ann", "Bob", None), ("X", "Y", None), ("Acme", "Bo Ltd", None)


def on(day: int | None) -> date | None:
    return None if day is None else START + timedelta(day)


@st.composite
def opportunities(draw: st.DrawFn) -> dict[str, object]:
    """One that was never engaged, is open, won or lost; blanks among the keys."""
    engaged = draw(st.none() | DAYS)
    closed = None if engaged is None else draw(st.none() | st.integers(engaged, 85))
    won = draw(st.booleans())
    open_stage = "Prospecting" if engaged is None else "Engaging"
    return {
        "sales_agent": draw(st.sampled_from(AGENTS)),
        "product": draw(st.sampled_from(PRODUCTS)),
        "account": draw(st.sampled_from(ACCOUNTS)),
        "deal_stage": open_stage if closed is None else "Won" if won else "Lost",
        "engage_date": on(engaged),
        "close_date": on(closed),
        "close_value": None if closed is None else won * draw(st.integers(1, 1_000)) / 10,
    }


@st.composite
def changed(draw: st.DrawFn, row: dict[str, object]) -> dict[str, object] | None:
    """The same in a later export: as it was, with some cells of another one, or gone."""
    kind = draw(st.sampled_from(["same", "same", "same", "owner", "closing", "anything", "gone"]))
    other = draw(opportunities())
    if kind == "owner":
        return row | {c: other[c] for c in ("sales_agent", "product", "account")}
    if kind == "closing" and row["engage_date"] is not None and other["engage_date"] is not None:
        later = {c: other[c] for c in ("account", "deal_stage", "close_date", "close_value")}
        if later["close_date"] is None or later["close_date"] >= row["engage_date"]:
            return row | later
    return {"same": row, "anything": other, "gone": None}.get(kind, row)


def tables(rows: list[dict[str, object] | None], dimensions: dict[str, pl.DataFrame]) -> CrmTables:
    there = [{"opportunity_id": f"o{i}", **row} for i, row in enumerate(rows) if row is not None]
    return CrmTables.validate(
        {"opportunities": pl.DataFrame(there, OPPORTUNITY), **dimensions}, cast=True
    )


@st.composite
def dimensions(draw: st.DrawFn) -> dict[str, pl.DataFrame]:
    """The dimension tables, with rows that are not always the same."""
    some = st.sampled_from
    return {
        "products": pl.DataFrame(
            {"product": ["X", "Y"], "series": "S", "sales_price": [90.0, draw(some([10.0, 11.0]))]}
        ),
        "sales_agents": pl.DataFrame(
            {
                "sales_agent": ["Ann", "Bob"][: draw(some([1, 2, 2, 2]))],
                "manager": draw(some(["Mia", "Mia", "Max"])),
                "regional_office": "East",
            }
        ),
        "accounts": pl.DataFrame(
            {
                "account": ["Acme", "Bo Ltd"],
                "sector": "tech",
                "year_established": 1990,
                "revenue": [1.0, draw(some([2.0, 2.0, 3.0]))],
                "employees": 5,
                "office_location": "here",
                "subsidiary_of": None,
            },
            schema_overrides={"subsidiary_of": pl.String},
        ),
    }


@st.composite
def two_exports(draw: st.DrawFn) -> tuple[CrmTables, CrmTables]:
    """An export, and a later one: opportunities new, changed or gone; or other dimension rows."""
    former = draw(st.lists(opportunities(), min_size=3, max_size=12))
    present = [draw(changed(row)) for row in former] + draw(st.lists(opportunities(), max_size=3))
    before = draw(dimensions())
    after = draw(st.just(before) | dimensions())
    return tables(list(former), before), tables(present, after)


def before(rows: pl.DataFrame, day: date | None) -> pl.DataFrame:
    return rows if day is None else rows.filter(pl.col("snapshot_date") < day)


@settings(max_examples=20, deadline=None)
@given(two_exports())
def test_before_the_days_told_snapshots_and_features_are_as_they_were(
    exports: tuple[CrmTables, CrmTables],
) -> None:
    former, present = exports
    changes = changes_between(former, present)
    specs = tuple(s for s in usable(present) if s in usable(former))
    snapshots, features = [], []
    for export in exports:
        rows = build_snapshots(export.opportunities, DATES, as_of=DATES[-1]).sort(KEY)
        snapshots.append(rows.collect())
        features.append(build_features(rows, export, specs).sort(KEY).collect())

    was, is_now = (before(rows, changes.outcomes_from) for rows in snapshots)
    assert_frame_equal(was, is_now, check_exact=True)
    was, is_now = (before(rows, changes.features_from) for rows in features)
    assert_frame_equal(was, is_now, check_exact=True)


@settings(max_examples=20, deadline=None)
@given(two_exports(), DAYS)
def test_who_was_engaged_before_all_that_changed_has_the_same_snapshots(
    exports: tuple[CrmTables, CrmTables], day: int
) -> None:
    changes = changes_between(*exports)
    boundary = START + timedelta(day)
    if changes.outcomes_from is not None:
        boundary = min(boundary, changes.outcomes_from)

    was, is_now = (
        build_snapshots(of_layer(e.opportunities, SETTLED, boundary), DATES, as_of=DATES[-1])
        .sort(KEY)
        .collect()
        for e in exports
    )

    assert_frame_equal(was, is_now, check_exact=True)


@settings(max_examples=5, deadline=None)
@given(two_exports())
def test_an_export_changes_nothing_of_itself(exports: tuple[CrmTables, CrmTables]) -> None:
    for export in exports:
        found = changes_between(export, export)
        assert (found.opportunities, found.features_from, found.outcomes_from) == (0, None, None)
