"""How good the export is, what was found, and what would mend it."""

from collections.abc import Iterator

import polars as pl

from dealcast.surfaces import charts
from dealcast.surfaces.report.blocks import Block, Charts, Lead, More, Prose, figure, folded
from dealcast.surfaces.report.kept import Kept
from dealcast.surfaces.sentences import blank_by_design, rows_account
from dealcast.surfaces.tables.data import FINDING, failed_checks, finding, repairs
from dealcast.surfaces.tables.shape import Row, Table
from dealcast.surfaces.words import count


def quality(kept: Kept) -> Iterator[Block]:
    """The part, of what the steps `validate` and `clean` kept."""
    report = kept.object("validate", "quality_raw")
    found = failed_checks(report)
    yield Lead(_lead(kept, report, found))
    lost = [r for r in found if r["deduction"]]
    if lost:
        yield Charts(
            (
                figure(
                    charts.quality_deductions,
                    pl.DataFrame(lost).select("code", "title", "deduction"),
                    title=f"What the score of {report['score']:.3f} loses, and to what",
                    caption="Of 1, each check takes off its share of rows times its severity.",
                ),
            )
        )
    if found:
        yield _findings(found)
    yield from _counts(report, found)
    yield Prose(blank_by_design(report["blank_by_design"]))
    if kept.has_object("clean", "cleaning_log"):
        yield _cleaning(kept)


def _lead(kept: Kept, report: Row, found: list[Row]) -> str:
    text = f"The export scores {report['score']:.3f} of 1 on {count(report['rows'])} rows"
    clean = kept.figures("clean")
    if "quality_clean" in clean:
        text += f", and {clean['quality_clean']:.3f} after cleaning ({rows_account(clean)})"
    costly = next((r for r in found if r["deduction"]), None)
    if costly:
        return f"{text}. It loses most by: {costly['title'].lower()}. Remedy: {costly['remedy']}."
    return f"{text}. No check takes anything off."


def _findings(found: list[Row]) -> Table:
    rows = [(*finding(r), r["remedy"]) for r in found]
    return Table("Checks that found something", (*FINDING, "remedy"), rows, is_stacked=True)


def _counts(report: Row, found: list[Row]) -> Iterator[Block]:
    skipped = [r for r in report["results"] if r["outcome"] == "not applicable"]
    passed = len(report["results"]) - len(found) - len(skipped)
    yield Prose(
        f"{passed} checks passed, {len(found)} found something, {len(skipped)} do not apply."
    )
    if skipped:
        why = [(r["code"], r["title"], r["note"] or "-") for r in skipped]
        yield More("Checks that do not apply", (Table("", ("check", "what", "why"), why),))


def _cleaning(kept: Kept) -> Block:
    table = repairs(kept.object("clean", "cleaning_log"))
    return folded(table) if table.rows else Prose("Cleaning had nothing to repair or to set aside.")
