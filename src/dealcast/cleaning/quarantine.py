"""Which rows are set aside, why, and what would mend them."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import dataframely as dy
import polars as pl

from dealcast.cells import COLUMNS, DIMENSIONS, KEYS, REFERENCES, with_repeats
from dealcast.cleaning.reasons import REASONS, near
from dealcast.cleaning.spec import SetAside
from dealcast.contracts import PROVENANCE, STAGES, Quarantine
from dealcast.errors import nearest

# Comparisons spent on suggesting known values; beyond, an unknown one gets no suggestion.
COMPARISONS = 100_000
# Column of rows set aside: their cells as they came, blank ones null.
CAME = "as_it_came"
_CELL, _NAME = "\x1e", "\x1f"


def row_hash(raw: pl.DataFrame, table: str) -> pl.Series:
    """The name of each raw row: the same for the same cells, in any export and version.

    BLAKE2b (16 bytes, hex) of the UTF-8 text: the table's name, then, for each column of ours in
    alphabetical order that is not blank, U+001E, the column's name, U+001F and the cell as it
    came. File and row number do not count, so exact copies have one hash.

    >>> raw = pl.DataFrame({"product": ["GTX Pro"], "series": [None]})
    >>> row_hash(raw, "products").to_list()
    ['901c76cd3d2a747a68a39e12a706de7f']
    """
    columns = sorted(c for c in COLUMNS[table] if c in raw.columns)
    cells = [pl.lit(c + _NAME) + pl.col(c) for c in columns]
    texts = raw.select(
        pl.concat_str([pl.lit(table), *cells], separator=_CELL, ignore_nulls=True)
    ).to_series()
    return pl.Series(
        "row_hash",
        [blake2b(text.encode(), digest_size=16).hexdigest() for text in texts],
        dtype=pl.String,
    )


def reasons_for(table: str) -> list[SetAside]:
    """The reasons that apply to a table, most important first."""
    return [rule for rule in REASONS if table in rule.tables]


def with_marks(
    rows: pl.DataFrame,
    table: str,
    keys: Mapping[str, pl.Series],
    repeats: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The repaired rows with what reasons ask for: repeated or unknown keys."""
    marked = with_repeats(rows, table) if repeats is None else rows.hstack(repeats)
    own_key = [pl.col(KEYS[table]).alias("key")]
    return marked.with_columns(own_key if table in DIMENSIONS else _unknown_keys(keys))


def with_reason(marked: pl.DataFrame, table: str) -> pl.DataFrame:
    """The marked rows with a `reason`: code of the first rule that is true of them, else null."""
    first = [pl.when(rule.fails).then(pl.lit(rule.code)) for rule in reasons_for(table)]
    return marked.lazy().with_columns(pl.coalesce(first).alias("reason")).collect()


def quarantined(
    bad: pl.DataFrame, table: str, keys: Mapping[str, pl.Series]
) -> dy.DataFrame[Quarantine]:
    """Rows that have a reason, as the Quarantine contract has them: explained, and as they came."""
    known = {"deal_stage": pl.Series(STAGES), **keys} if table == "opportunities" else {}
    bad = bad.with_columns(_nearest(bad, column, names) for column, names in known.items())
    found = [rule for rule in reasons_for(table) if rule.code in set(bad["reason"])]
    as_it_came = bad[CAME].struct.unnest()
    return Quarantine.cast(
        bad.select(
            *PROVENANCE,
            row_hash(as_it_came, table),
            "reason",
            _of_reason([r.explains for r in found], found).alias("explanation"),
            _of_reason([r.suggests for r in found], found).alias("suggested_fix"),
            _of_reason([r.fix_column for r in found], found).alias("fix_column"),
            _of_reason([r.fix_value for r in found], found).alias("fix_value"),
            as_it_came.select(row=pl.struct(pl.all()).struct.json_encode()).to_series(),
            table=pl.lit(table),
            key=pl.col(KEYS[table]),
        )
    )


def _of_reason(parts: Sequence[pl.Expr], rules: Sequence[SetAside]) -> pl.Expr:
    """For each row, the part that belongs to its reason."""
    is_reason = [pl.col("reason") == rule.code for rule in rules]
    chosen = [pl.when(is_so).then(part) for is_so, part in zip(is_reason, parts, strict=True)]
    return pl.coalesce(pl.lit(None, pl.String), *chosen)


def _unknown_keys(keys: Mapping[str, pl.Series]) -> list[pl.Expr]:
    """A mark per column that names a dimension's key; false where there is no such dimension."""
    return [
        (
            pl.col(c).is_not_null() & ~pl.col(c).is_in(keys[c].unique().implode())
            if c in keys
            else pl.lit(False)
        ).alias(f"{c}_unknown")
        for c in REFERENCES
    ]


def _nearest(bad: pl.DataFrame, column: str, known: pl.Series) -> pl.Expr:
    names = known.to_list()
    unknown = bad.filter(~pl.col(column).is_in(names))[column].unique().sort()
    tried = unknown.head(COMPARISONS // max(1, len(names)))
    found = {name: nearest(name, names) for name in tried}
    return (
        pl.col(column)
        .replace_strict(found, default=None, return_dtype=pl.String)
        .alias(near(column))
    )
