"""Objects of the store without erased opportunities: raw exports, JSON, CSV, logs, encoders."""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from dealcast.sources.reading import CrmMapping, ReadingOptions, load_mapping
from dealcast.workflow.erasure.raw import ID, without_rows
from dealcast.workflow.erasure.words import Sought
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
    """Whether a report shows one of the ids, or may do so."""
    content = (store.get_object(key) or b"").decode(errors="replace")
    return len(sought.telling) < len(sought.ids) or sought.is_in(content)


def raw_without(
    store: Store, raw_hash: str, sought: Sought, manifests: list[RunManifest]
) -> tuple[dict[str, bytes], int]:
    """The files of a kept export that change, by name, and how many rows (count) go."""
    index = store.get_json(f"raw/{raw_hash}/{RAW_INDEX}") or _unfinished(store, raw_hash)
    mapping, rows, files = _mapping(raw_hash, manifests), 0, {}
    for name, known in index["files"].items():
        data = store.require_object(f"raw/{raw_hash}/{name}")
        written: Mapping[str, Any] = next(
            (f for f in index.get("formats", ()) if f["file"] == name), {}
        )
        new, gone = without_rows(data, name, sought, mapping, written)
        # An erasure that was broken off may have written the file, and not yet the index.
        if new != data or known not in (None, hashlib.sha256(data).hexdigest()):
            files[name], rows = new, rows + gone
    return files, rows


def put_raw(
    store: Store, raw_hash: str, files: Mapping[str, bytes], note: Mapping[str, Any]
) -> None:
    """Write the changed files, and note in the index what they were and who changed them."""
    for name, data in files.items():
        store.put_object(f"raw/{raw_hash}/{name}", data)

    def noted(index: Any) -> Any:
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
        former = {name: index["files"][name] for name in files}
        changes = [*index.get("erased", ()), {**note, "files_before": former}]
        return {**index, "files": {**index["files"], **hashes}, "erased": changes}

    if store.has_object(f"raw/{raw_hash}/{RAW_INDEX}"):
        store.update_json(f"raw/{raw_hash}/{RAW_INDEX}", noted)


def _unfinished(store: Store, raw_hash: str) -> dict[str, Any]:
    """In the place of an index, of what a run left that was killed while it kept an export."""
    keys = store.list_objects(f"raw/{raw_hash}")
    return {"files": dict.fromkeys(key.removeprefix(f"raw/{raw_hash}/") for key in keys)}


def _mapping(raw_hash: str, manifests: list[RunManifest]) -> CrmMapping:
    """How a run read the export; as by default where no run tells."""
    for manifest in manifests:
        for record in (*manifest.steps, *manifest.earlier):
            if record.objects.get("raw") == raw_hash and "reading" in record.figures:
                return ReadingOptions.from_dict(record.figures["reading"]).mapping
    return load_mapping("default")


def _json(content: bytes, sought: Sought) -> bytes:
    parsed = json.loads(content)
    left = sought.json_without(parsed)
    return content if left == parsed else (json.dumps(left, indent=2) + "\n").encode()


def _lines(content: bytes, sought: Sought) -> bytes:
    lines = content.decode().splitlines(keepends=True)
    return "".join(line for line in lines if not sought.is_in(line)).encode()


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
