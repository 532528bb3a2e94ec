"""The usual AWS places: keys, region and endpoint in the environment and in profiles of ~/.aws."""

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dealcast.errors import StoreError
from dealcast.hiding import remember_also
from dealcast.settings import StorageSettings

SECRETS = ("aws_secret_access_key", "aws_session_token")
# Where one of these is set, obstore and deltalake get temporary keys themselves.
BY_THE_LIBRARIES = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")


@dataclass(frozen=True)
class Keys:
    """An access key, its secret, and a session token for temporary ones."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def aws_keys(
    storage: StorageSettings, environment: Mapping[str, str], profile: Mapping[str, str]
) -> Keys | None:
    """Keys from the settings, the environment or a profile; None leaves it to the libraries."""
    if storage.access_key_id and storage.secret_access_key:
        token = storage.session_token.get_secret_value() if storage.session_token else None
        return Keys(storage.access_key_id, storage.secret_access_key.get_secret_value(), token)
    if storage.access_key_id or storage.secret_access_key:
        missing = "secret_access_key" if storage.access_key_id else "access_key_id"
        raise StoreError(
            f"Of the two S3 keys, storage.{missing} is not set.",
            remedy=f"set DEALCAST__STORAGE__{missing.upper()}, or unset the other one",
        )
    named = {name.lower(): value for name, value in environment.items()}
    if found := _keys_of(named):
        return found
    if any(name in environment for name in BY_THE_LIBRARIES):
        return None
    return _keys_of(profile)


def _keys_of(names: Mapping[str, str]) -> Keys | None:
    key, secret = names.get("aws_access_key_id"), names.get("aws_secret_access_key")
    return Keys(key, secret, names.get("aws_session_token")) if key and secret else None


def aws_profile(environment: Mapping[str, str]) -> dict[str, str]:
    """What the chosen AWS profile says in ~/.aws/credentials and ~/.aws/config.

    deltalake reads these files, obstore does not; both are to use the same keys. From then on its
    secrets are hidden wherever they would be shown.
    """
    name = environment.get("AWS_PROFILE", "default")
    home = Path(environment.get("HOME", "~")).expanduser() / ".aws"
    shared = environment.get("AWS_SHARED_CREDENTIALS_FILE", str(home / "credentials"))
    config = environment.get("AWS_CONFIG_FILE", str(home / "config"))
    section = name if name == "default" else f"profile {name}"
    found = _section(config, section) | _section(shared, name)
    remember_also(found[secret] for secret in SECRETS if secret in found)
    if "AWS_PROFILE" in environment and not found:
        raise StoreError(
            f"There is no AWS profile '{name}', which AWS_PROFILE asks for, in '{shared}' "
            f"or '{config}'.",
            remedy="correct AWS_PROFILE or unset it",
        )
    return found


def _section(file: str, name: str) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, default_section="")
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise StoreError(
            f"'{file}' is not a file of AWS profiles.", remedy="correct it, or move it away"
        ) from error
    return dict(parser[name]) if parser.has_section(name) else {}
