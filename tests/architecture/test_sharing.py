"""What tests share is made once, by whichever worker comes first, and servers are started once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from servers.once import made_once
from servers.together import scope_of

TESTS = Path(__file__).resolve().parents[1]


def test_of_many_who_ask_one_makes_it_and_all_have_it(tmp_path: Path) -> None:
    asked, made = threading.Barrier(4), []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "file").write_text("whole")

    def ask(_: int) -> str:
        asked.wait(60)
        return (made_once(tmp_path, "sample", make) / "file").read_text()

    with ThreadPoolExecutor(4) as workers:
        found = list(workers.map(ask, range(4)))

    assert found == ["whole"] * 4
    assert made == [tmp_path / "sample"]


def test_what_an_attempt_left_that_failed_is_not_taken_for_whole(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        made_once(tmp_path, "sample", fail)
    made = made_once(tmp_path, "sample", lambda folder: (folder / "whole").touch())

    assert [file.name for file in made.iterdir()] == ["whole"]


@pytest.mark.parametrize(
    ("file", "scope"),
    [
        ("services/test_prefect_flow.py", "prefect_server"),
        ("orchestration/doctor/test_prefect_server.py", "prefect_server"),
        ("services/test_mlflow_run.py", "mlflow_server"),
        ("workflow/cluster/test_job.py", "spark"),
        ("engines/test_base.py", "spark"),
    ],
)
def test_files_of_one_slow_server_go_to_one_worker(file: str, scope: str) -> None:
    assert scope_of(TESTS / file) == scope


def test_any_other_file_is_for_itself() -> None:
    file = TESTS / "cleaning" / "test_rows.py"

    assert scope_of(file) == str(file)
