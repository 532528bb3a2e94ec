"""Model: how far to trust it, what it has learnt, what it may not see, who was champion."""

import streamlit as st

from dealcast.surfaces.dashboard import over_time, reading, showing
from dealcast.surfaces.report.kept import Kept

# tab -> the part of the report that it shows
TABS = {
    "How far to trust it": "trust",
    "When they close": "closing",
    "Do people differ?": "people",
    "Leak gate": "leaks",
}


def model(kept: Kept) -> None:
    """The page."""
    *parts, last = st.tabs([*TABS, "Champions"])
    for tab, part in zip(parts, TABS.values(), strict=True):
        with tab:
            showing.show_html(reading.part(kept, part))
    with last:
        showing.show(over_time.champions(*reading.registered(), kept.store.root))
