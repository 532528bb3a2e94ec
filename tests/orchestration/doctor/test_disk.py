from collections.abc import Callable
from pathlib import Path

import pytest

from dealcast.orchestration.doctor import Outcome, Setup
from dealcast.orchestration.doctor.disk import disk

SetupWith = Callable[..., Setup]
MORE_THAN_THERE_IS = 1e9


def test_room_is_told_for_the_store_and_for_temporary_files(
    setup_with: SetupWith, tmp_path: Path
) -> None:
    finding = disk(setup_with(), warns_below_gb=0, fails_below_gb=0)

    assert finding.outcome == Outcome.OK
    assert f"GB free for the store in '{tmp_path / 'store'}'" in finding.found
    assert "GB free for temporary files in" in finding.found


@pytest.mark.parametrize(
    ("bounds", "outcome"),
    [
        ({"warns_below_gb": MORE_THAN_THERE_IS, "fails_below_gb": 0}, Outcome.WARNING),
        ({"fails_below_gb": MORE_THAN_THERE_IS}, Outcome.FAILED),
    ],
)
def test_a_full_disk_is_told_with_what_to_do(
    setup_with: SetupWith, bounds: dict[str, float], outcome: Outcome
) -> None:
    finding = disk(setup_with(), **bounds)

    assert finding.outcome == outcome
    assert "--root" in finding.remedy
    assert "TMPDIR" in finding.remedy


@pytest.mark.parametrize(
    "made",
    [
        lambda setup_with: setup_with({"storage.root": "s3://bucket/prefix"}),
        lambda setup_with: setup_with(yaml="storage: {rot: x}"),
    ],
    ids=["store on S3", "wrong settings"],
)
def test_without_a_folder_of_the_store_temporary_files_still_need_room(
    setup_with: SetupWith, made: Callable[[SetupWith], Setup]
) -> None:
    finding = disk(made(setup_with), warns_below_gb=0, fails_below_gb=0)

    assert finding.outcome == Outcome.OK
    assert "the store" not in finding.found
    assert "temporary files" in finding.found
