"""audit · evaluate · train · score · people · models: what the model does, step by step."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import polars as pl

from dealcast.cli import render, render_evaluation, render_model, rows
from dealcast.cli.ops import run_and_show
from dealcast.cli.options import chose_source, settings_options, source_options
from dealcast.contracts import most_valuable
from dealcast.errors import SettingsError, StoreError, listed, nearest
from dealcast.settings import LoadedSettings
from dealcast.surfaces.words import count
from dealcast.tracking.base import Promotion, Registry, open_registry, rollback
from dealcast.workflow.audits import audit_file, audit_stored
from dealcast.workflow.manifest import load_latest_steps, new_run_id
from dealcast.workflow.plan import Plan
from dealcast.workflow.store import Store, open_store

# Opportunities that are printed, unless more or fewer are asked for.
SHOWN = 10
# Log-odds by which a score must have changed to be called moved.
SMALLEST_MOVE = 1e-6


@click.command(
    epilog="Example: dealcast audit --root data\n\n"
    "Example: dealcast audit --table crm_features --root data\n\n"
    "Example: dealcast audit --file my_features.csv --root data --json"
)
@click.option("--table", type=click.Choice(["crm_features"]), help="Audit a descriptive table.")
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="Audit a CSV or Parquet file with opportunity_id and features.",
)
@click.option("--feature", help="Every test of one feature.")
@settings_options
def audit(
    loaded: LoadedSettings,
    table: str | None,
    file: Path | None,
    feature: str | None,
    as_json: bool,
) -> None:
    """The leak gate: name each feature that knows the outcome.

    Without options, what the model may use; else a table that must not be used, or your own.
    """
    if table and file:
        raise SettingsError("--table and --file are two audits.", remedy="give one, then the other")
    if table or file:
        store = open_store(loaded.settings.storage)
        report = audit_file(store, loaded.settings, file) if file else audit_stored(
            store, loaded.settings
        )  # fmt: skip
        content = report.to_dict()
    else:
        manifest, store = run_and_show(loaded, Plan("audit", "audit", again=False), as_json=as_json)
        content = store.require_json(manifest.steps[-1].objects["leak_audit"])
    if feature:
        content["records"] = _of_feature(content["records"], feature)
    if as_json:
        render.as_json(content)
    else:
        render_model.leaks(content, every=feature is not None)


@click.command(epilog="Example: dealcast train --root data")
@settings_options
def train(loaded: LoadedSettings, as_json: bool) -> None:
    """Fit the win model on all that is known, and let it contest the champion."""
    manifest, store = run_and_show(loaded, Plan("train", "train", again=False), as_json=as_json)
    record = manifest.steps[-1]
    model = store.require_json(record.objects["model"])
    if as_json:
        render.as_json({**record.figures, **model})
    else:
        key = store.place(record.objects["model"])
        render_model.model(model, record.figures, key=key)


@click.command(
    epilog="Example: dealcast evaluate --root data --json\n\n"
    "Example: dealcast evaluate --by product --root data\n\n"
    "Example: dealcast evaluate --path exports/ --root data"
)
@source_options
@click.option("--by", type=click.Choice(["sales_agent", "product"]), help="Figures by part.")
@settings_options
def evaluate(loaded: LoadedSettings, by: str | None, as_json: bool) -> None:
    """Judge every way to learn on later dates than it learnt from; a verdict in words.

    With a source, all steps before it are run first.
    """
    start = "ingest" if chose_source(loaded) else "evaluate"
    manifest, store = run_and_show(loaded, Plan(start, "evaluate", again=False), as_json=as_json)
    record = manifest.steps[-1]
    if "evaluation" not in record.objects:
        if as_json:
            render.as_json(record.figures)
        else:
            click.echo(f"Not evaluated: {record.figures['not_evaluated']}")
        return
    evaluation = store.require_json(record.objects["evaluation"])
    if as_json:
        render.as_json(evaluation)
    elif by:
        if by not in evaluation["by_segment"]:
            raise StoreError(
                f"The export names no {by}.", remedy="map its column (docs/mapping.md)"
            )
        render_evaluation.by_segment(evaluation["by_segment"][by], by)
    else:
        render_evaluation.evaluation(evaluation)


@click.command(
    epilog="Example: dealcast score --root data --top 20\n\n"
    "Example: dealcast score --root data --json --top 100 | jq .scores\n\n"
    "Example: dealcast score --root data --moved"
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    help="How many opportunities to print.  [default: 10; with --json all]",
)
@click.option("--moved", is_flag=True, help="Show whose score moved most; score only if needed.")
@settings_options
def score(loaded: LoadedSettings, top: int | None, moved: bool, as_json: bool) -> None:
    """Score every open opportunity on the export's last day, with reasons.

    With --json every score is printed, a row a line; `dealcast export scores` makes files of them.
    """
    manifest, store = run_and_show(loaded, Plan("score", "score", again=not moved), as_json=as_json)
    record = manifest.steps[-1]
    scores = most_valuable(store.load("scores", version=record.tables["scores"]))
    changed = _changes(store, record.tables.get("score_changes"))
    if as_json:
        if top is not None:
            scores = scores.head(top)
            changed = _of_these(changed, scores)
        rows.as_json(record.figures, {"scores": scores, "changes": changed})
        return
    top = top or SHOWN
    out, shown = render.console(), scores.head(top).to_dicts()
    if moved:
        render_model.changes(_moved(changed, scores).head(top).to_dicts())
        return
    out.print(render_model.scores(shown, currency=loaded.settings.data.currency))
    out.print()
    out.print(render_model.reasons(shown))
    click.echo(f"All {count(scores.height)} open ones: dealcast export scores --to FILE")


@click.command(epilog="Example: dealcast people --by sales_agent --root data")
@click.option("--by", help="The table of one entity, such as sales_agent.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=40,
    show_default=True,
    help="How many rows to print.",
)
@settings_options
def people(loaded: LoadedSettings, by: str | None, limit: int, as_json: bool) -> None:
    """Compare agents, products and accounts, with care.

    Shrunk rates with intervals; a ranking only where a difference is found.
    """
    store = open_store(loaded.settings.storage)
    record = load_latest_steps(store).get("evaluate")
    if record is None or "people" not in record.objects:
        raise StoreError(
            f"There are no comparisons in '{store.root}'.",
            remedy=f"`dealcast run --root {store.root}` makes them",
        )
    comparisons = store.require_json(record.objects["people"])
    known = list(dict.fromkeys(c["by"] for c in comparisons))
    if by is not None and by not in known:
        raise StoreError(f"'{by}' is not compared.", remedy=f"one of {listed(known)}")
    if as_json:
        render.as_json([c for c in comparisons if by in (None, c["by"])])
    else:
        render_model.people(comparisons, by=by, limit=limit)


@click.group(invoke_without_command=True, epilog="Example: dealcast models --root data")
@settings_options
def models(loaded: LoadedSettings, as_json: bool) -> None:
    """List registered models and champions; promote one, or roll back."""
    context = click.get_current_context()
    if context.invoked_subcommand:
        return
    registry = _registry(loaded)
    champion = registry.champion()
    best = champion.model_id if champion else None
    versions = [asdict(v) for v in registry.versions()]
    promotions = [asdict(p) for p in registry.promotions()]
    if as_json:
        render.as_json({"champion": best, "models": versions, "promotions": promotions})
    else:
        render_model.models(versions, promotions, best)


@models.command("rollback", epilog="Example: dealcast models rollback --root data")
@settings_options
def roll_back(loaded: LoadedSettings, as_json: bool) -> None:
    """Make the former champion champion again."""
    registry = _registry(loaded)
    _tell(rollback(registry, new_run_id(datetime.now(UTC))), loaded, as_json=as_json)


@models.command("promote", epilog="Example: dealcast models promote 1a2b3c4d5e6f --root data")
@click.argument("model_id")
@click.option("--reason", default="promoted by hand", show_default=True, help="Why; recorded.")
@settings_options
def promote(loaded: LoadedSettings, model_id: str, reason: str, as_json: bool) -> None:
    """Make a registered model the champion, for a reason that is recorded."""
    if not reason.strip():
        raise SettingsError("A promotion by hand needs a reason.", remedy='--reason "WHY"')
    registry, store = _registry(loaded), open_store(loaded.settings.storage)
    for version in registry.versions():
        if version.model_id == model_id:
            store.require_json(version.key)
    promotion = Promotion(model_id, new_run_id(datetime.now(UTC)), reason)
    registry.promote(promotion)
    _tell(promotion, loaded, as_json=as_json)


def _of_feature(records: list[dict[str, Any]], feature: str) -> list[dict[str, Any]]:
    """The records of one feature. Raises StoreError, with the nearest, where there is none."""
    found = [r for r in records if r["feature"] == feature]
    if not found:
        near = nearest(feature, {r["feature"] for r in records})
        raise StoreError(
            f"No feature '{feature}' was audited.",
            remedy=f"did you mean '{near}'?" if near else "`dealcast audit --json` has all of them",
        )
    return found


def _tell(promotion: Promotion, loaded: LoadedSettings, *, as_json: bool) -> None:
    if as_json:
        render.as_json(asdict(promotion))
    else:
        root = loaded.settings.storage.root
        click.echo(
            f"Champion is now {promotion.model_id}: {promotion.reason}.\n"
            f"Next: dealcast run --from score --root {root}"
        )


def _moved(changed: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """The changes of scores that changed, those that move most money first."""
    if changed.is_empty():
        return changed
    before, now = (1 / (1 + (-pl.col(name)).exp()) for name in ("log_odds_before", "log_odds"))
    worth = scores.select("opportunity_id", "sales_agent", "product", "amount", "is_stale")
    return (
        changed.join(worth, on="opportunity_id")
        .with_columns(p_before=before, p_now=now, value=(now - before) * pl.col("amount"))
        .filter((pl.col("log_odds") - pl.col("log_odds_before")).abs() > SMALLEST_MOVE)
        .sort(pl.col("value").abs(), "opportunity_id", descending=[True, False], nulls_last=True)
    )


def _of_these(changed: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """The changes of these scores."""
    if changed.is_empty():
        return changed
    return changed.join(scores, on="opportunity_id", how="semi")


def _registry(loaded: LoadedSettings) -> Registry:
    registry = open_registry(loaded.settings.tracking, open_store(loaded.settings.storage))
    registry.refresh()
    return registry


def _changes(store: Store, version: int | None) -> pl.DataFrame:
    return pl.DataFrame() if version is None else store.load("score_changes", version=version)
