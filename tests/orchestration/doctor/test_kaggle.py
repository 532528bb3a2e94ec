from collections.abc import Callable
from pathlib import Path

import pytest

from dealcast.orchestration.doctor import Outcome, Setup
from dealcast.orchestration.doctor.kaggle import PLACES, kaggle_credentials
from dealcast.sources.kaggle_failures import CREDENTIAL_PLACES

SetupWith = Callable[..., Setup]
KAGGLE = {"source.kind": "kaggle"}
SECRET = "not-to-be-shown"


def test_each_place_that_is_named_is_looked_at() -> None:
    assert len(PLACES) == len(CREDENTIAL_PLACES)


@pytest.mark.parametrize(
    ("place", "environment", "files"),
    [
        (0, {"DEALCAST__SOURCE__KEY": SECRET}, {}),
        (1, {"KAGGLE_API_TOKEN": SECRET}, {}),
        (2, {}, {".kaggle/access_token": SECRET}),
        (3, {"KAGGLE_USERNAME": "me", "KAGGLE_KEY": SECRET}, {}),
        (4, {}, {".kaggle/kaggle.json": f'{{"username": "me", "key": "{SECRET}"}}'}),
    ],
)
def test_the_place_of_the_credentials_is_told_and_they_are_not(
    setup_with: SetupWith,
    tmp_path: Path,
    place: int,
    environment: dict[str, str],
    files: dict[str, str],
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)

    finding = kaggle_credentials(setup_with(KAGGLE, environment=environment))

    assert finding.outcome == Outcome.OK
    assert CREDENTIAL_PLACES[place] in finding.found
    assert SECRET not in finding.found


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"username": "me"}'])
def test_without_credentials_it_is_a_warning_for_public_data_need_none(
    setup_with: SetupWith, tmp_path: Path, broken: str
) -> None:
    (tmp_path / ".kaggle").mkdir()
    (tmp_path / ".kaggle" / "kaggle.json").write_text(broken)

    finding = kaggle_credentials(setup_with(KAGGLE))

    assert finding.outcome == Outcome.WARNING
    assert "~/.kaggle/access_token" in finding.found
    assert "KAGGLE_API_TOKEN" in finding.remedy
