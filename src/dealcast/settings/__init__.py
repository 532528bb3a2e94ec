"""Everything that can be chosen, and where each value came from."""

from dealcast.settings.crm import CrmColumns, ExportSettings
from dealcast.settings.loading import (
    DEFAULT_ENVIRONMENT,
    LoadedSettings,
    load_settings,
    parse_value,
    shown,
    variable_of,
)
from dealcast.settings.privacy import PrivacySettings
from dealcast.settings.secrets import secret_fields, without_secrets
from dealcast.settings.section import Section
from dealcast.settings.serving import ApiKey, ApiSettings, StackSettings
from dealcast.settings.sources import (
    SOURCE_KINDS,
    FilesSource,
    KaggleSource,
    SampleSource,
    SourceSettings,
    SqlSource,
)
from dealcast.settings.tree import (
    AuditSettings,
    CleaningSettings,
    DataSettings,
    EngineSettings,
    FeatureSettings,
    ForecastSettings,
    LoggingSettings,
    ModelSettings,
    MonitoringSettings,
    OrchestrationSettings,
    QualitySettings,
    RetentionSettings,
    Settings,
    StorageSettings,
    TrackingSettings,
)

__all__ = [
    "DEFAULT_ENVIRONMENT",
    "SOURCE_KINDS",
    "ApiKey",
    "ApiSettings",
    "AuditSettings",
    "CleaningSettings",
    "CrmColumns",
    "DataSettings",
    "EngineSettings",
    "ExportSettings",
    "FeatureSettings",
    "FilesSource",
    "ForecastSettings",
    "KaggleSource",
    "LoadedSettings",
    "LoggingSettings",
    "ModelSettings",
    "MonitoringSettings",
    "OrchestrationSettings",
    "PrivacySettings",
    "QualitySettings",
    "RetentionSettings",
    "SampleSource",
    "Section",
    "Settings",
    "SourceSettings",
    "SqlSource",
    "StackSettings",
    "StorageSettings",
    "TrackingSettings",
    "load_settings",
    "parse_value",
    "secret_fields",
    "shown",
    "variable_of",
    "without_secrets",
]
