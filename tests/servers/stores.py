"""Stores of former releases, as they are kept beside the tests."""

import tarfile
from pathlib import Path

STORES = Path(__file__).resolve().parents[1] / "fixtures" / "stores"
RELEASES = sorted(file.name.removesuffix(".tar.xz") for file in STORES.glob("*.tar.xz"))
# What the fixtures are made with, for a run that goes on from one.
SMALL = {
    "source.kind": "sample",
    "source.opportunities": 480,
    "source.days": 330,
    "source.dirt": 10,
    "features.snapshot_every_days": 28,
    "model.horizons_days": [30],
    "model.min_closed": 40,
    "forecast.origins": 4,
}


def store_of(release: str, into: Path) -> Path:
    """The folder of the store that a release wrote: a fresh copy."""
    with tarfile.open(STORES / f"{release}.tar.xz") as archive:
        archive.extractall(into, filter="data")
    return into / "store"
