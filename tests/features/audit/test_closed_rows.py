import numpy as np
import pytest

from dealcast.features.audit.closed_rows import fill_gap, filled_at_close, only_closed_rows
from dealcast.features.audit.spec import NotApplicable

N = 400
CLOSED = [i % 2 == 0 for i in range(N)]


def test_a_field_filled_in_at_close_is_found(audited) -> None:
    at_close = [1 if closed or i % 3 == 0 else None for i, closed in enumerate(CLOSED)]

    found = filled_at_close(audited({"x": at_close}, is_closed=CLOSED))["x"]

    assert found.leaks
    assert found.figure == pytest.approx(0.665, abs=0.01)
    assert found.note.startswith("filled on 100.0% of closed, 33")


def test_a_field_cleared_at_close_is_found(audited) -> None:
    cleared = [None if closed else "call" for closed in CLOSED]

    assert filled_at_close(audited({"x": cleared}, is_closed=CLOSED))["x"].leaks


def test_a_field_blank_here_and_there_passes(audited) -> None:
    blank = [None if i % 7 == 0 else 1 for i in range(N)]

    assert not filled_at_close(audited({"x": blank}, is_closed=CLOSED))["x"].leaks


def test_a_field_that_came_later_is_blank_on_old_rows_and_passes(audited) -> None:
    # Old opportunities (stratum 0) have no such field; most of them are closed.
    old = [i < N // 2 for i in range(N)]
    closed = [i % 10 != 0 if is_old else i % 10 == 0 for i, is_old in enumerate(old)]
    values = [None if is_old else 1 for is_old in old]
    ask = audited({"x": values}, is_closed=closed, stratum=[int(not o) for o in old])

    assert filled_at_close(ask)["x"].figure == 0.0


def test_the_gap_is_that_within_strata() -> None:
    filled = np.array([True, True, False, False] * 25)
    closed = np.array([True, True, False, False] * 25)

    gap, p = fill_gap(filled, closed, np.zeros(100, dtype=int))

    assert gap == pytest.approx(1.0)
    assert p < 1e-20


@pytest.mark.parametrize(
    ("values", "share"),
    [
        ([int(closed) for closed in CLOSED], 1.0),
        (["Won" if closed else "Engaging" for closed in CLOSED], 1.0),
        (["a" if i % 4 < 2 else "b" for i in range(N)], 0.0),
        ([str(i) for i in range(N)], 0.0),
    ],
)
def test_a_category_of_closed_rows_only_is_found_unless_chance_explains_it(
    audited, values, share
) -> None:
    found = only_closed_rows(audited({"x": values}, is_closed=CLOSED))["x"]

    assert found.figure == share
    assert found.leaks is (share > 0.25)


def test_old_open_rows_of_an_age_that_no_closed_row_has_pass(audited) -> None:
    old = [i < N // 2 for i in range(N)]
    closed = [not is_old and i % 2 == 0 for i, is_old in enumerate(old)]
    ask = audited(
        {"age_in_months": [9 if is_old else 1 for is_old in old]},
        is_closed=closed,
        stratum=[int(o) for o in old],
    )

    assert only_closed_rows(ask)["age_in_months"].figure == 0.0


def test_a_quantity_has_no_categories(audited) -> None:
    found = only_closed_rows(audited({"x": list(range(N))}, is_closed=CLOSED))["x"]

    assert found == NotApplicable("it is a quantity, not a category")


def test_without_open_rows_to_compare_nothing_can_be_said(audited) -> None:
    ask = audited({"x": [1] * N})

    for ask_one in (filled_at_close, only_closed_rows):
        assert "0 closed opportunities can be compared" in ask_one(ask)["x"].why
