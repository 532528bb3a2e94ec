"""DOCUMENT_MIGRATIONS: how a JSON object of an older schema becomes one of the next, by kind."""

from collections.abc import Callable, Mapping
from typing import Any

from dealcast.workflow.migrations.steps import FIRST, migrated

Document = dict[str, Any]
SCHEMA = "schema_version"


def _nothing_removed(manifest: Document) -> Document:
    """Since schema 2 a manifest tells what was deleted of its run."""
    return {**manifest, "removed": []}


def _beginning_unknown(manifest: Document) -> Document:
    """Since schema 3 a manifest tells what the run found in the store."""
    return {**manifest, "began": None}


# The settings that a run recorded are part of its manifest, and migrated with it.
DOCUMENT_MIGRATIONS: Mapping[str, tuple[Callable[[Document], Document], ...]] = {
    "manifest": (_nothing_removed, _beginning_unknown),
    "latest steps": (),
    "raw index": (),
    "erasure list": (),
}


def stamped(kind: str, content: Mapping[str, Any]) -> Document:
    """The content with the mark of the present schema."""
    return {SCHEMA: FIRST + len(DOCUMENT_MIGRATIONS[kind]), **_bare(content)}


def read(kind: str, content: Mapping[str, Any], place: str) -> Document:
    """The content in the present schema, without its mark. Raises StoreError for a newer one."""
    written_in = content.get(SCHEMA, FIRST)
    return migrated(f"'{place}'", _bare(content), written_in, DOCUMENT_MIGRATIONS[kind])


def _bare(content: Mapping[str, Any]) -> Document:
    return {name: value for name, value in content.items() if name != SCHEMA}
