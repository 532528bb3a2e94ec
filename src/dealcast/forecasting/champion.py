"""Which method is issued: the one that holds out of time; a tie is called a tie."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import polars as pl

from dealcast.forecasting.methods import BLEND, METHODS, MODEL
from dealcast.forecasting.outlook import FloatArray
from dealcast.sums import exact_sum

# Differences that come by chance more often than this are noise.
NOISE = 0.05
# As many origins have few enough ways to change the signs of their differences to try them all.
ALL_SIGNS, DRAWN_SIGNS = 12, 4_000


@dataclass(frozen=True)
class Figures:
    """How one method did, one kind of period and so many periods ahead.

    `wape`: sum of absolute errors by sum of bookings; `bias`: sum of errors by the same (above 0:
    too high); both null where nothing was booked. `covered` (share 0-1, null where there were
    none) of `intervals` (count) held.
    """

    method: str
    period_kind: str
    ahead: int
    n: int
    wape: float | None
    bias: float | None
    intervals: int
    covered: float | None


@dataclass(frozen=True)
class Champion:
    """The method to issue, and why.

    `tied`: candidates that `n` months cannot tell from the one with the least error. `wape`: by
    candidate, a month ahead; empty where nothing could be tested.
    """

    method: str
    n: int
    wape: Mapping[str, float]
    tied: tuple[str, ...]
    reason: str

    @property
    def is_tie(self) -> bool:
        """Whether another one may be as good."""
        return bool(self.tied)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"is_tie": self.is_tie}


def figures(backtest: pl.DataFrame) -> list[Figures]:
    """Of the contract ForecastBacktest: per method, kind of period and periods ahead."""
    error, actual = pl.col("forecast") - pl.col("actual"), pl.col("actual")
    table = (
        backtest.group_by("method", "period_kind", "ahead", maintain_order=True)
        .agg(
            n=pl.len(),
            wape=_share(exact_sum(error.abs()), exact_sum(actual)),
            bias=_share(exact_sum(error), exact_sum(actual)),
            intervals=pl.col("low").count(),
            covered=actual.is_between("low", "high").mean(),
        )
        # Errors that are the same but for their rounding tie: these stay in their order.
        .sort("period_kind", "ahead", pl.col("wape").round(12), maintain_order=True)
    )
    return [Figures(**row) for row in table.iter_rows(named=True)]


def coverage(backtest: pl.DataFrame, method: str) -> dict[str, tuple[int, float]]:
    """By kind of period: how many intervals there were, and the share (0-1) that held."""
    rows = backtest.filter(pl.col("method") == method, pl.col("low").is_not_null())
    counted = rows.group_by("period_kind", maintain_order=True).agg(
        n=pl.len(), covered=pl.col("actual").is_between("low", "high").mean()
    )
    return {kind: (n, covered) for kind, n, covered in counted.iter_rows()}


def choose(backtest: pl.DataFrame, *, current: str = BLEND, seed: int = 0) -> Champion:
    """The champion, by absolute errors of whole months, a month ahead.

    The one with the least error wins. The current one stays if the others are not better beyond
    chance (paired permutation test over the origins: Fisher 1935); else it is the plainest of
    those that cannot be told from the winner. The house's current one, as long as none was
    issued, is the blend. Without a month in which something was booked it is the model, untested.
    """
    errors, booked = _errors(backtest)
    if not errors:
        return Champion(MODEL, 0, {}, (), "no month to test on yet: the model, untested")
    if not booked.any():
        reason = "nothing was booked in the months to test on: the model, untested"
        return Champion(MODEL, len(booked), {}, (), reason)
    wape = {name: float(values.sum() / booked.sum()) for name, values in errors.items()}
    best = min(errors, key=lambda name: wape[name])
    tied = tuple(
        name
        for name, values in errors.items()
        if name != best and chance_of(values - errors[best], seed=seed) > NOISE
    )
    able = [name for name in errors if name == best or name in tied]
    method = current if current in able else able[0]
    n = len(booked)
    return Champion(method, n, wape, tied, _reason(method, best, wape, tied, n))


def chance_of(differences: FloatArray, *, seed: int = 0) -> float:
    """Chance (0-1) of a mean difference as far from 0 if either sign were as likely for each.

    >>> chance_of(np.array([1.0, 2.0, 3.0]))
    0.25
    """
    n = len(differences)
    if n <= ALL_SIGNS:
        signs = np.array(list(product((-1.0, 1.0), repeat=n)))
    else:
        drawn = np.random.default_rng(seed).choice((-1.0, 1.0), (DRAWN_SIGNS, n))
        signs = np.vstack([np.ones(n), drawn])
    # Not `@`: BLAS splits such a sum by the threads it has, and so rounds otherwise.
    sums = np.abs(np.einsum("so,o->s", signs, differences))
    seen = abs(differences.sum())
    return float((sums >= seen * (1 - 1e-9)).mean())


def _errors(backtest: pl.DataFrame) -> tuple[dict[str, FloatArray], FloatArray]:
    """Absolute errors of each candidate that has them for all months, and what was booked."""
    months = backtest.filter(pl.col("period_kind") == "month", pl.col("ahead") == 1)
    by_method = dict(_by_method(months))
    longest = max((len(rows) for rows in by_method.values()), default=0)
    complete = {name: rows for name, rows in by_method.items() if len(rows) == longest}
    errors = {
        name: np.abs(rows["forecast"].to_numpy() - rows["actual"].to_numpy())
        for name, rows in complete.items()
    }
    some = next(iter(complete.values()), None)
    return errors, np.zeros(0) if some is None else some["actual"].to_numpy()


def _by_method(rows: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    for name, method in METHODS.items():
        of_it = rows.filter(pl.col("method") == name).sort("issued_on")
        if method.is_candidate and not of_it.is_empty():
            yield name, of_it


def _reason(method: str, best: str, wape: Mapping[str, float], tied: Sequence[str], n: int) -> str:
    least = f"'{best}' has the least error of {n} months (WAPE {wape[best]:.1%})"
    if not tied:
        return f"{least}, and no other comes near."
    others = ", ".join(f"'{name}' {wape[name]:.1%}" for name in sorted(tied, key=lambda t: wape[t]))
    issued = "It is" if method == best else f"'{method}' is"
    return f"A tie: {least}, but so few months cannot tell it from {others}. {issued} issued."


def _share(part: pl.Expr, of: pl.Expr) -> pl.Expr:
    """Null where there is nothing to take a share of."""
    return pl.when(of > 0).then(part / of)
