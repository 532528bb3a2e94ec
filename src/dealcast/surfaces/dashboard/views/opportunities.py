"""Opportunities: filter, search, sort, download; one of them in detail."""

from functools import partial

import polars as pl
import streamlit as st

from dealcast.surfaces.dashboard import pipeline, reading, showing
from dealcast.surfaces.dashboard.opportunity import detail
from dealcast.surfaces.dashboard.pipeline import ALL, LIVE, PAGE, SORTS, STALE, Wanted
from dealcast.surfaces.report.blocks import Nothing
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.report.parts import not_done
from dealcast.surfaces.words import count, counted
from dealcast.workflow.formulas import without_formulas

# What the page keeps: the rows chosen in the table, and the opportunity that is shown.
ROWS, CHOSEN = "rows", "opportunity"
STATES = {LIVE: "Live", STALE: "Stale", ALL: "Both"}


def opportunities(kept: Kept) -> None:
    """The page."""
    if "score" not in kept.records:
        showing.show([not_done("score", kept)])
        return
    scores, horizon = reading.scores(kept), kept.figures("score")["horizon_days"]
    rows = pipeline.wanted(scores, _choice(scores))
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    by = left.selectbox("Sort by", list(SORTS), key="sort", bind="query-params")
    rows = pipeline.ordered(rows, by, horizon)
    right.download_button(
        "Download as CSV",
        data=lambda: without_formulas(rows).write_csv().encode(),
        file_name=f"opportunities-{kept.manifest.run_id}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        disabled=rows.is_empty(),
        width="stretch",
    )
    st.caption(_told(rows, scores, kept.currency))
    if rows.is_empty():
        showing.show([Nothing("No opportunity is like that.", "take a filter away")])
        return
    chosen = _table(rows, horizon, kept.currency)
    st.subheader(f"In detail: {chosen}")
    scored = scores.filter(pl.col("opportunity_id") == chosen)
    showing.show(detail(kept, scored, reading.issued(kept, chosen)))


def _choice(scores: pl.DataFrame) -> Wanted:
    """What the filters say."""
    search = st.text_input(
        "Search", key="search", bind="query-params", icon=":material/search:",
        placeholder="id, agent, product or account",
    )  # fmt: skip
    with st.expander("Filter", icon=":material/filter_list:", expanded=True):
        chosen = {}
        filters = (
            ("agents", "Agent", "sales_agent"),
            ("products", "Product", "product"),
            ("regions", "Region", "region"),
            ("grades", "Grade", "grade"),
        )
        columns = st.columns(len(filters))
        for column, (name, label, field) in zip(columns, filters, strict=True):
            offered = pipeline.offered(scores, field)
            chosen[name] = tuple(
                column.multiselect(label, offered, key=name, bind="query-params", placeholder="all")
            )
        stale = st.segmented_control(
            "Stale: older than any that ever closed", list(STATES), default=LIVE, required=True,
            format_func=STATES.__getitem__, key="state", bind="query-params",
        )  # fmt: skip
    return Wanted(**chosen, stale=stale or LIVE, search=search or "")


def _told(rows: pl.DataFrame, scores: pl.DataFrame, currency: str) -> str:
    amount, expected = (float(rows[c].sum()) for c in ("amount", "expected_value"))
    return (
        f"{counted(rows.height, 'opportunity', 'opportunities')} of {count(scores.height)}, "
        f"{count(amount)} {currency} if all are won, {count(expected)} expected"
    )


def _table(rows: pl.DataFrame, horizon: int, currency: str) -> str:
    """A page of them; returns the one chosen in the table or below it, at first the top one."""
    place, number = st.container(), 1
    if (of := pipeline.pages(rows)) > 1:
        number = st.pagination(of, key="page", bind="query-params")
    page = pipeline.page_of(rows, number)
    if of > 1:
        first = (number - 1) * PAGE
        st.caption(f"{first + 1} to {first + page.height} of {count(rows.height)}")
    ids = page["opportunity_id"].to_list()
    chosen: str = st.selectbox(
        "In detail below: choose a row of the table, or here", ids, key=CHOSEN, bind="query-params"
    )
    # The row follows what is chosen below the table, or came with the URL.
    st.session_state[ROWS] = {"selection": {"rows": [ids.index(chosen)]}}
    with place:
        _rows(page, horizon, currency)
    return chosen


def _rows(page: pl.DataFrame, horizon: int, currency: str) -> None:
    """The table itself, of which one row is always chosen."""
    st.dataframe(
        pipeline.listed(page, horizon),
        hide_index=True,
        height=min(36 * (page.height + 1) + 2, 420),
        column_config={
            "chance": st.column_config.ProgressColumn(
                f"won in {horizon} days", format="%.1f%%", min_value=0, max_value=100
            ),
            "amount": st.column_config.NumberColumn(f"amount, {currency}", format="localized"),
            "expected": st.column_config.NumberColumn(f"expected, {currency}", format="localized"),
            "account": st.column_config.TextColumn(width=150),
            "why": st.column_config.TextColumn(width=340),
        },
        key=ROWS,
        on_select=partial(_take, page["opportunity_id"].to_list()),
        selection_mode="single-row-required",
        alt="Open opportunities that the filters leave, in the order chosen",
    )


def _take(ids: list[str]) -> None:
    """Show the opportunity of the row that was chosen."""
    rows = st.session_state[ROWS]["selection"]["rows"]
    if rows and rows[0] < len(ids):
        st.session_state[CHOSEN] = ids[rows[0]]
