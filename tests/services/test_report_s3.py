"""The report of a run whose store is a bucket: it is drawn from there, and kept there."""

from pathlib import Path
from typing import TYPE_CHECKING

from dealcast.settings import StorageSettings, load_settings
from dealcast.surfaces.report import keep_report, report_of
from dealcast.workflow.manifest import StepRecord, load_manifest
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.steps import Step
from dealcast.workflow.store import open_store

if TYPE_CHECKING:
    from servers.seaweed import S3Server

ROWS = (
    "opportunity_id,deal_stage,engage_date,close_date,close_value\nA1,Won,2024-01-02,2024-02-01,9\n"
)


class Silent:
    """A watcher that shows nothing."""

    def started(self, step: Step) -> None: ...

    def progressed(self, note: str, share: float) -> None: ...

    def finished(self, record: StepRecord) -> None: ...


def test_a_report_is_kept_in_the_bucket_and_drawn_again_from_it(
    s3: "S3Server", tmp_path: Path
) -> None:
    (tmp_path / "opportunities.csv").write_text(ROWS, encoding="utf-8")
    storage = s3.settings()
    flags = {f"storage.{name}": value for name, value in storage.items()}
    loaded = load_settings(
        environ={}, flags={"source.kind": "files", "source.path": str(tmp_path), **flags}
    )

    manifest = run_steps(loaded, Plan(stop="clean"), Silent(), quiet=True, closing=keep_report)

    store = open_store(StorageSettings(**storage))
    kept = store.get_object(manifest.report_key)
    assert kept is not None
    html = kept.decode()
    assert report_of(load_manifest(store, "latest"), store) == html
    assert store.root in html
    assert str(storage["secret_access_key"]) not in html
