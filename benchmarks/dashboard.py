"""How long pages of the dashboard take: `python benchmarks/dashboard.py [OPEN ...] [--json]`.

OPEN: open opportunities. They are those of a small run on the sample, under new ids until there are
so many. `first`: a page's script with nothing kept from before, in seconds; `again`: the same once
more, as every later visit or click, the median of five. The browser's part is not in it.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from dealcast.settings import load_settings
from dealcast.surfaces.dashboard.served import serve_from
from dealcast.surfaces.dashboard.views.index import PAGES
from dealcast.workflow.manifest import RunManifest, load_manifest
from dealcast.workflow.store import Store
from results import Result, arguments, tell

SIZES = (1_000, 100_000)
BOUND = 1.0  # seconds that a page may take
AGAIN = 5
COLUMNS = {"open": "9,", "page": "<14", "first": "7.3f", "again": "7.3f", "asked_for": "<12"}
PAGE = """
from dealcast.surfaces.dashboard import reading
from dealcast.surfaces.dashboard.views.index import PAGES
next(p for p in PAGES if p.name == {page!r}).show(reading.kept({run!r}))
"""


def repeated(frame: pl.DataFrame, times: int) -> pl.DataFrame:
    """The rows as often as wanted, under ids of their own."""
    return pl.concat(
        frame.with_columns(opportunity_id=pl.format("{}-{}", "opportunity_id", pl.lit(at)))
        for at in range(times)
    )


def grown(manifest: RunManifest, store: Store, size: int) -> RunManifest:
    """The run as if so many opportunities were open; its tables in new versions."""
    record = next(s for s in manifest.steps if s.name == "score")
    times = -(-size // store.load("scores").height)
    tables = dict(record.tables)
    for name in ("scores", "score_reasons"):
        tables[name] = store.save(name, repeated(store.load(name), times))
    issued = store.load("scores").select(pl.lit(manifest.run_id).alias("run_id"), pl.all())
    tables["scores_issued"] = store.save("scores_issued", issued)
    other = replace(record, tables=tables)
    steps = [other if s.name == "score" else s for s in manifest.steps]
    run = replace(manifest, run_id=f"{manifest.run_id}{size}", steps=steps)
    run.save(store)
    return run


def page_seconds(page: str, run_id: str) -> tuple[float, float]:
    """Seconds of the page's script at first, and again."""
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_string(PAGE.format(page=page, run=run_id), default_timeout=120)
    took = []
    for _ in range(AGAIN + 1):
        began = time.perf_counter()
        app.run()
        took.append(time.perf_counter() - began)
        if app.exception:
            raise AssertionError(app.exception[0].message)
    return took[0], statistics.median(took[1:])


def results(sizes: list[int]) -> Iterator[Result]:
    """A result for each size and page."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = ("--source", "sample", "--set", "source.opportunities=3000", "--root", folder)
        subprocess.run([sys.executable, "-m", "dealcast", "run", "--json", *chosen], check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        serve_from(load_settings(environ={}, flags={"storage.root": folder}))
        store = Store(folder)
        manifest = load_manifest(store, "latest")
        for size in sizes:
            run = grown(manifest, store, size)
            for page in PAGES:
                first, again = page_seconds(page.name, run.run_id)
                told = f"{'within' if again < BOUND else 'OVER'} {BOUND:g} s"
                yield {
                    "open": store.load("scores").height, "page": page.name, "first": first,
                    "again": again, "asked_for": told,
                }  # fmt: skip


def main() -> None:
    given = arguments(__doc__, SIZES, "OPEN").parse_args()
    tell(results(given.sizes), COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    main()
