"""Do groups differ beyond chance, given the strata, and by how much? The test and the variance."""

from dataclasses import dataclass

import numpy as np

from dealcast.modeling.metrics import BoolArray, FloatArray, IntArray

# Cochran 1954: the chi-square tail holds where at most a fifth of the expected counts are below 5.
SMALL_COUNT, MOST_SMALL = 5, 0.2
PERMUTATIONS = 999
BISECTIONS = 60
LARGEST_TAU2 = 100.0


@dataclass(frozen=True, eq=False)
class Chance:
    """The events of each entity, were those of each stratum dealt out to its rows by lot.

    One element per entity: `rows`, `expected` events, and `spread`, the variance of events before
    the factor for dealing without replacement; that is in `basis` and `inflation`, by which the
    covariance is inverted (diagonal less one direction a stratum). `freedom`: degrees of freedom.
    """

    rows: IntArray
    expected: FloatArray
    spread: FloatArray
    basis: FloatArray
    inflation: FloatArray
    freedom: int

    @classmethod
    def of(cls, entity: IntArray, happened: BoolArray, stratum: IntArray) -> "Chance":
        """The chances from codes that count from 0."""
        strata = stratum.max(initial=-1) + 1
        cell = np.bincount(
            entity * strata + stratum, minlength=(entity.max(initial=-1) + 1) * strata
        )
        rows = cell.reshape(-1, max(strata, 1))
        total = np.maximum(rows.sum(axis=0), 1)
        share = np.bincount(stratum[happened], minlength=len(total)) / total
        variance = share * (1 - share) * total / np.maximum(total - 1, 1)
        spread = np.einsum("es,s->e", rows, variance)
        scale = np.sqrt(np.where(spread > 0, spread, np.inf))
        shared = rows * np.sqrt(variance / total) / scale[:, None]
        basis, size, _ = np.linalg.svd(shared, full_matrices=False)
        left = 1 - size**2
        fixed = left < 1e-9  # noqa: PLR2004 - nothing but rounding
        inflation = np.where(fixed, 0.0, 1 / np.where(fixed, 1.0, left)) - 1
        freedom = int((spread > 0).sum() - fixed.sum())
        expected = np.einsum("es,s->e", rows, share)
        return cls(rows.sum(axis=1), expected, spread, basis, inflation, freedom)

    def statistic(self, events: FloatArray) -> float:
        """Generalised Cochran-Mantel-Haenszel: chi-square with `freedom` under chance.

        Mantel and Haenszel 1959; for many groups Landis, Heyman and Koch 1978.
        """
        z = self.excess(events) / np.sqrt(np.where(self.spread > 0, self.spread, 1))
        return float(
            (z**2).sum() + (self.inflation * np.einsum("e,ek->k", z, self.basis) ** 2).sum()
        )

    def excess(self, events: FloatArray) -> FloatArray:
        """Events beyond those expected."""
        return np.where(self.spread > 0, events - self.expected, 0.0)

    @property
    def is_sparse(self) -> bool:
        """Whether too many expected counts are too small for the chi-square tail."""
        rarer = np.minimum(self.expected, self.rows - self.expected)
        return bool((rarer < SMALL_COUNT).mean() > MOST_SMALL)


def p_value_of(
    chance: Chance,
    events: FloatArray,
    rows: tuple[IntArray, BoolArray, IntArray],
    seed: int,
) -> float:
    """The p value of no difference: by the chi-square tail, by lot where counts are small.

    `rows`: the entity, whether it happened, and the stratum of each row, as `Chance.of` takes them.
    """
    found = chance.statistic(events)
    if not chance.is_sparse:
        return _chi2_tail(chance.freedom, found)
    return _permuted_tail(chance, found, rows, seed)


def _permuted_tail(
    chance: Chance, found: float, rows: tuple[IntArray, BoolArray, IntArray], seed: int
) -> float:
    """Share of deals by lot within the strata that differ as much as the entities do."""
    entity, happened, stratum = rows
    ordered = entity[np.lexsort((entity, stratum))]
    parts = np.split(ordered, np.cumsum(np.bincount(stratum))[:-1])
    wanted = np.bincount(stratum[happened], minlength=len(parts))
    rng = np.random.default_rng(seed)
    as_much = 1
    for _ in range(PERMUTATIONS):
        dealt = [rng.permutation(part)[:n] for part, n in zip(parts, wanted, strict=True)]
        events = np.bincount(np.concatenate(dealt), minlength=len(chance.rows))
        as_much += chance.statistic(events.astype(np.float64)) >= found - 1e-9
    return as_much / (PERMUTATIONS + 1)


def variance_between(chance: Chance, events: FloatArray) -> tuple[float, float]:
    """Variance of the log-odds between entities, and its upper 97.5 % limit.

    Moments: Paule and Mandel 1982; limit: Viechtbauer 2007. The log-odds of an entity against all
    are taken as excess over variance (one step from no difference; Yusuf, Peto and others 1985).
    """
    told = chance.spread > 0
    spread = chance.spread[told]
    log_odds = chance.excess(events)[told] / spread

    def variance_at(wanted: float) -> float:
        low, high = 0.0, LARGEST_TAU2
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            weight = 1 / (1 / spread + middle)
            centred = log_odds - np.average(log_odds, weights=weight)
            too_small = (weight * centred**2).sum() > wanted
            low, high = (middle, high) if too_small else (low, middle)
        # Where even 0 is too large, the bisection ends a rounding error above it.
        return low

    return variance_at(chance.freedom), variance_at(_chi2_lower_limit(chance.freedom))


def _chi2_tail(freedom: int, statistic: float) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(freedom, statistic))


def _chi2_lower_limit(freedom: int) -> float:
    from scipy.special import chdtri

    return float(chdtri(freedom, 0.975))
