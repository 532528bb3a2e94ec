import numpy as np

from dealcast.modeling.abreast import Sums


def test_sums_by_code_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(1)
    code, numbers = rng.integers(0, 9, 300), rng.random((2, 300))

    found = Sums(code, 10).of_each(numbers)

    assert found.shape == (2, 10)
    for group in range(10):
        assert np.allclose(found[:, group], numbers[:, code == group].sum(axis=1))
    assert np.array_equal(Sums(code, 10).of_each(numbers[0]), found[0])
