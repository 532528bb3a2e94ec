import pickle

import pytest

from dealcast.errors import (
    LONGEST_NAME,
    DealcastError,
    MissingExtraError,
    SourceError,
    listed,
    nearest,
)


def test_an_error_says_what_is_wrong_and_what_to_do() -> None:
    error = SourceError("No file at 'crm/'.", remedy="give a folder with --path")

    assert str(error) == "No file at 'crm/'.\n\nTry: give a folder with --path"
    assert (error.problem, error.remedy) == ("No file at 'crm/'.", "give a folder with --path")


@pytest.mark.parametrize(
    "error",
    [SourceError("a", remedy="b"), MissingExtraError("The kaggle source", extra="kaggle")],
)
def test_an_error_survives_pickling(error: DealcastError) -> None:
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is type(error)
    assert str(again) == str(error)


def test_a_missing_extra_names_the_install_line() -> None:
    error = MissingExtraError("The kaggle source", extra="kaggle")

    assert "dealcast[kaggle]" in error.remedy
    assert isinstance(error, ImportError)


def test_every_error_has_an_exit_code_that_is_not_success() -> None:
    kinds = [DealcastError, *DealcastError.__subclasses__()]

    assert all(0 < kind.exit_code < 100 for kind in kinds)


@pytest.mark.parametrize(
    ("name", "expected"), [("close_dat", "close_date"), ("CLOSE_DATE", "close_date"), ("zz", None)]
)
def test_the_nearest_name_ignores_case_and_small_slips(name: str, expected: str | None) -> None:
    assert nearest(name, ["close_date", "deal_stage"]) == expected


def test_the_nearest_of_two_spellings_is_the_same_in_any_order() -> None:
    assert nearest("ACME", ["acme", "Acme"]) == nearest("ACME", ["Acme", "acme"]) == "Acme"


def test_a_long_list_is_bounded() -> None:
    assert listed(range(7)) == "'0', '1', '2', '3', '4' and 2 more"


def test_what_a_terminal_would_obey_is_shown_instead() -> None:
    error = SourceError("a\x1b[2Jb\u202ec\ud800", remedy="\r")

    assert str(error) == "a\\x1b[2Jb\\u202ec\\ud800\n\nTry: \\r"
    str(error).encode()


def test_a_name_is_on_one_line_and_cut() -> None:
    assert listed(["a\nb", "x" * 5_000]) == f"'a\\nb', '{'x' * LONGEST_NAME}…'"


def test_nobody_looks_for_what_is_like_a_very_long_name() -> None:
    assert nearest("".join(map(chr, range(200, 60_000))), ["Won"]) is None
    assert nearest("Won", ["x" * 100_000, "won"]) == "won"
