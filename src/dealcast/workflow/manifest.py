"""RunManifest: what ran, on what, from which code, and what it made."""

import hashlib
import json
import platform
import secrets
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from dealcast.errors import StoreError, nearest
from dealcast.workflow.migrations.documents import read, stamped
from dealcast.workflow.standing import LATEST_STEPS
from dealcast.workflow.store import Store

PACKAGE = Path(__file__).resolve().parents[1]
# A newer one may give other figures, so the steps run again.
LIBRARIES = ("dataframely", "deltalake", "narwhals", "numpy", "polars", "scipy")

Status = Literal["running", "done", "failed", "interrupted"]


@dataclass(frozen=True)
class StepRecord:
    """One step's outcome: the table versions and objects it made, and the figures it found.

    `run_id` is the run that made them: an earlier one where the step was skipped. `made_from` is a
    hash of what its needs had made by then.
    """

    name: str
    run_id: str
    fingerprint: str
    seconds: float
    made_from: str = ""
    tables: Mapping[str, int] = field(default_factory=dict)
    objects: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    skipped: bool = False


@dataclass(frozen=True)
class Removal:
    """What was deleted of what a run had made: when (UTC), by what, which tables' versions.

    `objects`: how many of its own; `raw`: whether the raw export went too.
    """

    at: str
    by: str
    tables: list[str]
    objects: int
    raw: bool


@dataclass(frozen=True)
class Beginning:
    """What a run found in the store and read as it stood: without it, it cannot be made again.

    `records`: what scoring and forecasting had made last. `tables`: versions of those that runs or
    people add to. `champion`: a ModelVersion as JSON. `machine`: what the run was computed on.
    """

    records: list[StepRecord]
    tables: Mapping[str, int]
    champion: Mapping[str, str] | None
    machine: Mapping[str, str]


@dataclass
class RunManifest:
    """One run: enough to know what any figure came from. Secrets are asterisks.

    `earlier`: of the steps that it did not take, what each had made when the run ended.
    `removed`: what has been deleted since. `began`: None of a run of an older release.
    """

    run_id: str
    environment: str
    settings: Mapping[str, Any]
    code: Mapping[str, str]
    started: str
    finished: str | None = None
    status: Status = "running"
    error: str | None = None
    steps: list[StepRecord] = field(default_factory=list)
    earlier: list[StepRecord] = field(default_factory=list)
    removed: list[Removal] = field(default_factory=list)
    began: Beginning | None = None

    @property
    def key(self) -> str:
        """Its object in the store."""
        return f"runs/{self.run_id}/manifest.json"

    @property
    def report_key(self) -> str:
        """Its report, an object of the store; not there where it could not be drawn."""
        return f"runs/{self.run_id}/report.html"

    @property
    def figures(self) -> dict[str, Any]:
        """Every figure of every step; a later step's figure wins."""
        return {k: v for step in self.steps for k, v in step.figures.items()}

    def save(self, store: Store) -> None:
        """Write it to the run's folder."""
        store.put_json(self.key, stamped("manifest", asdict(self)))


def new_run_id(now: datetime) -> str:
    """An id that sorts by time and does not collide, such as 20261123T231500Z-7ff1f2.

    The first three digits of its end count the 4,096th parts of the second, the others are random.
    """
    part = now.microsecond * 4_096 // 1_000_000
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{part:03x}{secrets.randbelow(4_096):03x}"


def load_manifest(store: Store, run_id: str) -> RunManifest:
    """A run's manifest; `latest` is the newest. Raises StoreError naming the nearest run."""
    known = run_ids(store)
    wanted = known[-1] if run_id == "latest" and known else run_id
    manifest = read_manifest(store, wanted)
    if manifest is None:
        near = nearest(run_id, known)
        raise StoreError(
            f"There is no run '{run_id}' in '{store.root}'.",
            remedy=f"did you mean {near}?" if near else "`dealcast runs` lists the runs there are",
        )
    return manifest


def read_manifest(store: Store, run_id: str) -> RunManifest | None:
    """The manifest of the run of exactly this id, without a look at others; None without it."""
    key = f"runs/{run_id}/manifest.json"
    content = store.get_json(key)
    if content is None:
        return None
    content = read("manifest", content, store.place(key))
    records = {n: [StepRecord(**s) for s in content.get(n, ())] for n in ("steps", "earlier")}
    removed = [Removal(**removal) for removal in content["removed"]]
    began = content["began"] and _beginning(content["began"])
    return RunManifest(**{**content, **records, "removed": removed, "began": began})


def _beginning(content: Mapping[str, Any]) -> Beginning:
    return Beginning(**{**content, "records": [StepRecord(**r) for r in content["records"]]})


def load_manifests(store: Store) -> list[RunManifest]:
    """The manifests of all runs, oldest first."""
    found = (read_manifest(store, run_id) for run_id in run_ids(store))
    return [manifest for manifest in found if manifest is not None]


def run_ids(store: Store) -> list[str]:
    """Ids of all runs, oldest first."""
    manifests = (k for k in store.list_objects("runs") if k.endswith("/manifest.json"))
    return sorted(k.split("/")[1] for k in manifests)


def load_latest_steps(store: Store) -> dict[str, StepRecord]:
    """What each step made when it last completed."""
    return _steps(store.get_json(LATEST_STEPS), store)


def change_latest_steps(
    store: Store, change: Callable[[dict[str, StepRecord]], Mapping[str, StepRecord]]
) -> None:
    """Write what `change` makes of what each step made last; nobody's change meanwhile is lost."""

    def changed(content: Any) -> dict[str, Any]:
        records = change(_steps(content, store))
        return stamped("latest steps", {name: asdict(r) for name, r in records.items()})

    store.update_json(LATEST_STEPS, changed)


def save_latest_step(store: Store, record: StepRecord) -> None:
    """Remember what a step made last; what another run says of other steps meanwhile stays."""
    change_latest_steps(store, lambda records: records | {record.name: record})


def _steps(content: Any, store: Store) -> dict[str, StepRecord]:
    known = read("latest steps", content or {}, store.place(LATEST_STEPS))
    return {name: StepRecord(**record) for name, record in known.items()}


@cache
def code_version() -> dict[str, str]:
    """Versions of Dealcast, Python and the libraries figures depend on; commit, hash of the source.

    The commit is empty outside of a checkout.
    """
    return {
        "version": version("dealcast"),
        "commit": _git_commit(),
        "source_hash": _source_hash(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def machine() -> dict[str, str]:
    """The kind of processor and system: mathematical functions may round otherwise on another."""
    return {"processor": platform.machine(), "system": platform.system()}


def digest(content: object) -> str:
    """A short hash of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[
        :16
    ]


def _source_hash() -> str:
    files = sorted(f for f in PACKAGE.rglob("*") if f.is_file() and f.suffix != ".pyc")
    return digest([(str(f.relative_to(PACKAGE)), f.read_bytes().hex()) for f in files])


def _git_commit() -> str:
    if not (PACKAGE.parents[1] / ".git").exists():
        return ""  # installed: a checkout around it would be somebody else's
    try:
        found = subprocess.run(  # noqa: S603 - fixed words, no shell
            ["git", "-C", str(PACKAGE), "rev-parse", "HEAD"],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip()
