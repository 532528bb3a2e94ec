"""What a raw cell says: text, dates, numbers and keys, read alike by checks and cleaning.

The notation is that of RawExport: dates as YYYY-MM-DD, numbers as plain decimals, null for blank.
"""

from collections.abc import Mapping

import dataframely as dy
import polars as pl

from dealcast.contracts import Accounts, Opportunities, Plans, Products, SalesAgents

CONTRACTS: Mapping[str, type[dy.Schema]] = {
    "opportunities": Opportunities,
    "accounts": Accounts,
    "products": Products,
    "sales_agents": SalesAgents,
}
KEYS = {table: contract.primary_key()[0] for table, contract in CONTRACTS.items()}
DIMENSIONS = tuple(table for table in CONTRACTS if table != "opportunities")
# Column of an opportunity -> the dimension table whose key it names.
REFERENCES = {"product": "products", "account": "accounts", "sales_agent": "sales_agents"}
PLAN_COLUMNS = tuple(c for c in Plans.columns() if c not in Plans.primary_key())
COLUMNS: Mapping[str, Mapping[str, dy.Column]] = {
    table: contract.columns()
    | ({c: Plans.columns()[c] for c in PLAN_COLUMNS} if table == "opportunities" else {})
    for table, contract in CONTRACTS.items()
}
_MEASURES: Mapping[str, dy.Date | dy.Float64 | dy.Int32 | dy.Int64] = {
    name: column
    for columns in COLUMNS.values()
    for name, column in columns.items()
    if isinstance(column, dy.Date | dy.Float64 | dy.Int32 | dy.Int64)
}


def words(table: str) -> tuple[str, ...]:
    """The columns that hold words: neither the opportunity's id, nor dates, nor numbers.

    >>> words("products")
    ('product', 'series')
    """
    return tuple(c for c in COLUMNS[table] if c not in _MEASURES and c != "opportunity_id")


def measures(table: str) -> tuple[str, ...]:
    """The columns that hold dates or numbers.

    >>> measures("products")
    ('sales_price',)
    """
    return tuple(c for c in COLUMNS[table] if c in _MEASURES)


def tidy(column: str) -> pl.Expr:
    """The cell without white space around it or doubled within; null where nothing remains."""
    text = pl.col(column).cast(pl.String).str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(text != "").then(text).alias(column)


def stated(column: str) -> pl.Expr:
    """The date or number that a tidy cell states; null where it is blank or unreadable.

    >>> frame = pl.DataFrame({"close_value": ["1054", "-3.5", "n/a", None]})
    >>> frame.select(stated("close_value")).to_series().to_list()
    [1054.0, -3.5, None, None]
    """
    measure = _MEASURES[column]
    if isinstance(measure, dy.Date):
        return pl.col(column).str.to_date("%Y-%m-%d", strict=False)
    number = pl.col(column).cast(pl.Float64, strict=False)
    whole = pl.lit(True) if isinstance(measure, dy.Float64) else number == number.round()
    return pl.when(number.is_finite() & whole).then(number)


def usable(column: str) -> pl.Expr:
    """What the cell states, in the contract's type; null also where out of the contract's range.

    >>> frame = pl.DataFrame({"close_value": ["1054", "-3.5", "n/a", None]})
    >>> frame.select(usable("close_value")).to_series().to_list()
    [1054.0, None, None, None]
    """
    measure, value = _MEASURES[column], stated(column)
    in_range = value.is_between(pl.lit(measure.min), pl.lit(measure.max))
    return pl.when(in_range).then(value).cast(measure.dtype).alias(column)


def is_unusable(column: str) -> pl.Expr:
    """Where a cell says something that is no date or number, or is out of the contract's range."""
    return pl.col(column).is_not_null() & usable(column).is_null()


def key_form(key: pl.Expr) -> pl.Expr:
    """The key without case, spaces, hyphens and underscores: what variants of it share."""
    return key.str.to_lowercase().str.replace_all(r"[\s_\-]+", "")


def key_variants(found: pl.Series, known: pl.Series) -> dict[str, str]:
    """Each found key that is not known but differs from one known key in form only, and that key.

    >>> key_variants(pl.Series(["GTXPro", "GTX Pro", "Pro"]), pl.Series(["GTX Pro", "MG Special"]))
    {'GTXPro': 'GTX Pro'}
    """
    keys = known.drop_nulls().unique().alias("key").to_frame()
    forms = keys.select("key", form=key_form(pl.col("key"))).filter(~pl.col("form").is_duplicated())
    strangers = found.drop_nulls().unique().alias("found").to_frame()
    pairs = (
        strangers.join(keys, left_on="found", right_on="key", how="anti")
        .with_columns(form=key_form(pl.col("found")))
        .join(forms, on="form")
        .sort("found")
    )
    return dict(zip(pairs["found"], pairs["key"], strict=True))


def with_repeats(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The frame with two marks on rows that share a key.

    `is_copy`: equal in every cell to a row before it. `is_conflict`: another row, which is not its
    copy, has the same key but other cells.
    """
    key = KEYS[table]
    cells = [c for c in COLUMNS[table] if c in frame.columns]
    keys = frame[key].drop_nulls()
    if keys.n_unique() == keys.len():
        return frame.with_columns(is_copy=pl.lit(False), is_conflict=pl.lit(False))
    copy = pl.col(key).is_not_null() & ~pl.struct(cells).is_first_distinct()
    several = (~pl.col("is_copy")).sum().over(key) > 1
    return frame.with_columns(is_copy=copy).with_columns(
        is_conflict=pl.col(key).is_not_null() & ~pl.col("is_copy") & several
    )
