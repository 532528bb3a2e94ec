"""Whether an error tells what a person needs: which file, where in it, and what to do."""

import re
from collections.abc import Sequence

from dealcast.errors import DealcastError

WHERE = re.compile(
    r"\bline [\d,]+|\brow [\d,]+|\(row [\d,]+\)|[Cc]olumn|DQ\d{3}|CL\d{3}"  # within a file
    r"|is empty|no rows|not text|not a text file|not a whole Parquet file|NUL character"
    r"|is not utf|is not a spreadsheet"  # of a whole file
)
LONGEST = 4_000  # characters; a cell may have millions
CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def check_told(error: DealcastError, files: Sequence[str] = (), *, must_place: bool = True) -> None:
    """Fails where the error lacks something."""
    faults = faults_of(error, files, must_place=must_place)
    assert not faults, f"the error {faults}: {error}"


def faults_of(error: DealcastError, files: Sequence[str], *, must_place: bool = True) -> list[str]:
    """What the error lacks; `must_place`: it must say where in the file."""
    said = error.problem
    faults = []
    safe = [re.sub(r"[^\w.-]+", "_", name) for name in files]
    if files and not any(name in said for name in (*files, *safe)):
        faults.append("names no file")
    if must_place and not WHERE.search(said):
        faults.append("names no place")
    if not error.remedy.strip():
        faults.append("has no remedy")
    if len(said) > LONGEST:
        faults.append(f"has {len(said):,} characters")
    if CONTROLS.search(said + error.remedy):
        faults.append("holds control characters")
    return faults
