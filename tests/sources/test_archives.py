"""An archive is looked at before it is unpacked: what is dangerous about it is refused by name."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dealcast.errors import SourceError
from dealcast.sources.archives import MOST_BYTES, MOST_FILES, refuse_dangerous


def zip_of(*names: str, content: bytes = b"x", kind: int = 0) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, kind << 16
            archive.writestr(info, content)
    return file.getvalue()


def tar_of(name: str, *, kind: bytes = tarfile.REGTYPE, mode: str = "w") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    return file.getvalue()


def saying(size: int) -> bytes:
    """A zip archive whose directory says that its file has this size once unpacked."""
    data = bytearray(zip_of("sales_pipeline.csv"))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = size.to_bytes(4, "little")
    return bytes(data)


def overlapping(count: int) -> bytes:
    """A zip bomb: one small file that a long directory says to be many large ones."""
    body = zip_of("abc", content=b"\0" * 20_000_000)
    start = body.index(b"PK\x01\x02")
    entry = body[start : body.index(b"PK\x05\x06")]
    entries = b"".join(entry[:-3] + b"%03d" % n for n in range(count))
    end = bytearray(body[body.index(b"PK\x05\x06") :])
    end[8:12] = count.to_bytes(2, "little") * 2
    end[12:16] = len(entries).to_bytes(4, "little")
    return body[:start] + entries + bytes(end)


def gzip_tar_bomb() -> bytes:
    """Ten gigabytes of zeros that a few headers announce: they are not waited for."""
    header = tarfile.TarInfo("sales_pipeline.csv")
    header.size = 10_000_000_000
    return header.tobuf(tarfile.PAX_FORMAT)


DANGERS = {
    "climbs": (zip_of("../up.csv"), "outside of its folder"),
    "climbs within": (zip_of("a/../../up.csv"), "outside of its folder"),
    "absolute": (zip_of("/etc/cron.d/x"), "outside of its folder"),
    "Windows separators": (zip_of("..\\..\\up.csv"), "outside of its folder"),
    "a drive": (zip_of("C:\\up.csv"), "outside of its folder"),
    "a share": (zip_of("\\\\host\\share\\up.csv"), "outside of its folder"),
    "a link": (zip_of("link", content=b"/etc/passwd", kind=stat.S_IFLNK | 0o777), "link"),
    "a device": (zip_of("pipe", kind=stat.S_IFIFO), "device"),
    "a name twice": (zip_of("a.csv", "b.csv").replace(b"b.csv", b"a.csv"), "'a.csv' twice"),
    "many files": (zip_of(*(f"{n}.csv" for n in range(MOST_FILES + 1))), "more than 1,000 files"),
    "a large file": (saying(MOST_BYTES + 1), "more than 4 GB"),
    "overlapping files": (overlapping(201), "more than 4 GB"),
    "tar climbs": (tar_of("../up.csv"), "outside of its folder"),
    "tar link": (tar_of("a.csv", kind=tarfile.SYMTYPE), "link"),
    "tar hard link": (tar_of("a.csv", kind=tarfile.LNKTYPE), "link"),
    "packed tar climbs": (tar_of("/up.csv", mode="w:gz"), "outside of its folder"),
    "tar bomb": (gzip_tar_bomb(), "more than 4 GB"),
}


@pytest.mark.parametrize("kind", list(DANGERS))
def test_a_dangerous_archive_is_refused_by_what_is_dangerous(kind: str, tmp_path: Path) -> None:
    data, says = DANGERS[kind]
    (tmp_path / "a.archive").write_bytes(data)

    with pytest.raises(SourceError) as refused:
        refuse_dangerous(tmp_path / "a.archive", "The archive", remedy="ask for another")

    assert says in refused.value.problem
    assert refused.value.remedy == "ask for another"
    assert [file.name for file in tmp_path.iterdir()] == ["a.archive"]


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_a_usual_archive_is_let_pass(make: Callable[[str], bytes], tmp_path: Path) -> None:
    (tmp_path / "a.archive").write_bytes(make("crm/sales_pipeline.csv"))

    refuse_dangerous(tmp_path / "a.archive", "The archive", remedy="")
