"""What a source is, and which there are."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol, runtime_checkable

from dealcast.settings import SourceSettings


class Source(Protocol):
    """Fetches the bytes of a CRM export. Reading them is the same for every source.

    A source either leaves every file whole in `into` or raises SourceError.
    """

    def fetch(self, into: Path) -> list[Path]:
        """Put the export's files, untouched, into the folder; returns them."""
        ...


@runtime_checkable
class IncrementalSource(Source, Protocol):
    """A source that can complete the export of last time with what changed since."""

    @property
    def terms(self) -> str | None:
        """A hash of what kept rows depend on but their changes; None where none can be completed.

        Only an export that was kept under the same terms can be.
        """
        ...

    def fetch_since(self, kept: Sequence[Path], into: Path) -> list[Path]:
        """Put the whole export into the folder, made of the kept files and of what changed."""
        ...


# kind -> class taking its own section of the settings; imported only when chosen.
SOURCES: dict[str, str] = {
    "files": "dealcast.sources.files:FilesSource",
    "kaggle": "dealcast.sources.kaggle:KaggleSource",
    "sample": "dealcast.sources.sample:SampleSource",
    "sql": "dealcast.sources.sql:SqlSource",
}


def open_source(settings: SourceSettings) -> Source:
    """The source that the settings choose."""
    module, name = SOURCES[settings.kind].split(":")
    source: Source = getattr(import_module(module), name)(settings)
    return source
