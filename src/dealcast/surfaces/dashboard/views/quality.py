"""Data quality: this export, checks over time, rows that were set aside."""

import streamlit as st

from dealcast.surfaces.dashboard import over_time, pipeline, quarantine, reading, showing
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.report.parts import not_done
from dealcast.surfaces.words import count
from dealcast.workflow.formulas import without_formulas

RUNS_SHOWN = 5


def quality(kept: Kept) -> None:
    """The page."""
    this, all_runs, aside = st.tabs(["This export", "Over time", "Set aside"])
    with this:
        showing.show_html(reading.part(kept, "quality"))
    with all_runs:
        runs = reading.manifests()
        showing.show(over_time.qualities(runs))
        showing.show(over_time.checks(reading.quality_reports(runs, RUNS_SHOWN)))
    with aside:
        _set_aside(kept)


def _set_aside(kept: Kept) -> None:
    if not kept.has_table("clean", "quarantine"):
        showing.show([not_done("clean", kept)])
        return
    rows = kept.table("clean", "quarantine")
    showing.show(quarantine.set_aside(rows, kept.store.root))
    if rows.is_empty():
        return
    number, of = 1, pipeline.pages(rows)
    if of > 1:
        number = st.pagination(of, key="aside")
    st.dataframe(
        quarantine.listed(pipeline.page_of(rows, number)),
        hide_index=True,
        alt="Rows that were set aside, what is wrong with each, and what would mend it",
    )
    st.download_button(
        f"Download all {count(rows.height)} as CSV",
        data=lambda: without_formulas(rows).write_csv().encode(),
        file_name=f"quarantine-{kept.manifest.run_id}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
