"""A command run under watch: what it wrote, printed and showed in the list of processes."""

import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import polars as pl

SECONDS = 500
LOOK_EVERY = 0.05
# How a test puts something between the settings and the work: run before the command line is.
AS_USUAL = "from dealcast.__main__ import main; main()"


@dataclass
class Watched:
    """How a command ended, and the command lines of it and all that came of it meanwhile."""

    code: int
    stdout: str
    stderr: str
    command_lines: set[str] = field(repr=False)

    def leaks(self, hidden: Sequence[str], *folders: Path) -> list[str]:
        """Where a secret turned up: in output, in the list of processes, in files of the folders.

        As it is, or as URLs write it.
        """
        forms = {form for secret in hidden for form in (secret, quote(secret, safe=""))}
        places = {"stdout": self.stdout, "stderr": self.stderr}
        places |= {f"process {line[:60]}": line for line in self.command_lines}
        told = [place for place, text in places.items() if any(form in text for form in forms)]
        return told + [str(f) for folder in folders for f in _holding(folder, forms)]


def watched(*arguments: object, first: str = AS_USUAL, cwd: Path, **environment: str) -> Watched:
    """Run `dealcast` with these arguments in a process of its own.

    Other tests run beside it, and have secrets on command lines of their own: a mark in the
    environment, which goes to all children, tells the processes of this one.
    """
    words = [sys.executable, "-c", f"import sys; {first}", *map(str, arguments)]
    mark = secrets.token_hex(16)
    seen: set[str] = set()
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(mark, seen, ended))
    watcher.start()
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            cwd=cwd,
            env={**_plain(os.environ), **environment, "WATCHED_AS": mark},
        )
    finally:
        ended.set()
        watcher.join()
    return Watched(done.returncode, done.stdout, done.stderr, seen)


def _plain(environ: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environ.items() if not k.startswith(("DEALCAST", "AWS_", "MLFLOW_"))}


def _watch(mark: str, seen: set[str], ended: threading.Event) -> None:
    known: set[int] = set()
    while not ended.wait(LOOK_EVERY):
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if _is_of(process, mark, known):
                    known.add(int(process.name))
                    line = (process / "cmdline").read_bytes()
                    seen.add(line.replace(b"\0", b" ").decode(errors="replace"))
            except OSError:  # it has ended meanwhile
                continue


def _is_of(process: Path, mark: str, known: set[int]) -> bool:
    """Whether it has the mark, or a parent that has: children may get an environment of theirs."""
    if mark.encode() in (process / "environ").read_bytes():
        return True
    after_name = (process / "stat").read_text().rpartition(")")[2].split()
    return int(after_name[1]) in known


def _holding(folder: Path, forms: set[str]) -> Iterator[Path]:
    return (f for f in folder.rglob("*") if f.is_file() and _file_holds(f, forms))


def _file_holds(file: Path, forms: set[str]) -> bool:
    content = file.read_bytes()
    if file.suffix == ".parquet" and _rows_hold(file, forms):
        return True
    return any(form.encode() in content for form in forms)


def _rows_hold(file: Path, forms: set[str]) -> bool:
    """Whether a cell does: Parquet files are compressed."""
    texts = pl.read_parquet(file).select(pl.selectors.string())
    return any(
        texts[column].str.contains(form, literal=True).any()
        for column in texts.columns
        for form in forms
    )
