"""Sentences that the terminal and the report share."""

from dealcast.surfaces.sentences import close_window
from dealcast.surfaces.words import GAP


def test_a_window_is_told_from_its_first_day_to_its_last_on_one_line() -> None:
    told = close_window({"closes_from": "2018-01-04", "closes_until": "2018-02-17"})

    assert told == "4 Jan to 17 Feb".replace(" ", GAP)


def test_without_a_window_nothing_is_told() -> None:
    assert close_window({"closes_from": None, "closes_until": None}) == ""
