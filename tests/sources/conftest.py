"""Fixtures for tests of sources."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
from tests.sources.kaggle_server import ARCHIVE, KaggleServer

from dealcast.errors import SourceError
from dealcast.settings import KaggleSource as KaggleSettings
from dealcast.sources.base import Source


@dataclass
class KaggleRoom:
    """A server, an empty folder to fetch into, a home without credentials, and the waits seen."""

    source: Callable[..., Source]
    server: KaggleServer
    into: Path
    home: Path
    waits: list[float] = field(default_factory=list)

    def fetch(self, dataset: str = "ada/crm", **settings: object) -> list[Path]:
        return self.source(
            KaggleSettings(dataset=dataset, **settings),
            sleep=self.waits.append,
            silence=(5.0, 0.3 if self.server.is_ever_silent() else 5.0),
        ).fetch(self.into)

    def refusal(self, dataset: str = "ada/crm", **settings: object) -> SourceError:
        """The error that fetching ends with; the folder must be as empty as before."""
        with pytest.raises(SourceError) as caught:
            self.fetch(dataset, **settings)
        assert list(self.into.iterdir()) == []
        return caught.value


@cache
def _once(say: Callable[[], str]) -> str:
    return say()


@pytest.fixture
def kaggle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleRoom]:
    """The real kagglehub client, pointed at a server of our own, on a machine that has no secrets.

    No temporary file may stay behind, whatever happened.
    """
    missing = "the extra 'kaggle' is missing"
    ours = pytest.importorskip("dealcast.sources.kaggle", reason=missing, exc_type=ImportError)
    kaggle_env = pytest.importorskip("kagglesdk.kaggle_env", reason=missing)
    clients = pytest.importorskip("kagglehub.clients", reason=missing)
    # Told anew at each try, by a search of the whole call stack: most of what these tests took.
    told = _once(clients.get_user_agent)
    monkeypatch.setattr(clients, "get_user_agent", lambda: told)
    for name in list(os.environ):
        if "KAGGLE" in name or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    into, home, scratch = (tmp_path / name for name in ("into", "home", "scratch"))
    for folder in (into, home / ".kaggle", scratch):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    # kagglehub decides on import where the home is.
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(home / ".kaggle"))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    with KaggleServer(ARCHIVE) as server:
        for env in (kaggle_env.KaggleEnv.PROD, kaggle_env.KaggleEnv.TEST):
            monkeypatch.setitem(kaggle_env._env_to_endpoint, env, server.url)
        yield KaggleRoom(ours.KaggleSource, server, into, home)
    assert list(scratch.iterdir()) == []
