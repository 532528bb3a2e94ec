from datetime import date

import pytest

from dealcast.surfaces.words import GAP, count, day, share, short


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (None, "-"),
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0 k"),
        (999_499, "999 k"),
        (999_999, "1.00 M"),
        (12_345_678, "12.3 M"),
        (1_234_567_890, "1,235 M"),
        (-2_500_000, "-2.50 M"),
    ],
)
def test_amounts_are_short(amount: float | None, told: str) -> None:
    assert short(amount).replace(GAP, " ") == told
    assert " " not in short(amount)


def test_what_is_not_known_is_a_dash() -> None:
    assert [count(None), share(None), day(None)] == ["-", "-", "-"]


def test_a_day_leaves_no_doubt_about_its_order() -> None:
    assert day(date(2024, 2, 1)) == day("2024-02-01T10:00:00+00:00") == "1 Feb 2024"
