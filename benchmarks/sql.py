"""A database's opportunities ingested, beside pandas.read_sql: `python benchmarks/sql.py [N ...]`.

Starts a PostgreSQL of its own (extra `stack`) and fills it with N generated opportunities. The two
do not do the same: `dealcast ingest` keeps the rows as Parquet and reads them into the frame that
the checks take; pandas ends with a frame in memory. Each way runs once, in a process of its own,
start of Python included; memory is its peak.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dealcast.settings import SampleSource
from dealcast.sources.sample import write_sample
from measuring import HERE, run_apart
from results import Result, arguments, tell

# The server and its tables are those of the tests.
sys.path.insert(0, str(HERE.parent / "tests"))

from servers.crm_database import QUERIES, write_crm
from servers.postgres import postgres_server

SIZES = (1_000_000,)
COLUMNS = {
    "opportunities": "13,",
    "way": "<41",
    "seconds": "8.1f",
    "gigabytes": "9.2f",
}
URL = "DEALCAST__SOURCE__URL"
ENGINE = f"import os, pandas, sqlalchemy; engine = sqlalchemy.create_engine(os.environ['{URL}']); "
PANDAS = ENGINE + "pandas.read_sql('SELECT * FROM sales_pipeline', engine)"
PANDAS_IN_CHUNKS = ENGINE + (
    "connection = engine.connect().execution_options(stream_results=True); "
    "query = sqlalchemy.text('SELECT * FROM sales_pipeline'); "
    "sum(len(chunk) for chunk in pandas.read_sql(query, connection, chunksize=50_000))"
)


def ways(folder: Path) -> dict[str, tuple[object, ...]]:
    """The arguments of Python for each way; stores are made in the folder."""
    queries = f"source.queries={json.dumps(QUERIES)}"
    ingest = ("-m", "dealcast", "ingest", "--source", "sql", "--set", queries, "--root")
    by_cursor = (*ingest, folder / "partly", "--set", "source.cursor_column=engage_date")
    return {
        "dealcast ingest": (*ingest, folder / "whole"),
        "dealcast ingest, cursor column, first": by_cursor,
        "dealcast ingest, cursor column, again": by_cursor,
        "pandas.read_sql": ("-c", PANDAS),
        "pandas.read_sql in chunks, nothing kept": ("-c", PANDAS_IN_CHUNKS),
    }


def results(sizes: list[int]) -> Iterator[Result]:
    """A result for each size and way."""
    with postgres_server() as server:
        for size in sizes:
            with tempfile.TemporaryDirectory() as place:
                url, folder = server.database(), Path(place)
                write_crm(
                    url, write_sample(folder / "export", SampleSource(opportunities=size, dirt=0))
                )
                for way, call in ways(folder).items():
                    run = run_apart((sys.executable, *call), variables={URL: url})
                    yield {
                        "opportunities": size,
                        "way": way,
                        "seconds": run.seconds,
                        "gigabytes": run.gigabytes,
                    }


def main() -> None:
    given = arguments(__doc__, SIZES, of="N").parse_args()
    tell(results(given.sizes), COLUMNS, as_json=given.as_json)


if __name__ == "__main__":
    main()
