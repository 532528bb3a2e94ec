"""Stores of former releases open, go on, and are written in the present schemas."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.errors import StoreError
from dealcast.settings import StorageSettings, TrackingSettings, load_settings
from dealcast.surfaces.report import report_of
from dealcast.tracking.base import open_registry
from dealcast.workflow.commits import commit, opened
from dealcast.workflow.lineage import lineage
from dealcast.workflow.manifest import load_latest_steps, load_manifest, run_ids
from dealcast.workflow.migrations import documents
from dealcast.workflow.migrations import tables as migrations
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store, open_store
from dealcast.workflow.summary import summarise
from dealcast.workflow.tables import TABLES
from servers.stores import RELEASES, SMALL, store_of
from servers.watching import Silent

if TYPE_CHECKING:
    from servers.seaweed import S3Server

PRODUCTS = pl.DataFrame({"product": ["A"], "series": ["x"], "sales_price": [1.5]})
ISSUED = pl.DataFrame({"run_id": ["r1"], "opportunity_id": ["A"]})


@pytest.fixture(params=RELEASES)
def former(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """The store that a release wrote."""
    return Store(str(store_of(request.param, tmp_path)))


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty one, in a folder and on S3."""
    if request.param == "folder":
        return Store(str(tmp_path / "store"))
    server: S3Server = request.getfixturevalue("s3")
    return open_store(StorageSettings(**server.settings()))


def with_currency(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(currency=pl.lit("USD"))


def with_plain_name(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.rename({"opportunity_id": "opportunity"})


def test_every_version_of_every_table_is_read(former: Store) -> None:
    for name in filter(former.has, TABLES):
        for version in former.history(name):
            rows = former.load(name, version=version["version"]).height
            assert rows == version["rows"]


def test_every_run_is_shown_and_drawn(former: Store) -> None:
    assert load_latest_steps(former)
    for run_id in run_ids(former):
        manifest = load_manifest(former, run_id)
        assert manifest.removed == []
        assert lineage(manifest, former)["code"][run_id]
        assert summarise(manifest, former)["run_id"] == run_id
        assert run_id in report_of(manifest, former)


def test_the_dashboard_reads_it(former: Store) -> None:
    from dealcast.surfaces.dashboard import reading, served

    served.serve_from(load_settings(flags={"storage.root": former.root}))
    newest, *_ = reading.latest_runs()
    kept = reading.kept(newest)
    scored = reading.scores(kept)

    assert [m.run_id for m in reading.manifests()] == reading.latest_runs()
    assert scored.height == kept.figures("score")["open_opportunities"]
    assert reading.issued(kept, scored["opportunity_id"][0]).height > 0
    assert len(reading.quality_reports(reading.manifests(), 9)) == 2
    assert all(reading.registered())
    assert reading.part(kept, "trust")


def test_its_champion_scores_on(former: Store) -> None:
    champion = open_registry(TrackingSettings(), former).champion()

    assert champion is not None
    assert former.has_object(champion.key)


def test_a_run_goes_on_from_it_and_writes_the_present_schemas(former: Store) -> None:
    issued = former.load("scores_issued")
    loaded = load_settings(flags={**SMALL, "storage.root": former.root})

    done = run_steps(loaded, Plan(), Silent(), quiet=True)

    assert done.status == "done"
    added = former.load("scores_issued").filter(pl.col("run_id") == done.run_id)
    assert former.load("scores_issued").height == issued.height + added.height
    for record in done.steps:
        for name in record.tables:
            table = opened(former.location, TABLES[name].path)
            assert table is not None
            assert table.transaction_version(migrations.MARK) == migrations.marked(name).version
    assert former.get_json(done.key)["schema_version"] == 3
    assert former.get_json("runs/latest_steps.json")["schema_version"] == 1


def test_a_table_is_read_in_the_present_schema_and_its_filter_sees_that(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("scores_issued", ISSUED)
    monkeypatch.setattr(migrations, "TABLE_MIGRATIONS", {"scores_issued": (with_currency,)})

    rows = store.load("scores_issued")
    some = store.load("scores_issued", where=pl.col("currency") == "USD")

    assert_frame_equal(rows, with_currency(ISSUED))
    assert_frame_equal(rows, some)


def test_rows_are_added_to_an_older_table_in_the_present_schema(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("scores_issued", ISSUED, run_id="r1")
    steps = (with_currency, with_plain_name)
    monkeypatch.setattr(migrations, "TABLE_MIGRATIONS", {"scores_issued": steps})
    more = with_plain_name(with_currency(ISSUED)).with_columns(run_id=pl.lit("r2"))

    store.save("scores_issued", more, run_id="r2")
    store.save("scores_issued", more, run_id="r2")

    rows = store.load("scores_issued")
    assert rows.columns == ["run_id", "opportunity", "currency"]
    assert rows["run_id"].to_list() == ["r1", "r2"]
    # Older versions are read so too.
    assert store.load("scores_issued", version=0).columns == rows.columns


def test_rows_that_another_run_adds_meanwhile_are_not_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("scores_issued", ISSUED, run_id="r1")
    monkeypatch.setattr(migrations, "TABLE_MIGRATIONS", {"scores_issued": (with_currency,)})
    load, more = Store.load, with_currency(ISSUED).with_columns(run_id=pl.lit("r2"))

    def slow(opened: Store, name: str, *, version: int | None = None) -> pl.DataFrame:
        rows = load(opened, name, version=version)
        path = TABLES[name].path
        commit(opened.location, path, more, mode="append", run_id="r2")
        return rows

    with monkeypatch.context() as patched:
        patched.setattr(Store, "load", slow)
        with pytest.raises(StoreError, match="written by another run meanwhile"):
            store.save("scores_issued", more.with_columns(run_id=pl.lit("r3")), run_id="r3")

    assert store.load("scores_issued")["run_id"].to_list() == ["r1", "r2"]


def test_the_mark_outlasts_a_log_that_was_shortened(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "TABLE_MIGRATIONS", {"scores_issued": (with_currency,)})
    store.save("scores_issued", with_currency(ISSUED))
    table = opened(store.location, TABLES["scores_issued"].path)
    assert table is not None
    table.create_checkpoint()
    store.delete_object("scores/scores_issued/_delta_log/00000000000000000000.json")

    assert_frame_equal(store.load("scores_issued"), with_currency(ISSUED))


def test_a_table_of_a_newer_release_is_neither_read_nor_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(migrations, "TABLE_MIGRATIONS", {"products": (with_currency,)})
        store.save("products", PRODUCTS)

    for attempt in (
        lambda: store.load("products"),
        lambda: store.load("products", version=0),
        lambda: store.version("products"),
        lambda: store.save("products", PRODUCTS),
    ):
        with pytest.raises(StoreError, match=r"newer release.*schema is 2.* knows 1") as refused:
            attempt()
        assert "upgrade dealcast" in refused.value.remedy
    assert [v["schema"] for v in store.history("products")] == [2]


def test_files_of_an_older_schema_are_not_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save("products", PRODUCTS)
    monkeypatch.setattr(migrations, "TABLE_MIGRATIONS", {"products": (with_currency,)})

    assert store.files("products", version=0, by="snapshot_date") is None


def raw_key(store: Store) -> str:
    return f"raw/{load_manifest(store, 'latest').steps[0].objects['raw']}/_index.json"


def read_raw(store: Store, key: str) -> None:
    with store.raw_files(key.split("/")[1]):
        pass


@pytest.mark.parametrize(
    ("key_in", "reading"),
    [
        (lambda _: "runs/latest_steps.json", lambda s, _: load_latest_steps(s)),
        (lambda s: load_manifest(s, "latest").key, lambda s, _: load_manifest(s, "latest")),
        (raw_key, read_raw),
        (
            lambda _: "models/registry.json",
            lambda s, _: open_registry(TrackingSettings(), s).champion(),
        ),
    ],
    ids=["latest steps", "manifest", "raw index", "registry"],
)
def test_documents_of_a_newer_release_are_refused(
    key_in: Callable[[Store], str], reading: Callable[[Store, str], object], former: Store
) -> None:
    key = key_in(former)
    former.put_json(key, {**former.get_json(key), "schema_version": 99})

    with pytest.raises(StoreError, match="newer release"):
        reading(former, key)


def test_a_document_goes_through_every_step_since_it_was_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = (lambda d: {**d, "b": 1}, lambda d: {**d, "c": d["b"] + 1})
    monkeypatch.setitem(documents.DOCUMENT_MIGRATIONS, "raw index", steps)  # type: ignore[arg-type]

    assert documents.read("raw index", {"a": 0}, "x") == {"a": 0, "b": 1, "c": 2}
    assert documents.read("raw index", {"schema_version": 2, "b": 5}, "x") == {"b": 5, "c": 6}
    assert documents.stamped("raw index", {"a": 0}) == {"schema_version": 3, "a": 0}
