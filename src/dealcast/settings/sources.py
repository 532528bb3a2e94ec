"""Where an export comes from: a section for each kind of source."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Discriminator, Field, SecretStr

from dealcast.settings.section import Section


class FilesSource(Section):
    """CSV or Parquet files: one file, or a folder of them."""

    kind: Literal["files"] = "files"
    path: str | None = Field(None, description="File or folder to read.")
    mapping: str = Field(
        "default",
        description="Column and stage names: default, salesforce, hubspot or a YAML file.",
    )
    date_order: Literal["auto", "MDY", "DMY", "YMD"] = Field(
        "auto", description="Order of day, month and year; auto decides by the whole column."
    )
    decimal: Literal["auto", ".", ","] = Field("auto", description="Decimal mark of amounts.")
    delimiter: Literal["auto", ",", ";", "\t", "|"] = Field("auto", description="Field delimiter.")
    encoding: str = Field("auto", description="Text encoding, such as utf-8 or cp1252.")
    max_unpacked_gb: float = Field(
        16,
        gt=0,
        description="Largest size that a Parquet file may have once unpacked (GB): a small one can "
        "stand for very much.",
    )


class KaggleSource(Section):
    """The public CRM data set on Kaggle."""

    kind: Literal["kaggle"] = "kaggle"
    dataset: str = Field(
        "innocentmfa/crm-sales-opportunities", description="OWNER/NAME of the data set."
    )
    attempts: int = Field(4, ge=1, le=10, description="Tries before giving up, with back-off.")
    username: str | None = Field(None, description="Kaggle user; else from the usual places.")
    key: SecretStr | None = Field(None, description="Kaggle key; else from the usual places.")


class SampleSource(Section):
    """A generated CRM whose true probabilities are known."""

    kind: Literal["sample"] = "sample"
    opportunities: int = Field(8_800, ge=1, description="How many opportunities (count).")
    seed: int = Field(7, ge=0, description="Same seed, same export.")
    signal: float = Field(
        0.0, ge=0, le=5, description="Strength of agent, product and account effects; 0 as in life."
    )
    calendar: float = Field(
        1.0, ge=0, le=2, description="Strength of the quarter-end effect; 0 switches it off."
    )
    start: date = Field(date(2024, 10, 1), description="First engage date.")
    days: int = Field(457, ge=120, description="Days from the first engage date to the export.")
    dirt: float = Field(
        1.0, ge=0, le=10, description="Typos and bad rows, in multiples of the usual; 0 is clean."
    )
    account_blank_while_open: bool = Field(
        True, description="Leave the account blank on most open opportunities, as real CRMs do."
    )
    truncate_left_days: int = Field(
        150, ge=0, description="Closes in the first days are missing (days), as in real exports."
    )


class SqlSource(Section):
    """A database that SQLAlchemy reaches: a query per table, read in batches, never written."""

    kind: Literal["sql"] = "sql"
    url: SecretStr | None = Field(
        None, description="Database URL, such as postgresql+psycopg://USER:PASSWORD@HOST/NAME."
    )
    queries: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        {},
        description="Table (opportunities, accounts, products, sales_agents) to the SELECT that "
        "reads it.",
    )
    mapping: str = Field(
        "default",
        description="Column and stage names: default, salesforce, hubspot or a YAML file.",
    )
    cursor_column: str | None = Field(
        None,
        description="Column of the opportunities query that grows with every change, such as "
        "updated_at: only rows past its last value are read. By default all are read.",
    )
    full_refresh: bool = Field(False, description="Read everything anew, cursor or not.")
    batch_rows: int = Field(
        50_000, ge=1, description="Rows fetched from the database at a time (count)."
    )
    timeout_seconds: int = Field(
        600, ge=1, description="Longest that one statement may take (seconds)."
    )


SourceSettings = Annotated[
    FilesSource | KaggleSource | SampleSource | SqlSource, Discriminator("kind")
]

SOURCE_KINDS: dict[str, type[Section]] = {
    "files": FilesSource,
    "kaggle": KaggleSource,
    "sample": SampleSource,
    "sql": SqlSource,
}
