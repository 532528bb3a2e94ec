"""What was erased stays away: its rows are taken out of an export before it is kept."""

import shutil
from pathlib import Path

from dealcast.contracts import RawExport
from dealcast.errors import SourceError, StoreError
from dealcast.sources.reading import ReadingOptions, read_export
from dealcast.workflow.erasure.listed import ErasureList
from dealcast.workflow.erasure.raw import without_ids
from dealcast.workflow.erasure.words import Sought
from dealcast.workflow.objects import ObjectStore


def without_erased(
    store: ObjectStore,
    files: list[Path],
    export: RawExport,
    options: ReadingOptions,
    *,
    into: Path,
) -> tuple[list[Path], RawExport]:
    """Files and export without the opportunities that were erased from the store.

    As they are where it has none of them. Raises SourceError where one is read even then.
    """
    listed = ErasureList.of(store)
    erased = listed.erased_among(export.opportunities["opportunity_id"])
    if not erased:
        return files, export
    into.mkdir()
    changed = {file.name: file.data for file in without_ids(files, Sought(tuple(erased)), options)}
    for file in files:
        if file.name not in changed:
            shutil.copyfile(file, into / file.name)
        elif (data := changed[file.name]) is not None:
            (into / file.name).write_bytes(data)
    kept = sorted(into.iterdir())
    left = read_export(kept, options)
    if listed.erased_among(left.opportunities["opportunity_id"]):
        raise SourceError(
            "An opportunity that was erased from the store is in this export, and could not be "
            "taken out of it.",
            remedy="export it again without what was erased (`dealcast store erasures`)",
        )
    return kept, left


def refuse_erasures(store: ObjectStore) -> None:
    """Raises StoreError where anything was erased: a cluster does not look for it yet."""
    if ErasureList.of(store).hashes:
        raise StoreError(
            "Opportunities were erased from this store, and Spark does not take them out of an "
            "export yet.",
            remedy="`dealcast ingest --engine polars` with the same source, then "
            "`dealcast run --from validate --engine spark`",
        )
