"""Trying again is bounded, and only what may pass is tried again."""

import pytest

from dealcast.errors import StoreAwayError, StoreError
from dealcast.settings import StorageSettings
from dealcast.workflow import retries
from dealcast.workflow.location import Folder
from dealcast.workflow.retries import patiently, tries
from dealcast.workflow.s3 import Bucket

CUT = "error sending request: connection closed before message completed"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; none is waited for."""
    made: list[float] = []
    monkeypatch.setattr(retries.time, "sleep", made.append)
    return made


@pytest.fixture
def bucket() -> Bucket:
    storage = StorageSettings(attempts=3)
    return Bucket.of(storage, "s3://crm/prod", "for the test", {"HOME": "/nowhere"})


def test_pauses_grow_and_end(pauses: list[float]) -> None:
    assert list(tries(12)) == list(range(12))

    assert len(pauses) == 11
    assert all(0 <= p <= min(3, 0.05 * 2 ** (n + 1)) for n, p in enumerate(pauses))


def test_a_connection_that_broke_off_is_tried_again(pauses: list[float], bucket: Bucket) -> None:
    answers = iter([OSError(CUT), OSError(CUT), "content"])

    def read() -> object:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    assert patiently(bucket, "It failed", read) == "content"
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("text", "kind", "count"), [(CUT, StoreAwayError, 3), ("SignatureDoesNotMatch", StoreError, 1)]
)
def test_it_ends_and_what_cannot_pass_is_told_at_once(
    pauses: list[float], bucket: Bucket, text: str, kind: type[StoreError], count: int
) -> None:
    calls: list[int] = []

    def read() -> None:
        calls.append(1)
        raise OSError(text)

    with pytest.raises(kind, match="It failed"):
        patiently(bucket, "It failed", read)

    assert len(calls) == count == len(pauses) + 1


def test_what_is_not_there_is_the_callers_to_judge() -> None:
    def read() -> None:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        patiently(Folder("data", "", 3), "It failed", read)
