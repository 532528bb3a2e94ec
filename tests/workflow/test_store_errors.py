"""What libraries say becomes one sentence and a remedy, and shows none of their inner workings."""

from dataclasses import dataclass

import pytest

from dealcast.errors import StoreAwayError, StoreError
from dealcast.workflow.store_errors import FAILURES, Failure, first_line, translated


@dataclass(frozen=True)
class Place:
    root: str = "s3://crm/prod"
    server: str = "https://s3.example.com"
    is_local: bool = False


@pytest.mark.parametrize("failure", FAILURES, ids=lambda f: f.marks[0])
def test_each_failure_is_told_by_each_of_its_marks(failure: Failure) -> None:
    for mark in failure.marks:
        error = translated(OSError(f"Generic S3 error: {mark}"), "It failed", Place())

        assert error.problem.startswith("It failed: ")
        assert "{" not in str(error)
        assert error.may_pass is failure.away
        assert isinstance(error, StoreAwayError) is failure.away


def test_the_first_cause_in_the_table_is_told() -> None:
    both = OSError("lacked the necessary privileges: SignatureDoesNotMatch")

    assert "secret key is wrong" in translated(both, "It failed", Place()).problem


def test_what_is_not_known_is_quoted_in_one_short_line() -> None:
    error = OSError(
        "Kernel error\n  \x1b[31m↳\x1b[0m Something odd <?xml?><Secret/>\nDebug source:\nGeneric {"
    )

    assert first_line(error) == "Kernel error Something odd"
    assert len(first_line(OSError("x" * 900))) == 200
    assert first_line(OSError()) == "OSError"


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (PermissionError(13, "Permission denied"), "let this user read '/srv/crm', or"),
        (OSError(5, "Input/output error"), "see that the disk has room"),
    ],
)
def test_what_helps_depends_on_what_the_disk_says(said: OSError, remedy: str) -> None:
    error = translated(said, "It failed", Place(root="/srv/crm", is_local=True))

    assert error.remedy.startswith(remedy)


def test_a_disk_fails_in_its_own_words() -> None:
    error = translated(
        OSError(28, "No space left on device"), "It failed", Place(is_local=True), remedy="tidy up"
    )

    assert type(error) is StoreError
    assert "No space left" in error.problem
    assert error.remedy == "tidy up"
