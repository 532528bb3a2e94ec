"""The dead pipeline: open opportunities older than any that ever closed, and what all are worth."""

from dataclasses import dataclass
from typing import Any

import polars as pl

from dealcast.contracts import DeadPipelineByOwner
from dealcast.sums import exact_sum


@dataclass(frozen=True, eq=False)
class DeadPipeline:
    """How much of the open amount is dead, whose it is, and what the open amount is worth.

    Currency; counts are opportunities. `dead_share`: of the open amount (0-1); `haircut`: the
    expected value as a share of it; both null where no amount is known. `by_owner`: the contract
    DeadPipelineByOwner, the largest dead amount first. `opportunities`: the dead ones, in the
    columns that came, the largest first. `without_amount`: open ones of unknown amount, in the
    counts but not in the amounts; `not_engaged`: open ones without a clock, in none of these.
    """

    open_opportunities: int
    open_amount: float
    dead_opportunities: int
    dead_amount: float
    dead_share: float | None
    expected_value: float
    haircut: float | None
    without_amount: int
    not_engaged: int
    by_owner: pl.DataFrame
    opportunities: pl.DataFrame

    @property
    def summary(self) -> str:
        """One sentence, and what it leaves out."""
        if self.dead_share is None or self.haircut is None:
            return f"{self._counts}; no amount is known of any open opportunity."
        text = (
            f"{self._counts}: {self.dead_amount:,.0f} of {self.open_amount:,.0f} "
            f"({self.dead_share:.0%}); the open amount is worth {self.haircut:.1%} of what it says."
        )
        if self.without_amount:
            text += f" {self.without_amount:,} of unknown amount are not in it."
        if self.not_engaged:
            text += f" {self.not_engaged:,} not engaged yet are not in it."
        return text

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the two tables."""
        tables = ("by_owner", "opportunities")
        numbers = {name: value for name, value in vars(self).items() if name not in tables}
        return {"summary": self.summary, **numbers}

    @property
    def _counts(self) -> str:
        return (
            f"{self.dead_opportunities:,} of {self.open_opportunities:,} open opportunities "
            "are older than any that ever closed"
        )


def dead_pipeline(scores: pl.DataFrame) -> DeadPipeline:
    """The report on scored open opportunities: sales_agent, amount, expected_value, is_stale.

    Rows such as the contract Scores has; without an `age_days` (where there is that column) an
    opportunity has not been engaged: it is no pipeline yet.
    """
    clock = pl.col("age_days").is_not_null() if "age_days" in scores.columns else pl.lit(value=True)
    opened = scores.filter(clock)
    owners = by_owner(opened)
    total = owners.select(pl.col(pl.Int64, pl.Float64).exclude("dead_share", "haircut").sum())
    amounts: dict[str, Any] = total.row(0, named=True)
    return DeadPipeline(
        **amounts,
        dead_share=_ratio(amounts["dead_amount"], amounts["open_amount"]),
        haircut=_ratio(amounts["expected_value"], amounts["open_amount"]),
        without_amount=opened["amount"].null_count(),
        not_engaged=scores.height - opened.height,
        by_owner=owners,
        opportunities=opened.filter("is_stale").sort(
            "amount", "opportunity_id", descending=[True, False], nulls_last=True
        ),
    )


def by_owner(opened: pl.DataFrame) -> pl.DataFrame:
    """The contract DeadPipelineByOwner, the largest dead amount first."""
    amount, dead = pl.col("amount"), pl.col("is_stale")
    return (
        opened.group_by("sales_agent")
        .agg(
            open_opportunities=pl.len().cast(pl.Int64),
            open_amount=exact_sum(amount),
            dead_opportunities=dead.sum().cast(pl.Int64),
            dead_amount=exact_sum(amount.filter(dead)),
            expected_value=exact_sum(pl.col("expected_value")),
        )
        .with_columns(
            dead_share=_share("dead_amount"),
            haircut=_share("expected_value"),
        )
        .sort("dead_amount", "sales_agent", descending=[True, False])
        .select(DeadPipelineByOwner.column_names())
    )


def _share(part: str) -> pl.Expr:
    """Of the open amount, at most 1 (rounding); null where that is 0."""
    whole = pl.col("open_amount")
    return pl.when(whole > 0).then((pl.col(part) / whole).clip(0, 1))


def _ratio(part: float, whole: float) -> float | None:
    return min(part / whole, 1.0) if whole > 0 else None
