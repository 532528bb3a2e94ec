"""One read-only transaction on the database: the only file that imports SQLAlchemy.

Importing it without the extra 'sql' raises MissingExtraError; `open_source` does so on demand.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from dealcast.errors import MissingExtraError, SettingsError, SourceError, listed
from dealcast.settings import SqlSource as SqlSettings
from dealcast.sources.sql.failures import explained, first_line
from dealcast.sources.sql.values import Value

try:
    from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
    from sqlalchemy.pool import NullPool
except ModuleNotFoundError as missing:
    raise MissingExtraError("The SQL source", extra="sql") from missing

CONNECT_SECONDS = 10
POSTGRES = "postgresql+psycopg"
# dialect -> what makes the transaction read-only, one picture of all tables, and bounded in time.
# Other databases are only ever rolled back: there, the user's rights must forbid writing.
OPENING: dict[str, tuple[str, ...]] = {
    "postgresql": (
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "SET LOCAL statement_timeout = {milliseconds}",
        # Rows of a table that did not change come in the same order, so they give the same bytes.
        "SET LOCAL synchronize_seqscans = off",
    ),
    "sqlite": ("PRAGMA query_only = ON", "BEGIN"),
}


@dataclass(frozen=True)
class Since:
    """The rows that may be new: the column at this value or past it, or blank."""

    column: str
    value: Value


@dataclass(frozen=True)
class Session:
    """An open transaction, in which every query sees the same state of the database."""

    connection: Connection
    where: str
    secrets: tuple[str, ...]

    def rows(
        self, table: str, query: str, batch_rows: int, since: Since | None = None
    ) -> Iterator[tuple[tuple[str, ...], Sequence[Sequence[Value]]]]:
        """The column names and the rows of a query, in batches; without rows, one empty batch.

        Raises SourceError where the database refuses the query, or two columns share a name.
        """
        statement, values = self._statement(query, since)
        streaming = self.connection.execution_options(stream_results=True, yield_per=batch_rows)
        with (
            _failures(self.where, table, self.secrets),
            closing(streaming.execute(text(statement), values)) as result,
        ):
            if not result.returns_rows:
                raise SourceError(
                    f"The query for '{table}' gives no rows, not even columns.",
                    remedy=f"make source.queries.{table} a SELECT",
                )
            names = tuple(column[0] for column in result.cursor.description)
            _refuse_repeated(names, table)
            none_yet = True
            for part in result.partitions(batch_rows):
                none_yet = False
                yield names, part
            if none_yet:
                yield names, []

    def _statement(self, query: str, since: Since | None) -> tuple[str, dict[str, Value]]:
        inner = _escaped(query.strip().rstrip(";"))
        dialect = self.connection.dialect
        if since is None and dialect.name != "postgresql":
            return inner, {}
        # Within brackets, PostgreSQL takes one SELECT and nothing after it.
        whole = f"SELECT * FROM (\n{inner}\n) AS q"  # noqa: S608 - the user's own query
        if since is None:
            return whole, {}
        quoted = dialect.identifier_preparer.quote(since.column)
        if dialect.paramstyle in ("format", "pyformat"):
            quoted = quoted.replace("%%", "%")  # text() doubles them too
        column = f"q.{_escaped(quoted)}"
        return f"{whole} WHERE {column} >= :last OR {column} IS NULL", {"last": since.value}


@contextmanager
def read_only(settings: SqlSettings) -> Iterator[Session]:
    """A read-only transaction as far as the database knows one; always rolled back.

    Raises SettingsError or SourceError where the database cannot be reached.
    """
    url = database_url(settings)
    where, secrets = place(url), _secrets(url)
    engine = _engine(url)
    try:
        with _failures(where, None, secrets):
            connection = engine.connect()
        with connection:
            with _failures(where, None, secrets):
                for statement in OPENING.get(connection.dialect.name, ()):
                    connection.exec_driver_sql(
                        statement.format(milliseconds=settings.timeout_seconds * 1000)
                    )
            yield Session(connection, where, secrets)
    finally:
        engine.dispose()


def database_url(settings: SqlSettings) -> URL:
    """The URL of the settings; `postgresql://` means the driver that the extra brings.

    Raises SettingsError where there is none, or it is no URL; it is never in the message.
    """
    if settings.url is None or not settings.url.get_secret_value().strip():
        raise SettingsError(
            "The source 'sql' has no database (source.url).",
            remedy="set DEALCAST__SOURCE__URL=postgresql+psycopg://USER:PASSWORD@HOST/NAME",
        )
    try:
        url = make_url(settings.url.get_secret_value().strip())
    except (ArgumentError, ValueError):
        raise SettingsError(
            "source.url is no database URL (it is not shown: it may hold a password).",
            remedy="write it as postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME, with %40 for @ "
            "and %2F for / within a password",
        ) from None
    return url.set(drivername=POSTGRES) if url.drivername in ("postgresql", "postgres") else url


def place(url: URL) -> str:
    """The database in words, without user and password.

    >>> place(make_url("postgresql+psycopg://me:secret@db:5432/crm"))
    'the database crm on db:5432'
    """
    host = f" on {url.host}" + (f":{url.port}" if url.port else "") if url.host else ""
    return f"the database {url.database or '(no name)'}{host}"


def public(url: URL) -> str:
    """The URL without anything secret."""
    known = {n: v for n, v in url.query.items() if not _is_secret(n)}
    return url.set(query=known).render_as_string(hide_password=True)


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        _refuse_missing_file(url)
    try:
        return create_engine(url, poolclass=NullPool, connect_args=_connect_arguments(url))
    except NoSuchModuleError:
        raise SettingsError(
            f"source.url begins with '{url.drivername}', which SQLAlchemy does not know.",
            remedy=f"write {POSTGRES}://..., or install the driver that brings '{url.drivername}'",
        ) from None
    except ModuleNotFoundError as missing:
        if url.drivername == POSTGRES:
            raise MissingExtraError("The SQL source", extra="sql") from missing
        raise SettingsError(
            f"The driver '{missing.name}' of {url.drivername} is not installed.",
            remedy=f"uv pip install {missing.name}",
        ) from None


def _connect_arguments(url: URL) -> dict[str, Any]:
    if url.get_backend_name() != "postgresql" or url.get_driver_name() != "psycopg":
        return {}
    # Told by libpq, a connection that the network lost ends after a minute, not after two hours.
    usual = {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "application_name": "dealcast",
    }
    return {name: value for name, value in usual.items() if name not in url.query}


def _refuse_missing_file(url: URL) -> None:
    """SQLite would make an empty database where there is none."""
    name = url.database or ":memory:"
    if name == ":memory:" or (not name.startswith("file:") and not Path(name).is_file()):
        raise SourceError(
            f"There is no SQLite database '{name}'.",
            remedy="write source.url as sqlite:///FOLDER/FILE.db",
        )


def _escaped(sql: str) -> str:
    """SQL without anything that SQLAlchemy takes for a parameter, as in '10:30'."""
    return sql.replace(":", r"\:")


def _refuse_repeated(names: Sequence[str], table: str) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SourceError(
            f"The query for '{table}' gives more than one column named {listed(repeated)}.",
            remedy=f"name the columns in source.queries.{table} instead of *, or rename with AS",
        )


@contextmanager
def _failures(where: str, table: str | None, secrets: tuple[str, ...]) -> Iterator[None]:
    """What the driver raises, as SourceError. Never its own text: that may hold the URL."""
    try:
        yield
    except DBAPIError as error:
        raise explained(error.orig or error, where, table, secrets=secrets) from None
    except SQLAlchemyError as error:
        raise SourceError(
            f"{where[:1].upper()}{where[1:]} cannot be read: {first_line(str(error), secrets)}.",
            remedy=f"mend source.queries.{table}" if table else "mend source.url",
        ) from None


def _secrets(url: URL) -> tuple[str, ...]:
    """What no message may hold, longest first, as it is and as URLs write it."""
    words = [
        str(url.password or ""),
        *(v for n in url.query if _is_secret(n) for v in _all(url, n)),
    ]
    forms = {form for word in words for form in (word, quote(word, safe=""), quote_plus(word))}
    return tuple(sorted((form for form in forms if form), key=len, reverse=True))


def _is_secret(parameter: str) -> bool:
    return any(word in parameter.lower() for word in ("pass", "pwd", "secret", "token", "odbc"))


def _all(url: URL, parameter: str) -> tuple[str, ...]:
    value = url.query[parameter]
    return (value,) if isinstance(value, str) else value
