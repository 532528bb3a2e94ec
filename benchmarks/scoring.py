"""How many open opportunities are scored in a second: `python benchmarks/scoring.py [ROWS ...]`.

A model of every kind that may score is trained on a sample; a pipeline of that many open
opportunities is scored by it, without reasons, with reasons and what is told of them, and as the
step `score` does (amounts, order, learning who never closes anew). Without imports and without
making the data, each in a process of its own; median of three.
"""

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl

from dealcast.contracts import CrmTables
from dealcast.modeling.estimators import Context
from dealcast.modeling.training import WinModel, train
from dealcast.modeling.traits import traits_of
from dealcast.settings import ModelSettings, SampleSource
from dealcast.sources.sample import dimension_tables

SIZES = (100_000, 1_000_000, 2_000_000)
ESTIMATORS = ("calendar", "never_close", "entities")
AS_OF = date(2017, 12, 31)
LEARNT_FROM = 50_000
# Opportunities per second that issue 5 asks for.
BOUNDS = {"chances": 500_000, "reasons": 100_000}


def opportunities(closed: int, still_open: int) -> pl.DataFrame:
    """Closed ones to learn from and an open pipeline: 35 agents, 7 products, 85 accounts."""
    draw, count = np.random.default_rng(7), closed + still_open
    engaged = np.datetime64(AS_OF) - draw.integers(0, 430, count)
    cycle = draw.integers(1, 138, count)
    is_open = np.arange(count) >= closed
    engaged[~is_open] -= cycle[~is_open]
    stage = np.where(draw.random(count) < 0.63, "Won", "Lost").astype("U8")
    stage[is_open] = "Engaging"
    named = {
        name: pl.Series([f"{name} {i}" for i in range(kinds)]).gather(
            draw.integers(0, kinds, count)
        )
        for name, kinds in (("sales_agent", 35), ("product", 7), ("account", 85))
    }
    closes = pl.Series(engaged + cycle)
    return pl.DataFrame(
        {
            "opportunity_id": pl.Series(draw.permutation(count)).cast(pl.String),
            **named,
            "deal_stage": stage,
            "engage_date": engaged,
            "close_date": closes,
            "close_value": draw.integers(38, 30_288, count).astype(np.float64),
        }
    ).with_columns(
        pl.when(pl.col("deal_stage") != "Engaging").then(pl.col("close_date", "close_value"))
    )


def model_of(estimator: str) -> WinModel:
    settings = ModelSettings()
    return train(
        opportunities(LEARNT_FROM, LEARNT_FROM // 5),
        Context(settings, entities=settings.entities),
        as_of=AS_OF,
        catalogue_fingerprint="benchmark",
        estimator=estimator,
    )


def timed(run: Callable[[], object]) -> float:
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def one_run(estimator: str, rows: int) -> dict[str, float]:
    from dealcast.modeling.reasons import explain, reasons, told
    from dealcast.modeling.scoring import open_on, score, with_chances

    model = model_of(estimator)
    content = json.dumps(model.to_dict())
    everything = opportunities(LEARNT_FROM, rows)
    opened = open_on(everything.lazy(), AS_OF).collect()
    days = np.full(opened.height, (AS_OF - date(1970, 1, 1)) // timedelta(days=1))
    tables = CrmTables.cast(
        {"opportunities": everything, "products": dimension_tables(SampleSource())["products"]}
    )

    def with_reasons() -> None:
        with_chances(model, opened, AS_OF)
        kinds = model.fitted.told_apart(traits_of(opened), days)
        explained = explain(model, kinds)
        told(explained, opened)
        reasons(explained, opened.with_columns(scored_on=pl.lit(AS_OF)), model.horizons_days[-1])

    def whole() -> None:
        score(model, tables, as_of=AS_OF, catalogue_fingerprint="benchmark")

    return {
        "chances": rows / timed(lambda: with_chances(model, opened, AS_OF)),
        "reasons": rows / timed(with_reasons),
        "score": rows / timed(whole),
        "load_ms": timed(lambda: WinModel.from_dict(json.loads(content))) * 1_000,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def apart(estimator: str, rows: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--one", estimator, str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(one_run(sys.argv[2], int(sys.argv[3]))))
        return
    sizes = [int(argument) for argument in sys.argv[1:]] or SIZES
    print("Opportunities per second, and milliseconds to load the model from JSON text")
    print(f"{'rows':>12} {'model':>12} {'chances':>12} {'+ reasons':>12} {'score':>12}"
          f" {'load ms':>8} {'peak GB':>8}")  # fmt: skip
    for rows in sizes:
        for estimator in ESTIMATORS:
            run = apart(estimator, rows)
            met = all(run[name] >= bound for name, bound in BOUNDS.items())
            print(
                f"{rows:>12,} {estimator:>12} {run['chances']:>12,.0f} {run['reasons']:>12,.0f}"
                f" {run['score']:>12,.0f} {run['load_ms']:>8.1f} {run['peak_gb']:>8.2f}"
                f"  {'as asked for' if met else 'SLOWER than asked for'}"
            )


if __name__ == "__main__":
    main()
