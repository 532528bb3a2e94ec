"""What listens on a port: the services of the stack, the dashboard, the API."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from dealcast.settings.section import Section

Port = Annotated[int, Field(ge=1, le=65_535)]


class StackSettings(Section):
    """The services that `dealcast stack up` starts on this machine, on loopback."""

    folder: str = Field("data/stack", description="Folder of their data, logs and secrets.")
    postgres_port: Port = Field(5433, description="Port of PostgreSQL.")
    postgres_user: str | None = Field(
        None,
        description="User of this machine that PostgreSQL runs as where the caller is root, which "
        "it refuses to be; by default postgres, else nobody.",
    )
    s3_port: Port = Field(8333, description="Port of the S3 server (SeaweedFS).")
    mlflow_port: Port = Field(5001, description="Port of the MLflow server.")
    prefect_port: Port = Field(4200, description="Port of the Prefect server.")


class DashboardSettings(Section):
    """Where `dealcast dashboard` listens. It asks nobody for a password."""

    address: str = Field(
        "127.0.0.1",
        min_length=1,
        description="Address to listen on; 127.0.0.1: this machine alone.",
    )
    port: Port = Field(8501, description="Port to listen on.")
    public_host: str | None = Field(
        None,
        min_length=1,
        description="Host name under which a proxy shows it, such as crm.example.com: pages from "
        "there may use it. By default only those from the address itself.",
    )


class ApiKey(Section):
    """Who may call the API, and what for. The key itself is kept nowhere."""

    name: str = Field(
        pattern=r"^[\w.@-]{1,64}$", description="Whose it is; in the log of each request."
    )
    scopes: tuple[Literal["read", "score"], ...] = Field(
        min_length=1, description="read: what the last run issued; score: new opportunities."
    )
    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="SHA-256 of the key, as `dealcast api key` prints it.",
    )


class ApiSettings(Section):
    """Scores over HTTP: where, for whom, and how much at a time."""

    host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on; loopback by default."
    )
    port: Port = Field(8000, description="Port to listen on.")
    keys: tuple[ApiKey, ...] = Field(
        (), description="Who may call: a list of name, scopes and sha256 (`dealcast api key`)."
    )
    without_keys: bool = Field(
        False, description="Answer everybody where there are no keys; on loopback only."
    )
    max_body_bytes: int = Field(
        1_048_576, ge=1_024, description="Largest body of a request (bytes)."
    )
    max_opportunities: int = Field(
        1_000, ge=1, le=100_000, description="Most opportunities in one request or page (count)."
    )
    max_requests: int = Field(
        100, ge=1, description="Most requests answered at once (count); more are told to come back."
    )
    requests_per_minute: int | None = Field(
        6_000,
        ge=1,
        description="Requests that one key may make in a minute (count), of all kinds together; "
        "null: as many as it likes.",
    )
    burst: int = Field(
        200, ge=1, description="Requests of one key that may come at once before that (count)."
    )
    timeout_seconds: float = Field(
        10, gt=0, le=600, description="Longest that one request may take (seconds)."
    )
    reload_seconds: float = Field(
        15,
        gt=0,
        le=86_400,
        description="How often a new champion and new scores are looked for (seconds).",
    )

    @field_validator("keys")
    @classmethod
    def _keys_differ(cls, keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        if len({k.name for k in keys}) < len(keys) or len({k.sha256 for k in keys}) < len(keys):
            raise ValueError("must have another name and another key each")
        return keys
