"""S3 fails in the middle of everything: what was to be written is there once, or told as failed."""

from collections.abc import Iterator
from typing import Any

import polars as pl
import pytest

from dealcast.errors import StoreAwayError
from dealcast.settings import LoadedSettings, Settings, StorageSettings
from dealcast.workflow.manifest import load_manifest
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store, open_store
from dealcast.workflow.tables import TABLES
from servers.proxy import Faults, Proxy, faulty
from servers.seaweed import S3Server

EVERYTHING = Faults(
    cut_before=0.03,
    cut_in_request=0.03,
    cut_after=0.03,
    cut_in_response=0.03,
    error_500=0.03,
    slow_down=0.03,
    latency_seconds=0.002,
)


WRITES = 12


class Unseen:
    """Watches a run and says nothing."""

    def started(self, step: object) -> None: ...
    def progressed(self, note: str, share: float) -> None: ...
    def finished(self, record: object) -> None: ...


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[Proxy]:
    with faulty(s3) as running:
        yield running


@pytest.fixture
def stores(s3: S3Server, proxy: Proxy) -> tuple[Store, Store]:
    """The same store through the proxy and past it."""
    fields = s3.settings()
    through = {**fields, "endpoint": proxy.server.endpoint}
    store = open_store(StorageSettings(**through))
    store.put_json("models/registry.json", [])
    return store, open_store(StorageSettings(**fields))


def issued(number: int) -> tuple[str, pl.DataFrame]:
    run_id = f"run-{number:03}"
    return run_id, pl.DataFrame({"run_id": [run_id] * 3, "opportunity_id": list("abc")})


def test_a_commit_whose_answer_was_lost_is_not_made_twice(
    stores: tuple[Store, Store], proxy: Proxy
) -> None:
    store, direct = stores
    # The server writes each log entry; the client hears nothing, and its retry meets itself.
    proxy.plan(Faults(cut_after=1, methods=("PUT",), path="_delta_log", limit=3))

    versions = [store.save("scores_issued", issued(0)[1]) for _ in range(3)]

    assert proxy.seen()["cut_after"] == 3
    assert versions == [0, 1, 2]
    assert direct.load("scores_issued").height == 9
    assert direct.version("scores_issued") == 2


def test_a_change_whose_answer_was_lost_is_made_once(
    stores: tuple[Store, Store], proxy: Proxy
) -> None:
    store, direct = stores
    proxy.plan(Faults(cut_after=1, methods=("PUT",), path="registry", limit=1))

    store.update_json("models/registry.json", lambda old: [*old, "a"])

    assert proxy.seen()["cut_after"] == 1
    assert direct.get_json("models/registry.json") == ["a"]


@pytest.mark.slow
def test_among_all_faults_every_write_is_there_once_or_told_as_failed(
    stores: tuple[Store, Store], proxy: Proxy
) -> None:
    store, direct = stores
    proxy.plan(EVERYTHING, seed=4)
    told: list[str] = []

    for number in range(WRITES):
        run_id, frame = issued(number)
        try:
            store.save("scores_issued", frame, run_id=run_id)
            store.update_json("models/registry.json", lambda old, name=run_id: [*old, name])
            store.load("scores_issued")
        except StoreAwayError:
            told.append(run_id)

    # What was told as failed may be there or not, but never in part and never twice.
    seen = proxy.seen()
    rows = direct.load("scores_issued").group_by("run_id").len()
    assert sum(seen.values()) - seen["passed"] > 20
    assert set(rows["len"]) == {3}
    assert set(rows["run_id"]) | set(told) == {issued(n)[0] for n in range(WRITES)}
    registry = direct.get_json("models/registry.json")
    assert len(registry) == len(set(registry))


def test_a_run_that_met_a_dead_server_fails_cleanly_and_resumes(s3: S3Server, proxy: Proxy) -> None:
    fields = s3.settings(attempts=2, timeout_seconds=5)
    loaded = _loaded({**fields, "endpoint": proxy.server.endpoint})
    proxy.plan(Faults(always=("503 Service Unavailable", "SlowDown"), path="crm_data_processed"))

    with pytest.raises(StoreAwayError, match="slow down"):
        run_steps(loaded, Plan(stop="clean"), Unseen(), quiet=True)
    direct = open_store(StorageSettings(**fields))
    failed = load_manifest(direct, "latest")
    proxy.plan(Faults())
    manifest = run_steps(loaded, Plan(stop="clean"), Unseen(), quiet=True)

    assert (failed.status, manifest.status) == ("failed", "done")
    assert [step.name for step in manifest.steps if step.skipped] == ["validate"]
    assert [step.name for step in failed.steps] == ["ingest", "validate"]
    assert direct.load("crm_data_processed").height > 1_000


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_whole_run_among_faults_completes_or_fails_cleanly_and_resumes(
    s3: S3Server, proxy: Proxy, seed: int
) -> None:
    fields = s3.settings()
    loaded = _loaded({**fields, "endpoint": proxy.server.endpoint})
    direct = open_store(StorageSettings(**fields))
    proxy.plan(EVERYTHING, seed=seed)

    failures = 0
    for _ in range(6):
        try:
            manifest = run_steps(loaded, Plan(), Unseen(), quiet=True)
            break
        except StoreAwayError:
            failures += 1
            _require_readable(direct)
    else:
        pytest.fail("six runs in a row met the faults")

    seen = proxy.seen()
    assert manifest.status == "done"
    assert sum(seen.values()) - seen["passed"] > 20
    _require_readable(direct)
    scores = direct.load("scores_issued")
    assert not scores.select("run_id", "opportunity_id").is_duplicated().any()


def _require_readable(store: Store) -> None:
    """Every table that is there loads whole, and so does every object's JSON."""
    for name in TABLES:
        if store.has(name):
            store.load(name)
    for key in store.list_objects("runs"):
        if key.endswith(".json"):
            store.get_json(key)


def _loaded(storage: dict[str, Any]) -> LoadedSettings:
    settings = Settings.model_validate(
        {"source": {"kind": "sample", "opportunities": 1_500}, "storage": storage}
    )
    return LoadedSettings(settings, {}, "development")
