"""Point-in-time features beside featuretools and Feast: `python benchmarks/beside_peers.py [N]`.

For open opportunities on Mondays, each with what was known of its agent and its product that
morning: how many had closed, were won, were lost, their revenue, the share won. All read the same
Parquet files of N opportunities and of the asked rows, and write a Parquet file. First every
answer is compared with Dealcast's, row by row; then times are told: without imports, the median of
three (one where it takes longer than 20 s), each in a process of its own.

Asked is for every opportunity on every Monday, and for 2,000 of these rows. A peer that needs more
than `--minutes` or `--gigabytes` for all is not asked for all of more opportunities.

`make bench` makes the environments of the peers (.venv-peers/), each with its own locked versions.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
from polars.testing import assert_frame_equal

from crm import last_day, read_tables, write_tables
from dealcast.features.build import build_features
from dealcast.features.columns import Lens
from dealcast.features.spec import FeatureSpec, Leak, Measure
from dealcast.settings import FeatureSettings
from dealcast.snapshots import build_snapshots, snapshot_dates
from measuring import HERE, FailedError, TooMuchError, answer_of, peak_gigabytes
from results import Result, arguments, tell

SIZES = (100_000,)
SOME = 2_000
RUNS = 3
REPEATED_BELOW = 20.0
"""Seconds: a way that takes longer is run once."""
ENVIRONMENTS = HERE.parent / ".venv-peers"
KEY = ["opportunity_id", "snapshot_date"]
ENTITIES = {"agent": "sales_agent", "product": "product"}

WON = Measure.count(where=lambda col: col("won") == 1)
MEASURES = {
    "closed_count": Measure.count(),
    "won_count": WON,
    "lost_count": Measure.count(where=lambda col: col("lost") == 1),
    "won_value": Measure.sum(lambda col: col("close_value")),
    "win_rate": Measure.ratio(WON, Measure.count()),
}
SPECS = tuple(
    FeatureSpec(
        name=f"{short}_{name}",
        entity=entity,
        dtype=nw.Float64,
        unit="of the benchmark",
        meaning="What the peers can compute too.",
        lens=Lens.CLOSED,
        leak=Leak.SAFE,
        measure=measure,
    )
    for short, entity in ENTITIES.items()
    for name, measure in MEASURES.items()
)
# What the peers call it when nothing is known: some say 0, some say nothing.
COUNTED = [spec.name for spec in SPECS if not spec.name.endswith("win_rate")]


@dataclass(frozen=True)
class Way:
    """A way to compute the asked rows: a script, its first arguments, and whose Python runs it."""

    name: str
    script: Path
    arguments: tuple[str, ...]
    environment: str | None = None

    @property
    def python(self) -> Path | None:
        """The Python of its environment; none for that of Dealcast."""
        return ENVIRONMENTS / self.environment / "bin/python" if self.environment else None

    @property
    def is_installed(self) -> bool:
        """Whether that environment is there."""
        return self.python is None or self.python.exists()


OURS = Way("Dealcast", Path(__file__), ("--one",))
FEATURETOOLS = HERE / "peers/featuretools_rows.py"
FEAST = HERE / "peers/feast_rows.py"
PEERS = (
    Way("featuretools, as documented", FEATURETOOLS, ("documented",), "featuretools"),
    Way("featuretools, by hand", FEATURETOOLS, ("by hand",), "featuretools"),
    Way("Feast on DuckDB, as documented", FEAST, ("duckdb", "documented"), "feast"),
    Way("Feast on DuckDB, by hand", FEAST, ("duckdb", "by hand"), "feast"),
    Way("Feast on Dask, as documented", FEAST, ("dask", "documented"), "feast"),
    Way("Feast on Dask, by hand", FEAST, ("dask", "by hand"), "feast"),
)
TABLES = Way("Feast's daily tables, made before", FEAST, ("tables",), "feast")

COLUMNS = {
    "opportunities": "13,",
    "asked": "11,",
    "way": "<33",
    "seconds": "9.2f",
    "times": "7.1f",
    "rows_per_second": "15,.0f",
    "gigabytes": "9.2f",
    "answer": "<20",
}


def write_asked(folder: Path) -> dict[str, int]:
    """The files of asked rows, `all` and `some`, and how many rows are in each."""
    tables = read_tables(folder)
    dates = snapshot_dates(tables.opportunities, FeatureSettings(), as_of=last_day(tables))
    rows = build_snapshots(tables.opportunities, dates, as_of=dates[-1]).select(KEY)
    keys = tables.opportunities.select("opportunity_id", *ENTITIES.values())
    asked = folder / "all.parquet"
    rows.join(keys, on="opportunity_id", how="left").sink_parquet(asked)
    count: int = pl.scan_parquet(asked).select(pl.len()).collect().item()
    every = max(1, count // SOME)
    pl.scan_parquet(asked).gather_every(every).head(SOME).sink_parquet(folder / "some.parquet")
    return {"all": count, "some": min(count, SOME)}


def ours(folder: Path, asked: Path, into: Path) -> None:
    """What `--one` does: the features of the asked rows, as Dealcast's users build them."""
    build_features(pl.scan_parquet(asked), read_tables(folder), SPECS).sink_parquet(into)


def answered(file: Path) -> pl.LazyFrame:
    """An answer in our names and types, an unknown count or value as 0."""
    rows = pl.scan_parquet(file).rename({"event_timestamp": "snapshot_date"}, strict=False)
    return rows.select(
        "opportunity_id",
        pl.col("snapshot_date").cast(pl.Date),
        *(pl.col(spec.name).cast(pl.Float64).fill_nan(None) for spec in SPECS),
    ).with_columns(pl.col(COUNTED).fill_null(0))


def difference(file: Path, reference: Path) -> str:
    """Whether an answer is Dealcast's: `equal`, or what is not. Of many rows, some are compared."""
    rows, expected = (
        pl.scan_parquet(f).select(pl.len()).collect().item() for f in (file, reference)
    )
    if rows != expected:
        return f"{rows:,} of {expected:,} rows"
    some = pl.col("opportunity_id").hash() % max(1, rows // 1_000_000) == 0
    theirs, ours = (answered(f).filter(some).sort(KEY).collect() for f in (file, reference))
    try:
        assert_frame_equal(theirs, ours, rel_tol=0, abs_tol=1e-9)
    except AssertionError:
        return "other values"
    return "equal"


def measured(way: Way, *given: object, times: int, **limits: float) -> Result:
    """Seconds and peak memory of a way; `answer` says why where it did not come to its end.

    The median of so many times; of one where it takes long.
    """
    runs: list[Any] = []
    try:
        while len(runs) < times and all(run["seconds"] < REPEATED_BELOW for run in runs):
            call = (way.script, *way.arguments, *given)
            runs.append(answer_of(*call, python=way.python, **limits))
    except (TooMuchError, FailedError) as error:
        print(error, file=sys.stderr)
        return {"answer": str(error).splitlines()[0]}
    return {
        "seconds": statistics.median(run["seconds"] for run in runs),
        "gigabytes": max(run["gigabytes"] for run in runs),
    }


def compared(
    ways: list[Way], folder: Path, which: str, rows: int, **limits: Any
) -> Iterator[dict[str, Any]]:
    """Every way's answer, compared with Dealcast's; without one there is nothing to compare."""
    reference, into = folder / "ours.parquet", folder / "theirs.parquet"
    asked = folder / f"{which}.parquet"
    ours = measured(OURS, folder, asked, reference, **limits)
    for way in (OURS, *ways):
        run = dict(ours if way is OURS else measured(way, folder, asked, into, **limits))
        if "seconds" in run and "seconds" in ours:
            run["answer"] = difference(reference if way is OURS else into, reference)
            run["times"] = run["seconds"] / ours["seconds"]
            run["rows_per_second"] = rows / run["seconds"]
        yield {"asked": rows, "way": way.name, **run}
        into.unlink(missing_ok=True)


def results(sizes: list[int], **limits: Any) -> Iterator[Result]:
    """A result for each size, way and number of asked rows."""
    installed = [way for way in PEERS if way.is_installed]
    too_slow: set[Way] = set()
    for size in sorted(sizes):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            write_tables(size, folder)
            asked = write_asked(folder)
            if TABLES.is_installed:
                made = measured(TABLES, folder, **limits)
                yield {"opportunities": size, "way": TABLES.name, **made}
            for which, rows in asked.items():
                ways = [w for w in installed if which == "some" or w not in too_slow]
                for result in compared(ways, folder, which, rows, **limits):
                    if which == "all" and "seconds" not in result:
                        too_slow |= {w for w in PEERS if w.name == result["way"]}
                    yield {"opportunities": size, **result}


def main() -> None:
    parser = arguments(__doc__, SIZES, of="N")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each way")
    parser.add_argument("--minutes", type=float, default=10, help="limit of one run")
    parser.add_argument("--gigabytes", type=float, default=18, help="limit of one run")
    given = parser.parse_args()
    missing = sorted({w.environment or "" for w in PEERS if not w.is_installed})
    if missing:
        print(f"Not installed: {', '.join(missing)}; `make peers` does it", file=sys.stderr)
    limits = {"seconds": given.minutes * 60, "gigabytes": given.gigabytes}
    told = results(given.sizes, times=given.runs, **limits)
    tell(told, COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        began = time.perf_counter()
        ours(*map(Path, sys.argv[2:]))
        seconds = time.perf_counter() - began
        print(json.dumps({"seconds": seconds, "gigabytes": peak_gigabytes()}))
    else:
        main()
