"""Is everything around a run in order? A line per probe, each with what to do about it."""

from dealcast.orchestration.doctor.examining import Diagnosis, examine
from dealcast.orchestration.doctor.spec import Finding, Line, Outcome, Probe, Setup

__all__ = ["Diagnosis", "Finding", "Line", "Outcome", "Probe", "Setup", "examine"]
