"""Set-ups to examine: settings written in the test, an empty environment, a home of their own."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dealcast.errors import SettingsError
from dealcast.orchestration.doctor import Setup
from dealcast.settings import load_settings

SetupWith = Callable[..., Setup]


@pytest.fixture
def setup_with(tmp_path: Path) -> SetupWith:
    """setup_with({"storage.root": ...}, yaml="...", environment={...}) of 'development'."""
    folder = tmp_path / "config"
    folder.mkdir()

    def made(
        flags: Mapping[str, object] | None = None,
        *,
        yaml: str = "",
        environment: Mapping[str, str] | None = None,
        env: str = "development",
    ) -> Setup:
        environ = {"HOME": str(tmp_path), **(environment or {})}
        (folder / "development.yaml").write_text(yaml)
        (folder / "production.yaml").write_text(yaml)
        flags = {"storage.root": str(tmp_path / "store"), **(flags or {})}
        try:
            loaded = load_settings(env=env, flags=flags, config_dir=folder, environ=environ)
        except SettingsError as error:
            return Setup(error, folder, environ)
        return Setup(loaded, folder, environ)

    return made
