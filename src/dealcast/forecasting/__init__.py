"""Bookings per week, month and fiscal quarter: booked + open pipeline + new business."""

from dealcast.forecasting.backtest import backtest, origins
from dealcast.forecasting.bookings import bookings_by
from dealcast.forecasting.champion import Champion, Figures, choose, coverage, figures
from dealcast.forecasting.dead_pipeline import DeadPipeline, dead_pipeline
from dealcast.forecasting.issue import BookingsForecast, forecast_bookings
from dealcast.forecasting.issued import score_issued
from dealcast.forecasting.methods import METHODS, Method, method_named
from dealcast.forecasting.outlook import Outlook
from dealcast.forecasting.periods import KINDS, Period, days_ahead, period_of

__all__ = [
    "KINDS",
    "METHODS",
    "BookingsForecast",
    "Champion",
    "DeadPipeline",
    "Figures",
    "Method",
    "Outlook",
    "Period",
    "backtest",
    "bookings_by",
    "choose",
    "coverage",
    "days_ahead",
    "dead_pipeline",
    "figures",
    "forecast_bookings",
    "method_named",
    "origins",
    "period_of",
    "score_issued",
]
