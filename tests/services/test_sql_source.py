"""The SQL source on a real PostgreSQL."""

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl
import psycopg
import pytest
from sqlalchemy import make_url

from dealcast.errors import SourceAwayError, SourceError
from dealcast.settings import SampleSource
from dealcast.settings import SqlSource as SqlSettings
from dealcast.sources.sample import write_sample
from dealcast.sources.sql import SqlSource
from servers.crm_database import QUERIES, plain, run, write_crm
from servers.memory import measured

DEALS = {"opportunities": "SELECT * FROM deals"}
TABLES = ("crm_data_processed", "accounts", "products", "sales_agents")
Postgres = Callable[[], str]


def dealcast(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "dealcast", *map(str, arguments)]
    return subprocess.run(
        words,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=tempfile.gettempdir(),  # where no config/ is
        env={**os.environ, **environment},
    )


def source(url: str, queries: dict[str, str] = DEALS, **settings: Any) -> SqlSource:
    return SqlSource(SqlSettings(url=url, queries=queries, **settings))


def changed(url: str, **parts: Any) -> str:
    return make_url(url).set(**parts).render_as_string(hide_password=False)


@pytest.fixture
def deals(postgres: Postgres) -> str:
    """A database with an empty table of deals."""
    url = postgres()
    run(
        url,
        "CREATE TABLE deals (opportunity_id text PRIMARY KEY, deal_stage text, engage_date date, "
        "close_date date, close_value numeric, closed_at timestamptz, updated_at timestamptz)",
    )
    return url


@pytest.fixture
def one_deal(deals: str) -> str:
    run(
        deals,
        "INSERT INTO deals VALUES ('A', 'Won', '2025-01-02', '2025-02-01', 1234567890.10, "
        "'2025-02-01 00:30+01', '2025-02-01 10:00+00')",
    )
    return deals


@pytest.mark.parametrize(
    ("dirt", "types"),
    [
        pytest.param(0, {}, id="typed"),
        pytest.param(
            1,
            {"close_date": "text", "close_value": "text"},
            id="as text, with bad cells",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_database_gives_the_clean_tables_that_its_files_give(
    postgres: Postgres, tmp_path: Path, dirt: float, types: dict[str, str]
) -> None:
    files = write_sample(tmp_path / "s", SampleSource(opportunities=1_000, dirt=dirt))
    url = postgres()
    write_crm(url, files, types)
    by_sql, by_files = tmp_path / "sql", tmp_path / "files"
    queries = f"source.queries={json.dumps(QUERIES)}"
    of_sql = ("--source", "sql", "--set", queries, "--root", by_sql)
    sql = dealcast("run", "--to", "clean", *of_sql, DEALCAST__SOURCE__URL=url)
    csv = dealcast("run", "--to", "clean", "--path", tmp_path / "s", "--root", by_files)
    assert (sql.returncode, csv.returncode) == (0, 0), sql.stderr + csv.stderr
    for table in TABLES:
        one, other = (
            pl.read_delta(str(root / "processed" / table)).sort(pl.all())
            for root in (by_sql, by_files)
        )
        assert one.equals(other), table
    password = str(make_url(url).password)
    assert password not in sql.stdout + sql.stderr
    holding = [f for f in by_sql.rglob("*") if f.is_file() and password.encode() in f.read_bytes()]
    assert not holding


def test_the_url_may_stand_in_the_settings_file(one_deal: str, tmp_path: Path) -> None:
    (tmp_path / "development.yaml").write_text(
        "source:\n  kind: sql\n  cursor_column: updated_at\n"
        "  queries:\n    opportunities: SELECT * FROM deals\n"
    )
    words = ("ingest", "--config-dir", tmp_path, "--root", tmp_path / "store", "--json")
    first = dealcast(*words, DEALCAST__SOURCE__URL=one_deal)
    again = dealcast(*words, "--set", f"source.url={one_deal}")
    assert (first.returncode, again.returncode) == (0, 0), first.stderr + again.stderr
    assert "all opportunities were read" in first.stderr
    assert "opportunities with updated_at from 2025-02-01" in again.stderr
    assert len(list((tmp_path / "store" / "raw").iterdir())) == 1


def test_another_query_reads_everything_again(one_deal: str, tmp_path: Path) -> None:
    def ingest(query: str) -> str:
        return dealcast(
            *("ingest", "--source", "sql", "--root", tmp_path / "store"),
            *("--set", f"source.queries={json.dumps({'opportunities': query})}"),
            *("--set", "source.cursor_column=updated_at"),
            DEALCAST__SOURCE__URL=one_deal,
        ).stderr

    ingest("SELECT * FROM deals")
    assert "all opportunities were read" in ingest("SELECT * FROM deals WHERE true")


def test_values_keep_their_types(one_deal: str, tmp_path: Path) -> None:
    file = source(one_deal).fetch(tmp_path)[0]
    rows = pl.read_parquet(file)
    assert rows.schema["close_value"] == pl.Decimal(38, 2)
    assert rows.schema["engage_date"] == pl.Date
    # Half past midnight in Berlin is the day before in UTC.
    assert rows["closed_at"].dt.date().to_list() == [date(2025, 1, 31)]


def test_incremental_reads_end_where_full_reads_do(deals: str, tmp_path: Path) -> None:
    draw = random.Random(7)
    kept: list[Path] = []
    known: list[str] = []
    for day in range(1, 8):
        # Few distinct moments, so that many rows share the last one; some have none.
        moments = [f"'2025-01-{day:02} {hour:02}:00+00'" for hour in (9, 17)] + ["NULL"]
        new = [f"D{day}-{n}" for n in range(draw.randint(0, 30))]
        for deal in new:
            moment = draw.choice(moments)
            run(deals, f"INSERT INTO deals VALUES ('{deal}', 'Engaging', '2025-01-01', NULL, NULL, "
                f"NULL, {moment})")  # fmt: skip
        for deal in draw.sample(known, k=len(known) // 3):
            moment, value = draw.choice(moments), draw.randint(1, 9_999) / 100
            run(deals, f"UPDATE deals SET deal_stage = 'Won', close_date = '2025-02-{day:02}', "
                f"close_value = {value}, updated_at = {moment} "
                f"WHERE opportunity_id = '{deal}'")  # fmt: skip
        known += new
        full = source(deals, cursor_column="updated_at").fetch(tmp_path / f"full-{day}")
        into = tmp_path / f"day-{day}"
        incremental = source(deals, cursor_column="updated_at", batch_rows=7)
        kept = incremental.fetch_since(kept, into) if kept else incremental.fetch(into)
        assert pl.read_parquet(kept[0]).equals(pl.read_parquet(full[0]))
    assert len(known) > 50


def test_rows_with_the_last_cursor_value_are_read_again(one_deal: str, tmp_path: Path) -> None:
    reading = source(one_deal, cursor_column="updated_at")
    kept = reading.fetch(tmp_path / "one")
    run(one_deal, "INSERT INTO deals (opportunity_id, updated_at) VALUES ('B', '2025-02-01 10:00+00')")  # noqa: E501  # fmt: skip
    later = pl.read_parquet(reading.fetch_since(kept, tmp_path / "two")[0])
    assert later["opportunity_id"].to_list() == ["A", "B"]


def test_all_tables_are_of_one_moment(one_deal: str, tmp_path: Path) -> None:
    """While the first query runs, another session deletes what the second one reads."""
    run(one_deal, "CREATE TABLE products AS SELECT 'Nova' AS product")
    with psycopg.connect(plain(one_deal), autocommit=True) as other:
        reading = source(one_deal, DEALS | {"products": "SELECT * FROM products"})
        table = reading._table

        def and_then_delete(*arguments: Any) -> Path:
            file = table(*arguments)
            other.execute("DELETE FROM products")
            return file

        reading._table = and_then_delete  # type: ignore[method-assign]
        files = reading.fetch(tmp_path)
    assert pl.read_parquet(files[1]).rows() == [("Nova",)]


def test_a_quoted_cursor_column_is_found(one_deal: str, tmp_path: Path) -> None:
    query = {
        "opportunities": 'SELECT opportunity_id, updated_at::timestamptz AS "Last: %%" FROM deals'
    }
    reading = source(one_deal, query, cursor_column="Last: %%")
    kept = reading.fetch(tmp_path / "one")
    assert pl.read_parquet(reading.fetch_since(kept, tmp_path / "two")[0]).height == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM nothing", 'a table that is not there: relation "nothing" does not exist'),
        ("SELECT nothing FROM deals", 'a column that is not there: column "nothing"'),
        ("DELETE FROM deals", "no SELECT that the database understands"),
        ("SELECT * FROM deals; DROP TABLE deals", "no SELECT that the database understands"),
        ("SELECT 1) q; COMMIT; DROP TABLE deals; SELECT (1", "no SELECT|not closed|writes"),
        ("WITH gone AS (DELETE FROM deals RETURNING *) SELECT * FROM gone", "no SELECT"),
        ("SELECT emptied()", "'opportunities' writes"),
        ("SELECT * FROM deals WHERE false", "columns but no rows"),
        ("SELECT a.*, b.* FROM deals a, deals b", "more than one column named 'close_date'"),
        ("SELECT *, '\\x00'::bytea AS logo FROM deals", "gives bytes in the column 'logo'"),
        ("SELECT 1 / (close_value * 0) FROM deals", "query for 'opportunities' failed: division"),
        ("SELECT 'infinity'::date AS close_date", "query for 'opportunities' failed: date too"),
    ],
)
def test_a_query_that_fails_is_named_and_nothing_is_written(
    one_deal: str, tmp_path: Path, query: str, said: str
) -> None:
    run(
        one_deal,
        "CREATE FUNCTION emptied() RETURNS int LANGUAGE sql AS 'DELETE FROM deals RETURNING 1'",
    )
    with pytest.raises(SourceError, match=said):
        source(one_deal, {"opportunities": query}).fetch(tmp_path)
    with psycopg.connect(plain(one_deal)) as connection:
        assert connection.execute("SELECT count(*) FROM deals").fetchone() == (1,)


def test_a_cursor_column_that_the_query_does_not_give_is_named(
    one_deal: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match="no column 'update_at'"):
        source(one_deal, cursor_column="update_at").fetch(tmp_path)


def test_a_slow_query_is_ended_by_the_server(one_deal: str, tmp_path: Path) -> None:
    slow = {"opportunities": "SELECT *, pg_sleep(30)::text FROM deals"}
    with pytest.raises(SourceAwayError, match=r"longer than source.timeout_seconds"):
        source(one_deal, slow, timeout_seconds=1).fetch(tmp_path)


def test_a_user_without_the_right_is_told(one_deal: str, tmp_path: Path) -> None:
    run(
        one_deal,
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader LOGIN PASSWORD 'p@ss/word:%'",
    )
    url = changed(one_deal, username="reader", password="p@ss/word:%")
    with pytest.raises(SourceError, match="may not read") as refused:
        source(url).fetch(tmp_path)
    assert "GRANT SELECT" in refused.value.remedy


@pytest.mark.parametrize("word", ["wr0ng", "wr0ng@/:%"])
def test_a_wrong_password_is_told_and_not_shown(one_deal: str, tmp_path: Path, word: str) -> None:
    with pytest.raises(SourceError, match="refuses the user or the password") as refused:
        source(changed(one_deal, password=word)).fetch(tmp_path)
    assert word not in str(refused.value)
    assert quote(word, safe="") not in str(refused.value)
    assert not refused.value.may_pass


def test_a_missing_database_is_told(one_deal: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r'database nowhere on 127.0.0.1.*"nowhere" does not'):
        source(changed(one_deal, database="nowhere")).fetch(tmp_path)


def test_a_server_that_is_away_may_come_back(one_deal: str, tmp_path: Path) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        url = changed(one_deal, port=nobody_listens.getsockname()[1])
        with pytest.raises(SourceAwayError, match="does not answer"):
            source(url).fetch(tmp_path)


def test_a_server_that_says_nothing_is_not_waited_for_long(one_deal: str, tmp_path: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = changed(one_deal, port=mute.getsockname()[1], query={"connect_timeout": "2"})
        with pytest.raises(SourceAwayError, match="timeout"):
            source(url).fetch(tmp_path)


def test_a_connection_lost_while_reading_may_be_had_again(one_deal: str, tmp_path: Path) -> None:
    ended = {"opportunities": "SELECT *, pg_terminate_backend(pg_backend_pid()) FROM deals"}
    with pytest.raises(SourceAwayError, match="stopped answering"):
        source(one_deal, ended).fetch(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_million_opportunities_take_bounded_memory(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres()
    sample = SampleSource(opportunities=1_000_000, dirt=0)
    write_crm(url, write_sample(tmp_path / "s", sample))
    fetch = (
        "import os; from pathlib import Path; from dealcast.sources.sql import SqlSource; "
        "from dealcast.settings import SqlSource as S; "
        "queries = {'opportunities': 'SELECT * FROM sales_pipeline'}; "
        "SqlSource(S(url=os.environ['URL'], queries=queries)).fetch(Path(sys.argv[1]))"
    )
    ingest = "from dealcast.__main__ import main; main()"
    fetched = measured(fetch, tmp_path / "into", URL=url)
    ingested = measured(
        *(ingest, "ingest", "--source", "sql", "--root", tmp_path / "store", "--json"),
        *("--set", f"source.queries={json.dumps(QUERIES)}"),
        DEALCAST__SOURCE__URL=url,
    )
    # MB; 245 and 600 when written. Fetching holds a batch, reading holds the export as text.
    assert fetched.megabytes < 400
    assert ingested.megabytes < 900
