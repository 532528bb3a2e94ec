"""Damage to whole files: packed, of another format, cut, split up, or among strange others."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from random import Random

import polars as pl
from tests.fuzzing.drafts import Draft, DraftExport


def empty(export: DraftExport, rng: Random) -> None:
    header = ",".join(export.main.header).encode()
    nothing = (b"", b"\n", b" \r\n\t", b"\xef\xbb\xbf", b"\xff\xfe", b"sep=;\r\n", header, b",,,\n")
    export.main.content = rng.choice(nothing)


def packed(export: DraftExport, rng: Random) -> None:
    """Archives are not unpacked: what they hold is not looked at."""
    main = export.main
    main.content = rng.choice((gzip.compress, bz2.compress, lzma.compress, zipped, tarred))(
        main.bytes()
    )


def zipped(data: bytes, name: str = "deals.csv") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return file.getvalue()


def tarred(data: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("deals.csv")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def other_format(export: DraftExport, rng: Random) -> None:
    export.main.content = rng.choice(
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
            b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n",
            b"\x89PNG\r\n\x1a\n" + rng.randbytes(300),
            b"<!DOCTYPE html>\n<html><body><table><tr><td>a</td></tr></table></body></html>\n",
            b'{"opportunities": [{"opportunity_id": "A1", "deal_stage": "Won"}]}\n',
            b"SQLite format 3\0" + bytes(400),
            rng.randbytes(rng.choice((1, 40, 4_000))),
        )
    )


def parquet(export: DraftExport, rng: Random) -> None:
    """The columns typed as anything: what fits no type is blank from the start."""
    export.facts.clear()
    frame = _frame(export)
    for name in rng.sample(frame.columns, min(2, frame.width)):
        text = pl.col(name)
        casts = [text.cast(kind, strict=False) for kind in (pl.Categorical, pl.Float64, pl.Int8)]
        other = (text.cast(pl.Binary), text.str.to_date("%Y-%m-%d", strict=False), text == "Won")
        frame = frame.with_columns(rng.choice((*casts, *other)).alias(name))
    _as_parquet(export, frame)


def parquet_cut(export: DraftExport, rng: Random) -> None:
    _as_parquet(export, _frame(export))
    data = export.main.bytes()
    export.main.content = data[: rng.randrange(len(data))]


def parquet_nested(export: DraftExport, rng: Random) -> None:
    values = rng.choice(([1], {"a": 1}, b"\xff"))
    frame = _frame(export)
    _as_parquet(export, frame.with_columns(nested=pl.Series([values] * frame.height)))


def called_parquet(export: DraftExport, _: Random) -> None:
    export.main.name = "sales_pipeline.parquet"


def _frame(export: DraftExport) -> pl.DataFrame:
    main = export.main
    width = len(main.header)
    cells = [(row + [""] * width)[:width] for row in main.rows]
    names = [f"{name} {place}" if name in main.header[:place] else name
             for place, name in enumerate(main.header)]  # fmt: skip
    return pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row")


def _as_parquet(export: DraftExport, frame: pl.DataFrame) -> None:
    file = io.BytesIO()
    frame.write_parquet(file)
    export.main.name, export.main.content = "sales_pipeline.parquet", file.getvalue()


def several(export: DraftExport, rng: Random) -> None:
    """The same columns in several files: all of them are read."""
    main = export.main
    parts = rng.randrange(2, 5)
    if main.content is not None or len(main.rows) < parts:
        return
    every = list(main.rows)
    main.rows = every[::parts]
    for number in range(1, parts):
        part = Draft(**{**vars(main), "name": f"opportunities {number}.csv"})
        part.rows = every[number::parts]
        export.files.append(part)
    export.facts.clear()  # a part alone may not decide how its dates are to be read


def neighbours(export: DraftExport, rng: Random) -> None:
    """Files that no table is in."""
    data = rng.choice((b"", b"\0" * 99, zipped(b"x"), b"PK\x05\x06" + bytes(18), b"name\nx\n"))
    names = ("readme.txt", "~$deals.csv", ".hidden.csv", "notes (1).csv", "Ω.tsv", "archive.zip")
    for name in rng.sample(names, 2):
        export.files.append(Draft(name, "", [], [], content=data))
