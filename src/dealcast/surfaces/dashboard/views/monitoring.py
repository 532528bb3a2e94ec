"""Monitoring: alerts, drift, and whether chances come true."""

import streamlit as st

from dealcast.surfaces.dashboard import over_time, reading, showing
from dealcast.surfaces.report.kept import Kept


def monitoring(kept: Kept) -> None:
    """The page."""
    found = kept.figures("monitor")
    if found.get("drift") == "alert":
        st.error("Alert: what changed needs to be looked at.", icon=":material/error:")
    elif found.get("drift") == "warning":
        st.warning("Warning: something has changed.", icon=":material/warning:")
    elif found:
        st.success("No alert: nothing drifted beyond chance.", icon=":material/check_circle:")
    showing.show_html(reading.part(kept, "drift"))
    showing.show(over_time.drifts(reading.manifests()))
