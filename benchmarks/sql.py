"""A database's opportunities ingested, beside pandas.read_sql: seconds and peak memory.

    python benchmarks/sql.py --opportunities 1000000

Starts a PostgreSQL of its own and fills it with a generated sample. The two do not do the same:
`dealcast ingest` keeps the rows as Parquet and reads them into the frame that the checks take;
pandas ends with a frame in memory.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "tests"))

from dealcast.settings import SampleSource  # noqa: E402
from dealcast.sources.sample import write_sample  # noqa: E402
from servers.crm_database import QUERIES, write_crm  # noqa: E402
from servers.memory import measured  # noqa: E402
from servers.postgres import postgres_server  # noqa: E402

DEALCAST = "from dealcast.__main__ import main; main()"
PANDAS = (
    "import os, pandas, sqlalchemy; "
    "engine = sqlalchemy.create_engine(os.environ['DEALCAST__SOURCE__URL']); "
    "pandas.read_sql('SELECT * FROM sales_pipeline', engine)"
)
PANDAS_IN_CHUNKS = (
    "import os, pandas, sqlalchemy; "
    "engine = sqlalchemy.create_engine(os.environ['DEALCAST__SOURCE__URL']); "
    "connection = engine.connect().execution_options(stream_results=True); "
    "query = sqlalchemy.text('SELECT * FROM sales_pipeline'); "
    "sum(len(chunk) for chunk in pandas.read_sql(query, connection, chunksize=50_000))"
)


def main() -> None:
    """Print a line for each way."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--opportunities", type=int, default=1_000_000)
    count = parser.parse_args().opportunities
    with tempfile.TemporaryDirectory() as scratch, postgres_server() as server:
        url = server.database()
        write_crm(url, write_sample(Path(scratch) / "s", SampleSource(opportunities=count, dirt=0)))
        ingest = ("ingest", "--source", "sql", "--set", f"source.queries={json.dumps(QUERIES)}")
        cursor = ("--set", "source.cursor_column=engage_date")
        whole, partly = ("--root", f"{scratch}/whole"), ("--root", f"{scratch}/partly")
        ways: dict[str, tuple[str, ...]] = {
            "dealcast ingest": (DEALCAST, *ingest, *whole),
            "dealcast ingest, cursor column, first": (DEALCAST, *ingest, *partly, *cursor),
            "dealcast ingest, cursor column, again": (DEALCAST, *ingest, *partly, *cursor),
            "pandas.read_sql": (PANDAS,),
            "pandas.read_sql in chunks, nothing kept": (PANDAS_IN_CHUNKS,),
        }
        print(f"{count:,} opportunities")
        for name, (code, *arguments) in ways.items():
            seconds, megabytes = measured(code, *arguments, DEALCAST__SOURCE__URL=url)
            print(f"{name:41} {seconds:6.1f} s  {megabytes:6,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
