"""Archives from elsewhere, looked at before anything is unpacked: what is dangerous is refused."""

import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from dealcast.errors import SourceError, quoted

# The public data set has six files of less than a megabyte; ten million opportunities take 1 GB.
MOST_FILES, MOST_BYTES = 1_000, 4_000_000_000


@dataclass(frozen=True)
class Member:
    """What an archive says of one of its files; `size` in bytes once unpacked."""

    name: str
    size: int
    is_plain: bool


def refuse_dangerous(archive: Path, called: str, *, remedy: str) -> None:
    """Raise SourceError for an archive that is a bomb, climbs out of its folder, or loses a file.

    Both formats unpack no more of a file than is said of it here. What is no archive at all is for
    others to refuse; zipfile.BadZipFile and tarfile.TarError go through.
    """
    seen: set[str] = set()
    total = 0
    for member in _members(archive):
        total += member.size
        fault = _fault(member, seen, total)
        if fault:
            raise SourceError(f"{called} {fault}: refused.", remedy=remedy)
        seen.add(member.name)


def _fault(member: Member, seen: set[str], total: int) -> str | None:
    name = quoted(member.name)
    # A Windows path parts at slashes and backslashes alike, and knows of drives.
    path = PureWindowsPath(member.name)
    if path.anchor or ".." in path.parts or "\0" in member.name:
        return f"holds files outside of its folder, such as {name}"
    if not member.is_plain:
        return f"holds {name}, which is a link or a device"
    if member.name in seen:
        return f"holds {name} twice"
    if len(seen) >= MOST_FILES:
        return f"holds more than {MOST_FILES:,} files"
    if total > MOST_BYTES:
        return f"unpacks to more than {MOST_BYTES / 1e9:g} GB"
    return None


def _members(archive: Path) -> Iterator[Member]:
    # In the order in which kagglehub asks.
    if tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            for entry in tar:
                yield Member(entry.name, entry.size, entry.isreg() or entry.isdir())
    elif zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
                yield Member(info.orig_filename, info.file_size, plain)
