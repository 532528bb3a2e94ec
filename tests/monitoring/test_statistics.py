import numpy as np
import pytest
from scipy import stats

from dealcast.monitoring import statistics


def one_part(reference: list[int], current: list[int]) -> statistics.IntArray:
    return np.array([[reference, current]])


def test_without_parts_the_chi_square_is_pearsons() -> None:
    counts = one_part([40, 30, 30], [20, 35, 45])

    statistic, p = statistics.chi_square(counts)

    pearson = stats.chi2_contingency(counts[0], correction=False)
    assert statistic == pytest.approx(pearson.statistic * 199 / 200)
    assert p == pytest.approx(stats.chi2.sf(statistic, 2))


def test_a_window_with_more_of_one_part_of_the_quarter_is_no_drift() -> None:
    lost, won = [[50, 50], [10, 90]], [[5, 5], [100, 900]]
    counts = np.array([[lost[0], won[0]], [lost[1], won[1]]])

    _, p = statistics.chi_square(counts)

    assert stats.chi2_contingency(counts.sum(axis=0)).pvalue < 1e-6
    assert p == 1
    assert statistics.share_difference(counts) == pytest.approx(0)


def test_few_of_a_rare_category_raise_no_alarm() -> None:
    _, p = statistics.chi_square(one_part([500, 0], [99, 1]))

    assert p > 0.1


def test_sparse_categories_are_put_together() -> None:
    merged = statistics.merge_sparse(one_part([100, 3, 90, 1], [50, 1, 40, 2]))

    assert merged.tolist() == [[[100, 90, 4], [50, 40, 3]]]


def test_psi_is_nought_by_chance_and_large_for_a_changed_mix() -> None:
    rng = np.random.default_rng(0)
    shares = np.full(30, 1 / 30)
    by_chance = [
        statistics.psi(np.array([[rng.multinomial(900, shares), rng.multinomial(200, shares)]]))
        for _ in range(200)
    ]

    assert np.mean(by_chance) < 0.03
    assert statistics.psi(one_part([500, 500], [200, 800])) == pytest.approx(0.416, abs=0.01)


def test_without_parts_kolmogorov_smirnov_is_scipys() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(size=300), rng.normal(0.3, size=200)])
    current = np.arange(500) >= 300
    counts = statistics.count_by_part(
        np.zeros(500, dtype=np.int64), current, *statistics.codes_on_grid(values)
    )

    distance, p = statistics.kolmogorov_smirnov(counts)

    expected = stats.ks_2samp(values[~current], values[current])
    assert distance == pytest.approx(expected.statistic)
    assert p == pytest.approx(expected.pvalue, rel=0.15)


def test_the_grid_keeps_equal_values_together() -> None:
    code, points = statistics.codes_on_grid(np.array([3.0, 1.0, 3.0, 2.0, 9.0]), points=2)

    assert points == 2
    assert code[0] == code[2]


def test_risk_sets_give_the_log_rank_test() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.integers(1, 40, 80), rng.integers(1, 60, 70)
    at = np.arange(61)
    events = np.stack([np.bincount(t, minlength=61) for t in (x, y)], axis=1)
    at_risk = np.stack([(t[:, None] >= at).sum(axis=0) for t in (x, y)], axis=1).astype(float)

    rates = statistics.compare_rates(events, at_risk, risk_sets=True)

    z = (rates.observed - rates.expected) / np.sqrt(rates.variance)
    seen = [int((at_risk[:, 0] > 0).sum())]
    short = y[y < seen[0]]
    censored = stats.CensoredData(uncensored=short, right=np.full(70 - len(short), seen[0] - 1))
    assert z == pytest.approx(-abs(stats.logrank(x, censored).statistic))


def test_rates_are_compared_only_where_both_windows_were_exposed() -> None:
    events = np.array([[10, 40], [7, 0]])
    exposure = np.array([[10.0, 20.0], [7.0, 0.0]])

    rates = statistics.compare_rates(events, exposure)

    assert rates.ratio == pytest.approx(2)
    assert (rates.observed, rates.expected) == (40, pytest.approx(50 * 2 / 3))


def test_adjusted_p_values_are_scipys() -> None:
    p = np.random.default_rng(3).random(25) ** 3

    assert statistics.benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p))
    assert statistics.benjamini_hochberg(np.array([])).tolist() == []


def test_wilson_stays_within_nought_and_one() -> None:
    assert statistics.wilson(0, 10)[0] == 0
    assert statistics.wilson(10, 10)[1] == pytest.approx(1)
    assert statistics.wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
