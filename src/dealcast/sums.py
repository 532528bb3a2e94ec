"""Sums that come out the same to the last bit, however rows are ordered, grouped and dealt out.

Floats do not: each addition is rounded, and Polars adds in the order in which its threads take
rows. So they are added as whole numbers of a small unit, which never rounds.
"""

import polars as pl

# A power of 2, so that nothing is lost of what is larger than 2^13, and less than 1e-12 of others.
UNITS = 2.0**40
# Beyond what any amount or share may be; leaves room for 100 million of them.
LARGEST = 2.0**60


def exact_sum(values: pl.Expr) -> pl.Expr:
    """The sum of floats (each within ±1e18), 0 where there are none; also in a group.

    >>> pl.DataFrame({"x": [0.1, 0.2, 0.3]}).select(exact_sum(pl.col("x")).round(12)).item()
    0.6
    """
    units = (values.clip(-LARGEST, LARGEST) * UNITS).round().cast(pl.Int128)
    return units.sum().cast(pl.Float64) / UNITS


def exact_mean(values: pl.Expr) -> pl.Expr:
    """The mean of floats (each within ±1e18), null where there are none; also in a group.

    >>> pl.DataFrame({"x": [0.5, None, 1.0]}).select(exact_mean(pl.col("x"))).item()
    0.75
    """
    return pl.when(values.count() > 0).then(exact_sum(values) / values.count())
