"""The report of a run: what it found, for people, as one file that needs no network."""

import logging

from polars.exceptions import ColumnNotFoundError

from dealcast.errors import StoreError
from dealcast.workflow.manifest import RunManifest, code_version
from dealcast.workflow.store import Store

logger = logging.getLogger(__name__)


def report_of(manifest: RunManifest, store: Store) -> str:
    """The report as HTML.

    Raises StoreError where something that the run recorded is gone, or is not as this version of
    Dealcast keeps it.
    """
    # Only where a report is wanted: it takes Jinja and the charts.
    from dealcast.surfaces.report.kept import Kept
    from dealcast.surfaces.report.page import page

    try:
        return page(Kept(manifest, store))
    except (KeyError, TypeError, ColumnNotFoundError) as error:
        if manifest.code["source_hash"] == code_version()["source_hash"]:
            raise
        raise StoreError(
            f"The run {manifest.run_id} is of another version of dealcast "
            f"({manifest.code['version']}), which kept other things: {error!r}.",
            remedy=f"`dealcast run --from validate --root {store.root}` makes a run of this one",
        ) from error


def keep_report(manifest: RunManifest, store: Store) -> None:
    """Draw the report of a run that has ended, and keep it beside its manifest.

    Where that cannot be done, the log says why; the run is none the worse.
    """
    try:
        content = report_of(manifest, store)
        store.put_object(manifest.report_key, content.encode())
        logger.info("the report is %s", store.place(manifest.report_key))
    except Exception as error:  # whatever it is, a page must not fail a run
        logger.warning(
            "the report was not drawn: %s: %s (dealcast report %s tries again)",
            type(error).__name__,
            str(error).split("\n", 1)[0],
            manifest.run_id,
        )
        logger.debug("while drawing the report", exc_info=True)
