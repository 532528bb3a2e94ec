"""Forecast: as issued, what if, by region or product, and looking back."""

import streamlit as st

from dealcast.surfaces.dashboard import reading, scenario, showing
from dealcast.surfaces.dashboard.hindsight import looking_back
from dealcast.surfaces.dashboard.scenario import Scenario
from dealcast.surfaces.report.kept import Kept

GROUPS = {"region": "Region", "product": "Product", "sales_agent": "Agent"}
# How far the sliders go (per cent of what was issued), and their steps.
LEAST, MOST, STEP = 50, 150, 5


def forecast(kept: Kept) -> None:
    """The page."""
    issued, what_if, groups, back = st.tabs(
        ["As issued", "What if", "By region, product, agent", "Looking back"]
    )
    with issued:
        showing.show_html(reading.part(kept, "bookings"))
    with what_if:
        chosen = _scenario(kept)
    if "score" in kept.records:
        with groups:
            by = st.segmented_control(
                "By", list(GROUPS), default="region", required=True,
                format_func=GROUPS.__getitem__, key="by", bind="query-params",
            )  # fmt: skip
            scores = reading.scores(kept)
            showing.show(scenario.by_group(kept, scores, by or "region", chosen))
    with back:
        showing.show(looking_back(kept))


def _scenario(kept: Kept) -> Scenario:
    """The sliders, and what they make of the forecast."""
    if not kept.has_table("forecast", "forecast"):
        showing.show_html(reading.part(kept, "bookings"))
        return scenario.AS_ISSUED
    left, right = st.columns(2, gap="large")
    wins = left.slider(
        "Wins of open opportunities, % of what is expected", LEAST, MOST, 100, STEP, key="wins",
        bind="query-params",
    )  # fmt: skip
    new = right.slider(
        "New business, % of what is expected", LEAST, MOST, 100, STEP, key="new",
        bind="query-params",
    )  # fmt: skip
    chosen = Scenario(wins / 100, new / 100)
    showing.show(scenario.told(kept, chosen))
    return chosen
