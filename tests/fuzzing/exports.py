"""One hostile export for every number, and the truth about it, found without our own code."""

import csv
import io
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import polars as pl
from tests.fuzzing.damage import DAMAGES, Damage
from tests.fuzzing.drafts import Draft, DraftExport, Facts, draft_export

MOST_DAMAGES = 4
# What keeps company: two damages of which one is always refused say nothing of the other.
READABLE = [damage for damage in DAMAGES if damage.expected != "refused"]
# What Python's str.strip takes off and Unicode does not call white space.
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
NO_SPACE = "\x1c\x1d\x1e\x1f"


@dataclass(frozen=True)
class Truth:
    """Rows of a file that hold something: (row as a spreadsheet counts, cells under the header).

    `broken`: a row is wider than the header, or a quote is not closed: it must be refused.
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]
    broken: bool = False

    def ids(self) -> list[str]:
        """The opportunity ids of the rows as they stand there."""
        names = [name.strip() for name in self.header]
        at = names.index("opportunity_id") if "opportunity_id" in names else None
        return [] if at is None else [cells[at] for _, cells in self.rows]


@dataclass(frozen=True)
class HostileExport:
    """The export of a number. Of a damaged container `truth` is None: nobody knows its rows.

    `facts`: of the rows that nothing has touched, by their id.
    """

    number: int
    damages: tuple[Damage, ...]
    files: Mapping[str, bytes]
    truth: Mapping[str, Truth | None]
    tables: Mapping[str, str]
    facts: Mapping[str, Facts]

    @property
    def expected(self) -> str:
        """reads where it must be read, refused where it must not, else may."""
        said = {damage.expected for damage in self.damages}
        if said <= {"reads"}:
            return "reads"
        # Two damages may undo each other.
        return "refused" if said == {"refused"} and len(self.damages) == 1 else "may"

    def write(self, folder: Path) -> None:
        """The files, into the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


def hostile_export(number: int) -> HostileExport:
    """The export of this number: always the same."""
    rng = Random(number)
    export = draft_export(rng)
    # Each damage in its turn alone, all others in any company.
    damages = [DAMAGES[number % len(DAMAGES)]]
    if rng.random() < 0.5:
        damages += rng.sample(READABLE, rng.randrange(1, MOST_DAMAGES))
    damages = sorted(set(damages), key=DAMAGES.index)
    for damage in damages:
        damage.do(export, rng)
    return HostileExport(
        number,
        tuple(damages),
        {draft.name: draft.bytes() for draft in export.files},
        {draft.name: truth_of(draft) for draft in export.files},
        {draft.name: draft.table for draft in export.files},
        _facts(export, damages),
    )


def truth_of(draft: Draft) -> Truth | None:
    """What Python's csv module reads in the file, in the encoding that it was written in."""
    data = draft.bytes()
    if draft.name.endswith(".parquet"):
        return _truth_of_parquet(data)
    try:
        text = data.decode(draft.encoding).removeprefix("\ufeff")
    except UnicodeDecodeError:
        if draft.encoding.startswith("utf-"):
            return None
        text = data.decode("latin-1")
    if draft.before.lower().strip('"').startswith("sep="):
        text = text.removeprefix(draft.before)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=draft.delimiter, strict=True)
    limit = csv.field_size_limit(sys.maxsize)
    try:
        return _truth_of_records(records)
    finally:
        csv.field_size_limit(limit)


def _truth_of_records(records: Iterator[list[str]]) -> Truth | None:
    try:
        header = next(records, [])
        rows = [(n, cells) for n, cells in enumerate(records, 2) if not _is_blank(cells)]
    except csv.Error:
        return Truth([], [], broken=True)
    width = len(header)
    padded = [(n, (cells + [""] * width)[:width]) for n, cells in rows]
    return Truth(header, padded, broken=any(not _is_blank(cells[width:]) for _, cells in rows))


def _truth_of_parquet(data: bytes) -> Truth | None:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except Exception:  # noqa: BLE001 - whatever it is, nobody can read it
        return None
    if any(kind.is_nested() or kind == pl.Binary for kind in frame.dtypes):
        return Truth([], [], broken=True)
    # What is no text says something, but how it is written is not ours to say here.
    rows = [
        ["" if cell is None else cell if isinstance(cell, str) else UNKNOWN for cell in row]
        for row in frame.iter_rows()
    ]
    kept = [(n, cells) for n, cells in enumerate(rows, 2) if not _is_blank(cells)]
    return Truth(frame.columns, kept)


def _is_blank(cells: list[str]) -> bool:
    return all(cell.isspace() and not set(cell) & set(NO_SPACE) for cell in cells if cell)


def _facts(export: DraftExport, damages: list[Damage]) -> dict[str, Facts]:
    """Of the rows that are still good, where every damage leaves the others readable."""
    if any(damage.expected == "refused" for damage in damages):
        return {}
    return dict(export.facts)
