"""Which of the settings are secrets, and the settings without them."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from pydantic import SecretStr

from dealcast.settings.section import Section

# Secrets that libraries take from the environment, past the settings.
VARIABLES = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("KAGGLE_API_TOKEN", "KAGGLE_KEY"),
    *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
    *("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"),
    *("PGPASSWORD", "SPARK_CONNECT_AUTHENTICATE_TOKEN"),
)
SomeSection = TypeVar("SomeSection", bound=Section)


def secrets_of(section: Section, environ: Mapping[str, str]) -> Iterator[str]:
    """Every secret that is set, here or for a library."""
    yield from (value.get_secret_value() for _, value in secret_fields(section) if value)
    yield from (environ[name] for name in VARIABLES if environ.get(name))


def secret_fields(section: Section, before: str = "") -> Iterator[tuple[str, SecretStr | None]]:
    """The dotted key of each field that is a secret, and its value."""
    for name, about in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from secret_fields(value, f"{before}{name}.")
        elif SecretStr in getattr(about.annotation, "__args__", ()):
            yield f"{before}{name}", value


def without_secrets(section: SomeSection) -> SomeSection:
    """The same settings, to be sent where their secrets are not needed."""
    plain: dict[str, object] = {}
    for name, value in section:
        if isinstance(value, Section):
            plain[name] = without_secrets(value)
        elif isinstance(value, SecretStr):
            plain[name] = None
    return section.model_copy(update=plain)
