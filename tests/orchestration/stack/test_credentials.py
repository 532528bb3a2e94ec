import stat
from pathlib import Path

import pytest

from dealcast.errors import ServiceError
from dealcast.orchestration.stack.credentials import (
    NAMES,
    STORAGE_SECRET,
    credentials_of,
    write_env,
)
from dealcast.orchestration.stack.layout import Layout
from dealcast.settings import StackSettings, load_settings


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    layout, stack = Layout(tmp_path), StackSettings()
    first = credentials_of(layout)
    write_env(layout.env_file, stack, first)

    again = credentials_of(layout)

    assert again == first
    assert len(set(first.values.values())) == len(NAMES)
    assert stat.S_IMODE(layout.env_file.stat().st_mode) == 0o600


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    credentials = credentials_of(Layout(tmp_path))

    assert not any(secret in repr(credentials) for secret in credentials.values.values())


def test_the_settings_read_secrets_and_addresses_from_stack_env(tmp_path: Path) -> None:
    layout, stack = Layout(tmp_path), StackSettings(s3_port=1111, mlflow_port=2222)
    credentials = credentials_of(layout)
    write_env(layout.env_file, stack, credentials)
    (tmp_path / "staging.yaml").write_text(f"env_file: {layout.env_file}\n")

    settings = load_settings(env="staging", config_dir=tmp_path, environ={}).settings

    secret = settings.storage.secret_access_key
    assert secret is not None
    assert secret.get_secret_value() == credentials.values[STORAGE_SECRET]
    assert settings.storage.endpoint == "http://127.0.0.1:1111"
    assert settings.tracking.uri == "http://127.0.0.1:2222"
    assert settings.orchestration.api_url == "http://127.0.0.1:4200/api"


def test_data_whose_passwords_are_lost_are_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.postgres_data.mkdir(parents=True)
    (layout.postgres_data / "PG_VERSION").write_text("17\n")

    with pytest.raises(ServiceError, match="does not hold the passwords"):
        credentials_of(layout)
