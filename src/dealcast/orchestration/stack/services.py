"""SERVICES: what the stack consists of, in the order in which it starts."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dealcast.orchestration.stack import postgres, readiness, seaweedfs
from dealcast.orchestration.stack.credentials import (
    HOST,
    MLFLOW_ACCESS_KEY,
    MLFLOW_BUCKET,
    MLFLOW_S3_SECRET,
    Credentials,
    settings_of,
)
from dealcast.orchestration.stack.layout import Layout
from dealcast.settings import Settings

PYTHON = (sys.executable, "-P", "-m")


@dataclass(frozen=True)
class Setup:
    """All that a service may need to be started: settings, secrets, programs, places."""

    settings: Settings
    layout: Layout
    credentials: Credentials
    inner_ports: Mapping[str, int] = field(default_factory=dict)
    programs: postgres.Programs | None = None
    user: postgres.User | None = None
    environment: str = "staging"
    caller_folder: Path = field(default_factory=Path.cwd)
    config_dir: Path | None = None

    def url(self, setting: str) -> str:
        """The address of the service on that port."""
        return f"http://{HOST}:{getattr(self.settings.stack, setting)}"


@dataclass(frozen=True)
class Service:
    """One process. It starts when all of the stages before are ready.

    `ready`: None when it is, else what is missing; `since` is when the process was started (epoch
    seconds). `sweep`: killed by force, it would leave children that hold its port.
    """

    name: str
    title: str
    stage: int
    port: str | None
    command: Callable[[Setup], list[str]]
    environment: Callable[[Setup], dict[str, str]]
    ready: Callable[[Setup, float], str | None]
    ready_seconds: int
    stop_signal: str
    stop_seconds: int
    sweep: bool = False

    def address(self, setup: Setup) -> str:
        """Where it answers."""
        stack = setup.settings.stack
        if self.port is None:
            return f"work pool {setup.settings.orchestration.work_pool}"
        if self.name == "postgres":
            return f"postgresql://{HOST}:{stack.postgres_port}"
        return setup.url(self.port)


def _postgres_command(setup: Setup) -> list[str]:
    assert setup.programs is not None  # noqa: S101 - found before anything is started
    port = setup.settings.stack.postgres_port
    return postgres.command(setup.programs, setup.layout.postgres_data, port)


def _mlflow_environment(setup: Setup) -> dict[str, str]:
    port = setup.settings.stack.postgres_port
    return {
        "MLFLOW_BACKEND_STORE_URI": setup.credentials.database_url("psycopg", "mlflow", port),
        "MLFLOW_S3_ENDPOINT_URL": setup.url("s3_port"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "AWS_ACCESS_KEY_ID": MLFLOW_ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": setup.credentials.values[MLFLOW_S3_SECRET],
        "AWS_DEFAULT_REGION": seaweedfs.REGION,
        # What the caller's own AWS profile says is of another S3.
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _prefect_environment(setup: Setup) -> dict[str, str]:
    environment = {
        **_prefect_common(setup, "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_UI_API_URL": f"{setup.url('prefect_port')}/api",
    }
    if setup.programs is not None and setup.programs.trigrams:
        port = setup.settings.stack.postgres_port
        environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = setup.credentials.database_url(
            "asyncpg", "prefect", port
        )
    # Without pg_trgm Prefect's tables cannot be made in PostgreSQL: SQLite in PREFECT_HOME then.
    return environment


def _worker_environment(setup: Setup) -> dict[str, str]:
    environment = {
        **_prefect_common(setup, "worker"),
        **settings_of(setup.settings.stack, setup.credentials),
        "DEALCAST_ENV": setup.environment,
    }
    if setup.config_dir:
        environment["DEALCAST_CONFIG_DIR"] = str(setup.config_dir)
    return environment


def _prefect_common(setup: Setup, home: str) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(setup.layout.data(home)),
        "PREFECT_API_URL": f"{setup.url('prefect_port')}/api",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_CLI_PROMPT": "false",
    }


def _worker_command(setup: Setup) -> list[str]:
    pool = setup.settings.orchestration.work_pool
    start = ("prefect", "worker", "start", "--pool", pool, "--type", "process")
    return [*PYTHON, *start, "--name", readiness.WORKER_NAME, "--install-policy", "never"]


SERVICES = (
    Service(
        name="postgres",
        title="PostgreSQL",
        stage=1,
        port="postgres_port",
        command=_postgres_command,
        environment=lambda _: {},
        ready=lambda s, _: readiness.postgres_ready(s.settings.stack.postgres_port, s.credentials),
        ready_seconds=60,
        stop_signal="INT",  # fast: TERM would wait until every client has gone
        stop_seconds=30,
    ),
    Service(
        name="seaweedfs",
        title="SeaweedFS (S3)",
        stage=1,
        port="s3_port",
        command=lambda s: seaweedfs.command(s.layout, s.settings.stack.s3_port, s.inner_ports),
        environment=lambda _: {},
        ready=lambda s, _: readiness.http_ready(s.settings.stack.s3_port, "/healthz"),
        ready_seconds=60,
        stop_signal="TERM",
        stop_seconds=45,
    ),
    Service(
        name="mlflow",
        title="MLflow server",
        stage=2,
        port="mlflow_port",
        command=lambda s: [
            *(*PYTHON, "mlflow", "server", "--host", HOST),
            *("--port", str(s.settings.stack.mlflow_port), "--workers", "1"),
            *("--serve-artifacts", "--artifacts-destination", f"s3://{MLFLOW_BUCKET}"),
        ],
        environment=_mlflow_environment,
        ready=lambda s, _: readiness.http_ready(s.settings.stack.mlflow_port, "/health"),
        ready_seconds=180,
        stop_signal="TERM",
        stop_seconds=15,
        sweep=True,
    ),
    Service(
        name="prefect",
        title="Prefect server",
        stage=2,
        port="prefect_port",
        command=lambda s: [
            *(*PYTHON, "prefect", "server", "start", "--host", HOST),
            *("--port", str(s.settings.stack.prefect_port)),
        ],
        environment=_prefect_environment,
        ready=lambda s, _: readiness.http_ready(s.settings.stack.prefect_port, "/api/ready"),
        ready_seconds=180,
        stop_signal="TERM",
        stop_seconds=15,
        sweep=True,
    ),
    Service(
        name="worker",
        title="Prefect worker",
        stage=3,
        port=None,
        command=_worker_command,
        environment=_worker_environment,
        ready=lambda s, since: readiness.worker_ready(
            s.settings.stack.prefect_port, s.settings.orchestration.work_pool, since
        ),
        ready_seconds=120,
        stop_signal="TERM",
        stop_seconds=15,  # it may not hear the first signal
    ),
)
STAGES = tuple(
    tuple(s for s in SERVICES if s.stage == stage) for stage in sorted({s.stage for s in SERVICES})
)
