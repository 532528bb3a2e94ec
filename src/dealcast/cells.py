"""What a raw cell says: text, dates, numbers and keys, read alike by checks and cleaning.

The notation is that of RawExport: dates as YYYY-MM-DD, numbers as plain decimals, null for blank.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import dataframely as dy
import polars as pl
from polars import selectors as cs

from dealcast.contracts import PROVENANCE, Accounts, Opportunities, Plans, Products, SalesAgents
from dealcast.errors import LONGEST_NAME

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
# Text is made compact from so many rows on, and where a value stands in so many rows on average.
COMPACT_FROM, ROWS_PER_VALUE = 200_000, 8
REPEATS = ("is_copy", "is_conflict")

# Called with what is done and the share (0-1) of the whole that it is.
Progress = Callable[[str, float], None]


def silent(_what: str, _share: float) -> None:
    """No progress is shown."""


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


def tidied(frame: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """The frame with these columns tidy; those that are so already are not touched."""
    return frame.with_columns(
        pl.col(c).cast(pl.String).replace(values["found"], values["tidy"])
        for c, values in untidy(frame, columns).items()
    )


def untidy(frame: pl.DataFrame, columns: Iterable[str]) -> dict[str, pl.DataFrame]:
    """The columns in which a cell is not tidy: their untidy values as `found`, and as `tidy`.

    Most cells are tidy, and to see that takes a fifth of the time that rewriting them takes.

    >>> frame = pl.DataFrame({"product": ["MG", " GTX  Pro"], "series": ["MG", "GTX"]})
    >>> [(column, values.rows()) for column, values in untidy(frame, frame.columns).items()]
    [('product', [(' GTX  Pro', 'GTX Pro')])]
    """
    text = pl.col("found")
    is_untidy = (text == "") | text.str.contains(r"^\s|\s$|\s\s|[^\S ]")
    found = {c: distinct(frame[c]).to_frame("found").filter(is_untidy).unique() for c in columns}
    return {
        c: values.with_columns(tidy("found").alias("tidy"))
        for c, values in found.items()
        if not values.is_empty()
    }


def distinct(cells: pl.Series) -> pl.Series:
    """The values as text, each once at least: only of compact text are they quickly told apart."""
    return (cells.unique() if cells.dtype == pl.Categorical else cells).cast(pl.String)


def shown(column: str) -> pl.Expr:
    """The cell for people: cut where it is very long, and a blank one is called so.

    >>> frame = pl.DataFrame({"account": ["x" * 1_000, None]})
    >>> frame.select(shown("account").str.len_chars()).rows()
    [(101,), (7,)]
    """
    text = pl.col(column).cast(pl.String)
    cut = pl.when(text.str.len_chars() <= LONGEST_NAME).then(text)
    return cut.otherwise(text.str.head(LONGEST_NAME) + "…").fill_null("(blank)")


def stated(column: str) -> pl.Expr:
    """The date or number that a tidy cell states; null where it is blank or unreadable.

    >>> frame = pl.DataFrame({"close_value": ["1054", "-3.5", "n/a", None]})
    >>> frame.select(stated("close_value")).to_series().to_list()
    [1054.0, -3.5, None, None]
    """
    measure, text = _MEASURES[column], pl.col(column).cast(pl.String)
    if isinstance(measure, dy.Date):
        return text.str.to_date("%Y-%m-%d", strict=False)
    number = text.cast(pl.Float64, strict=False)
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
    keys = known.drop_nulls().unique().cast(pl.String).alias("key").to_frame()
    forms = keys.select("key", form=key_form(pl.col("key"))).filter(~pl.col("form").is_duplicated())
    strangers = found.drop_nulls().unique().cast(pl.String).alias("found").to_frame()
    pairs = (
        strangers.join(keys, left_on="found", right_on="key", how="anti")
        .with_columns(form=key_form(pl.col("found")))
        .join(forms, on="form")
        .sort("found")
    )
    return dict(zip(pairs["found"], pairs["key"], strict=True))


def compact(frame: pl.DataFrame) -> pl.DataFrame:
    """The same text in less memory where there are many rows: few values as numbered categories.

    A cell of text takes 16 bytes or more, the number of its category 4.
    """
    if frame.height < COMPACT_FROM:
        return frame
    values = frame.lazy().select(cs.string().approx_n_unique()).collect().row(0, named=True)
    few = [c for c, count in values.items() if count * ROWS_PER_VALUE < frame.height]
    return frame.with_columns(pl.col(few).cast(pl.Categorical))


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with compact text as plain text; row numbers stay numbers."""
    return frame.with_columns(pl.exclude(PROVENANCE[1]).cast(pl.String))


def in_batches(
    frame: pl.DataFrame, rows: int | None, progress: Progress = silent
) -> Iterator[tuple[int, pl.DataFrame]]:
    """The frame as text, so many rows at once (all, by default), each with where it begins.

    Of an empty frame there is one batch without rows.
    """
    size, height = max(1, rows or frame.height), frame.height
    for start in range(0, max(1, height), size):
        yield start, as_text(frame.slice(start, size))
        if start + size < height:
            progress(f"{start + size:,} of {height:,} rows", (start + size) / height)


def with_repeats(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The frame with two marks on rows that share a key.

    `is_copy`: equal in every cell to a row before it. `is_conflict`: another row, which is not its
    copy, has the same key but other cells.
    """
    key = KEYS[table]
    cells = [c for c in COLUMNS[table] if c in frame.columns]
    where = repeated(frame[key]).arg_true()
    none = pl.repeat(False, frame.height, eager=True)
    if where.is_empty():
        return frame.with_columns(is_copy=none, is_conflict=none)
    marks = (
        frame[where]
        .select(key, is_copy=~pl.struct(cells).is_first_distinct())
        .with_columns(several=(~pl.col("is_copy")).sum().over(key) > 1)
        .with_columns(is_conflict=~pl.col("is_copy") & pl.col("several"))
    )
    return frame.with_columns(
        none.clone().scatter(where, marks[mark]).alias(mark) for mark in REPEATS
    )


def repeated(keys: pl.Series) -> pl.Series:
    """Where a key that is not blank stands in more than one row.

    >>> repeated(pl.Series(["A", "B", None, "A", None])).to_list()
    [True, False, False, True, False]
    """
    # Sorting numbers takes a tenth of the time and memory of a table of all keys.
    hashes = keys.hash()
    ordered = hashes.filter(keys.is_not_null()).sort()
    suspects = ordered.filter(ordered == ordered.shift(1))
    where = (hashes.is_in(suspects.implode()) & keys.is_not_null()).arg_true()
    none = pl.repeat(False, keys.len(), eager=True)
    return none.scatter(where, keys[where].is_duplicated()) if len(where) else none
