"""The steps of the model on a cluster: judge on a sample, train on counts, score where rows are."""

import logging
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import dataframely as dy
import narwhals as nw
import polars as pl

from dealcast.contracts import scores_contract
from dealcast.engines.base import Frame
from dealcast.features.catalogue import CATALOGUE
from dealcast.features.selection import catalogue_fingerprint
from dealcast.workflow.champions import champion_model
from dealcast.workflow.cluster.cleaning import CLEAN_SCHEMA
from dealcast.workflow.cluster.one_task import clean_sample, dimensions_of, in_one_task, task_of
from dealcast.workflow.cluster.tables import ClusterTables, cluster_of, contract_of
from dealcast.workflow.evaluate_steps import evaluate_model
from dealcast.workflow.model_steps import keep_amounts, trained
from dealcast.workflow.workspace import Made, Workspace

logger = logging.getLogger(__name__)

AMOUNT = "amount"


def evaluate_sample(ws: Workspace) -> Made:
    """Judge every way to learn on a sample of whole opportunities, in one task."""
    tables = ClusterTables(ws, cluster_of(ws))
    rows, prepare = clean_sample(ws, tables)
    task = task_of(ws, evaluate_model, prepare, sampled_from=tables.count_known())
    return in_one_task(ws, tables, rows, task)


def train_model(ws: Workspace) -> Made:
    """Fit the win model on how many opportunities there are of each kind."""
    tables = ClusterTables(ws, cluster_of(ws))
    return trained(ws, lambda names: _history(ws, tables, names))


def _history(ws: Workspace, tables: ClusterTables, names: tuple[str, ...]) -> Any:
    """The history of all opportunities, from their counts; these names tell them apart."""
    from dealcast.modeling.cell_counts import cell_counts, record_of

    rows = tables.read("crm_data_processed", "clean")
    assert rows is not None  # noqa: S101 - `clean` always makes it
    counts = tables.engine.collect(cell_counts(rows, names))
    logger.info("%s kinds of opportunities counted", f"{counts.height:,}")
    return record_of(counts).known_by(ws.as_of)


def score_open(ws: Workspace) -> Made:
    """Score every open opportunity where it is, by a model that every node is sent."""
    from dealcast.modeling.amounts import Worth
    from dealcast.modeling.scoring import refuse_mismatch

    tables = ClusterTables(ws, cluster_of(ws))
    model, why = champion_model(ws)
    refuse_mismatch(model, ws.as_of, catalogue_fingerprint(CATALOGUE))
    today = model.updated(_history(ws, tables, tuple(sorted(model.fitted.entities))))
    worth = _worth(ws, tables)
    scorer = Scorer(today, model.model_id, ws.as_of, ws.settings.model.grades, *worth)
    rows = _with_stated_amounts(ws, tables)
    contract = partial(scores_contract, model.horizons_days)
    issued = partial(_issued_contract, model.horizons_days)
    engine, made = tables.engine, Made()
    schema = contract().create_empty().schema
    with engine.keeping(engine.mapped(rows, scorer, schema)) as scores:
        tables.write(made, "scores", scores, contract)
        run_id = nw.lit(ws.run_id).alias("run_id")
        tables.write(made, "scores_issued", scores.select(run_id, nw.col(*schema)), issued)
    reasons = contract_of("score_reasons")
    parts = engine.mapped(rows, Reasons(scorer), reasons().create_empty().schema)
    tables.write(made, "score_reasons", parts, reasons)
    made.objects["scored_with"] = f"runs/{ws.run_id}/scored_with.json"
    ws.store.put_json(made.objects["scored_with"], today.to_dict())
    keep_amounts(ws, made, Worth(*(frame.lazy() for frame in worth)))
    written = tables.at_version("scores", made.tables["scores"])
    made.figures = {
        "scoring_model": model.model_id,
        "scoring_model_why": why,
        **_figures(tables, written, max(model.horizons_days)),
    }
    logger.info(
        "%s of %s open opportunities scored",
        *(f"{made.figures[n]:,}" for n in ("scored", "open_opportunities")),
    )
    return made


@dataclass(frozen=True)
class Scorer:
    """A kernel: opportunities with the amounts stated in plans in, scores of the open ones out.

    `overall` and `of_product`: what was won, as `modeling.amounts.Worth` has it.
    """

    today: Any
    model_id: str
    as_of: date
    grades: tuple[float, ...]
    prices: pl.DataFrame
    overall: pl.DataFrame
    of_product: pl.DataFrame

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The contract Scores."""
        scores: pl.DataFrame = self.scored(rows).scores
        return scores

    def scored(self, rows: pl.DataFrame) -> Any:
        """Scores and reasons."""
        from dealcast.modeling.amounts import Worth, amounts
        from dealcast.modeling.scoring import open_on, scored

        worth = Worth(self.prices.lazy(), self.overall.lazy(), self.of_product.lazy())
        stated = rows.lazy().select("opportunity_id", AMOUNT)
        opened = open_on(rows.lazy().select(*CLEAN_SCHEMA), self.as_of)
        with_plans = opened.join(stated, on="opportunity_id", how="left", maintain_order="left")
        return scored(
            self.today,
            amounts(with_plans, worth).collect(),
            as_of=self.as_of,
            model_id=self.model_id,
            grades=self.grades,
        )


@dataclass(frozen=True)
class Reasons:
    """A kernel: the same rows in, the contract ScoreReasons out."""

    scorer: Scorer

    def __call__(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The parts of each score."""
        parts: pl.DataFrame = self.scorer.scored(rows).reasons
        return parts


def _with_stated_amounts(ws: Workspace, tables: ClusterTables) -> Frame:
    """The known opportunities with `amount`: the one that their plan states, or null."""
    rows, plans = tables.known_opportunities(), None
    if ws.is_at_export_end:
        plans = tables.read("plans", "clean")
    if plans is None:
        return rows.with_columns(nw.lit(None, nw.Float64).alias(AMOUNT))
    return rows.join(plans.select("opportunity_id", AMOUNT), on="opportunity_id", how="left")


def _worth(ws: Workspace, tables: ClusterTables) -> tuple[pl.DataFrame, ...]:
    """List prices, and of what was won the discount and mean value, and that of each product."""
    from dealcast.modeling.amounts import list_prices

    products = dimensions_of(ws).get("products")
    prices = list_prices(None if products is None else products.lazy()).collect()
    won = tables.known_opportunities().filter(nw.col("deal_stage") == "Won")
    sums = tables.engine.collect(
        won.group_by("product").agg(
            nw.col("close_value").sum().alias("total"), nw.col("close_value").count().alias("n")
        )
    ).with_columns(pl.col("n").cast(pl.Int64), pl.col("total").fill_null(0.0))
    total, n, price = pl.col("total"), pl.col("n"), pl.col("sales_price")
    listed = sums.join(prices, on="product", how="left").filter(price > 0)
    overall = pl.concat(
        [
            listed.select(discount=_mean((total / price).sum(), n.sum())),
            sums.select(mean_of_all=_mean(total.sum(), n.sum())),
        ],
        how="horizontal",
    )
    return prices, overall, sums.select("product", mean_of_product=_mean(total, n))


def _mean(total: pl.Expr, count: pl.Expr) -> pl.Expr:
    return pl.when(count > 0).then(total / count)


def _figures(tables: ClusterTables, scores: Frame, horizon: int) -> dict[str, Any]:
    chance = nw.col(f"p_won_{horizon}")
    sums = tables.engine.collect(
        scores.select(
            open_opportunities=nw.len(),
            scored=chance.count(),
            stale=nw.col("is_stale").cast(nw.Int64).sum(),
            expected_value=nw.col("expected_value").sum(),
            expected_wins=chance.sum(),
        )
    ).row(0, named=True)
    graded = scores.filter(~chance.is_null()).group_by("grade").agg(nw.len().alias("n"))
    grades = dict(tables.engine.collect(graded).sort("grade").iter_rows())
    zero = {name: value or 0 for name, value in sums.items()}
    return {**zero, "horizon_days": horizon, "grades": grades}


def _issued_contract(horizons: tuple[int, ...]) -> type[dy.Schema]:
    return type("ScoresIssued", (scores_contract(horizons),), {"run_id": dy.String()})
