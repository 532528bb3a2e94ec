"""Eight processes write the same tables on S3 at once: all rows are there, none twice."""

import json
import subprocess
import sys
import time

import polars as pl
import pytest

from dealcast.settings import StorageSettings
from dealcast.workflow.store import Store, open_store
from servers.seaweed import S3Server

WRITERS, APPENDS, OVERWRITES, ROWS = 8, 5, 4, 40
LONGEST_SECONDS = 240

WRITER = """
import json, sys
import polars as pl
from dealcast.settings import StorageSettings
from dealcast.workflow.store import open_store

settings, writer, appends, overwrites, rows = json.loads(sys.argv[1])
store = open_store(StorageSettings(**settings))
print("ready", flush=True)
sys.stdin.readline()
made = {}
for number in range(max(appends, overwrites)):
    run_id = f"run-{writer}-{number}"
    if number < appends:
        ids = [f"{run_id}-{n}" for n in range(rows)]
        issued = pl.DataFrame({"run_id": [run_id] * rows, "opportunity_id": ids})
        store.save("scores_issued", issued, run_id=run_id)
    if number < overwrites:
        products = pl.DataFrame({"product": [str(n) for n in range(rows)]})
        products = products.with_columns(series=pl.lit(run_id), sales_price=1.0)
        made[run_id] = store.save("products", products, run_id=run_id)
    store.update_json("models/registry.json", lambda old: sorted([*(old or []), run_id]))
print(json.dumps(made))
"""


@pytest.mark.slow
def test_eight_writers_lose_nothing_and_double_nothing(s3: S3Server) -> None:
    fields = s3.settings()
    store = open_store(StorageSettings(**fields))
    writers = [_started(fields, number) for number in range(WRITERS)]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        reads = _read_until_done(store, writers)
        outputs = [writer.communicate(timeout=LONGEST_SECONDS) for writer in writers]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()

    assert reads > 5
    assert [writer.returncode for writer in writers] == [0] * WRITERS, outputs[0][1][-2000:]
    issued = store.load("scores_issued")
    assert issued["opportunity_id"].n_unique() == issued.height == WRITERS * APPENDS * ROWS
    made = {k: v for out, _ in outputs for k, v in json.loads(out.splitlines()[-1]).items()}
    # Each got the version of its own commit, whoever else was writing.
    assert sorted(made.values()) == list(range(WRITERS * OVERWRITES))
    for run_id, version in made.items():
        assert store.load("products", version=version)["series"].unique().to_list() == [run_id]
    assert len(store.get_json("models/registry.json")) == WRITERS * max(APPENDS, OVERWRITES)


def _started(fields: dict[str, object], number: int) -> subprocess.Popen[str]:
    given = json.dumps([fields, number, APPENDS, OVERWRITES, ROWS])
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, given],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _read_until_done(store: Store, writers: list[subprocess.Popen[str]]) -> int:
    """Read all the time; every frame must be whole. Returns how many reads there were."""
    reads, end = 0, time.monotonic() + LONGEST_SECONDS
    while any(writer.poll() is None for writer in writers):
        assert time.monotonic() < end, "the writers do not come to an end"
        if store.has("products"):
            products = store.load("products")
            assert (products.height, products["series"].n_unique()) == (ROWS, 1)
        if store.has("scores_issued"):
            per_run = store.load("scores_issued").group_by("run_id").agg(pl.len(), _distinct())
            assert per_run.filter((pl.col("len") != ROWS) | (pl.col("ids") != ROWS)).is_empty()
        reads += 1
    return reads


def _distinct() -> pl.Expr:
    return pl.col("opportunity_id").n_unique().alias("ids")
