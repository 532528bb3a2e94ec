"""The SQL source on SQLite, and what is refused before any server is asked."""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from dealcast.errors import MissingExtraError, SettingsError, SourceError
from dealcast.settings import SqlSource as SqlSettings
from dealcast.sources.base import IncrementalSource, open_source
from dealcast.sources.reading import ReadingOptions, read_export
from dealcast.sources.sql import SqlSource

COLUMNS = "opportunity_id, product, deal_stage, engage_date, close_date, close_value, updated_at"
ROWS = [
    ("A", "Nova", "Won", "2025-01-02", "2025-02-01", 12.5, "2025-02-01 10:00:00"),
    ("B", "Nova", "Engaging", "2025-01-03", None, None, "2025-01-03 09:00:00"),
    ("C", "Kilo", "Lost", "2025-01-04", "2025-02-09", 0, None),
]
DEALS = {"opportunities": "SELECT * FROM deals"}
Run = Callable[..., None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database of three deals, and no products."""
    file = tmp_path / "crm.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"CREATE TABLE deals ({COLUMNS})")
        connection.execute("CREATE TABLE products (product, sales_price)")
        connection.executemany("INSERT INTO deals VALUES (?, ?, ?, ?, ?, ?, ?)", ROWS)
    return file


@pytest.fixture
def run(file: Path) -> Run:
    """Runs statements in the database."""

    def run(*statements: str) -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    return run


@pytest.fixture
def source(file: Path) -> Callable[..., SqlSource]:
    def of(queries: dict[str, str] = DEALS, **settings: object) -> SqlSource:
        settings = {"url": f"sqlite:///{file}", **settings}
        return SqlSource(SqlSettings(queries=queries, **settings))

    return of


Of = Callable[..., SqlSource]


def ids(files: list[Path]) -> list[str]:
    return pl.read_parquet(files[0])["opportunity_id"].to_list()


def test_sqlite_is_read_as_any_export(source: Of, run: Run, tmp_path: Path) -> None:
    run("INSERT INTO products VALUES ('Nova', 560), ('Kilo', 50)")
    queries = DEALS | {"products": "SELECT product, sales_price FROM products;"}
    files = source(queries).fetch(tmp_path / "into")
    options = ReadingOptions.of(SqlSettings(queries=queries))
    export = read_export(files, options)
    assert [f.name for f in files] == ["opportunities.parquet", "products.parquet"]
    assert export.opportunities["close_date"].to_list() == ["2025-02-01", None, "2025-02-09"]
    assert export.opportunities["close_value"].to_list() == ["12.5", None, "0"]
    assert export.tables["products"]["sales_price"].to_list() == ["560", "50"]


OWN_MAPPING = """
name: own
tables:
  opportunities:
    files: ["our deals.*"]
    columns: {opportunity_id: id, deal_stage: stage, engage_date: opened, close_date: closed}
stages: {Won: Won, Lost: Lost, Engaging: Engaging}
"""


def test_a_mapping_reads_by_column_whatever_it_calls_the_files(source: Of, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN_MAPPING)
    opportunities = (
        "SELECT opportunity_id AS id, deal_stage AS stage, engage_date AS opened, "
        "close_date AS closed FROM deals"
    )
    queries = {"opportunities": opportunities, "products": "SELECT 'Nova' AS product"}
    mapping = str(tmp_path / "own.yaml")
    files = source(queries, mapping=mapping).fetch(tmp_path / "into")
    options = ReadingOptions.of(SqlSettings(mapping=mapping))
    assert read_export(files[:1], options).rows == 3
    with pytest.raises(SourceError, match="own does not say which columns of 'products'"):
        read_export(files, options)


def test_a_query_may_hold_colons_percents_and_comments(source: Of, tmp_path: Path) -> None:
    query = "SELECT *, '10:30 50%' AS note FROM deals WHERE product LIKE 'N%' -- :all of them"
    files = source({"opportunities": query}).fetch(tmp_path / "into")
    assert pl.read_parquet(files[0])["note"].to_list() == ["10:30 50%"] * 2


def test_only_what_changed_is_read_after_the_first_time(
    source: Of, run: Run, tmp_path: Path
) -> None:
    deals = source(cursor_column="updated_at")
    kept = deals.fetch(tmp_path / "one")
    run(
        "UPDATE deals SET deal_stage = 'Lost', close_date = '2025-03-01', close_value = 0, "
        "updated_at = '2025-03-01 00:00:00' WHERE opportunity_id = 'B'",
        "INSERT INTO deals VALUES ('D', 'Kilo', 'Engaging', '2025-03-02', NULL, NULL, "
        "'2025-03-02 00:00:00')",
        # No cursor value, so it is read each time.
        "UPDATE deals SET product = 'Nova' WHERE opportunity_id = 'C'",
        # Not noticed: it has an old cursor value.
        "UPDATE deals SET updated_at = '2025-01-01 00:00:00', product = 'Kilo' "
        "WHERE opportunity_id = 'A'",
    )
    later = pl.read_parquet(deals.fetch_since(kept, tmp_path / "two")[0])
    assert later["opportunity_id"].to_list() == ["A", "B", "C", "D"]
    assert later["product"].to_list() == ["Nova", "Nova", "Nova", "Kilo"]
    assert later["deal_stage"].to_list() == ["Won", "Lost", "Lost", "Engaging"]


def test_a_deleted_row_is_noticed_by_a_full_refresh_only(
    source: Of, run: Run, tmp_path: Path
) -> None:
    kept = source(cursor_column="updated_at").fetch(tmp_path / "one")
    run("DELETE FROM deals WHERE opportunity_id = 'B'")
    partly = source(cursor_column="updated_at").fetch_since(kept, tmp_path / "two")
    fully = source(cursor_column="updated_at", full_refresh=True).fetch_since(
        kept, tmp_path / "three"
    )
    assert ids(partly) == ["A", "B", "C"]
    assert ids(fully) == ["A", "C"]


def test_a_new_column_makes_all_be_read_anew(source: Of, run: Run, tmp_path: Path) -> None:
    deals = source(cursor_column="updated_at")
    kept = deals.fetch(tmp_path / "one")
    run("ALTER TABLE deals ADD COLUMN amount", "UPDATE deals SET amount = 1")
    later = pl.read_parquet(deals.fetch_since(kept, tmp_path / "two")[0])
    assert later["amount"].to_list() == [1, 1, 1]


def test_terms_change_with_what_the_kept_rows_depend_on(source: Of, file: Path) -> None:
    terms = source(cursor_column="updated_at").terms
    others = [
        source(cursor_column="engage_date").terms,
        source({"opportunities": "SELECT * FROM deals WHERE 1"}, cursor_column="updated_at").terms,
        source(cursor_column="updated_at", mapping="hubspot").terms,
        source(cursor_column="updated_at", url=f"sqlite:///{file}.other").terms,
    ]
    assert isinstance(source(), IncrementalSource)
    assert terms is not None
    assert source().terms is None
    assert terms not in others


def test_terms_do_not_change_with_the_password(source: Of) -> None:
    urls = [
        f"postgresql://me:{word}@h/crm?sslpassword={word}&sslmode=require" for word in ("a", "b")
    ]
    one, other = (source(cursor_column="updated_at", url=url).terms for url in urls)
    assert one == other


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": None}, r"no database \(source.url\)"),
        ({"url": "s3cr/et"}, "no database URL"),
        ({"url": "postgresql://me:s3cr/et@h:x/crm"}, "no database URL"),
        ({"url": "postgre://me:s3cr@h/crm"}, "'postgre', which SQLAlchemy does not know"),
        ({"url": "oracle+oracledb://me:s3cr@h/crm"}, "driver 'oracledb' of oracle"),
        ({"queries": {}}, "no query for the opportunities"),
        ({"queries": DEALS | {"acounts": "SELECT 1"}}, "'acounts', which is no table"),
        ({"queries": DEALS | {"plans": "SELECT 1"}}, "no query of its own for plans"),
    ],
)
def test_wrong_settings_are_refused_without_secrets(
    source: Of, tmp_path: Path, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        source(**settings).fetch(tmp_path / "into")
    assert "s3cr" not in str(refused.value)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT * FROM deal", "table that is not there: no such table: deal"),
        ("SELECT stage FROM deals", "column that is not there: no such column: stage"),
        ("SELEC * FROM deals", "no SELECT that the database understands"),
        ("SELECT * FROM deals; DELETE FROM deals", "no SELECT|one statement at a time"),
        ("DELETE FROM deals", "'opportunities' writes"),
        ("SELECT * FROM deals WHERE 0", "columns but no rows"),
        ("SELECT a.*, b.* FROM deals a JOIN deals b", "more than one column named 'close_date'"),
        ("SELECT *, x'00' AS logo FROM deals", "gives bytes in the column 'logo'"),
    ],
)
def test_a_query_that_cannot_be_read_is_named(
    source: Of, file: Path, tmp_path: Path, query: str, said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        source({"opportunities": query}).fetch(tmp_path / "into")
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM deals").fetchone() == (3,)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///{}/none.db"])
def test_no_empty_sqlite_database_is_made(source: Of, tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match="There is no SQLite database"):
        source(url=url.format(tmp_path)).fetch(tmp_path / "into")
    assert not (tmp_path / "none.db").exists()


def test_a_cursor_needs_one_row_per_opportunity(source: Of, run: Run, tmp_path: Path) -> None:
    run("UPDATE deals SET opportunity_id = 'A' WHERE opportunity_id = 'B'")
    assert ids(source().fetch(tmp_path / "one")) == ["A", "A", "C"]
    with pytest.raises(SourceError, match="2 rows share their 'opportunity_id'"):
        source(cursor_column="updated_at").fetch(tmp_path / "two")


def test_sql_is_a_kind_of_source(file: Path, tmp_path: Path) -> None:
    opened = open_source(SqlSettings(url=f"sqlite:///{file}", queries=DEALS))
    assert ids(opened.fetch(tmp_path / "into")) == ["A", "B", "C"]


@pytest.mark.parametrize("library", ["sqlalchemy", "psycopg"])
def test_without_the_extra_the_install_line_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, library: str
) -> None:
    for module in [name for name in sys.modules if name.startswith("dealcast.sources.sql")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError) as missing:
        open_source(SqlSettings(url="postgresql://h/crm", queries=DEALS)).fetch(tmp_path)
    assert missing.value.remedy == "uv pip install 'dealcast[sql]'"
