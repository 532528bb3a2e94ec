"""Charts: frame → SVG, pure. One function per chart, for the report and the dashboard.

An SVG is text that a browser draws by itself: no script, no network, sharp in print. Its colours
come from STYLE, which the page that shows it holds once, so that it follows light and dark.
"""

from dealcast.surfaces.charts.bars import (
    dead_by_owner,
    drift_sizes,
    expected_by,
    pipeline_by_grade,
    quality_deductions,
)
from dealcast.surfaces.charts.bookings import bookings
from dealcast.surfaces.charts.calibration import reliability, wins_over_time
from dealcast.surfaces.charts.chances import closing_chances
from dealcast.surfaces.charts.course import course
from dealcast.surfaces.charts.hindsight import hindsight
from dealcast.surfaces.charts.rates import rates
from dealcast.surfaces.charts.reasons import reasons
from dealcast.surfaces.charts.skill import skill
from dealcast.surfaces.charts.style import STYLE, style

__all__ = [
    "STYLE",
    "bookings",
    "closing_chances",
    "course",
    "dead_by_owner",
    "drift_sizes",
    "expected_by",
    "hindsight",
    "pipeline_by_grade",
    "quality_deductions",
    "rates",
    "reasons",
    "reliability",
    "skill",
    "style",
    "wins_over_time",
]
