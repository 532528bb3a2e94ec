"""A command run under watch: what it wrote, printed and showed in the list of processes."""

import os
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
    """How a command ended, and the command lines of all processes of this machine meanwhile."""

    code: int
    stdout: str
    stderr: str
    command_lines: set[str] = field(repr=False)

    def leaks(self, secrets: Sequence[str], *folders: Path) -> list[str]:
        """Where a secret turned up: in output, in the list of processes, in files of the folders.

        As it is, or as URLs write it.
        """
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""))}
        places = {"stdout": self.stdout, "stderr": self.stderr}
        places |= {f"process {line[:60]}": line for line in self.command_lines}
        told = [place for place, text in places.items() if any(form in text for form in forms)]
        return told + [str(f) for folder in folders for f in _holding(folder, forms)]


def watched(*arguments: object, first: str = AS_USUAL, cwd: Path, **environment: str) -> Watched:
    """Run `dealcast` with these arguments in a process of its own."""
    words = [sys.executable, "-c", f"import sys; {first}", *map(str, arguments)]
    seen: set[str] = set()
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(seen, ended))
    watcher.start()
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            cwd=cwd,
            env={**_plain(os.environ), **environment},
        )
    finally:
        ended.set()
        watcher.join()
    return Watched(done.returncode, done.stdout, done.stderr, seen)


def _plain(environ: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in environ.items() if not k.startswith(("DEALCAST", "AWS_", "MLFLOW_"))}


def _watch(seen: set[str], ended: threading.Event) -> None:
    while not ended.wait(LOOK_EVERY):
        seen |= set(_command_lines())


def _command_lines() -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        yield line.replace(b"\0", b" ").decode(errors="replace")


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
