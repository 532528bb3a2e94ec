"""Exports before anything happens to them: rows that are known, and how each file is written."""

import csv
import io
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

AGENTS = ("Ana Peña", "Björn Åkerlund", "Dana O'Neil", "Иван Петров", "佐藤 健", "Zoë Ng")
ACCOUNTS = ("Müller & Söhne", 'The "Best", Inc.', "Pipe | Works", "Two\nLines", "Ltd; Co", "Ωmega")
PRODUCTS = ("GTX Pro", "MG Special", "Crane 300")
HEADER = (
    *("opportunity_id", "sales_agent", "product", "account"),
    *("deal_stage", "engage_date", "close_date", "close_value"),
)
ID, STAGE, ENGAGED, CLOSED, VALUE = (HEADER.index(name) for name in (HEADER[0], *HEADER[4:]))
DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%dT%H:%M:%S")
# decimal mark, mark between thousands, currency
MONEY = (
    (".", "", "{}"),
    (".", ",", "${}"),
    (",", ".", "{} EUR"),
    (",", " ", "{}"),
    (".", "'", "{}"),
)
ENCODINGS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1", "cp1250"),
    *("cp1251", "cp932", "gb18030", "koi8-r", "mac-roman", "cp437", "utf-16-le", "utf-16-be"),
)
# Of the others, what few letters there are may be taken for others in each file.
CERTAIN = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1")
DELIMITERS = (",", ";", "\t", "|")
LINE_ENDS = ("\r\n", "\n", "\r")
FIRST_DAY = date(2024, 1, 15)

# What is true of a good row: its stage, engage date, close date and close value.
Facts = tuple[str, date | None, date | None, float | None]


@dataclass
class Draft:
    """A file while it is made: cells as text, how they will be written, or the bytes themselves."""

    name: str
    table: str
    header: list[str]
    rows: list[list[str]]
    encoding: str = "utf-8"
    delimiter: str = ","
    line_end: str = "\r\n"
    quoting: int = csv.QUOTE_MINIMAL
    before: str = ""  # text above the column names
    after: str = ""
    content: bytes | None = None

    def bytes(self) -> bytes:
        """The file; what the encoding does not have is a question mark."""
        if self.content is not None:
            return self.content
        text = io.StringIO(newline="")
        # Python's csv quotes only those line breaks that end its own records.
        has_returns = any("\r" in cell for row in self.rows for cell in row)
        bare = self.quoting == csv.QUOTE_MINIMAL and (self.line_end == "\r" or has_returns)
        writer = csv.writer(
            text,
            delimiter=self.delimiter,
            lineterminator=self.line_end,
            quoting=csv.QUOTE_ALL if bare else self.quoting,  # type: ignore[arg-type]  # an int
        )
        writer.writerow(self.header)
        writer.writerows(self.rows)
        return (self.before + text.getvalue() + self.after).encode(self.encoding, "replace")


@dataclass
class DraftExport:
    """The files of an export, of which the first has opportunities; `facts` of rows still good."""

    files: list[Draft]
    facts: dict[str, Facts] = field(default_factory=dict)

    @property
    def main(self) -> Draft:
        return self.files[0]

    def touch(self, *rows: list[str]) -> None:
        """These rows are no longer known to be good."""
        for cell in (cell for row in rows for cell in row):
            self.facts.pop(cell, None)

    def keep(self, rows: list[list[str]]) -> None:
        """Only these rows remain."""
        ids = {cell for row in rows for cell in row}
        self.facts = {key: fact for key, fact in self.facts.items() if key in ids}
        self.main.rows = rows


def draft_export(rng: Random) -> DraftExport:
    """An export without any damage, in any common way of writing."""
    dates, money = rng.choice(DATE_FORMATS), rng.choice(MONEY)
    rows, facts = [], {}
    for number in range(rng.choice((1, 2, 5, 12, 30, 60))):
        row, fact = _row(rng, number, dates, money)
        rows.append(row)
        facts[row[ID]] = fact
    style = {
        "encoding": rng.choice(ENCODINGS),
        "delimiter": rng.choice(DELIMITERS),
        "line_end": rng.choice(LINE_ENDS),
        "quoting": rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
    }
    main = Draft("sales_pipeline.csv", "opportunities", list(HEADER), rows, **style)
    files = [main]
    if main.encoding in CERTAIN and rng.random() < 0.6:
        names = [name.encode(main.encoding, "replace").decode(main.encoding) for name in ACCOUNTS]
        sectors = [[name, rng.choice(("retail", "technolgy", ""))] for name in names]
        prices = [[name, "1200"] for name in PRODUCTS]
        files += [
            Draft("accounts.csv", "accounts", ["account", "sector"], sectors, **style),
            Draft("products.csv", "products", ["product", "sales_price"], prices, **style),
        ]
    return DraftExport(files, facts)


def _row(
    rng: Random, number: int, dates: str, money: tuple[str, str, str]
) -> tuple[list[str], Facts]:
    # The first engages on a day that only one order of day and month can mean.
    engaged = FIRST_DAY + timedelta(days=rng.randrange(400) if number else 0)
    stage = rng.choice(("Won", "Lost", "Engaging", "Prospecting"))
    is_closed = stage in ("Won", "Lost")
    closed = engaged + timedelta(days=rng.randrange(1, 120)) if is_closed else None
    value = {"Won": rng.randrange(100_000, 9_999_999) / 100, "Lost": 0.0}.get(stage)
    row = [
        f"F{number:04d}",
        rng.choice(AGENTS),
        rng.choice(PRODUCTS),
        rng.choice(ACCOUNTS),
        stage,
        engaged.strftime(dates),
        closed.strftime(dates) if closed else "",
        "" if value is None else amount(value, money),
    ]
    return row, (stage, engaged, closed, value)


def amount(value: float, money: tuple[str, str, str]) -> str:
    """The amount as this place writes it."""
    decimal, thousands, currency = money
    marks = str.maketrans({",": thousands, ".": decimal})
    return currency.format(f"{value:,.2f}".translate(marks))
