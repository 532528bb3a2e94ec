"""Runs: what was done, how it ended, where else it is recorded, the report."""

import streamlit as st

from dealcast.surfaces.dashboard import over_time, reading, showing
from dealcast.surfaces.report.kept import Kept


def runs(kept: Kept) -> None:
    """The page."""
    showing.show(over_time.runs(reading.manifests(), kept.store.root))
    st.subheader(f"Run {over_time.run_name(kept.manifest.run_id)}")
    with st.container(horizontal=True):
        _report(kept)
        _links(kept)
    showing.show_html(reading.part(kept, "origins"))


def _report(kept: Kept) -> None:
    report = reading.report_of(kept.manifest)
    if report is None:
        st.caption(f"No report was drawn: `dealcast report {kept.manifest.run_id}` does.")
        return
    st.download_button(
        "Download the report",
        report,
        file_name=f"report-{kept.manifest.run_id}.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
    )


def _links(kept: Kept) -> None:
    """Where the run is in MLflow, and the runs in Prefect, as far as they are configured."""
    page = reading.mlflow_page(kept.manifest.run_id)
    if page:
        st.link_button("Open in MLflow", page, icon=":material/open_in_new:")
    api = kept.manifest.settings["orchestration"]["api_url"]
    if api:
        prefect = f"{api.rstrip('/').removesuffix('/api')}/runs"
        st.link_button("Runs in Prefect", prefect, icon=":material/open_in_new:")
    if not page and not api:
        st.caption("Recorded in this store only: tracking and orchestration are local.")
