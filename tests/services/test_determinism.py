"""The same export, settings and seed give the same bits: other threads, another storage."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dealcast.settings import StorageSettings
from dealcast.workflow.location import locate
from dealcast.workflow.manifest import RunManifest, load_manifest
from dealcast.workflow.reproduction.canonical import RUN_ID, document_hash, table_hash
from dealcast.workflow.store import Store
from servers.seaweed import S3Server

SAMPLE = ("--source", "sample", "--set", "source.opportunities=900", "--set", "source.dirt=5")
# When, in the report.
DRAWN = re.compile(r"drawn \d.*? UTC")
# By threads: a day ahead, and a comma for the point where that locale is installed.
ZONES = {1: "UTC", 2: "Pacific/Kiritimati"}
LOCALES = {1: "C.UTF-8", 2: "de_DE.UTF-8"}
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def one_thread(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The figures of a run on SAMPLE with one thread, in a folder."""
    root = str(tmp_path_factory.mktemp("one"))
    run_in_process(*SAMPLE, "--root", root, threads=1)
    return figures_of(Store(root))


def test_two_threads_change_no_bit(one_thread: dict[str, str], tmp_path: Path) -> None:
    run_in_process(*SAMPLE, "--root", str(tmp_path), threads=2)

    assert figures_of(Store(str(tmp_path))) == one_thread


def test_s3_changes_no_bit(one_thread: dict[str, str], s3: S3Server) -> None:
    fields = s3.settings()
    run_in_process(*SAMPLE, threads=2, **s3.environment(str(fields["root"])))

    store = Store(locate(StorageSettings.model_validate(fields)))
    assert figures_of(store) == one_thread


def test_nor_do_threads_on_the_real_data(real_data: Path, tmp_path: Path) -> None:
    found = []
    for threads in (1, 2):
        root = str(tmp_path / str(threads))
        run_in_process("--path", str(real_data), "--root", root, threads=threads)
        found.append(figures_of(Store(root)))

    assert found[0] == found[1]


def run_in_process(*arguments: str, threads: int, **environment: str) -> None:
    """`dealcast run` in a process of its own, with as many threads and all else of its own."""
    chosen = {name: str(threads) for name in THREADS} | {
        "PYTHONHASHSEED": str(threads),
        "TZ": ZONES[threads],
        "LC_ALL": LOCALES[threads],
    }
    done = subprocess.run(
        [sys.executable, "-m", "dealcast", "run", *arguments, "--json"],
        env={**os.environ, **chosen, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def figures_of(store: Store) -> dict[str, str]:
    """A hash of every table, of every object but the log, and of all that steps and report say."""
    manifest = load_manifest(store, "latest")
    tables = {t: store.load(t) for s in manifest.steps for t in s.tables}
    objects = {
        name: found
        for key in store.list_objects(f"runs/{manifest.run_id}")
        if (found := _hash_of(name := key.split("/", 2)[2], store.get_object(key) or b""))
    }
    return {
        **{f"table {name}": table_hash(frame) for name, frame in tables.items()},
        **{f"object {name}": found for name, found in objects.items()},
        **{f"step {s.name}": document_hash(dict(s.figures)) for s in manifest.steps},
        "report": _report(store, manifest),
    }


def _report(store: Store, manifest: RunManifest) -> str:
    """Text, tables and charts of the report, without the part that says where they come from."""
    page = (store.get_object(manifest.report_key) or b"").decode()
    told, parted, _ = page.partition('id="origins"')
    assert parted
    return document_hash(DRAWN.sub("", told))


def _hash_of(name: str, content: bytes) -> str | None:
    """None for what tells of the run itself: its manifest, log and report."""
    hashed: Mapping[str, Callable[[bytes], Any]] = {
        ".json": lambda c: document_hash(json.loads(c)),
        ".csv": lambda c: RUN_ID.sub("", c.decode()),
        ".parquet": lambda c: table_hash(pl.read_parquet(io.BytesIO(c))),
    }
    suffix = Path(name).suffix
    return None if name == "manifest.json" or suffix not in hashed else hashed[suffix](content)
