"""One run of the sample on a real MLflow server: what is there afterwards, and what it is worth."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from click.testing import CliRunner

from dealcast.cli import cli
from dealcast.settings import StorageSettings, load_settings
from dealcast.tracking.mlflow.client import quiet
from dealcast.workflow.manifest import RunManifest
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.steps import Step
from dealcast.workflow.store import Store, open_store

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from servers.mlflow import MlflowServer
    from servers.seaweed import S3Server

MODEL_NAME = "sample-win-model"
COLUMNS = ("opportunity_id", "sales_agent", "product", "account", "engage_date", "deal_stage")
IDENTICAL = 1e-12


class Silent:
    def started(self, step: Step) -> None: ...
    def progressed(self, note: str, share: float) -> None: ...
    def finished(self, record: Any) -> None: ...


@dataclass(frozen=True)
class Tracked:
    """A run that was tracked, its store, and a client that asks MLflow about it."""

    manifest: RunManifest
    store: Store
    flags: tuple[str, ...]
    client: "MlflowClient"

    @property
    def mlflow_run(self) -> Any:
        (found,) = self.client.search_runs(
            self.experiments, f"tags.`dealcast.run_id` = '{self.manifest.run_id}'"
        )
        return found

    @property
    def experiments(self) -> list[str]:
        found = self.client.get_experiment_by_name("sample")
        assert found is not None
        return [found.experiment_id]

    def artifacts(self, folder: str | None = None) -> list[str]:
        found = self.client.list_artifacts(self.mlflow_run.info.run_id, folder)
        return [f.path for f in found if not f.is_dir]

    def command(self, *arguments: str) -> Any:
        done = CliRunner().invoke(cli, [*arguments, *self.flags])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if "--json" in arguments else done.stdout


def run_on(server: "MlflowServer", storage: Mapping[str, object], **source: object) -> Tracked:
    from mlflow import MlflowClient

    tracking = server.settings(experiment="sample", model_name=MODEL_NAME)
    settings = {f"tracking.{name}": value for name, value in tracking.items()}
    settings |= {f"storage.{name}": value for name, value in storage.items()}
    loaded = load_settings(environ={}, flags={**settings, **source})
    manifest = run_steps(loaded, Plan(), Silent(), quiet=True)
    sets = tuple(f"--set={name}={value}" for name, value in settings.items())
    client = MlflowClient(tracking_uri=server.uri, registry_uri=server.uri)
    return Tracked(manifest, open_store(loaded.settings.storage), sets, client)


@pytest.fixture(scope="module")
def tracked(mlflow_server: "MlflowServer", tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    source = {"source.kind": "sample", "source.opportunities": 1_500}
    return run_on(mlflow_server, {"root": str(tmp_path_factory.mktemp("tracked"))}, **source)


def served_scores(tracked: Tracked) -> pl.DataFrame:
    """What @champion, loaded out of MLflow, says of the opportunities that the run scored."""
    import mlflow

    rows = tracked.store.load("scores").select(COLUMNS).to_pandas()
    with quiet():
        mlflow.set_registry_uri(tracked.client._registry_uri)
        mlflow.set_tracking_uri(tracked.client.tracking_uri)
        model = mlflow.pyfunc.load_model(f"models:/{MODEL_NAME}@champion")
        return pl.from_pandas(model.predict(rows), nan_to_null=True)


def assert_identical(tracked: Tracked) -> None:
    scores = tracked.store.load("scores")
    served = served_scores(tracked)
    assert served["opportunity_id"].to_list() == scores["opportunity_id"].to_list()
    chances = [c for c in served.columns if c.startswith("p_")]
    assert len(chances) == 7
    for name in chances:
        assert served[name].null_count() == scores[name].null_count()
        difference = (served[name] - scores[name]).abs().max()
        assert isinstance(difference, float)
        assert difference <= IDENTICAL


def test_the_run_is_there_with_its_own_times_settings_and_origins(tracked: Tracked) -> None:
    run, manifest = tracked.mlflow_run, tracked.manifest

    assert run.info.status == "FINISHED"
    assert run.info.start_time == 1000 * datetime.fromisoformat(manifest.started).timestamp()
    ended = datetime.fromisoformat(manifest.finished or "")
    assert run.info.end_time == 1000 * ended.timestamp()
    assert run.data.params["model.horizons_days"] == "[30, 60, 90]"
    assert run.data.params["estimator"] == manifest.figures["estimator"]
    assert not [name for name in run.data.params if name.startswith(("storage", "tracking"))]
    tags = run.data.tags
    assert tags["mlflow.source.git.commit"] == manifest.code["commit"]
    assert tags["dealcast.raw"] == manifest.steps[0].objects["raw"]
    assert tags["table.scores"] == "0"
    assert tags["code.polars"] == manifest.code["polars"]
    assert manifest.figures["summary"] in tags["mlflow.note.content"]


def test_metrics_are_there_for_all_and_for_every_fold(tracked: Tracked) -> None:
    run = tracked.mlflow_run
    evaluation = tracked.store.get_json(f"runs/{tracked.manifest.run_id}/evaluation.json")

    folds = tracked.client.get_metric_history(run.info.run_id, "fold_log_loss_30d")

    assert run.data.metrics["auc_30d"] == evaluation["horizons"][0]["auc"]
    assert [m.step for m in folds] == list(range(1, len(evaluation["horizons"][0]["origins"]) + 1))
    assert min(m.value for m in folds) < run.data.metrics["log_loss_30d"]
    assert max(m.value for m in folds) > run.data.metrics["log_loss_30d"]


def test_reports_tables_and_figures_are_there_and_no_rows_of_customers(tracked: Tracked) -> None:
    top = set(tracked.artifacts())

    assert {"manifest.json", "run.log", "quality_raw.json", "evaluation.json"} <= top
    assert not top & {"transforms.parquet", "people.json", "scored_with.json"}
    tables = ("reliability", "learning_curve", "by_origin", "by_product", "forecast")
    assert {f"tables/{name}.csv" for name in tables} <= set(tracked.artifacts("tables"))
    names = ("forecast", "learning_curve", "reliability", "skill_by_origin")
    assert tracked.artifacts("figures") == [f"figures/{name}.png" for name in names]


def test_the_data_set_is_an_input_with_table_version_hash_and_columns(tracked: Tracked) -> None:
    (used,) = tracked.mlflow_run.inputs.dataset_inputs
    data, tags = used.dataset, {tag.key: tag.value for tag in used.tags}

    raw = tracked.manifest.steps[0].objects["raw"]
    assert (data.name, data.digest) == ("crm_data_processed", f"{raw}-v0")
    assert json.loads(data.source)["delta_table_version"] == 0
    assert json.loads(data.source)["path"] == tracked.store.place("processed/crm_data_processed")
    assert json.loads(data.profile) == {"num_rows": tracked.manifest.figures["rows_clean"]}
    assert "close_value" in {c["name"] for c in json.loads(data.schema)["mlflow_colspec"]}
    assert tags["dealcast.raw"] == raw


def test_the_model_is_there_with_signature_example_and_pins_and_without_pickle(
    tracked: Tracked, tmp_path: Path
) -> None:
    import mlflow

    version = tracked.client.get_model_version_by_alias(MODEL_NAME, "champion")
    with quiet():
        mlflow.set_tracking_uri(tracked.client.tracking_uri)
        folder = mlflow.artifacts.download_artifacts(version.source, dst_path=str(tmp_path))
        model = mlflow.models.Model.load(folder)

    files = {f.name for f in Path(folder).rglob("*") if f.is_file()}
    assert {"win_model.json", "served.py", "input_example.json", "requirements.txt"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))]
    assert model.signature is not None
    assert [p.name for p in model.signature.params] == ["as_of"]
    assert "p_won_30" in model.signature.outputs.input_names()
    pins = (Path(folder) / "requirements.txt").read_text().split()
    assert f"polars=={tracked.manifest.code['polars']}" in pins
    assert all("==" in pin for pin in pins)
    assert version.tags["dealcast.model_id"] == tracked.manifest.figures["model_id"]
    assert version.run_id == tracked.mlflow_run.info.run_id
    assert tracked.mlflow_run.outputs.model_outputs


def test_the_model_loaded_out_of_mlflow_scores_as_the_run_did(tracked: Tracked) -> None:
    assert_identical(tracked)


@pytest.mark.slow
def test_the_same_holds_on_the_real_data(
    mlflow_server: "MlflowServer", real_data: Path, tmp_path: Path
) -> None:
    source = {"source.kind": "files", "source.path": str(real_data)}

    assert_identical(run_on(mlflow_server, {"root": str(tmp_path)}, **source))


@pytest.mark.slow
def test_the_same_holds_with_postgresql_and_artifacts_on_s3(
    postgres: Callable[[], str], s3: "S3Server", tmp_path: Path
) -> None:
    from servers.mlflow import mlflow_server_in

    bucket = s3.bucket()
    storage = s3.settings(f"s3://{bucket}/store")
    keys = {
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
        "AWS_DEFAULT_REGION": "us-east-1",
        "MLFLOW_S3_ENDPOINT_URL": s3.endpoint,
    }
    source = {"source.kind": "sample", "source.opportunities": 1_500}
    with mlflow_server_in(
        tmp_path, backend=postgres(), artifacts=f"s3://{bucket}/mlflow", environment=keys
    ) as server:
        tracked = run_on(server, storage, **source)

        assert tracked.mlflow_run.info.status == "FINISHED"
        assert "figures/reliability.png" in tracked.artifacts("figures")
        assert_identical(tracked)
        assert tracked.command("runs", "sync", "--json")["runs"] == []
        shown = tracked.command("runs", "show", "latest", "--json")["lineage"]
    beside = StorageSettings.model_validate({**storage, "root": f"s3://{bucket}/mlflow"})
    kept = open_store(beside).list_objects("")
    assert [key for key in kept if key.endswith("win_model.json")]
    assert shown["model"]["place"].startswith(f"s3://{bucket}/store/models/")
    assert not (tmp_path / "artifacts").exists()


def test_sent_again_nothing_is_doubled(tracked: Tracked) -> None:
    before = tracked.mlflow_run
    tracked.store.put_object(f"runs/{tracked.manifest.run_id}/mlflow.json", b"")

    again = tracked.command("runs", "sync", "--json")
    once_more = tracked.command("runs", "sync", "--json")

    after = tracked.mlflow_run
    assert again["runs"] == [tracked.manifest.run_id]
    assert once_more["runs"] == once_more["models"] == []
    assert after.info.end_time == before.info.end_time
    assert len(tracked.client.get_metric_history(after.info.run_id, "auc_30d")) == 1
    assert len(after.inputs.dataset_inputs) == len(after.outputs.model_outputs) == 1
    name = f"name = '{MODEL_NAME}' and tags.`dealcast.run_id` = '{tracked.manifest.run_id}'"
    assert len(tracked.client.search_model_versions(name)) == 1


def test_a_run_is_shown_from_its_scores_to_model_tables_and_code(tracked: Tracked) -> None:
    lineage = tracked.command("runs", "show", "latest", "--json")["lineage"]
    told = tracked.command("runs", "show", "latest")

    model = lineage["model"]
    assert model["model_id"] == tracked.manifest.figures["model_id"]
    assert model["trained_by_run"] == lineage["scores"]["made_by_run"] == tracked.manifest.run_id
    assert (model["mlflow"]["name"], model["mlflow"]["aliases"]) == (MODEL_NAME, ["champion"])
    assert lineage["raw"]["hash"] == tracked.manifest.steps[0].objects["raw"]
    assert {"scores", "crm_data_processed"} <= {t["table"] for t in lineage["tables"]}
    assert list(lineage["code"]) == [tracked.manifest.run_id]
    assert lineage["mlflow"]["mlflow_run_id"] == tracked.mlflow_run.info.run_id
    assert f"{MODEL_NAME} version {model['mlflow']['version']} @champion" in told
    assert f"source {tracked.manifest.code['source_hash']}" in told
