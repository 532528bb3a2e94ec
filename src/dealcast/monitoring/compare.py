"""The reference against what has come in since: everything monitored, in one report."""

from datetime import date

import polars as pl

from dealcast.contracts import CrmTables
from dealcast.monitoring.closing import compare_time_to_close
from dealcast.monitoring.columns import Population, compare_columns
from dealcast.monitoring.rates import compare_arrivals, compare_win_rate
from dealcast.monitoring.report import DriftReport, judge
from dealcast.monitoring.scores import compare_scores
from dealcast.monitoring.windows import newly_closed, newly_engaged, windows
from dealcast.settings.tree import MonitoringSettings


def monitor(  # noqa: PLR0913 - what is compared, when, and how strictly
    tables: CrmTables,
    settings: MonitoringSettings,
    *,
    as_of: date,
    trained_until: date | None = None,
    scores: pl.DataFrame | None = None,
    fiscal_year_start_month: int = 1,
) -> DriftReport:
    """What changed between what the model was trained on and what has come in since.

    Reference: from the first close to `trained_until`, as it was known then; where that is null
    or `as_of`, to `monitoring.current_days` before. Current: after it, to `as_of`. Each
    opportunity counts once per test, in the window in which it engaged (or closed), and only
    beside those of the same month and week of the fiscal quarter. `scores`: as issued, or the
    backtest predictions of one estimator.
    Raises ModelError where the model knows what came after `as_of`.
    """
    within = windows(
        tables,
        as_of=as_of,
        trained_until=trained_until,
        current_days=settings.current_days,
        fiscal_year_start_month=fiscal_year_start_month,
    )
    engaged, closed = newly_engaged(tables, within), newly_closed(tables, within)
    few = settings.min_rows
    populations: dict[Population, pl.DataFrame] = {
        "engaged": engaged,
        "closed": closed,
        "won": closed.filter("won"),
    }
    comparisons = [
        compare_win_rate(closed, min_rows=few),
        compare_arrivals(engaged, within, min_rows=few),
        compare_time_to_close(tables, within, min_rows=few),
        *compare_columns(populations, tables, min_rows=few),
        *compare_scores(scores, tables.opportunities.collect(), within, min_rows=few),
    ]
    return judge(comparisons, settings, within)
