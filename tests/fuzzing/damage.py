"""DAMAGES: what happens to exports between a CRM and us, and whether they can still be read."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from tests.fuzzing import cells, columns, containers, rows, writing
from tests.fuzzing.drafts import DraftExport

# reads: with this damage alone the export is read, and rows that it does not touch come out as they
# are. refused: never read. may: it depends, but nothing is lost silently.
Expected = Literal["reads", "may", "refused"]


@dataclass(frozen=True)
class Damage:
    """One thing that happens to an export."""

    name: str
    expected: Expected
    do: Callable[[DraftExport, Random], None]


DAMAGES: tuple[Damage, ...] = (
    Damage("wrong types", "may", cells.wrong_types),
    Damage("mixed date orders", "may", cells.mixed_dates),
    Damage("impossible dates", "may", cells.impossible_dates),
    Damage("years of two digits", "may", cells.short_years),
    Damage("look-alikes", "may", cells.look_alikes),
    Damage("formulas", "reads", cells.formulas),
    Damage("text for other programs", "reads", cells.injections),
    Damage("huge field", "may", cells.huge_field),
    Damage("line breaks in cells", "reads", cells.line_breaks),
    Damage("white space", "reads", cells.white_space),
    Damage("control characters", "may", cells.controls),
    Damage("strange Unicode", "reads", cells.strange_unicode),
    Damage("repeated ids", "may", cells.repeated_ids),
    Damage("contradictions", "may", cells.contradictions),
    Damage("shifted cells", "may", cells.shifted),
    Damage("columns shuffled", "reads", columns.shuffled),
    Damage("extra columns", "reads", columns.extra),
    Damage("2,000 columns", "reads", columns.very_many),
    Damage("columns called otherwise", "reads", columns.renamed),
    Damage("columns without names", "reads", columns.nameless),
    Damage("optional column missing", "may", columns.optional_missing),
    Damage("required column missing", "refused", columns.required_missing),
    Damage("column names repeated", "refused", columns.repeated),
    Damage("columns exchanged", "may", columns.exchanged),
    Damage("invisible marks in column names", "may", columns.invisible),
    Damage("one row", "may", rows.one),
    Damage("blank rows", "reads", rows.blank),
    Damage("short rows", "may", rows.short),
    Damage("rows too wide", "refused", rows.wide),
    Damage("delimiters at line ends", "reads", rows.trailing),
    Damage("total at the end", "may", rows.total),
    Damage("column names again", "may", rows.header_again),
    Damage("title above", "refused", rows.title),
    Damage("no rows", "refused", rows.none),
    Damage("the delimiter told", "may", writing.told_delimiter),
    Damage("mixed line ends", "reads", writing.mixed_line_ends),
    Damage("doubled line ends", "may", writing.doubled_line_ends),
    Damage("stray quotes", "may", writing.stray_quotes),
    Damage("another delimiter", "may", writing.other_delimiter),
    Damage("other quoting", "may", writing.other_quoting),
    Damage("mixed encodings", "may", writing.mixed_encodings),
    Damage("decoded wrongly before", "reads", writing.mojibake),
    Damage("NULs", "may", writing.nuls),
    Damage("cut", "may", writing.cut),
    Damage("flipped bits", "may", writing.flipped),
    Damage("random bytes", "may", writing.random_bytes),
    Damage("end-of-file mark", "may", writing.end_of_file),
    Damage("two marks of byte order", "may", writing.two_marks),
    Damage("empty", "refused", containers.empty),
    Damage("packed", "refused", containers.packed),
    Damage("another format", "refused", containers.other_format),
    Damage("Parquet", "may", containers.parquet),
    Damage("Parquet cut", "refused", containers.parquet_cut),
    Damage("Parquet with nested columns", "refused", containers.parquet_nested),
    Damage("called Parquet", "refused", containers.called_parquet),
    # A part whose dates all fit both orders is asked for, whatever the others are written in.
    Damage("several files", "may", containers.several),
    Damage("strange neighbours", "reads", containers.neighbours),
)
