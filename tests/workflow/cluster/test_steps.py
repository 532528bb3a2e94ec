"""The steps of a cluster, with frames of Polars in its place: quick, and without Java."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import narwhals as nw
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dealcast.engines.base import Frame, Kernel
from dealcast.engines.polars import PolarsEngine
from dealcast.settings import load_settings
from dealcast.tracking.base import open_registry, open_tracker
from dealcast.workflow.manifest import RunManifest, load_latest_steps
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store
from dealcast.workflow.workspace import Made, Workspace

pytest.importorskip("pyspark")

from pyspark import cloudpickle

from dealcast.workflow.cluster import data_steps, model_steps
from dealcast.workflow.cluster.one_task import clean_sample
from dealcast.workflow.cluster.tables import ClusterTables

FLAGS = {
    "source.kind": "sample",
    "source.opportunities": 1_500,
    "features.snapshot_every_days": 28,
    # The evaluation has too short a history, and says so: it is not what is tried here.
    "model.first_origin_after_days": 3_000,
}


class Standin(PolarsEngine):
    """Does to whole tables what the cluster does to parts; kernels are sent through a pickle."""

    parallel = 2

    def kept(self, frame: Frame) -> Frame:
        return self.settled({"it": frame})["it"]

    def release(self, frame: Frame) -> None:
        pass

    def keeping(self, frame: Frame) -> AbstractContextManager[Frame]:
        return nullcontext(self.kept(frame))

    def spread(self, frame: Frame, _parts: int) -> Frame:
        return frame

    def sampled(self, frame: Frame, key: str, *, at_most: int, seed: int) -> Frame:
        del key, seed
        return frame.head(at_most)

    def mapped(self, frame: Frame, kernel: Kernel, schema: pl.Schema) -> Frame:
        sent: Callable[[pl.DataFrame], pl.DataFrame] = cloudpickle.loads(cloudpickle.dumps(kernel))
        return self.from_polars(sent(self.collect(frame)).select(schema.names()).cast(schema))

    def in_one_task(self, frame: Frame, kernel: Kernel, schema: pl.Schema) -> Frame:
        return self.mapped(frame, kernel, schema)

    def mapped_together(
        self, frame: Frame, key: str, kernel: Kernel, schema: pl.Schema, *, partitions: int
    ) -> Frame:
        part = nw.from_native(self.collect(frame).lazy()).with_columns(
            nw.col(key).str.len_chars().alias("part") % partitions
        )
        parts = [
            self.mapped(part.filter(nw.col("part") == n).drop("part"), kernel, schema)
            for n in range(partitions)
        ]
        return nw.concat(parts)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, RunManifest]:
    """A run on one machine."""
    root = tmp_path_factory.mktemp("store")
    loaded = load_settings(environ={}, flags={**FLAGS, "storage.root": str(root)})
    return Store(str(root)), run_steps(loaded, Plan(stop="score"), Silent(), quiet=True)


class Silent:
    """Watches nothing."""

    def started(self, step: object) -> None:
        pass

    def progressed(self, note: str, share: float) -> None:
        pass

    def finished(self, record: object) -> None:
        pass


@pytest.fixture
def workspace(done, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The store of that run, for a further step by the stand-in."""
    store = done[0]
    engine = Standin()
    for module in (data_steps, model_steps):
        monkeypatch.setattr(module, "cluster_of", lambda _: engine)
    settings = load_settings(environ={}, flags={**FLAGS, "storage.root": store.root}).settings
    return Workspace(
        store,
        settings,
        "20300101T000000Z-0000",
        open_tracker(settings.tracking, store, "20300101T000000Z-0000"),
        open_registry(settings.tracking, store),
        load_latest_steps(store),
        lambda _note, _share: None,
    )


def assert_as_before(ws: Workspace, made: Made, step: str, keys: dict[str, list[str]]) -> None:
    for name, key in keys.items():
        now = ws.store.load(name, version=made.tables[name])
        before = ws.store.load(name, version=ws.record(step).tables[name])
        assert_frame_equal(
            now.sort(key), before.select(now.columns).sort(key), rel_tol=0, abs_tol=1e-9
        )


def test_cleaning_accounts_for_every_row_and_gives_the_same_tables(workspace) -> None:
    made = data_steps.clean_export(workspace)

    figures, before = made.figures, workspace.record("clean").figures
    assert figures["rows_in"] == figures["rows_clean"] + figures["rows_quarantined"]
    assert figures == {name: before[name] for name in figures}
    keys = {"crm_data_processed": ["opportunity_id"], "quarantine": ["source_file", "source_row"]}
    assert_as_before(workspace, made, "clean", keys)
    log, former = (
        workspace.store.require_json(objects["cleaning_log"])
        for objects in (made.objects, workspace.record("clean").objects)
    )
    assert {r["code"]: r["rows"] for r in log["rules"]} == {
        r["code"]: r["rows"] for r in former["rules"]
    }


def test_a_sample_that_is_all_rows_scores_the_quality_of_all(workspace) -> None:
    made = data_steps.validate_sample(workspace)

    assert made.figures == workspace.record("validate").figures
    assert workspace.store.has_object(made.objects["quality_raw"])


def test_features_are_the_same(workspace) -> None:
    made = data_steps.features(workspace)

    key = ["opportunity_id", "snapshot_date"]
    assert_as_before(workspace, made, "features", dict.fromkeys(made.tables, key))


def test_the_model_is_the_same(workspace) -> None:
    made = model_steps.train_model(workspace)

    before = workspace.record("train").figures
    for name in ("estimator", "model_entities", "trained_on"):
        assert made.figures[name] == before[name]


def test_scores_and_their_reasons_are_the_same_and_issued_once(workspace) -> None:
    made = model_steps.score_open(workspace)
    again = model_steps.score_open(workspace)

    keys = {"scores": ["opportunity_id"], "score_reasons": ["opportunity_id", "part"]}
    assert_as_before(workspace, made, "score", keys)
    issued = workspace.store.load("scores_issued").filter(run_id=workspace.run_id)
    assert (
        issued.height == made.figures["open_opportunities"] == again.figures["open_opportunities"]
    )


def test_on_an_earlier_day_nothing_is_known_of_what_came(workspace) -> None:
    earlier = workspace.as_of.replace(day=1)
    data = workspace.settings.data.model_copy(update={"as_of": earlier})
    workspace.settings = workspace.settings.model_copy(update={"data": data})
    tables = ClusterTables(workspace, Standin())

    rows = tables.engine.collect(tables.known_opportunities())

    expected = workspace.known_tables().opportunities.collect()
    assert_frame_equal(rows.sort("opportunity_id"), expected.sort("opportunity_id"))
    # Those of which a sample is drawn, and of how many it is one.
    sample, _ = clean_sample(workspace, tables)
    assert tables.count_known() == expected.height < workspace.record("clean").figures["rows_clean"]
    assert set(tables.engine.collect(sample)["opportunity_id"]) == set(expected["opportunity_id"])
