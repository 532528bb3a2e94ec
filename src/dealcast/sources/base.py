"""What a source is, and which there are."""

from importlib import import_module
from pathlib import Path
from typing import Protocol

from dealcast.settings import SourceSettings


class Source(Protocol):
    """Fetches the bytes of a CRM export. Reading them is the same for every source.

    A source either leaves every file whole in `into` or raises SourceError.
    """

    def fetch(self, into: Path) -> list[Path]:
        """Put the export's files, untouched, into the folder; returns them."""
        ...


# kind -> class taking its own section of the settings; imported only when chosen.
SOURCES: dict[str, str] = {
    "files": "dealcast.sources.files:FilesSource",
    "kaggle": "dealcast.sources.kaggle:KaggleSource",
    "sample": "dealcast.sources.sample:SampleSource",
}


def open_source(settings: SourceSettings) -> Source:
    """The source that the settings choose."""
    module, name = SOURCES[settings.kind].split(":")
    source: Source = getattr(import_module(module), name)(settings)
    return source
