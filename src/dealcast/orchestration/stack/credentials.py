"""The stack's secrets, made once, and its addresses: the lines of stack.env."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dealcast.errors import ServiceError
from dealcast.orchestration.stack.layout import Layout, write_private
from dealcast.settings import StackSettings
from dealcast.settings.loading import read_env_file

HOST = "127.0.0.1"
BUCKET, MLFLOW_BUCKET = "dealcast", "mlflow"
ACCESS_KEY, MLFLOW_ACCESS_KEY = "dealcast", "mlflow"
SUPERUSER = "postgres"
# Each database belongs to a role of the same name.
DATABASES = ("mlflow", "prefect", "crm")
STORAGE_SECRET = "DEALCAST__STORAGE__SECRET_ACCESS_KEY"  # noqa: S105 - the name of a setting
MLFLOW_S3_SECRET = "STACK_MLFLOW_SECRET_ACCESS_KEY"  # noqa: S105 - a name too
SECRET_BYTES = 24
HEAD = """\
# Secrets and addresses of the services of `dealcast stack up`, which writes this file.
# config/staging.yaml reads it (env_file). Keep it: the data cannot be opened without.
"""


def password_name(role: str) -> str:
    """The variable that holds the password of a PostgreSQL role."""
    return f"STACK_{role.upper()}_PASSWORD"


NAMES = (
    *(password_name(role) for role in (SUPERUSER, *DATABASES)),
    STORAGE_SECRET,
    MLFLOW_S3_SECRET,
)


@dataclass(frozen=True)
class Credentials:
    """The secrets by the name of their variable."""

    values: Mapping[str, str] = field(repr=False)

    def password(self, role: str) -> str:
        """The password of a PostgreSQL role."""
        return self.values[password_name(role)]

    def database_url(self, driver: str, database: str, port: int) -> str:
        """The URL with which its owner opens a database."""
        return (
            f"postgresql+{driver}://{database}:{self.password(database)}@{HOST}:{port}/{database}"
        )


def credentials_of(layout: Layout) -> Credentials:
    """The secrets in stack.env; missing ones are made, and kept once `write_env` is called.

    Raises ServiceError where the file is gone and the data that need it are not.
    """
    found = read_env_file(layout.env_file)
    if password_name(SUPERUSER) not in found and (layout.postgres_data / "PG_VERSION").exists():
        raise ServiceError(
            f"{layout.env_file} does not hold the passwords of the data in {layout.folder}.",
            remedy="put that file back; or give up the data: dealcast stack down --purge",
        )
    return Credentials({n: found.get(n) or secrets.token_urlsafe(SECRET_BYTES) for n in NAMES})


def settings_of(stack: StackSettings, credentials: Credentials) -> dict[str, str]:
    """The settings with which Dealcast reaches the stack, as environment variables."""
    return {
        "DEALCAST__STORAGE__ENDPOINT": f"http://{HOST}:{stack.s3_port}",
        "DEALCAST__STORAGE__ACCESS_KEY_ID": ACCESS_KEY,
        STORAGE_SECRET: credentials.values[STORAGE_SECRET],
        "DEALCAST__TRACKING__URI": f"http://{HOST}:{stack.mlflow_port}",
        "DEALCAST__ORCHESTRATION__API_URL": f"http://{HOST}:{stack.prefect_port}/api",
    }


def write_env(file: Path, stack: StackSettings, credentials: Credentials) -> None:
    """Write stack.env, for its owner only."""
    lines = {
        **settings_of(stack, credentials),
        "STACK_DATABASE_URL": credentials.database_url("psycopg", "crm", stack.postgres_port),
        **credentials.values,
    }
    write_private(file, HEAD + "".join(f"{name}={value}\n" for name, value in lines.items()))
