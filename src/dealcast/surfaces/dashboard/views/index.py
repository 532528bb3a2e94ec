"""PAGES: the dashboard from left to right. One entry to add a page."""

from collections.abc import Callable
from dataclasses import dataclass

from dealcast.surfaces.dashboard.views.forecast import forecast
from dealcast.surfaces.dashboard.views.model import model
from dealcast.surfaces.dashboard.views.monitoring import monitoring
from dealcast.surfaces.dashboard.views.opportunities import opportunities
from dealcast.surfaces.dashboard.views.overview import overview
from dealcast.surfaces.dashboard.views.quality import quality
from dealcast.surfaces.dashboard.views.runs import runs
from dealcast.surfaces.report.kept import Kept


@dataclass(frozen=True)
class Page:
    """One page: its name in the URL, title, icon, and what draws it of a run."""

    name: str
    title: str
    icon: str
    show: Callable[[Kept], None]


PAGES: tuple[Page, ...] = (
    Page("overview", "Overview", ":material/insights:", overview),
    Page("opportunities", "Opportunities", ":material/list_alt:", opportunities),
    Page("forecast", "Forecast", ":material/trending_up:", forecast),
    Page("quality", "Data quality", ":material/fact_check:", quality),
    Page("model", "Model", ":material/model_training:", model),
    Page("monitoring", "Monitoring", ":material/monitor_heart:", monitoring),
    Page("runs", "Runs", ":material/history:", runs),
)
