"""Damage to whole rows of the opportunities."""

from random import Random

from tests.fuzzing.drafts import DraftExport


def none(export: DraftExport, _: Random) -> None:
    export.keep([])


def one(export: DraftExport, rng: Random) -> None:
    """What it alone does not decide, such as the order of day and month, is asked for."""
    export.keep([rng.choice(export.main.rows)])


def blank(export: DraftExport, rng: Random) -> None:
    rows = export.main.rows
    for _ in range(rng.randrange(1, 6)):
        width = rng.choice((0, 1, len(export.main.header)))
        rows.insert(rng.randrange(len(rows) + 1), [rng.choice(("", " "))] * width)


def short(export: DraftExport, rng: Random) -> None:
    for row in rng.sample(export.main.rows, 1 + len(export.main.rows) // 4):
        export.touch(row)
        del row[max(1, rng.randrange(len(row) + 1)) :]


def wide(export: DraftExport, rng: Random) -> None:
    for row in rng.sample(export.main.rows, 1 + len(export.main.rows) // 4):
        row.insert(rng.randrange(len(row) + 1), "one too many")
        row[-1] = row[-1] or "not blank"


def trailing(export: DraftExport, rng: Random) -> None:
    for row in export.main.rows:
        row.extend([""] * rng.randrange(1, 3))


def total(export: DraftExport, rng: Random) -> None:
    export.main.rows.append(rng.choice((["Total", *[""] * 6, "12"], ["", "(2,345 rows)"], ["—"])))


def header_again(export: DraftExport, rng: Random) -> None:
    rows = export.main.rows
    rows.insert(rng.randrange(len(rows) + 1), list(export.main.header))


def title(export: DraftExport, rng: Random) -> None:
    main = export.main
    main.before = rng.choice(("Open deals", "", "Report;2024")) + main.line_end * 2
