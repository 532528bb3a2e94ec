"""Objects of the store without erased opportunities: raw exports, JSON, CSV, logs, encoders."""

import hashlib
import io
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from dealcast.sources.reading import ReadingOptions
from dealcast.workflow.erasure.raw import without_ids
from dealcast.workflow.erasure.words import ID, Sought, parsed
from dealcast.workflow.manifest import RunManifest
from dealcast.workflow.store import RAW_INDEX, Store

REPORT = "/report.html"
# Sorts behind the text before it, and before whatever came behind the one that it replaces.
NEXT = "\x01"

Without = Callable[[bytes, Sought], bytes]


def changed(store: Store, key: str, sought: Sought) -> bytes | None:
    """What an object is to be without the ids; None where it does not name them."""
    content = store.get_object(key)
    if content is None:
        return None
    without = BY_ENDING.get(key.rsplit(".", 1)[-1], _text)
    new = without(content, sought)
    return None if new == content else new


def report_names(store: Store, key: str, sought: Sought) -> bool:
    """Whether a report shows one of the ids, or may do so: who deletes it loses little."""
    content = (store.get_object(key) or b"").decode(errors="replace")
    return len(sought.telling) < len(sought.ids) or sought.may_be_in(content)


def raw_without(
    store: Store, raw_hash: str, sought: Sought, manifests: Sequence[RunManifest]
) -> tuple[dict[str, bytes | None], int]:
    """The files of a kept export that change, by name, and how many rows (count) go.

    None for one of which nothing is left.
    """
    index = store.get_json(f"raw/{raw_hash}/{RAW_INDEX}") or _unfinished(store, raw_hash)
    files: dict[str, bytes | None] = {}
    paths: dict[str, Path] = {}
    rows = 0
    with tempfile.TemporaryDirectory(prefix="dealcast-") as folder:
        for name, known in index["files"].items():
            data = store.get_object(f"raw/{raw_hash}/{name}")
            # An erasure that was broken off may have written the file, and not yet the index.
            if data is None or known not in (None, _hash(data)):
                files[name] = data
            if data is not None:
                paths[name] = Path(folder) / name
                paths[name].write_bytes(data)
        for options in _readings(raw_hash, manifests):
            for file in without_ids(list(paths.values()), sought, options):
                files[file.name], rows = file.data, rows + file.rows
                if file.data is None:
                    del paths[file.name]
                else:
                    paths[file.name].write_bytes(file.data)
    return files, rows


def put_raw(
    store: Store, raw_hash: str, files: Mapping[str, bytes | None], note: Mapping[str, Any]
) -> None:
    """Write the changed files, and note in the index what they were and who changed them."""
    for name, data in files.items():
        if data is None:
            store.delete_object(f"raw/{raw_hash}/{name}")
        else:
            store.put_object(f"raw/{raw_hash}/{name}", data)

    def noted(index: Any) -> Any:
        former = {name: index["files"].get(name) for name in files}
        changes = [*index.get("erased", ()), {**note, "files_before": former}]
        stay = {name: known for name, known in index["files"].items() if name not in files}
        hashes = {name: _hash(data) for name, data in files.items() if data is not None}
        return {**index, "files": {**stay, **hashes}, "erased": changes}

    if store.has_object(f"raw/{raw_hash}/{RAW_INDEX}"):
        store.update_json(f"raw/{raw_hash}/{RAW_INDEX}", noted)


def _unfinished(store: Store, raw_hash: str) -> dict[str, Any]:
    """In the place of an index, of what a run left that was killed while it kept an export."""
    keys = store.list_objects(f"raw/{raw_hash}")
    return {"files": dict.fromkeys(key.removeprefix(f"raw/{raw_hash}/") for key in keys)}


def _readings(raw_hash: str, manifests: Sequence[RunManifest]) -> list[ReadingOptions]:
    """How runs read the export, each way once; as by default where no run tells."""
    made = (record for m in manifests for record in (*m.steps, *m.earlier))
    found = [
        ReadingOptions.from_dict(record.figures["reading"])
        for record in made
        if record.objects.get("raw") == raw_hash and "reading" in record.figures
    ]
    return [one for place, one in enumerate(found) if one not in found[:place]] or [
        ReadingOptions()
    ]


def _json(content: bytes, sought: Sought) -> bytes:
    former = json.loads(content)
    left = sought.json_without(former)
    return content if left == former else (json.dumps(left, indent=2) + "\n").encode()


def _lines(content: bytes, sought: Sought) -> bytes:
    lines = content.decode().splitlines(keepends=True)
    return "".join(line for line in lines if not _is_named_in(line, sought)).encode()


def _is_named_in(line: str, sought: Sought) -> bool:
    """Also where a log is JSON, which writes some letters as numbers."""
    told = parsed(line) if line.startswith("{") else line
    return bool(sought.json_without(told) != told)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _text(content: bytes, sought: Sought) -> bytes:
    text = content.decode()
    return sought.without(text).encode() if sought.is_in(text) else content


def _encoders(content: bytes, sought: Sought) -> bytes:
    """Sorted categories, of which an erased one makes room for a blank of the same place."""
    frame = pl.read_parquet(io.BytesIO(content))
    if "categories" not in frame.columns:
        return content
    former = frame["categories"].to_list()
    new = [
        _blanked(names, sought) if column == ID else names
        for column, names in frame.select("column", "categories").iter_rows()
    ]
    if new == former:
        return content
    written = io.BytesIO()
    frame.with_columns(categories=pl.Series(new, dtype=pl.List(pl.String))).write_parquet(written)
    return written.getvalue()


def _blanked(names: list[str], sought: Sought) -> list[str]:
    kept: list[str] = []
    for name in names:
        kept.append(f"{kept[-1] if kept else ''}{NEXT}" if sought.is_cell(name) else name)
    return kept


BY_ENDING: Mapping[str, Without] = {
    "json": _json, "csv": _lines, "log": _lines, "parquet": _encoders,
}  # fmt: skip
