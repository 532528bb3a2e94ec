"""The tables of a CRM's database as Parquet files: everything, or what changed since last time."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from dealcast.cells import KEYS, PLAN_COLUMNS
from dealcast.errors import SettingsError, SourceError, nearest
from dealcast.settings import SqlSource as SqlSettings
from dealcast.sources.reading.mapping import load_mapping
from dealcast.sources.sql.changes import (
    last_value,
    not_read_again,
    refuse_missing_cursor,
    refuse_unclear_keys,
)
from dealcast.sources.sql.parts import join_parts, write_parts
from dealcast.sources.sql.session import Session, Since, database_url, public, read_only

logger = logging.getLogger(__name__)

OPPORTUNITIES = "opportunities"


class SqlSource:
    """Reads a query per table in one read-only transaction; memory holds one batch of rows.

    With a cursor column, what is kept of the last export is completed with the opportunities that
    are new or changed. Rows that were deleted are not noticed so.
    """

    def __init__(self, settings: SqlSettings) -> None:
        self._settings = settings

    @property
    def terms(self) -> str | None:
        """A hash of what the kept opportunities depend on; None where all is read each time.

        The password is not part of it.
        """
        column = self._settings.cursor_column
        if column is None:
            return None
        content = {
            "database": public(database_url(self._settings)),
            "query": self._settings.queries.get(OPPORTUNITIES),
            "mapping": load_mapping(self._settings.mapping).model_dump(mode="json"),
            "cursor_column": column,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def fetch(self, into: Path) -> list[Path]:
        """A Parquet file per query, named after its table. Raises SourceError where one fails."""
        return self._fetch(into, None)

    def fetch_since(self, kept: Sequence[Path], into: Path) -> list[Path]:
        """The same, with the kept opportunities completed by those past the last cursor value.

        Gives what `fetch` would, but for rows that were deleted since.
        """
        former = next((p for p in kept if p.stem == OPPORTUNITIES and p.is_file()), None)
        return self._fetch(into, None if self._settings.full_refresh else former)

    def _fetch(self, into: Path, former: Path | None) -> list[Path]:
        queries, cursor = _checked(self._settings.queries), self._settings.cursor_column
        into.mkdir(parents=True, exist_ok=True)
        with read_only(self._settings) as session:
            return [
                self._opportunities(session, query, into, cursor, former)
                if cursor and table == OPPORTUNITIES
                else self._table(session, table, query, into)
                for table, query in queries.items()
            ]

    def _table(self, session: Session, table: str, query: str, into: Path) -> Path:
        with TemporaryDirectory(dir=into, prefix=f".{table}-") as folder:
            batches = session.rows(table, query, self._settings.batch_rows)
            parts = _scanned(write_parts(batches, table, Path(folder)))
            _refuse_empty(parts, table)
            return join_parts(parts, into / f"{table}.parquet")

    def _opportunities(
        self, session: Session, query: str, into: Path, cursor: str, former: Path | None
    ) -> Path:
        """As `_table`, in the order of the key, and with what is kept of the former export."""
        last = last_value(former, cursor) if former else None
        since = Since(cursor, last) if last is not None else None
        file = into / f"{OPPORTUNITIES}.parquet"
        with TemporaryDirectory(dir=into, prefix=f".{OPPORTUNITIES}-") as folder:
            batches = session.rows(OPPORTUNITIES, query, self._settings.batch_rows, since)
            parts = _scanned(write_parts(batches, OPPORTUNITIES, Path(folder)))
            names = parts[0].collect_schema().names()
            refuse_missing_cursor(cursor, names)
            key = self._key(names)
            if former is None or since is None:
                _refuse_empty(parts, OPPORTUNITIES)
                logger.info("all opportunities were read")
            elif key is None or set(names) != set(pl.read_parquet_schema(former)):
                logger.info("the columns of the query changed: all opportunities are read anew")
                return self._opportunities(session, query, into, cursor, None)
            else:
                logger.info("opportunities with %s from %s on were read", cursor, last)
                parts.append(not_read_again(former, parts, key))
            join_parts(parts, file, sort_by=key)
        if key is not None:  # else reading the file says what is missing
            refuse_unclear_keys(file, key)
        return file

    def _key(self, names: Sequence[str]) -> str | None:
        mapping = load_mapping(self._settings.mapping)
        return mapping.columns_found(OPPORTUNITIES, names).get(KEYS[OPPORTUNITIES])


def _checked(queries: Mapping[str, str]) -> Mapping[str, str]:
    """The queries, opportunities first. Raises SettingsError for a table that there is not."""
    tables = ", ".join(KEYS)
    if OPPORTUNITIES not in queries:
        raise SettingsError(
            "The source 'sql' has no query for the opportunities (source.queries.opportunities).",
            remedy="--set 'source.queries={opportunities: \"SELECT ... FROM ...\"}', or in "
            "config/ENV.yaml",
        )
    for table in queries:
        if table == "plans":
            raise SettingsError(
                "There is no query of its own for plans (source.queries.plans).",
                remedy=f"give {' and '.join(PLAN_COLUMNS)} as columns of the opportunities query, "
                "with a JOIN",
            )
        if table not in KEYS:
            near = nearest(table, KEYS)
            raise SettingsError(
                f"source.queries has '{table}', which is no table of ours.",
                remedy=f"did you mean '{near}'?" if near else f"the tables are {tables}",
            )
    return {table: queries[table] for table in KEYS if table in queries}


def _scanned(parts: Sequence[Path]) -> list[pl.LazyFrame]:
    return [pl.scan_parquet(part) for part in parts]


def _refuse_empty(parts: Sequence[pl.LazyFrame], table: str) -> None:
    if len(parts) == 1 and parts[0].select(pl.len()).collect().item() == 0:
        raise SourceError(
            f"The query for '{table}' gives columns but no rows.",
            remedy=f"mend source.queries.{table}"
            + ("" if table == OPPORTUNITIES else ", or leave it out"),
        )
