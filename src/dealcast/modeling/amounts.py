"""What an opportunity is worth if it is won: stated, by list price, or as what was won before."""

from datetime import date
from typing import NamedTuple

import polars as pl

from dealcast.contracts import CrmTables
from dealcast.sums import exact_mean


class Worth(NamedTuple):
    """What is known of amounts by a day: list prices by product, and what was won.

    `prices`: product and sales_price; `overall`: one row of the discount (value by list price, a
    share) and the mean_of_all won; `of_product`: the mean_of_product won.
    """

    prices: pl.LazyFrame
    overall: pl.LazyFrame
    of_product: pl.LazyFrame


def with_amount(opened: pl.LazyFrame, tables: CrmTables, as_of: date) -> pl.LazyFrame:
    """Adds amount (if won) and where it is from; null where nothing is known."""
    plans = tables.plans if tables.plans is not None else _without_rows("opportunity_id", "amount")
    stated = opened.join(plans.select("opportunity_id", "amount"), on="opportunity_id", how="left")
    return amounts(stated, worth(tables, as_of))


def amounts(stated: pl.LazyFrame, worth: Worth) -> pl.LazyFrame:
    """The rows, of which `amount` is the one stated or null, with the best there is."""
    list_price = pl.when(pl.col("sales_price") > 0).then(pl.col("sales_price"))
    known = {
        "stated": pl.col("amount"),
        "list price": list_price * pl.col("discount").fill_null(1.0),
        "mean won value": pl.coalesce("mean_of_product", "mean_of_all"),
    }
    return (
        stated.join(worth.prices, on="product", how="left")
        .join(worth.of_product, on="product", how="left")
        .join(worth.overall, how="cross")
        .with_columns(
            amount=pl.coalesce(known.values()),
            amount_from=pl.coalesce(
                pl.when(amount.is_not_null()).then(pl.lit(name)) for name, amount in known.items()
            ),
        )
    )


def unstated(worth: Worth) -> pl.DataFrame:
    """Product, amount and amount_from of a win of which no amount is stated.

    A row for each product that anything is known of; that of no product holds for all others.
    """
    others = pl.LazyFrame({"product": [None]}, schema={"product": pl.String})
    known = (worth.prices.select("product"), worth.of_product.select("product"), others)
    products = pl.concat(known).unique().with_columns(amount=pl.lit(None, pl.Float64))
    told = amounts(products, worth).select("product", "amount", "amount_from")
    return told.sort("product").collect()


def worth(tables: CrmTables, as_of: date) -> Worth:
    """What the tables say of amounts until a day."""
    prices = list_prices(tables.products)
    value, price = pl.col("close_value"), pl.col("sales_price")
    won = tables.opportunities.filter(
        pl.col("deal_stage") == "Won", pl.col("close_date") <= as_of
    ).join(prices, on="product", how="left")
    overall = won.select(
        discount=exact_mean((value / price).filter(price > 0)), mean_of_all=exact_mean(value)
    )
    of_product = won.group_by("product").agg(mean_of_product=exact_mean(value))
    return Worth(prices, overall, of_product)


def list_prices(products: pl.LazyFrame | None) -> pl.LazyFrame:
    """Product and sales_price; no rows without a price list."""
    rows = products if products is not None else _without_rows("product", "sales_price")
    return rows.select("product", "sales_price")


def _without_rows(key: str, number: str) -> pl.LazyFrame:
    return pl.LazyFrame(schema={key: pl.String, number: pl.Float64})
