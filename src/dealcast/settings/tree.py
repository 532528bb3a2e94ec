"""Everything that can be chosen: one frozen tree, every field with a unit and a sentence."""

import re
from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, field_validator

from dealcast.settings.crm import ExportSettings
from dealcast.settings.privacy import PrivacySettings
from dealcast.settings.section import Section
from dealcast.settings.serving import ApiSettings, DashboardSettings, StackSettings
from dealcast.settings.sources import SampleSource, SourceSettings

Share = Annotated[float, Field(ge=0, le=1)]


def _without_credentials(url: str | None) -> str | None:
    # Addresses are shown, recorded and sent; only what is marked as a secret is hidden.
    if url and "@" in urlsplit(url).netloc:
        raise ValueError("must be without user and password, which have settings of their own")
    return url


Address = Annotated[str, AfterValidator(_without_credentials)]
# Options of Spark that hold a secret, but for those that name a file which does.
SECRET_OPTION = re.compile(r"(secret|password|token|account\.key)(?!.*file$)", re.IGNORECASE)
# Days that anything is kept at the most: a century.
MOST_DAYS = 36_500


class DataSettings(Section):
    """What the export is about."""

    as_of: date | None = Field(
        None, description="Last day the export knows; by default the latest date in it."
    )
    fiscal_year_start_month: int = Field(
        1, ge=1, le=12, description="Month (1-12) in which fiscal quarter 1 begins."
    )
    currency: str = Field("USD", description="Currency of amounts, for display only.")


class RetentionSettings(Section):
    """How long what the present state of the store does not need is kept."""

    keep_days: float | None = Field(
        90,
        ge=0,
        le=MOST_DAYS,
        description="Runs that began within so many days are kept; null: no such rule.",
    )
    keep_runs: int | None = Field(
        None, ge=1, description="So many latest runs are kept (count); null: no such rule."
    )
    grace_hours: float = Field(
        24,
        ge=0,
        le=24 * MOST_DAYS,
        description="Nothing written within so many hours is deleted: a run may need it.",
    )


class StorageSettings(Section):
    """Where tables and objects are kept: a folder, or s3://BUCKET/PREFIX on any S3 server."""

    root: Address = Field(
        "auto",
        description="Folder of the store, or s3://BUCKET/PREFIX; auto: s3://storage.bucket inside "
        "a container, where a bucket is set, else ./data.",
    )
    bucket: Address | None = Field(
        None, description="Bucket (or BUCKET/PREFIX) that root auto uses inside a container."
    )
    endpoint: Address | None = Field(
        None, description="URL of the S3 server; by default AWS's own, or AWS_ENDPOINT_URL."
    )
    region: str | None = Field(None, description="S3 region; else from AWS_REGION, or us-east-1.")
    access_key_id: str | None = Field(
        None, description="S3 access key; else from the usual AWS places."
    )
    secret_access_key: SecretStr | None = Field(
        None, description="S3 secret key; else from the usual AWS places."
    )
    session_token: SecretStr | None = Field(
        None, description="S3 session token, for temporary credentials."
    )
    path_style: bool = Field(
        True, description="Put the bucket into the path of the URL, not into its host name."
    )
    allow_http: bool = Field(False, description="Accept an endpoint without TLS (http://).")
    ca_file: str | None = Field(
        None, description="PEM file of the authority that signed the endpoint's certificate."
    )
    create_bucket: bool = Field(False, description="Create the bucket where it is missing.")
    timeout_seconds: float = Field(
        30, gt=0, description="Longest that one request to S3 may take (seconds)."
    )
    attempts: int = Field(
        8,
        ge=1,
        le=30,
        description="Tries of a request or a commit before giving up, with back-off (count).",
    )
    retention: RetentionSettings = RetentionSettings()


class QualitySettings(Section):
    """When an export is good enough."""

    min_score: float = Field(
        0.6, ge=0, le=1, description="The run stops where the raw score (0-1) is lower."
    )


class CleaningSettings(Section):
    """What may be repaired."""

    spelling: dict[str, str] = Field(
        {"technolgy": "technology", "Philipines": "Philippines"},
        description="Known misspellings in any text column: wrong to right.",
    )
    max_quarantined: float = Field(
        0.5, ge=0, le=1, description="The run stops where a larger share of rows is set aside."
    )


class FeatureSettings(Section):
    """Which features, on which dates."""

    snapshot_every_days: int = Field(7, ge=1, description="Days between snapshot dates.")
    snapshot_weekday: int = Field(
        0, ge=0, le=6, description="Weekday the snapshot dates start on, Monday 0."
    )
    split: Literal["time", "random"] = Field(
        "time", description="How crm_features is split; random leaks and is labelled so."
    )
    test_share: float = Field(0.2, gt=0, lt=1, description="Share of rows in the test part.")
    incremental: bool = Field(
        True, description="Recompute only what an export changes of the last run's snapshots."
    )


class EngineSettings(Section):
    """What computes snapshots and point-in-time features, and in how much memory."""

    name: Literal["polars", "duckdb", "spark"] = Field(
        "polars",
        description="polars, the default; duckdb, spark: of the extras of these names.",
    )
    memory_gb: float | None = Field(
        None,
        gt=0,
        description="Memory (GB) for batches of rows, DuckDB and a local Spark; by default most of "
        "what is free, and for Spark what Spark takes (1 GB).",
    )
    spark_master: str = Field(
        "local[*]",
        min_length=1,
        description="Where Spark runs, if no session is active already. local[*]: on all cores of "
        "this machine; local[2]: on two; spark://HOST:7077, yarn, k8s://URL: a cluster; "
        "sc://HOST:15002: Spark Connect.",
    )
    spark_partitions: int | None = Field(
        None, ge=1, description="Parts of a shuffle of Spark (count); by default two per core."
    )
    spark_options: dict[str, str] = Field(
        default_factory=dict, description="Further options of Spark by name, such as its memory."
    )

    @field_validator("spark_master")
    @classmethod
    def _master_is_no_secret(cls, master: str) -> str:
        if "token=" in master.lower():
            raise ValueError("must be without token; set SPARK_CONNECT_AUTHENTICATE_TOKEN")
        return master

    @field_validator("spark_options")
    @classmethod
    def _options_are_no_secrets(cls, options: dict[str, str]) -> dict[str, str]:
        # They are recorded with the run, and stand on the command line of Spark's Java process.
        if found := [name for name in options if SECRET_OPTION.search(name)]:
            raise ValueError(f"must be without '{found[0]}'; put it into Spark's own configuration")
        return options


class ModelSettings(Section):
    """How the win model is trained and judged."""

    horizons_days: tuple[Annotated[int, Field(ge=1, le=3_650)], ...] = Field(
        (30, 60, 90), min_length=1, description="Won within so many days."
    )
    estimator: Literal[
        "auto", "age", "calendar", "never_close", "shifting", "entities", "boosting"
    ] = Field(
        "auto",
        description="auto: the plainest of those that predict best out of time; or a name of one.",
    )
    try_boosting: bool = Field(
        False,
        description="Try boosted trees too, for data with much signal (extra 'boosting').",
    )
    entities: tuple[Literal["sales_agent", "product", "account"], ...] = Field(
        ("sales_agent", "product", "account"),
        description="Whose differences in speed and winning may be learnt, where the leak gate "
        "lets them in.",
    )
    grades: tuple[Share, Share, Share] = Field(
        (0.5, 0.25, 0.1),
        description="Least chances (0-1) of being won within the longest horizon for A, B and C.",
    )

    @field_validator("grades")
    @classmethod
    def _grades_fall(cls, grades: tuple[float, float, float]) -> tuple[float, float, float]:
        if not grades[0] > grades[1] > grades[2]:
            raise ValueError("must fall from A to C, such as [0.5, 0.25, 0.1]")
        return grades

    min_closed: int = Field(
        200, ge=1, description="Fewest closed opportunities to train on (count)."
    )
    first_origin_after_days: int = Field(
        90, ge=14, description="History (days) before the first rolling origin."
    )
    max_judged: int = Field(
        100_000,
        ge=1_000,
        description="Opportunities (count) that the model is judged on; of more a random sample. "
        "It learns from all of them.",
    )
    seed: int = Field(0, ge=0, description="Seed of everything random in training.")


class MonitoringSettings(Section):
    """When a change since training counts, and what follows from it."""

    current_days: int = Field(
        90,
        ge=1,
        le=3_650,
        description="Days compared with what was before, where the model knows the whole export.",
    )
    false_alarm_rate: float = Field(
        0.01, gt=0, lt=1, description="Chance (0-1) that a run finds drift where there is none."
    )
    min_rows: int = Field(
        50, ge=10, description="Fewest rows (count) in either window for a test to apply."
    )
    psi_warning: float = Field(
        0.1, gt=0, description="Population stability index of a distribution that is a warning."
    )
    psi_alert: float = Field(0.25, gt=0, description="The same that is an alert.")
    share_warning: float = Field(
        0.05,
        gt=0,
        le=1,
        description="Difference of a win rate, fill rate or mean score (0-1) that is a warning.",
    )
    share_alert: float = Field(0.15, gt=0, le=1, description="The same that is an alert.")
    ratio_warning: float = Field(
        1.25,
        gt=1,
        description="Arrivals, speed of closing, wins against expected: a warning where they are "
        "this many times as large, or as small.",
    )
    ratio_alert: float = Field(1.5, gt=1, description="The same that is an alert.")
    retrain_on: Literal["never", "alert", "warning"] = Field(
        "never", description="Lowest level of drift upon which the model is to be trained anew."
    )


class TrackingSettings(Section):
    """Where runs are recorded."""

    kind: Literal["local", "mlflow"] = Field(
        "local", description="local: plain files under runs/; mlflow: those, and MLflow too."
    )
    uri: Address = Field(
        "auto",
        description="MLflow tracking URI, such as http://HOST:5000; auto: SQLite in the store's "
        "folder. Credentials come from MLFLOW_TRACKING_USERNAME, _PASSWORD or _TOKEN.",
    )
    experiment: str = Field("dealcast", min_length=1, description="MLflow experiment.")
    model_name: str = Field(
        "dealcast-win-model", min_length=1, description="Name in the MLflow model registry."
    )
    timeout_seconds: int = Field(
        10, ge=1, description="Longest that one request to MLflow may take (seconds)."
    )


class OrchestrationSettings(Section):
    """How the steps are run: in this process, or as a Prefect flow; and when."""

    kind: Literal["local", "prefect"] = Field(
        "local", description="local: in this process alone; prefect: as a flow on a server."
    )
    api_url: Address | None = Field(
        None, description="Prefect server, such as http://HOST:4200/api; else PREFECT_API_URL."
    )
    api_key: SecretStr | None = Field(
        None, description="Key of a Prefect server that asks for one: USER:PASSWORD, or a token."
    )
    wait_for_server_seconds: float = Field(
        30, ge=0, description="How long to wait for a Prefect server that is away (seconds)."
    )
    work_pool: str = Field("dealcast", min_length=1, description="Process work pool for schedules.")
    time_zone: str = Field("UTC", description="Time zone of the schedules, such as Europe/Berlin.")

    @field_validator("time_zone")
    @classmethod
    def _time_zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("must be a time zone such as Europe/Berlin") from error
        return name

    daily_cron: str | None = Field(
        "0 6 * * *", description="When new data are ingested and scored (cron); null: never."
    )
    train_cron: str | None = Field(
        "0 4 * * 0", description="When the model is trained anew (cron); null: never."
    )
    monitor_cron: str | None = Field(
        "0 7 * * *", description="When drift is looked for (cron); null: never."
    )
    attempts: int = Field(
        3, ge=1, le=10, description="Tries of a step whose failure may pass, with back-off (count)."
    )
    retry_delay_seconds: float = Field(
        10, ge=0, description="Wait before the second try (seconds); doubled for each further one."
    )
    step_timeout_seconds: int = Field(
        7_200, ge=1, description="Longest that one step may take as a Prefect task (seconds)."
    )
    dead_after_seconds: int = Field(
        300,
        ge=35,
        description="A scheduled job that gave no sign of life for so long is picked up again "
        "(seconds).",
    )

    skip_unchanged: bool = Field(
        True, description="Skip a step whose inputs, settings and code did not change."
    )


class LoggingSettings(Section):
    """What is logged, and how."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level.")
    format: Literal["human", "json"] = Field("human", description="human for people, json else.")


class AuditSettings(Section):
    """When a feature counts as knowing the outcome (the leak gate)."""

    max_auc_alone: float = Field(
        0.85,
        gt=0.5,
        le=1,
        description="Largest AUC of a feature, or a group, alone, among rows of one age.",
    )
    max_fill_gap: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Largest difference of the share filled on closed and on open rows (0-1).",
    )
    max_unseen_share: float = Field(
        0.25,
        ge=0,
        le=1,
        description="Largest share of rows with a value that only closed, or open, rows have.",
    )
    significance: float = Field(
        0.01, gt=0, lt=1, description="Chance (0-1) of one false alarm among all features."
    )
    max_rows: int = Field(
        30_000, ge=1_000, description="Rows that are looked at (count); more are sampled."
    )
    rebuilt_dates: int = Field(
        3, ge=1, description="Dates on which the future is erased and all is rebuilt (count)."
    )
    max_auc_of_model: float = Field(
        0.97,
        gt=0.5,
        le=1,
        description="A model with a larger AUC out of time is not registered: too good to be true.",
    )
    accept_near_perfect: str | None = Field(
        None, description="Reason for accepting such a model all the same; it is recorded."
    )
    allow: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        {}, description="Features to keep although they fail: name to reason, which is recorded."
    )


class ForecastSettings(Section):
    """What is forecast, by which method, and how sure its intervals are to be."""

    quarters: int = Field(
        2, ge=1, le=4, description="Fiscal quarters to forecast (count), the present one first."
    )
    method: str = Field(
        "auto", description="auto: the one that holds out of time; or the name of one."
    )
    interval: float = Field(
        0.8, gt=0, lt=1, description="Share of periods (0-1) that intervals are to cover."
    )
    origins: int = Field(
        12, ge=1, le=60, description="Latest month ends from which forecasts are tested (count)."
    )


class Settings(Section):
    """The whole tree. A pure function receives its own section, never this."""

    data: DataSettings = DataSettings()
    source: SourceSettings = SampleSource()
    privacy: PrivacySettings = PrivacySettings()
    storage: StorageSettings = StorageSettings()
    quality: QualitySettings = QualitySettings()
    cleaning: CleaningSettings = CleaningSettings()
    features: FeatureSettings = FeatureSettings()
    engine: EngineSettings = EngineSettings()
    model: ModelSettings = ModelSettings()
    forecast: ForecastSettings = ForecastSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    export: ExportSettings = ExportSettings()
    tracking: TrackingSettings = TrackingSettings()
    orchestration: OrchestrationSettings = OrchestrationSettings()
    stack: StackSettings = StackSettings()
    dashboard: DashboardSettings = DashboardSettings()
    api: ApiSettings = ApiSettings()
    logging: LoggingSettings = LoggingSettings()
    audit: AuditSettings = AuditSettings()
