"""Which rows of crm_features train and which test: by time, or at random, which leaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

Kind = Literal["time", "random"]

# kind -> what a figure measured on such a test part is worth.
KINDS: Mapping[Kind, str] = {
    "time": "later engage dates test: as in use, nothing engaged later trains",
    "random": "leaks: what was engaged, and closed, later trains what is tested on earlier rows",
}


@dataclass(frozen=True)
class Split:
    """How the rows of one crm_features are divided: `tests` says of a row whether it tests."""

    kind: Kind
    tests: pl.Expr

    def parts(self, crm_features: pl.DataFrame) -> pl.DataFrame:
        """The contract FeatureSplit of all or some of the rows, in their order."""
        return crm_features.select(
            "opportunity_id",
            part=pl.when(self.tests).then(pl.lit("test")).otherwise(pl.lit("train")),
            kind=pl.lit(self.kind),
        )


def divide(
    opportunities: pl.LazyFrame, kind: Kind = "time", *, test_share: float = 0.2, seed: int = 0
) -> Split:
    """How to divide the rows of crm_features, learnt from all opportunities.

    By time, the latest engage dates test. A date is never divided, so the test part can be a
    little smaller than asked for. Opportunities without an engage date are not engaged yet, later
    than every dated one, so they test too. Even this split is for description only: the columns
    of crm_features know the outcome.

    >>> rows = pl.DataFrame({"opportunity_id": ["A", "B", "C"], "engage_date": [3, 1, 2]})
    >>> divide(rows.lazy(), "time", test_share=0.4).parts(rows)["part"].to_list()
    ['test', 'train', 'train']
    """
    return Split(kind, _TESTS[kind](opportunities, test_share, seed))


def _latest(opportunities: pl.LazyFrame, test_share: float, _: int) -> pl.Expr:
    """Undated rows and the latest whole dates that fit into the share."""
    days = opportunities.group_by("engage_date").len().collect()
    wanted = round(test_share * int(days["len"].sum()))
    # A null comes first here: undated rows count before all others.
    rows_from_here_on = days.sort("engage_date", descending=True, nulls_last=False).with_columns(
        pl.col("len").cum_sum()
    )
    tested = rows_from_here_on.filter(pl.col("len") <= wanted)["engage_date"]
    engaged = pl.col("engage_date")
    return engaged.is_null() | (engaged >= pl.lit(tested.min(), dtype=tested.dtype)).fill_null(
        value=False
    )


def _at_random(opportunities: pl.LazyFrame, test_share: float, seed: int) -> pl.Expr:
    """So many rows, the same ones whatever the order of the rows."""
    rows = opportunities.select(pl.len()).collect().item()
    drawn = np.random.default_rng(seed).permutation(rows) < round(test_share * rows)
    return pl.lit(pl.Series(drawn)).gather(pl.col("opportunity_id_encoded"))


_TESTS: Mapping[Kind, Callable[[pl.LazyFrame, float, int], pl.Expr]] = {
    "time": _latest,
    "random": _at_random,
}
