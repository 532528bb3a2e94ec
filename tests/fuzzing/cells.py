"""Damage to single cells. Each function changes the draft, and notes which rows it touched."""

from collections.abc import Callable
from random import Random

from tests.fuzzing.drafts import CLOSED, ENGAGED, ID, STAGE, VALUE, DraftExport

WRONG = (
    *("n/a", "-", "TRUE", "NaN", "inf", "1e999", "0x1F", "1_000", "#REF!", "null", "None", "١٢٣"),
    *("１２３", "①", "½", "12 Mio", "1.2.3.4", "--5", "5-", "(7)", "€", "1" * 400, "45000", "0"),  # noqa: RUF001
)
ARABIC = "2024-01-05".translate({ord("0") + n: 0x660 + n for n in range(10)})
NO_DATES = (
    *("2024-02-30", "0000-00-00", "9999-99-99", "1066-10-14", "12024-01-01", "2024-13-01"),
    *("2024-1-1T25:61", "31/31/2024", "someday", "2024-W05", ARABIC, "-2024-01-05"),
)
LOOK_ALIKES = {
    "o": "\N{CYRILLIC SMALL LETTER O}",
    "P": "\N{GREEK CAPITAL LETTER RHO}",
    "e": "\N{CYRILLIC SMALL LETTER IE}",
    "0": "O",
    "1": "l",
    "-": "\N{EN DASH}",
    "2": "\N{FULLWIDTH DIGIT TWO}",
    " ": "\N{NO-BREAK SPACE}",
    "F": "\N{FULLWIDTH LATIN CAPITAL LETTER F}",
}
FORMULAS = (
    '=HYPERLINK("http://example.invalid","x")',
    *("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "=cmd|' /C calc'!A0", "＝1+1"),  # noqa: RUF001
)
INJECTIONS = (
    *("<script>alert(1)</script>", "{{7*7}}", "{0}", "%s%n", "$HOME", "'; DROP TABLE deals;--"),
    *("\x1b[2J\x1b[31m", "../../etc/passwd", "[bold]x[/bold]", "[/]", "\\N", "\\", "null", "NULL"),
)
STRANGE = (
    *("\N{RIGHT-TO-LEFT OVERRIDE}cba", "e\N{COMBINING ACUTE ACCENT}" * 9, "👩‍💼", "\uffff"),
    *("\ufdd0", "\U0010ffff", "\N{ZERO WIDTH SPACE}", "a\u2028b", "a\x85b", "\ufeffx", "ǅ", "ß"),
)
SPACES = (" {}", "{}  ", "\N{NO-BREAK SPACE}{}", "{}\N{EM SPACE}", "\t{} ", "{}\N{THIN SPACE}")
TEXTS = (1, 2, 3)  # agent, product, account


def some(export: DraftExport, rng: Random) -> list[list[str]]:
    """Some rows, hardly ever most of them; they are noted as touched."""
    rows = export.main.rows
    chosen = rng.sample(rows, min(len(rows), 1 + rng.randrange(1 + len(rows) // 4)))
    export.touch(*chosen)
    return chosen


def _written(places: tuple[int, ...], texts: tuple[str, ...]) -> Callable[..., None]:
    """Puts one of the texts into a cell of some rows."""

    def write(export: DraftExport, rng: Random) -> None:
        for row in some(export, rng):
            row[rng.choice(places)] = rng.choice(texts)

    return write


wrong_types = _written((STAGE, ENGAGED, CLOSED, VALUE), WRONG)
impossible_dates = _written((ENGAGED, CLOSED), NO_DATES)
short_years = _written((ENGAGED, CLOSED), ("03-04-05", "3/4/17", "31.12.99"))
formulas = _written((ID, *TEXTS), FORMULAS)
injections = _written((ID, *TEXTS), INJECTIONS)
strange_unicode = _written((ID, *TEXTS), STRANGE)


def mixed_dates(export: DraftExport, rng: Random) -> None:
    """Any of them may decide how all others are read."""
    export.facts.clear()
    for row in some(export, rng):
        for place in (ENGAGED, CLOSED):
            if row[place]:
                day = rng.randrange(1, 29)
                row[place] = rng.choice(("{0}/3/2025", "3/{0}/2025", "2025-03-{0}")).format(day)


def look_alikes(export: DraftExport, rng: Random) -> None:
    for row in some(export, rng):
        place = rng.randrange(len(row))
        row[place] = "".join(LOOK_ALIKES.get(letter, letter) for letter in row[place])


def huge_field(export: DraftExport, rng: Random) -> None:
    row = rng.choice(some(export, rng))
    length = rng.choice((1_000, 70_000, 140_000, 400_000))
    words = "".join(chr(rng.randrange(0x4E00, 0x5200)) for _ in range(200))
    text = rng.choice(("9", "x", "a b ", "word,", "line\n", '"', words))
    row[rng.randrange(len(row))] = (text * length)[:length]


def line_breaks(export: DraftExport, rng: Random) -> None:
    for row in some(export, rng):
        row[rng.choice(TEXTS)] = rng.choice(("a\nb", "a\r\nb", "\n", "a\rb", "a\n" * 50))


def white_space(export: DraftExport, rng: Random) -> None:
    for row in some(export, rng):
        place = rng.randrange(len(row))
        row[place] = rng.choice(SPACES).format(row[place])


def controls(export: DraftExport, rng: Random) -> None:
    for row in some(export, rng):
        row[rng.choice((ID, *TEXTS))] += rng.choice("\x01\x07\x08\x0b\x0c\x1b\x1c\x1e\x1f\x7f")


def repeated_ids(export: DraftExport, rng: Random) -> None:
    rows = export.main.rows
    for row in some(export, rng):
        if rng.random() < 0.5:
            rows.insert(rng.randrange(len(rows) + 1), list(row))
        else:
            other = rng.choice(rows)
            export.touch(other)
            row[ID] = rng.choice(("", " ", other[ID]))


def contradictions(export: DraftExport, rng: Random) -> None:
    for row in some(export, rng):
        place = rng.choice((STAGE, ENGAGED, CLOSED, VALUE))
        row[place] = rng.choice((rng.choice(export.main.rows)[place], ""))


def shifted(export: DraftExport, rng: Random) -> None:
    for row in some(export, rng):
        row[:] = row[1:] + row[:1]
