"""REPAIRS: what cleaning mends, in this order. Blanks that the stage explains stay blank."""

import polars as pl

from dealcast.cells import (
    COLUMNS,
    DIMENSIONS,
    KEYS,
    PLAN_COLUMNS,
    is_unusable,
    key_variants,
    measures,
    tidied,
    usable,
    words,
)
from dealcast.cleaning.spec import Context, Repair
from dealcast.contracts import OPEN_STAGES
from dealcast.errors import ContractError, listed, nearest

ROW_HASH = "row_hash"
_EVERY_TABLE = tuple(KEYS)


def correct(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Write the cells that a person corrected, found by the row's hash.

    Raises ContractError for a correction to a column that the table does not have.
    """
    if context.corrections is None:
        return rows
    ours = context.corrections.join(rows.select(ROW_HASH).unique(), on=ROW_HASH, how="semi")
    for (column,), cells in ours.group_by("column", maintain_order=True):
        name = str(column)
        if name not in COLUMNS[context.table]:
            near = nearest(name, COLUMNS[context.table])
            raise ContractError(
                f"A correction names the column '{name}', which {context.table} does not have: "
                f"{listed(COLUMNS[context.table], shown=10)}.",
                remedy=f"correct '{near}' instead" if near else "name one of these columns",
            )
        news = cells.select(ROW_HASH, new="value", is_new=True).unique(ROW_HASH, keep="last")
        rows = (
            rows.join(news, on=ROW_HASH, how="left", maintain_order="left")
            .with_columns(pl.when("is_new").then("new").otherwise(name).alias(name))
            .drop("new", "is_new")
        )
    return rows


def take_out_white_space(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """No white space around a cell, none doubled within; a cell of nothing else is blank."""
    return tidied(rows, COLUMNS[context.table])


def spell(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Mend cells that are, as a whole, a known misspelling."""
    wrong = pl.Series(list(context.spelling), dtype=pl.String).implode()
    misspelt = [c for c in words(context.table) if rows[c].is_in(wrong).any()]
    return rows.with_columns(pl.col(misspelt).replace(context.spelling)) if misspelt else rows


def write_keys_as_known(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """`GTXPro` becomes `GTX Pro`: keys that differ from one known key in form only."""
    return rows.with_columns(
        pl.col(column).replace(key_variants(rows[column], known))
        for column, known in context.keys.items()
    )


def lost_without_value(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """The stage says the value: what was lost brought nothing."""
    if "close_value" not in context.present:
        return rows
    is_so = (pl.col("deal_stage") == "Lost") & pl.col("close_value").is_null()
    return rows.with_columns(close_value=pl.when(is_so).then(pl.lit("0")).otherwise("close_value"))


def lost_with_value(rows: pl.DataFrame, _: Context) -> pl.DataFrame:
    """CRMs with one amount column keep there what was hoped for; revenue of a lost one is 0."""
    is_so = (pl.col("deal_stage") == "Lost") & (usable("close_value") > 0)
    return rows.with_columns(close_value=pl.when(is_so).then(pl.lit("0")).otherwise("close_value"))


def blank_unusable_plans(rows: pl.DataFrame, _: Context) -> pl.DataFrame:
    """An unreadable hope does not cost the row what happened."""
    is_open = pl.col("deal_stage").is_in(OPEN_STAGES)
    return rows.with_columns(
        pl.when(~(is_open & is_unusable(c))).then(c).alias(c) for c in PLAN_COLUMNS
    )


def blank_unusable_numbers(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Setting the row of a dimension table aside would orphan the opportunities that name it."""
    return rows.with_columns(
        pl.when(~is_unusable(c)).then(c).alias(c) for c in measures(context.table)
    )


def merge_repeated(rows: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Rows of one key say what they agree on; where they disagree, the cell is blank.

    All but the first are then set aside as repeated (reasons.py), whatever their order.
    """
    key = KEYS[context.table]
    if not rows[key].drop_nulls().is_duplicated().any():
        return rows
    others = [c for c in COLUMNS[context.table] if c != key]
    agreed = rows.group_by(key).agg(
        pl.when(pl.col(c).drop_nulls().n_unique() == 1).then(pl.col(c).drop_nulls().first())
        for c in others
    )
    merged = rows.select(pl.exclude(others)).join(agreed, on=key, how="left", maintain_order="left")
    return merged.select(rows.columns)


REPAIRS: tuple[Repair, ...] = (
    Repair(
        "CL001",
        "Corrected by a person",
        "writes the corrections given to `dealcast quarantine readmit`",
        _EVERY_TABLE,
        correct,
    ),
    Repair(
        "CL002",
        "White space",
        "takes out white space around a cell and doubled within; blanks a cell of nothing else",
        _EVERY_TABLE,
        take_out_white_space,
    ),
    Repair(
        "CL003",
        "Known misspelling",
        "mends cells by cleaning.spelling",
        _EVERY_TABLE,
        spell,
    ),
    Repair(
        "CL004",
        "Key written in another way",
        "writes a key as its dimension table does, where they differ in case, spaces, hyphens or "
        "underscores only",
        ("opportunities",),
        write_keys_as_known,
    ),
    Repair(
        "CL005",
        "Lost with a blank value",
        "writes 0, which the stage explains; nothing else is imputed",
        ("opportunities",),
        lost_without_value,
    ),
    Repair(
        "CL006",
        "Lost with a value",
        "writes 0: the amount is what was hoped for, the revenue of a lost one is 0",
        ("opportunities",),
        lost_with_value,
    ),
    Repair(
        "CL007",
        "Unusable plan of an open opportunity",
        "blanks an expected close date or amount that is unreadable or out of range",
        ("opportunities",),
        blank_unusable_plans,
    ),
    Repair(
        "CL008",
        "Unusable number in a dimension table",
        "blanks the cell; setting the row aside would orphan the opportunities that name it",
        ("accounts", "products"),
        blank_unusable_numbers,
    ),
    Repair(
        "CL009",
        "Rows of one key disagree in a dimension table",
        "blanks the cells on which they disagree, fills those that only some have",
        DIMENSIONS,
        merge_repeated,
    ),
)
