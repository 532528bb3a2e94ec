"""Where every figure comes from: data, model, tables, code and settings of the run."""

from collections.abc import Iterator
from dataclasses import replace

from dealcast.surfaces.report.blocks import Block, Lead, More
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.sentences import champion_line, origin_lines
from dealcast.surfaces.tables.shape import Row, Table, number
from dealcast.workflow.lineage import lineage


def origins(kept: Kept) -> Iterator[Block]:
    """The part, of the manifest."""
    manifest = kept.manifest
    # What the run left out is shown too, so where that comes from is told as well.
    of_all = replace(manifest, steps=[*manifest.earlier, *manifest.steps])
    found = lineage(of_all, kept.store)
    raw = found["raw"] or {}
    yield Lead(
        f"Run {manifest.run_id} in environment {manifest.environment}, {manifest.status}. "
        + (f"Its export has the hash {raw['hash']}. " if raw else "")
        + "The same export, code and settings give the same figures."
    )
    lines = origin_lines(manifest.run_id, found)
    if "promotion" in kept.figures("train"):
        lines.append(("champion", champion_line(kept.figures("train"))))
    yield Table("Data, model and code", ("what", "is"), lines)
    yield More("Table versions", (_tables(found),))
    yield More("Steps", (_steps(kept),))
    versions = list(manifest.code.items())
    yield More("Code and libraries", (Table("", ("what", "version"), versions),))
    settings = list(_flat(manifest.settings))
    yield More("Settings; secrets are masked", (Table("", ("setting", "value"), settings),))


def _tables(found: Row) -> Table:
    rows = [
        (t["table"], number(t["version"], str), t["made_by_step"], t["made_by_run"], t["place"])
        for t in found["tables"]
    ]
    columns = ("table", ">version", "step", "made by run", "place")
    return Table("", columns, rows, is_stacked=True)


def _steps(kept: Kept) -> Table:
    rows = [
        (
            record.name,
            f"not taken; made by {record.run_id}"
            if kept.is_earlier(record.name)
            else f"unchanged since {record.run_id}"
            if record.skipped
            else f"{record.seconds:.2f} s",
            record.fingerprint,
            ", ".join(record.objects.values()) or "-",
        )
        for record in (*kept.manifest.steps, *kept.manifest.earlier)
    ]
    return Table("", ("step", "took", "fingerprint", "objects"), rows, is_stacked=True)


def _flat(settings: Row, above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in settings.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", "not set" if value is None else str(value)
