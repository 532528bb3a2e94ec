"""CSV and Parquet files on disk: one file, or those of a folder."""

import re
import shutil
from contextlib import ExitStack
from pathlib import Path

from dealcast.errors import SettingsError, SourceError, listed, nearest, quoted
from dealcast.settings import FilesSource as FilesSettings

SUFFIXES = (".csv", ".tsv", ".txt", ".parquet")


class FilesSource:
    """Copies the files that `source.path` names: a file, or all of a folder that can be read."""

    def __init__(self, settings: FilesSettings) -> None:
        self._settings = settings

    def fetch(self, into: Path) -> list[Path]:
        """The files, untouched, under names that every file system takes.

        Of a folder: CSV, TSV, TXT and Parquet files, without those in folders within and hidden
        ones. Raises SettingsError where no path is set, SourceError where nothing is found there.
        """
        if not self._settings.path:
            raise SettingsError(
                "The source 'files' has no path (source.path).",
                remedy="--path FILE_OR_FOLDER, or set source.path",
            )
        files = _files_at(Path(self._settings.path))
        into.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            copies = []
            for file, name in zip(files, safe_names([f.name for f in files]), strict=True):
                copies.append(into / name)
                undo.callback(copies[-1].unlink, missing_ok=True)
                _copy(file, copies[-1])
            undo.pop_all()
        return copies


def safe_names(names: list[str]) -> list[str]:
    """The names without what a file system or object store may refuse; no two alike.

    >>> safe_names(["Deals (May).csv", "Deals [May].csv", "Verkäufe.csv"])
    ['Deals_May_.csv', 'Deals_May_-2.csv', 'Verkäufe.csv']
    """
    safe: list[str] = []
    for name in names:
        base = re.sub(r"[^\w.-]+", "_", name).lstrip(".-") or "export"
        stem, suffix = Path(base).stem, Path(base).suffix
        taken = {other.casefold() for other in safe}
        number, new = 1, base
        while new.casefold() in taken:
            number += 1
            new = f"{stem}-{number}{suffix}"
        safe.append(new)
    return safe


def _files_at(path: Path) -> list[Path]:
    try:
        return _files_in(path) if path.is_dir() else [_existing(path)]
    except OSError as error:  # no name that a file can have, or a folder that may not be read
        raise SourceError(
            f"{quoted(path)} cannot be looked at: {error.strerror}.",
            remedy="give a CSV or Parquet file, or a folder of them, with --path",
        ) from None


def _existing(path: Path) -> Path:
    if path.is_file():
        return path
    siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, siblings)
    raise SourceError(
        f"There is no file or folder '{path}'.",
        remedy=f"did you mean '{path.parent / near}'? give it with --path"
        if near
        else "give a CSV or Parquet file, or a folder of them, with --path",
    )


def _files_in(folder: Path) -> list[Path]:
    visible = [p for p in sorted(folder.iterdir()) if p.is_file() and p.name[0] not in ".~"]
    files = [p for p in visible if p.suffix.lower() in SUFFIXES]
    if not files:
        held = listed(p.name for p in visible) or "no files"
        raise SourceError(
            f"The folder '{folder}' holds no {', '.join(SUFFIXES)} file; it holds {held}.",
            remedy="export the opportunities as CSV into it, or give another --path",
        )
    return files


def _copy(file: Path, to: Path) -> None:
    try:
        shutil.copyfile(file, to)
    except OSError as error:
        raise SourceError(
            f"{file} cannot be copied: {error.strerror or error}.",
            remedy="check that it may be read, and that there is room for a copy",
        ) from None
