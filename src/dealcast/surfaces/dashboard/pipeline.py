"""The open opportunities: those that are wanted, in the order wanted, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from dealcast.surfaces.report.kept import Kept

PAGE = 50
SEARCHED = ("opportunity_id", "sales_agent", "product", "account")
# What a filter offers for those that have none.
NONE = "none"
LIVE, STALE, ALL = "live", "stale", "all"
# words -> (column, whether the largest comes first); `{h}` stands for the horizon
SORTS: Mapping[str, tuple[str, bool]] = MappingProxyType(
    {
        "expected value": ("expected_value", True),
        "chance": ("p_won_{h}", True),
        "amount": ("amount", True),
        "days open, longest first": ("age_days", True),
        "days open, shortest first": ("age_days", False),
        "closes soonest": ("closes_from", False),
        "agent": ("sales_agent", False),
        "product": ("product", False),
        "opportunity": ("opportunity_id", False),
    }
)


@dataclass(frozen=True)
class Wanted:
    """Which opportunities are looked at; an empty choice takes all. `search` reads SEARCHED."""

    agents: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    grades: tuple[str, ...] = ()
    stale: str = LIVE
    search: str = ""


def with_regions(kept: Kept) -> pl.DataFrame:
    """The scores with the `region` of the agent's office; null where none is known."""
    scores = kept.table("score", "scores")
    if not kept.has_table("clean", "sales_agents"):
        return scores.with_columns(region=pl.lit(None, dtype=pl.String))
    agents = kept.table("clean", "sales_agents")
    offices = agents.select("sales_agent", region="regional_office")
    return scores.join(offices, on="sales_agent", how="left", maintain_order="left")


def offered(rows: pl.DataFrame, column: str) -> list[str]:
    """What a filter on the column offers, in order."""
    values = rows[column].unique()
    names = values.drop_nulls().sort().to_list()
    return [*names, NONE] if values.null_count() else names


def wanted(rows: pl.DataFrame, choice: Wanted) -> pl.DataFrame:
    """The rows that are wanted, in the order in which they came."""
    keep = [
        pl.col(column).fill_null(NONE).is_in(values)
        for column, values in (
            ("sales_agent", choice.agents),
            ("product", choice.products),
            ("region", choice.regions),
            ("grade", choice.grades),
        )
        if values
    ]
    if choice.stale != ALL:
        keep.append(pl.col("is_stale") if choice.stale == STALE else ~pl.col("is_stale"))
    if choice.search.strip():
        looked_for = choice.search.strip().lower()
        keep.append(
            pl.any_horizontal(
                pl.col(c).str.to_lowercase().str.contains(looked_for, literal=True).fill_null(
                    value=False
                )
                for c in SEARCHED
            )
        )  # fmt: skip
    return rows.filter(keep) if keep else rows


def ordered(rows: pl.DataFrame, by: str, horizon: int) -> pl.DataFrame:
    """The rows by one of SORTS; those without a value come last."""
    column, largest_first = SORTS[by]
    return rows.sort(
        column.format(h=horizon), descending=largest_first, nulls_last=True, maintain_order=True
    )


def pages(rows: pl.DataFrame) -> int:
    """How many pages there are, at least one."""
    return max(-(-rows.height // PAGE), 1)


def page_of(rows: pl.DataFrame, page: int) -> pl.DataFrame:
    """The rows of one page, counted from 1."""
    return rows.slice((page - 1) * PAGE, PAGE)


def listed(rows: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """What the table shows of them, in its words; chances in per cent."""

    def whole(column: str) -> pl.Expr:
        return pl.col(column).round().cast(pl.Int64)

    return rows.select(
        pl.col("opportunity_id").alias("opportunity"),
        pl.col("grade").fill_null("-"),
        (pl.col(f"p_won_{horizon}") * 100).alias("chance"),
        whole("expected_value").alias("expected"),
        whole("amount"),
        pl.col("age_days").alias("days open"),
        pl.col("sales_agent").fill_null("-").alias("agent"),
        pl.col("product", "region", "account").fill_null("-"),
        pl.col("closes_from").alias("closes from"),
        pl.when("is_stale").then(pl.lit("stale")).otherwise(pl.lit("live")).alias("state"),
        pl.coalesce("reason_for", "reason_against", "note").alias("why"),
    )
