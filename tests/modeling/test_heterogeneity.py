import numpy as np
import pytest

from dealcast.modeling.heterogeneity import Chance


def by_matrix(entity: np.ndarray, won: np.ndarray, stratum: np.ndarray) -> tuple[float, int]:
    """Generalised Cochran-Mantel-Haenszel as textbooks write it, with a matrix to invert."""
    count = entity.max() + 1
    excess, covariance = np.zeros(count), np.zeros((count, count))
    for s in np.unique(stratum):
        n = np.bincount(entity[stratum == s], minlength=count)
        came, rows = won[stratum == s].sum(), n.sum()
        excess += np.bincount(entity[(stratum == s) & won], minlength=count) - n * came / rows
        scale = came * (rows - came) / (rows**2 * (rows - 1))
        covariance += scale * (rows * np.diag(n) - np.outer(n, n))
    statistic = excess @ np.linalg.pinv(covariance, hermitian=True) @ excess
    return float(statistic), int(np.linalg.matrix_rank(covariance, hermitian=True))


@pytest.mark.parametrize("seed", range(5))
def test_the_statistic_is_that_of_the_textbook(seed: int) -> None:
    rng = np.random.default_rng(seed)
    entity, stratum = rng.integers(0, 6, 150), rng.integers(0, 3, 150)
    won = rng.random(150) < 0.2 + 0.2 * stratum
    chance = Chance.of(entity, won, stratum)

    statistic = chance.statistic(np.bincount(entity[won], minlength=6).astype(float))

    assert (pytest.approx(statistic), chance.freedom) == by_matrix(entity, won, stratum)


def test_entities_that_share_no_stratum_cannot_be_compared() -> None:
    entity = np.repeat([0, 1, 2, 3], 50)
    stratum = np.repeat([0, 0, 1, 1], 50)
    won = np.arange(200) % 3 == 0

    chance = Chance.of(entity, won, stratum)

    assert chance.freedom == 2
    events = np.bincount(entity[won], minlength=4).astype(float)
    assert chance.statistic(events) == pytest.approx(by_matrix(entity, won, stratum)[0])
