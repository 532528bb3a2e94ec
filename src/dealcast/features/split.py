"""Which rows of crm_features train and which test: by time, or at random, which leaks."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import polars as pl

Kind = Literal["time", "random"]

# kind -> what a figure measured on such a test part is worth.
KINDS: Mapping[Kind, str] = {
    "time": "later engage dates test: as in use, nothing engaged later trains",
    "random": "leaks: what was engaged, and closed, later trains what is tested on earlier rows",
}


def split(
    crm_features: pl.DataFrame, kind: Kind = "time", *, test_share: float = 0.2, seed: int = 0
) -> pl.DataFrame:
    """The contract FeatureSplit, in the order of the rows: the part, train or test, of each.

    By time, the latest engage dates test. A date is never divided, so the test part can be a
    little smaller than asked for. Opportunities without an engage date are not engaged yet, later
    than every dated one, so they test too. Even this split is for description only: the columns
    of crm_features know the outcome.

    >>> rows = pl.DataFrame({"opportunity_id": ["A", "B", "C"], "engage_date": [3, 1, 2]})
    >>> split(rows, "time", test_share=0.4)["part"].to_list()
    ['test', 'train', 'train']
    """
    tests = _PARTS[kind](crm_features, round(test_share * crm_features.height), seed)
    return crm_features.select(
        "opportunity_id",
        part=pl.when(tests).then(pl.lit("test")).otherwise(pl.lit("train")),
        kind=pl.lit(kind),
    )


def _latest(rows: pl.DataFrame, wanted: int, _: int) -> pl.Series:
    """Undated rows and the latest whole dates that fit into so many."""
    rows_from_here_on = pl.col("engage_date").is_null().sum() + pl.col("engage_date").rank(
        "max", descending=True
    )
    return rows.select(
        (pl.col("engage_date").is_null() | (rows_from_here_on <= wanted)).fill_null(value=False)
    ).to_series()


def _at_random(rows: pl.DataFrame, wanted: int, seed: int) -> pl.Series:
    """So many rows, the same ones whatever the order of the rows."""
    drawn = np.random.default_rng(seed).permutation(rows.height) < wanted
    by_id = rows.select(pl.col("opportunity_id").rank("ordinal") - 1).to_series()
    return pl.Series(drawn)[by_id]


_PARTS: Mapping[Kind, Callable[[pl.DataFrame, int, int], pl.Series]] = {
    "time": _latest,
    "random": _at_random,
}
