"""Exports in the shape of several CRMs, written from a small invented one that is known.

Every `..._export` writes its files into a folder and returns the CRM that they were written from;
`as_read` says what reading them must give.
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

FIRST_DAY = date(2024, 1, 1)
DAYS = 456  # from the first engage date to the end of the export
NEVER_CLOSES = 0.2  # share
SLOWEST = 138  # days to close

# Names hold what makes files hard to read: accents, delimiters, quotes, a line break.
AGENTS = ("Ana Peña", "Björn Åkerlund", "Chloë Dupont", "Dana O'Neil", "Émile Zöllner", "Fay Wu")
ACCOUNTS = (
    "Müller & Söhne",
    'The "Best" Company, Inc.',
    "Société Générale; Ltd",
    "Pipe | Works",
    "Two\nLines",
    "Plain Co",
    "Tab\tShop",
    "Øresund A/S",
)
PRODUCTS = {"Anvil": 1200.0, "Bellows": 95.5, "Crane 300": 18250.0, "Drill": 540.25}
OPEN_STAGES = ("Prospecting", "Qualification", "Needs Analysis", "Negotiation/Review")


@dataclass(frozen=True)
class InventedCrm:
    """What is true: typed frames in our names, opportunities with their plans."""

    opportunities: pl.DataFrame
    accounts: pl.DataFrame
    products: pl.DataFrame
    sales_agents: pl.DataFrame

    def tables(self) -> dict[str, pl.DataFrame]:
        return dict(vars(self))


@dataclass(frozen=True)
class Dialect:
    """How a text file is written."""

    encoding: str = "utf-8"
    delimiter: str = ","
    dates: str = "%Y-%m-%d"
    decimal: str = "."
    thousands: str = ""
    currency: str = "{}"
    quoting: int = csv.QUOTE_MINIMAL
    line_end: str = "\r\n"


GERMAN = Dialect("utf-16", ";", "%d.%m.%Y", ",", ".", "{} €")
AMERICAN = Dialect("cp1252", ",", "%m/%d/%Y", ".", ",", "${}")


def invented_crm(n: int = 400, seed: int = 0, *, prospecting: float = 0.0) -> InventedCrm:
    """A CRM with `n` opportunities; `prospecting`: share that is not engaged yet."""
    rng = np.random.default_rng(seed)
    engaged = rng.integers(0, DAYS, n)
    cycle = 1 + np.minimum(rng.exponential(45, n).astype(int), SLOWEST - 1)
    closed = (engaged + cycle <= DAYS) & (rng.random(n) >= NEVER_CLOSES)
    not_engaged = ~closed & (rng.random(n) < prospecting)
    won = closed & (rng.random(n) < 0.6)
    product = rng.integers(0, len(PRODUCTS), n)
    price = np.array(list(PRODUCTS.values()))[product]
    worth = np.round(price * rng.normal(1, 0.1, n).clip(0.5, 1.5), 2)
    day = pl.lit(FIRST_DAY) + pl.duration(days=pl.col("day"))
    opportunities = (
        pl.DataFrame(
            {
                "opportunity_id": [f"006{seed:03d}{i:07d}AAA" for i in range(n)],
                "sales_agent": np.array(AGENTS)[rng.integers(0, len(AGENTS), n)],
                "product": np.array(list(PRODUCTS))[product],
                "account": np.array(ACCOUNTS)[rng.integers(0, len(ACCOUNTS), n)],
                "deal_stage": np.select(
                    [won, closed, not_engaged], ["Won", "Lost", "Prospecting"], "Engaging"
                ),
                "day": engaged,
                "cycle": cycle,
                "worth": worth,
            }
        )
        .with_columns(
            day.alias("engage_date"), (day + pl.duration(days=pl.col("cycle"))).alias("closes")
        )
        .with_columns(
            is_open=pl.col("deal_stage").is_in(["Engaging", "Prospecting"]),
            engage_date=pl.when(pl.col("deal_stage") != "Prospecting").then("engage_date"),
        )
        .select(
            pl.col("opportunity_id", "sales_agent", "product", "account", "deal_stage"),
            pl.col("engage_date"),
            close_date=pl.when(~pl.col("is_open")).then("closes"),
            close_value=pl.when(deal_stage="Won")
            .then("worth")
            .when(deal_stage="Lost")
            .then(pl.lit(0.0)),
            expected_close_date=pl.when("is_open").then("closes"),
            amount=pl.when("is_open").then("worth"),
        )
    )
    return InventedCrm(
        opportunities,
        pl.DataFrame(
            {
                "account": ACCOUNTS,
                "sector": ["retail", "medical"] * 4,
                "revenue": [1100.04 + 17.5 * i for i in range(8)],
                "employees": [12 * 7**i for i in range(8)],
                "subsidiary_of": [None, *["Plain Co"] * 2, *[None] * 5],
            },
            schema_overrides={"employees": pl.Int64},
        ),
        pl.DataFrame({"product": list(PRODUCTS), "sales_price": list(PRODUCTS.values())}),
        pl.DataFrame({"sales_agent": AGENTS, "manager": ["Zoë Ng"] * 6}),
    )


def as_read(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as reading gives it: text, dates as YYYY-MM-DD, numbers as plain decimals."""
    floats = pl.selectors.float().cast(pl.String).str.strip_suffix(".0")
    return frame.with_columns(floats).cast(pl.String)


def written(value: object, dialect: Dialect) -> str:
    """The value as this dialect writes it."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.strftime(dialect.dates)
    if isinstance(value, float):
        english = f"{value:,.2f}"
        marks = str.maketrans({",": dialect.thousands, ".": dialect.decimal})
        return dialect.currency.format(english.translate(marks))
    return str(value)


def write_text(path: Path, frame: pl.DataFrame, dialect: Dialect) -> Path:
    """The frame as a text file in this dialect."""
    with path.open("w", encoding=dialect.encoding, newline="") as file:
        rows = csv.writer(
            file,
            delimiter=dialect.delimiter,
            quoting=dialect.quoting,  # type: ignore[arg-type]  # drawn by hypothesis as an int
            lineterminator=dialect.line_end,
        )
        rows.writerow(frame.columns)
        rows.writerows([written(value, dialect) for value in row] for row in frame.iter_rows())
    return path


def plain_export(
    folder: Path,
    n: int = 400,
    seed: int = 0,
    dialect: Dialect = Dialect(),
    *,
    dimensions: bool = True,
) -> InventedCrm:
    """Our own column and file names, in any dialect."""
    crm = invented_crm(n, seed, prospecting=0.1)
    crm = replace(crm, opportunities=crm.opportunities.drop("expected_close_date", "amount"))
    write_text(folder / "sales_pipeline.csv", crm.opportunities, dialect)
    if dimensions:
        write_text(folder / "accounts.csv", crm.accounts, dialect)
        write_text(folder / "products.csv", crm.products, dialect)
        write_text(folder / "sales_teams.csv", crm.sales_agents, dialect)
    return crm


def utf16_export(folder: Path, n: int = 400, seed: int = 0) -> InventedCrm:
    """One file as a German Excel writes it: UTF-16, semicolons, 1.234,50 €, 31.12.2024."""
    return plain_export(folder, n, seed, GERMAN, dimensions=False)


def salesforce_export(
    folder: Path, n: int = 400, seed: int = 0, *, by_name: bool = True
) -> InventedCrm:
    """Opportunity.csv and its objects by API names; `by_name` False: only ids of owner, account.

    Some open ones are in a stage of the organisation's own; lost ones keep their amount.
    """
    crm = invented_crm(n, seed)
    opportunities = crm.opportunities.with_row_index()
    own = pl.col("index") % 5 == 0
    stage = pl.lit(pl.Series(OPEN_STAGES)).get(pl.col("index") % len(OPEN_STAGES))
    rows = opportunities.select(
        pl.col("opportunity_id").alias("Id"),
        pl.lit("false").alias("IsDeleted"),
        _id("001", "account").alias("AccountId"),
        pl.format("{} - {}", "account", "product").alias("Name"),
        pl.lit('Says "later".\nCall again, please').alias("Description"),
        _by_stage(
            pl.when(own).then(pl.lit("Legal Review")).otherwise(stage),
            pl.when(own).then(pl.lit("Closed Won - Renewal")).otherwise(pl.lit("Closed Won")),
            pl.lit("Closed Lost"),
        ).alias("StageName"),
        _hoped().alias("Amount"),
        pl.coalesce("close_date", "expected_close_date").alias("CloseDate"),
        _by_stage(pl.lit("false"), pl.lit("true"), pl.lit("true")).alias("IsClosed"),
        _by_stage(pl.lit("false"), pl.lit("true"), pl.lit("false")).alias("IsWon"),
        _id("005", "sales_agent").alias("OwnerId"),
        pl.col("sales_agent").alias("Owner.Name"),
        pl.col("account").alias("Account.Name"),
        pl.format("{}T21:04:05.000+0000", "engage_date").alias("CreatedDate"),
        pl.col("product").alias("Product__c"),
    )
    dialect = Dialect(quoting=csv.QUOTE_ALL, line_end="\n")
    write_text(folder / "Account.csv", _salesforce_objects(crm.accounts, "001", "account"), dialect)
    agents = _salesforce_objects(crm.sales_agents, "005", "sales_agent")
    write_text(folder / "User.csv", agents, dialect)
    if by_name:
        write_text(folder / "Opportunity.csv", rows, dialect)
        return crm
    write_text(folder / "Opportunity.csv", rows.drop("Owner.Name", "Account.Name"), dialect)
    return replace(
        crm,
        opportunities=crm.opportunities.with_columns(
            account=_id("001", "account"), sales_agent=_id("005", "sales_agent")
        ),
    )


def salesforce_report(folder: Path, n: int = 400, seed: int = 0) -> InventedCrm:
    """A report's details as CSV: labels, cp1252, M/D/YYYY, no flags, standard stages only."""
    crm = invented_crm(n, seed)
    rows = crm.opportunities.select(
        pl.col("opportunity_id").alias("Opportunity ID"),
        pl.col("sales_agent").alias("Opportunity Owner"),
        pl.col("account").alias("Account Name"),
        pl.col("product").alias("Product Name"),
        _by_stage(
            pl.lit("Proposal/Price Quote"), pl.lit("Closed Won"), pl.lit("Closed Lost")
        ).alias("Stage"),
        pl.col("engage_date").alias("Created Date"),
        pl.coalesce("close_date", "expected_close_date").alias("Close Date"),
        _hoped().alias("Amount"),
    )
    write_text(folder / "report1711929600000.csv", rows, AMERICAN)
    return crm


def hubspot_export(folder: Path, n: int = 400, seed: int = 0) -> InventedCrm:
    """The deals view as CSV: labels, every cell quoted, dates with times."""
    crm = invented_crm(n, seed)
    rows = crm.opportunities.with_row_index().select(
        pl.col("opportunity_id").alias("Record ID"),
        pl.format("{} for {}", "product", "account").alias("Deal Name"),
        _by_stage(
            pl.lit(pl.Series(["Appointment scheduled", "contractsent"])).get(pl.col("index") % 2),
            pl.lit("Closed won"),
            pl.lit("Closed Lost"),
        ).alias("Deal Stage"),
        pl.lit("Sales Pipeline").alias("Pipeline"),
        pl.col("sales_agent").alias("Deal owner"),
        pl.format("{} 09:31", "engage_date").alias("Create Date"),
        pl.format("{} 17:05", pl.coalesce("close_date", "expected_close_date")).alias("Close Date"),
        _hoped().alias("Amount"),
        pl.col("account").alias("Associated Company"),
        pl.col("product").alias("Product"),
    )
    dialect = Dialect("utf-8-sig", quoting=csv.QUOTE_ALL)
    write_text(folder / "hubspot-crm-exports-all-deals-2025-04-01.csv", rows, dialect)
    return crm


# What the command line is given -> how such an export is made.
EXPORTS: Mapping[str, Callable[..., InventedCrm]] = {
    "default": plain_export,
    "salesforce": salesforce_export,
    "hubspot": hubspot_export,
}


def _by_stage(is_open: pl.Expr, won: pl.Expr, lost: pl.Expr) -> pl.Expr:
    return pl.when(deal_stage="Won").then(won).when(deal_stage="Lost").then(lost).otherwise(is_open)


def _hoped() -> pl.Expr:
    """Amount as these CRMs keep it: of an open one the plan's, of a lost one what was hoped for."""
    return pl.coalesce("amount", pl.when(deal_stage="Lost").then(777.5), "close_value")


def _id(prefix: str, name: str) -> pl.Expr:
    known = {"account": ACCOUNTS, "sales_agent": AGENTS}[name]
    return pl.col(name).replace_strict(
        {value: f"{prefix}{place:012d}AAA" for place, value in enumerate(known)}
    )


def _salesforce_objects(frame: pl.DataFrame, prefix: str, key: str) -> pl.DataFrame:
    """The dimension table by API names, with the object's id before its name."""
    names = {"sector": "Industry", "employees": "NumberOfEmployees", "manager": "Manager.Name"}
    return frame.select(
        _id(prefix, key).alias("Id"),
        pl.col(key).alias("Name"),
        *(pl.col(ours).alias(theirs) for ours, theirs in names.items() if ours in frame.columns),
    )
