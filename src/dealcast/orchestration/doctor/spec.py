"""Probe, Setup, Finding, Line: the words of the doctor."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from dealcast.errors import DealcastError, SettingsError
from dealcast.settings import LoadedSettings, Settings

# Of one question to a server: shorter than a probe may take, so that the better message wins.
ANSWER_SECONDS = 3


class Outcome(StrEnum):
    """How a line of the doctor ends. Only `failed` is to be mended before a run."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True)
class Finding:
    """What a probe found, in one sentence with facts, and the next command or edit."""

    outcome: Outcome
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Line:
    """A finding, of which probe it is, and the time it took (seconds)."""

    name: str
    outcome: Outcome
    found: str
    remedy: str
    seconds: float


@dataclass(frozen=True)
class Setup:
    """What is examined: the settings, or why there are none; where their files were sought."""

    loaded: LoadedSettings | SettingsError
    config_folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @property
    def settings(self) -> Settings:
        """The settings. Raises the SettingsError that was met in their place."""
        if isinstance(self.loaded, SettingsError):
            raise self.loaded
        return self.loaded.settings


@dataclass(frozen=True)
class Probe:
    """One thing the doctor looks at.

    `unless`: why it does not apply to these settings, empty where it does. None: it needs no
    settings.
    """

    name: str
    what: str
    look: Callable[[Setup], Finding]
    unless: Callable[[Settings], str] | None = None


def ok(found: str) -> Finding:
    """In order."""
    return Finding(Outcome.OK, found)


def warning(found: str, remedy: str) -> Finding:
    """A run can be made; something will hurt later."""
    return Finding(Outcome.WARNING, found, remedy)


def failed(found: str, remedy: str) -> Finding:
    """To be mended before a run."""
    return Finding(Outcome.FAILED, found, remedy)


def refused(error: DealcastError) -> Finding:
    """Failed as an error says."""
    return failed(error.problem, error.remedy)


def not_applicable(why: str) -> Finding:
    """Nothing to look at, which is neither good nor bad."""
    return Finding(Outcome.NOT_APPLICABLE, why)
