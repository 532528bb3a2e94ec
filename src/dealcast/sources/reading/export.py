"""Files of an export as text frames in our names and notation: the same for every source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import dataframely as dy
import polars as pl

from dealcast.cells import COLUMNS, KEYS, compact
from dealcast.contracts import PROVENANCE, FileFormat, RawExport
from dealcast.errors import SourceError, listed
from dealcast.settings import FilesSource, SourceSettings, SqlSource
from dealcast.sources.reading.amounts import AMOUNTS
from dealcast.sources.reading.dates import DATES
from dealcast.sources.reading.delimited import ROW, FileRows, read_delimited
from dealcast.sources.reading.mapping import CrmMapping, load_mapping
from dealcast.sources.reading.notation import AUTO, Place, in_our_notation
from dealcast.sources.reading.parquet import read_parquet
from dealcast.sources.reading.refusals import (
    refuse_missing_columns,
    refuse_repeated_ids,
    refuse_unknown_stages,
)
from dealcast.sources.reading.stages import in_our_stages

SOURCE_FILE, SOURCE_ROW = PROVENANCE


@dataclass(frozen=True)
class ReadingOptions:
    """How the files are to be read; auto: as found.

    `max_unpacked_gb`: what a Parquet file may stand for; None for files that we wrote ourselves.
    `named_after_tables`: a file is called after our table, not as the mapping calls it. The mapping
    is here with its content: a run that is taken up later reads as it did before,
    wherever the file has gone.
    """

    mapping: CrmMapping = field(default_factory=lambda: load_mapping("default"))
    date_order: str = AUTO
    decimal: str = AUTO
    delimiter: str = AUTO
    encoding: str = AUTO
    max_unpacked_gb: float | None = None
    named_after_tables: bool = False

    @classmethod
    def of(cls, section: SourceSettings) -> Self:
        """The options of a source; of all but `files`, how the files are written is known.

        Raises SettingsError where there is no such mapping.

        >>> ReadingOptions.of(FilesSource(path="crm", mapping="hubspot")).mapping.name
        'hubspot'
        """
        if isinstance(section, SqlSource):
            return cls(load_mapping(section.mapping), named_after_tables=True)
        if not isinstance(section, FilesSource):
            return cls()
        options = section.model_dump(include=set(cls.__dataclass_fields__))
        return cls(**{**options, "mapping": load_mapping(section.mapping)})

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` gives the same options back."""
        return {**vars(self), "mapping": self.mapping.model_dump(mode="json")}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The options that `to_dict` wrote."""
        return cls(**{**content, "mapping": CrmMapping.model_validate(content["mapping"])})


def read_export(files: Sequence[Path], options: ReadingOptions) -> RawExport:
    """The export in these files; what the mapping has no table for is left out.

    Raises SourceError for what cannot be read, or is not what the mapping says it is; a few bad
    rows stay as they came, for the checks.
    """
    mapping = options.mapping
    tables: dict[str, pl.DataFrame] = {}
    formats: list[FileFormat] = []
    for table, paths in files_by_table(files, options).items():
        keys = keys_in_use(tables.get("opportunities"), table)
        parts = [read_file(path, table, mapping, options, keys) for path in paths]
        formats += [file_format for _, file_format in parts]
        tables[table] = compact(pl.concat([frame for frame, _ in parts], how="diagonal"))
        del parts
    refuse_unknown_stages(tables["opportunities"], mapping)
    refuse_repeated_ids(tables["opportunities"])
    return RawExport(tables, tuple(formats))


def files_by_table(files: Sequence[Path], options: ReadingOptions) -> dict[str, list[Path]]:
    """Files by table, opportunities first. A file given alone holds the opportunities."""
    mapping = options.mapping
    found: dict[str, list[Path]] = {}
    for path in sorted(files):
        if len(files) == 1:
            table: str | None = "opportunities"
        elif options.named_after_tables:
            table = _mapped(path.stem, mapping)
        else:
            table = mapping.table_of(path.name)
        if table:
            found.setdefault(table, []).append(path)
    if "opportunities" not in found:
        patterns = mapping.tables["opportunities"].files
        raise SourceError(
            f"No file of {listed(path.name for path in sorted(files))} is named as the mapping "
            f"{mapping.name} names the opportunities: {listed(patterns)}.",
            remedy="give the file itself with --path, or the right --mapping",
        )
    return {table: found[table] for table in COLUMNS if table in found}


def _mapped(table: str, mapping: CrmMapping) -> str:
    if table not in mapping.tables:
        raise SourceError(
            f"The mapping {mapping.name} does not say which columns of '{table}' are which.",
            remedy=f"add {table} to the mapping's tables, or leave out source.queries.{table}",
        )
    return table


def keys_in_use(opportunities: pl.DataFrame | None, table: str) -> pl.Series | None:
    """The keys of a dimension table that opportunities name; None where they name none."""
    if opportunities is None or KEYS[table] not in opportunities.columns:
        return None
    return opportunities[KEYS[table]].unique().cast(pl.String)


def read_file(
    path: Path, table: str, mapping: CrmMapping, options: ReadingOptions, keys: pl.Series | None
) -> tuple[pl.DataFrame, FileFormat]:
    """The rows of one file of a table, as text in our names and notation.

    `keys`: those that opportunities name, where there may be several columns of them.
    """
    rows = file_rows(path, options)
    if rows.frame.is_empty():
        raise SourceError(
            f"{path.name} has column names but no rows.", remedy="export it again, or leave it out"
        )
    names = [name for name in rows.frame.columns if name != ROW]
    found, flags = columns_in_use(rows.frame, table, mapping, keys)
    refuse_missing_columns(path.name, table, mapping, names, found)
    frame = rows.frame.select(
        pl.lit(path.name).alias(SOURCE_FILE),
        pl.col(ROW).alias(SOURCE_ROW),
        *(pl.col(theirs).alias(ours) for ours, theirs in (found | flags).items()),
    )
    numeric, encoding, delimiter = rows.numeric, rows.encoding, rows.delimiter
    del rows
    place = Place(path.name, delimiter, found)
    dates = [c for c in found if isinstance(COLUMNS[table][c], dy.Date)]
    frame, orders = in_our_notation(frame, dates, DATES, options.date_order, place)
    amounts = [c for c in _amounts(table) if c in found and found[c] not in numeric]
    frame, decimals = in_our_notation(frame, amounts, AMOUNTS, options.decimal, place)
    return in_our_stages(frame, mapping) if table == "opportunities" else frame, FileFormat(
        file=path.name,
        table=table,
        rows=frame.height,
        encoding=encoding,
        delimiter=delimiter,
        decimal=" and ".join(sorted(set(decimals.values()))) or None,
        dates=orders,
        ignored_columns=tuple(n for n in names if n not in {*found.values(), *flags.values()}),
    )


def columns_in_use(
    frame: pl.DataFrame, table: str, mapping: CrmMapping, keys: pl.Series | None
) -> tuple[dict[str, str], dict[str, str]]:
    """Our columns, and the flags that tell a stage, each with its name in the file."""
    names = [name for name in frame.columns if name != ROW]
    found = mapping.columns_found(table, names, key=_key_in_use(frame, table, mapping, keys))
    return found, mapping.flags_found(names) if table == "opportunities" else {}


def file_rows(path: Path, options: ReadingOptions) -> FileRows:
    """The rows of one file as text under the file's own names."""
    if path.suffix.lower() == ".parquet":
        return read_parquet(_bytes(path), path.name, max_gb=options.max_unpacked_gb)
    # Not by a name: the bytes of a large file go as soon as its text is there.
    return read_delimited(
        _bytes(path), path.name, encoding=options.encoding, delimiter=options.delimiter
    )


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be read: {error.strerror or error}.",
            remedy="check that it is there and may be read",
        ) from None


def _amounts(table: str) -> list[str]:
    numbers = (dy.Float64, dy.Int32, dy.Int64)
    return [name for name, column in COLUMNS[table].items() if isinstance(column, numbers)]


def _key_in_use(
    frame: pl.DataFrame, table: str, mapping: CrmMapping, keys: pl.Series | None
) -> str | None:
    """Of the columns that may be the table's key, a name or an id: the one opportunities use."""
    candidates = mapping.candidates_found(table, KEYS[table], frame.columns)
    if keys is None or len(candidates) < 2:  # noqa: PLR2004 - nothing to choose from
        return None
    used = keys.drop_nulls().implode()
    return max(candidates, key=lambda name: frame[name].is_in(used).sum())
