"""What changed since the model was trained, and whether its chances still come true."""

from dealcast.monitoring.calibration import calibration_over_time
from dealcast.monitoring.compare import monitor
from dealcast.monitoring.report import (
    EXIT_ALERT,
    EXIT_OK,
    EXIT_WARNING,
    DriftReport,
    DriftResult,
)

__all__ = [
    "EXIT_ALERT",
    "EXIT_OK",
    "EXIT_WARNING",
    "DriftReport",
    "DriftResult",
    "calibration_over_time",
    "monitor",
]
