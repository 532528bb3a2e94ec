"""Are there credentials for Kaggle? Looked for where kagglehub does, without asking Kaggle."""

import json
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from dealcast.errors import MissingExtraError
from dealcast.orchestration.doctor.spec import Finding, Setup, ok, warning
from dealcast.settings import KaggleSource

Environment = Mapping[str, str]


def _by_settings(source: KaggleSource, environment: Environment) -> bool:  # noqa: ARG001 - as all
    return source.key is not None


def _by_token(source: KaggleSource, environment: Environment) -> bool:  # noqa: ARG001 - as all
    return bool(environment.get("KAGGLE_API_TOKEN"))


def _by_token_file(source: KaggleSource, environment: Environment) -> bool:  # noqa: ARG001 - as all
    return bool(_text(_home(environment) / ".kaggle" / "access_token").strip())


def _by_name(source: KaggleSource, environment: Environment) -> bool:
    name = source.username or environment.get("KAGGLE_USERNAME")
    return bool(name and environment.get("KAGGLE_KEY"))


def _by_file(source: KaggleSource, environment: Environment) -> bool:  # noqa: ARG001 - as all
    folder = environment.get("KAGGLE_CONFIG_DIR") or _home(environment) / ".kaggle"
    try:
        content = json.loads(_text(Path(folder) / "kaggle.json") or "{}")
    except ValueError:
        return False
    return isinstance(content, dict) and {"username", "key"} <= content.keys()


# In the order of dealcast.sources.kaggle_failures.CREDENTIAL_PLACES, which names them.
PLACES: tuple[Callable[[KaggleSource, Environment], bool], ...] = (
    _by_settings,
    _by_token,
    _by_token_file,
    _by_name,
    _by_file,
)


def kaggle_credentials(setup: Setup) -> Finding:
    """The first place that holds credentials. Public data sets may do without."""
    if find_spec("kagglehub") is None:
        raise MissingExtraError("The Kaggle source", extra="kaggle")
    from dealcast.sources.kaggle_failures import CREDENTIAL_PLACES, SIGN_IN

    source = setup.settings.source
    if not isinstance(source, KaggleSource):
        raise TypeError(source.kind)
    for place, holds in zip(CREDENTIAL_PLACES, PLACES, strict=True):
        if holds(source, setup.environment):
            return ok(f"Credentials for {source.dataset} are in: {place}.")
    return warning(
        f"No credentials, which Kaggle may ask for to download {source.dataset}; searched: "
        f"{'; '.join(CREDENTIAL_PLACES)}.",
        SIGN_IN,
    )


def _home(environment: Environment) -> Path:
    return Path(environment.get("HOME") or Path.home())


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
