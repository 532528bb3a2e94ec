"""What was erased stays away: its rows are taken out of an export before it is kept."""

from collections.abc import Sequence
from pathlib import Path

from dealcast.contracts import RawExport
from dealcast.errors import StoreError
from dealcast.sources.reading import ReadingOptions
from dealcast.workflow.erasure.listed import ErasureList
from dealcast.workflow.erasure.raw import without_rows
from dealcast.workflow.erasure.words import Sought
from dealcast.workflow.objects import ObjectStore


def erased_in(store: ObjectStore, export: RawExport) -> Sought | None:
    """Those of an export's opportunities that were erased from the store; None where none were."""
    ids = export.tables["opportunities"]["opportunity_id"]
    found = ErasureList.of(store).erased_among(ids)
    return Sought(tuple(found)) if found else None


def files_without(
    files: Sequence[Path], erased: Sought, export: RawExport, options: ReadingOptions, *, into: Path
) -> list[Path]:
    """The files in another folder, without the rows of erased opportunities."""
    into.mkdir()
    written = {found.file: vars(found) for found in export.formats}
    kept = []
    for file in files:
        about = written.get(file.name, {})
        data, _ = without_rows(file.read_bytes(), file.name, erased, options.mapping, about)
        kept.append(into / file.name)
        kept[-1].write_bytes(data)
    return kept


def refuse_erasures(store: ObjectStore) -> None:
    """Raises StoreError where anything was erased: a cluster does not look for it yet."""
    if ErasureList.of(store).hashes:
        raise StoreError(
            "Opportunities were erased from this store, and Spark does not take them out of an "
            "export yet.",
            remedy="`dealcast ingest --engine polars` with the same source, then "
            "`dealcast run --from validate --engine spark`",
        )
