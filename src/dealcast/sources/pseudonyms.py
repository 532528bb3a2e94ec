"""Names of people and customers → pseudonyms, in the files of an export, before they are kept.

A pseudonym is a keyed hash: whoever has the key and a name finds its pseudonym, and nobody else.
Names are hashed as cleaning would write them, so that `Acme ` and `Acme` stay one.
"""

import csv
import hashlib
import hmac
import io
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dealcast.cells import KEYS, REFERENCES, key_variants, tidied
from dealcast.errors import SettingsError, SourceError
from dealcast.settings import PrivacySettings
from dealcast.sources.reading.delimited import ROW, FileRows
from dealcast.sources.reading.dialect import delimiter_of
from dealcast.sources.reading.export import (
    ReadingOptions,
    columns_in_use,
    file_rows,
    files_by_table,
    keys_in_use,
)
from dealcast.sources.reading.refusals import refuse_missing_columns

# Who is chosen -> the columns with their names, and what such a pseudonym begins with.
COLUMNS_OF = {
    "sales_agent": ("sales_agent", "manager"),
    "account": ("account", "subsidiary_of"),
}
BEGINS_WITH = {"sales_agent": "agent", "account": "account"}
# 48 bits: among a million names two are alike once in 500 exports, and that is noticed.
HEX_DIGITS = 12


@dataclass
class Pseudonyms:
    """Makes pseudonyms with one key, and sees to it that no two names share one."""

    key: bytes = field(repr=False)
    chosen: tuple[str, ...]
    spelling: Mapping[str, str]
    _names: dict[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, privacy: PrivacySettings, spelling: Mapping[str, str]) -> "Pseudonyms | None":
        """By the settings; None where nobody is to have one. Raises SettingsError without a key.

        `spelling`: known misspellings, as cleaning mends them.
        """
        if not privacy.pseudonyms:
            return None
        if privacy.key is None:
            raise SettingsError(
                "privacy.pseudonyms are wanted, and there is no key to make them with.",
                remedy="set DEALCAST__PRIVACY__KEY, always the same: 32 random characters, such as "
                'python -c "import secrets; print(secrets.token_urlsafe(24))"',
            )
        return cls(privacy.key.get_secret_value().encode(), privacy.pseudonyms, spelling)

    @property
    def columns(self) -> dict[str, str]:
        """Each column of ours with such names -> what its pseudonyms begin with."""
        return {c: BEGINS_WITH[who] for who in self.chosen for c in COLUMNS_OF[who]}

    @property
    def key_mark(self) -> str:
        """Tells one key from another, and nothing of either: a hash of no name."""
        return self._hashed("", "key")

    def of_name(self, name: str, begins_with: str) -> str:
        """The pseudonym of a tidy name. Raises SourceError where another name has it.

        >>> Pseudonyms(b"0123456789abcdef", ("account",), {}).of_name("Acme", "account")
        'account-01f03709bd39'
        """
        pseudonym = self._hashed(name, begins_with)
        if self._names.setdefault(pseudonym, name) != name:
            raise SourceError(
                f"Two names would share the pseudonym {pseudonym}.",
                remedy="set another DEALCAST__PRIVACY__KEY, and begin a new store",
            )
        return pseudonym

    def of_given(self, name: str, column: str) -> str:
        """The pseudonym of a name that somebody asks for; of a pseudonym, itself."""
        begins_with, tidy = self.columns[column], " ".join(name.split())
        if re.fullmatch(f"{begins_with}-[0-9a-f]{{{HEX_DIGITS}}}", tidy):
            return tidy
        return self._hashed(self.spelling.get(tidy, tidy), begins_with)

    def _hashed(self, name: str, begins_with: str) -> str:
        said = f"{begins_with}\0{name}".encode()
        digits = hmac.digest(self.key, said, hashlib.sha256).hex()[:HEX_DIGITS]
        return f"{begins_with}-{digits}"

    def replaced(self, frame: pl.DataFrame, known: Mapping[str, pl.Series]) -> pl.DataFrame:
        """The frame, in our column names, with pseudonyms. `known`: the keys of dimension tables.

        Blank cells stay blank.
        """
        ours = {c: b for c, b in self.columns.items() if c in frame.columns}
        frame = self.as_cleaned(frame, list(ours), known)
        return frame.with_columns(
            pl.col(column).replace(
                {n: self.of_name(n, begins_with) for n in frame[column].unique().drop_nulls()}
            )
            for column, begins_with in ours.items()
        )

    def as_cleaned(
        self, frame: pl.DataFrame, columns: Sequence[str], known: Mapping[str, pl.Series]
    ) -> pl.DataFrame:
        """Names as cleaning writes them: white space, known misspellings, form of known keys."""
        frame = tidied(frame, columns).with_columns(
            pl.col(columns).cast(pl.String).replace(dict(self.spelling))
        )
        return frame.with_columns(
            pl.col(c).replace(key_variants(frame[c], known[c])) for c in columns if c in known
        )


@dataclass(frozen=True)
class _File:
    """A file of an export: which table it is of, and which of its columns are which of ours."""

    path: Path
    table: str
    rows: FileRows
    names: Mapping[str, str]

    @property
    def ours(self) -> pl.DataFrame:
        """Every row, blank ones too, in our names; only the columns that are used."""
        last: int = self.rows.frame.select(pl.max(ROW)).item() or 1
        every = pl.select(pl.int_range(2, last + 1, dtype=pl.UInt32).alias(ROW))
        rows = every.join(self.rows.frame, on=ROW, how="left", maintain_order="left")
        return rows.select(pl.col(theirs).alias(ours) for ours, theirs in self.names.items())


def pseudonymise(
    files: Sequence[Path], options: ReadingOptions, pseudonyms: Pseudonyms
) -> list[Path]:
    """Rewrite the files with pseudonyms, and give those that remain.

    Columns and files that the mapping has no use for are left out: they may name people too.
    Raises SourceError for what cannot be read.
    """
    found = list(_found(files, options))
    known = {
        column: pseudonyms.as_cleaned(_keys(found, table), [column], {})[column]
        for column, table in REFERENCES.items()
        if column in pseudonyms.columns and any(f.table == table for f in found)
    }
    for file in found:
        references = known if file.table == "opportunities" else {}
        _write(file, pseudonyms.replaced(file.ours, references), replaced=pseudonyms.columns)
    for path in set(files) - {file.path for file in found}:
        path.unlink()
    return [file.path for file in found]


def _found(files: Sequence[Path], options: ReadingOptions) -> Iterator[_File]:
    opportunities: pl.DataFrame | None = None
    for table, paths in files_by_table(files, options).items():
        for path in paths:
            rows = file_rows(path, options)
            keys = keys_in_use(opportunities, table)
            found, flags = columns_in_use(rows.frame, table, options.mapping, keys)
            names = rows.frame.drop(ROW).columns
            refuse_missing_columns(path.name, table, options.mapping, names, found)
            file = _File(path, table, rows, found | flags)
            if table == "opportunities":
                key = [file.ours] if opportunities is None else [opportunities, file.ours]
                opportunities = pl.concat(key, how="diagonal")
            yield file


def _keys(found: Sequence[_File], table: str) -> pl.DataFrame:
    return pl.concat([f.ours.select(KEYS[table]) for f in found if f.table == table])


def _write(file: _File, frame: pl.DataFrame, *, replaced: Container[str]) -> None:
    """In the file's own names and in its notation, so that it is read as it would have been."""
    # A mapping may take one column for two of ours: of these, the pseudonym stands there.
    in_order = sorted(file.names, key=lambda ours: ours in replaced)
    ours_of = {file.names[ours]: ours for ours in in_order}
    numeric = [n for n, ours in ours_of.items() if n in file.rows.numeric and ours not in replaced]
    frame = frame.select(pl.col(ours).alias(theirs) for theirs, ours in ours_of.items())
    if file.path.suffix.lower() == ".parquet":
        typed = pl.read_parquet(file.path).head(frame.height)
        frame.with_columns(typed[n] for n in numeric).write_parquet(file.path)
        return
    delimiter = file.rows.delimiter or ","
    text = _delimited(frame, delimiter)
    told = "" if delimiter_of(text) == delimiter else f"sep={delimiter}\n"
    file.path.write_bytes((told + text).encode(file.rows.encoding or "utf-8"))


def _delimited(frame: pl.DataFrame, delimiter: str) -> str:
    if delimiter.isascii():
        return frame.write_csv(separator=delimiter, quote_style="always")
    text = io.StringIO()  # Polars takes no other delimiter
    writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(frame.iter_rows())
    return text.getvalue()
