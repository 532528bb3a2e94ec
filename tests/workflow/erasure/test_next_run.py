"""After a run that was interrupted, and an erasure, the next run is as of an export without it."""

from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from dealcast.settings import SampleSource, load_settings
from dealcast.sources.sample import write_sample
from dealcast.workflow.erasure.erase import erase, sought
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store
from servers.stores import SMALL
from servers.watching import Silent

TABLES = ("crm_data_processed", "crm_features", "snapshots", "snapshot_features")
FORMER = 440  # rows of the export before


def ran(store: Store, export: Path) -> None:
    flags = {key: value for key, value in SMALL.items() if not key.startswith("source.")}
    flags |= {"source.kind": "files", "source.path": str(export), "storage.root": store.root}
    run_steps(load_settings(flags=flags), Plan("ingest", "features"), Silent(), quiet=True)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["clean", "features"])
def test_it_goes_on_from_what_steps_recorded(
    tmp_path: Path, interrupted_at: Any, step: str
) -> None:
    store, alone = Store(str(tmp_path / "store")), Store(str(tmp_path / "alone"))
    export = tmp_path / "export"
    write_sample(export, SampleSource(opportunities=480, days=330, dirt=10))
    file = export / "sales_pipeline.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:FORMER]))
    ran(store, export)
    file.write_text("".join(lines))
    with interrupted_at(step):
        ran(store, export)
    one = store.load("snapshots")["opportunity_id"].min()
    erase(store, sought([str(one)]), "test")

    ran(store, export)
    file.write_text("".join(line for line in lines if str(one) not in line))
    ran(alone, export)

    for name in TABLES:
        frame, wanted = store.load(name), alone.load(name)
        by = frame.columns
        assert_frame_equal(frame.sort(by), wanted.sort(by), rel_tol=1e-9)
