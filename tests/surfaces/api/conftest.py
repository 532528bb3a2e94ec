"""One server for all tests that leave it as it is."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.api import Api, api_on


@pytest.fixture(scope="session")
def api(sample: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A server on the generated sample. Not to be stopped."""
    with api_on(sample.store.root, tmp_path_factory.mktemp("api")) as server:
        yield server
