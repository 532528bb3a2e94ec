"""What goes wrong in a CRM: names written differently, and rows that cannot be true.

`dirt` (a setting) multiplies every share below; at 0 nothing here changes anything.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from dealcast.contracts import STAGES
from dealcast.sources.sample.rates import Ints
from dealcast.sources.sample.recording import BLANK, GARBLED, NAMES, Codes

# In the public data set every row of one product names it otherwise than the price list does.
VARIANT_PRODUCT = "Nova Pro"
VARIANT_SHARES = (0.90, 0.05, 0.05)
"""Without space, with hyphen, in lower case: shares (0-1) of that product's rows, at dirt 1."""

PADDED_SHARE = 0.005
"""Share (0-1) of rows with white space around the agent, and of those around the account."""

MISSPELT = {
    "sector": ("technology", "technolgy"),
    "office_location": ("Philippines", "Philipines"),
}

Rows = Ints


class Defect(NamedTuple):
    """A way in which a row is bad; `spoil` does it to rows of won opportunities.

    A defect either changes the codes in place and returns nothing, or returns rows to add.
    """

    code: str
    share: float
    spoil: Callable[[Codes, Rows], Codes | None]


def _unknown_stage(codes: Codes, rows: Rows) -> None:
    codes["deal_stage"][rows] = GARBLED


def _unreadable_date(codes: Codes, rows: Rows) -> None:
    codes["close_date"][rows] = GARBLED


def _unreadable_amount(codes: Codes, rows: Rows) -> None:
    codes["close_value"][rows] = GARBLED


def _close_before_engage(codes: Codes, rows: Rows) -> None:
    engaged = codes["engage_date"][rows]
    codes["engage_date"][rows] = codes["close_date"][rows]
    codes["close_date"][rows] = engaged


def _missing_id(codes: Codes, rows: Rows) -> None:
    codes["opportunity_id"][rows] = BLANK


def _won_without_date(codes: Codes, rows: Rows) -> None:
    codes["close_date"][rows] = BLANK


def _exact_duplicate(codes: Codes, rows: Rows) -> Codes:
    return {column: values[rows] for column, values in codes.items()}


def _conflicting_duplicate(codes: Codes, rows: Rows) -> Codes:
    return _exact_duplicate(codes, rows) | {
        "deal_stage": np.full_like(codes["deal_stage"][rows], STAGES.index("Lost")),
        "close_value": np.zeros_like(codes["close_value"][rows]),
    }


# Share (0-1) of the opportunities that each touches at dirt 1; duplicates add as many rows.
DEFECTS = (
    Defect("unknown_stage", 0.00025, _unknown_stage),
    Defect("unreadable_date", 0.00025, _unreadable_date),
    Defect("unreadable_amount", 0.00025, _unreadable_amount),
    Defect("close_before_engage", 0.00025, _close_before_engage),
    Defect("missing_id", 0.00025, _missing_id),
    Defect("won_without_date", 0.00025, _won_without_date),
    Defect("exact_duplicate", 0.00025, _exact_duplicate),
    Defect("conflicting_duplicate", 0.00025, _conflicting_duplicate),
)


def soil(codes: Codes, dirt: float, rng: np.random.Generator) -> Codes:
    """The rows with their dirt, done to `codes` itself; duplicates follow at the end."""
    _misspell_product(codes, dirt, rng)
    for column in ("sales_agent", "account"):
        _pad(codes, column, dirt, rng)
    won = np.flatnonzero(codes["deal_stage"] == STAGES.index("Won"))
    counts = bad_rows(len(codes["deal_stage"]), dirt)
    victims = rng.permutation(won)[: sum(counts.values())]
    added = []
    for defect in DEFECTS:
        chosen, victims = np.split(victims, [counts[defect.code]])
        added.append(defect.spoil(codes, chosen))
    copies = [rows for rows in added if rows is not None]
    return {
        column: np.concatenate([values, *(rows[column] for rows in copies)])
        for column, values in codes.items()
    }


def bad_rows(opportunities: int, dirt: float) -> Mapping[str, int]:
    """How many bad rows of each kind so many opportunities get (count).

    >>> bad_rows(8_800, dirt=1.0)["missing_id"], bad_rows(8_800, dirt=0.0)["missing_id"]
    (2, 0)
    """
    return {defect.code: round(opportunities * defect.share * dirt) for defect in DEFECTS}


def misspell_accounts(accounts: pl.DataFrame, dirt: float) -> pl.DataFrame:
    """The accounts with a sector and a country misspelt: all of them at dirt 1, as in life."""
    misspelt = []
    for column, (right, wrong) in MISSPELT.items():
        hit = pl.col(column) == right
        among_first = hit.cum_sum() <= (hit.sum() * min(dirt, 1.0)).round()
        misspelt.append(
            pl.when(hit & among_first).then(pl.lit(wrong)).otherwise(column).alias(column)
        )
    return accounts.with_columns(misspelt)


def _misspell_product(codes: Codes, dirt: float, rng: np.random.Generator) -> None:
    names = NAMES["product"]
    rows = np.flatnonzero(codes["product"] == names.index(VARIANT_PRODUCT))
    rows = rows[rng.random(len(rows)) < dirt]
    ways = rng.choice(len(VARIANT_SHARES), len(rows), p=VARIANT_SHARES) + 1
    codes["product"][rows] += (ways * len(names)).astype(codes["product"].dtype)


def _pad(codes: Codes, column: str, dirt: float, rng: np.random.Generator) -> None:
    named = codes[column] != BLANK
    chosen = np.flatnonzero(named & (rng.random(len(named)) < PADDED_SHARE * dirt))
    ways = rng.integers(1, 3, len(chosen))
    codes[column][chosen] += (ways * len(NAMES[column])).astype(codes[column].dtype)
