"""Everything that can be chosen, and where each value came from."""

from dealcast.settings.loading import LoadedSettings, load_settings, parse_value, shown
from dealcast.settings.tree import (
    SOURCE_KINDS,
    CleaningSettings,
    DataSettings,
    FeatureSettings,
    FilesSource,
    KaggleSource,
    LoggingSettings,
    ModelSettings,
    OrchestrationSettings,
    QualitySettings,
    SampleSource,
    Section,
    Settings,
    SourceSettings,
    StorageSettings,
    TrackingSettings,
)

__all__ = [
    "SOURCE_KINDS",
    "CleaningSettings",
    "DataSettings",
    "FeatureSettings",
    "FilesSource",
    "KaggleSource",
    "LoadedSettings",
    "LoggingSettings",
    "ModelSettings",
    "OrchestrationSettings",
    "QualitySettings",
    "SampleSource",
    "Section",
    "Settings",
    "SourceSettings",
    "StorageSettings",
    "TrackingSettings",
    "load_settings",
    "parse_value",
    "shown",
]
