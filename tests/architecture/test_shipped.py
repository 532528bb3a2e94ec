"""The public CRM data set is not ours to ship: no file of the project has rows of it."""

import re
import subprocess
from pathlib import Path

import polars as pl
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ID = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Z]{8}(?![0-9A-Za-z])")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not in a git checkout")
    files = (REPOSITORY / name for name in listed.stdout.split("\0") if name)
    return [file for file in files if file.is_file()]


def test_no_file_names_an_opportunity_of_the_real_data_set(real_data: Path) -> None:
    rows = pl.read_csv(real_data / "sales_pipeline.csv")
    ids = {name.encode() for name in rows["opportunity_id"]}

    found = {
        f"{file.relative_to(REPOSITORY)}: {each.decode()}"
        for file in tracked()
        for each in ids.intersection(ID.findall(file.read_bytes()))
    }

    assert {len(name) for name in ids} == {8}
    assert found == set()
