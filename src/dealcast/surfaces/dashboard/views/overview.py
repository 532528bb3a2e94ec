"""Overview: the headline, the forecast, what to look at."""

import streamlit as st

from dealcast.surfaces.dashboard import reading, showing
from dealcast.surfaces.report.blocks import Charts, Prose
from dealcast.surfaces.report.bookings import by_month
from dealcast.surfaces.report.headline import cards, remarks
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.report.page import headline_html
from dealcast.surfaces.report.parts import PARTS

# part of the report -> the page that tells more
MORE = {
    "bookings": "forecast",
    "open": "opportunities",
    "dead": "opportunities",
    "quality": "quality",
    "trust": "model",
    "leaks": "model",
    "drift": "monitoring",
    "lineage": "runs",
}


def overview(kept: Kept) -> None:
    """The page."""
    showing.show_html(headline_html(cards(kept)))
    if kept.has_object("forecast", "forecast"):
        showing.show([Charts((by_month(kept),))])
    else:
        showing.show_html(reading.part(kept, PARTS["bookings"].name))
    found = remarks(kept)
    if not found:
        return
    st.subheader("What to look at")
    for remark in found:
        left, right = st.columns([4, 1], gap="medium")
        with left:
            showing.show([Prose(remark.text)])
        with right:
            showing.link(MORE[remark.part])
