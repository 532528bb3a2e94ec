"""train · evaluate · score: one step each, on what the store holds."""

import click

from dealcast.cli import render
from dealcast.cli.ops import run_and_show
from dealcast.cli.options import settings_options
from dealcast.settings import LoadedSettings
from dealcast.workflow.run import Plan


@click.command(epilog="Example: dealcast train --root data")
@settings_options
def train(loaded: LoadedSettings, as_json: bool) -> None:
    """Fit the win model on all that is known, open opportunities included."""
    manifest, store = run_and_show(loaded, Plan("train", "train"), as_json=as_json)
    record = manifest.steps[-1]
    model = store.get_json(record.objects["model"])
    if as_json:
        render.as_json(model)
    else:
        render.model(model, key=str(store.root / record.objects["model"]))


@click.command(epilog="Example: dealcast evaluate --root data --json")
@settings_options
def evaluate(loaded: LoadedSettings, as_json: bool) -> None:
    """Judge the model on dates later than its training, beside climatology and age alone."""
    manifest, store = run_and_show(loaded, Plan("evaluate", "evaluate"), as_json=as_json)
    record = manifest.steps[-1]
    if "evaluation" not in record.objects:
        if as_json:
            render.as_json(record.figures)
        else:
            click.echo(f"Not evaluated: {record.figures['not_evaluated']}")
        return
    evaluation = store.get_json(record.objects["evaluation"])
    if as_json:
        render.as_json(evaluation)
    else:
        render.evaluation(evaluation)


@click.command(epilog="Example: dealcast score --root data --top 20")
@click.option("--top", default=10, show_default=True, help="How many opportunities to print.")
@settings_options
def score(loaded: LoadedSettings, top: int, as_json: bool) -> None:
    """Score every open opportunity on the export's last day."""
    manifest, store = run_and_show(loaded, Plan("score", "score"), as_json=as_json)
    record = manifest.steps[-1]
    scores = store.load("scores", version=record.tables["scores"])
    if as_json:
        render.as_json({**record.figures, "scores": scores.to_dicts()})
    else:
        currency = loaded.settings.data.currency
        render.console().print(render.scores(scores.head(top).to_dicts(), currency=currency))
        click.echo(f"{scores.height:,} open opportunities; all: dealcast export scores --to FILE")
