"""The store of the former release, as erasure and vacuum find it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dealcast.settings import StorageSettings
from dealcast.workflow import run
from dealcast.workflow.copying import copy_store
from dealcast.workflow.manifest import StepRecord
from dealcast.workflow.store import Store, open_store
from servers.stores import RELEASES, store_of

if TYPE_CHECKING:
    from servers.seaweed import S3Server


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    """Three runs, with several versions of each table."""
    return Store(str(store_of(RELEASES[-1], tmp_path)))


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, folder: Store) -> Store:
    """The same, in a folder and on S3."""
    if request.param == "folder":
        return folder
    server: S3Server = request.getfixturevalue("s3")
    bucket = open_store(StorageSettings(**server.settings()))
    copy_store(folder, bucket)
    return bucket


@pytest.fixture
def interrupted_at() -> Callable[[str], AbstractContextManager[None]]:
    """A run in the block ends when a step has written its tables, before it is recorded."""

    @contextmanager
    def interrupted_at(step: str) -> Iterator[None]:
        remember = run.save_latest_step

        def interrupted(store: Store, record: StepRecord) -> None:
            if record.name == step:
                raise KeyboardInterrupt
            remember(store, record)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(run, "save_latest_step", interrupted)
            with pytest.raises(KeyboardInterrupt):
                yield

    return interrupted_at
