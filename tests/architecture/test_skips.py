"""What could not run is told at the end of the tests, so that nobody takes it for tested."""

import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
THREE_SKIPPED = """
import pytest

@pytest.mark.parametrize("n", range(2))
def test_of_a_server(n: int) -> None:
    pytest.skip("PostgreSQL is not installed")

@pytest.mark.skipif(True, reason="no browser")
def test_of_a_browser() -> None: ...

def test_that_runs() -> None: ...
"""


def printed_lines(folder: Path, *arguments: str) -> list[str]:
    """What pytest prints, blank lines left out, with the hooks of all tests."""
    shutil.copy(TESTS / "conftest.py", folder)
    (folder / "test_some.py").write_text(THREE_SKIPPED)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments, str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if line]


def test_what_was_skipped_is_listed_at_the_end_with_the_reasons(tmp_path: Path) -> None:
    title, often, once, totals = printed_lines(tmp_path)[-4:]

    assert "not run here: 3 test(s)" in title
    assert often.split() == ["2", "PostgreSQL", "is", "not", "installed"]
    assert once.split() == ["1", "no", "browser"]
    assert "1 passed, 3 skipped" in totals


def test_where_all_ran_nothing_is_listed(tmp_path: Path) -> None:
    assert not [line for line in printed_lines(tmp_path, "-k", "runs") if "not run here" in line]
