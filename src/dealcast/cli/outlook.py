"""forecast · monitor: what is to come, and what has changed."""

import click

from dealcast.cli import render, render_outlook
from dealcast.cli.ops import run_and_show
from dealcast.cli.options import settings_options
from dealcast.settings import LoadedSettings
from dealcast.workflow.plan import Plan


@click.command(
    epilog="Example: dealcast forecast --root data\n\n"
    "Example: dealcast forecast --dead --root data\n\n"
    "Example: dealcast forecast --root data --json"
)
@click.option("--dead", is_flag=True, help="The dead pipeline by owner instead.")
@settings_options
def forecast(loaded: LoadedSettings, dead: bool, as_json: bool) -> None:
    """Bookings per week, month and fiscal quarter, tested beside plain methods."""
    manifest, store = run_and_show(
        loaded, Plan("forecast", "forecast", again=False), as_json=as_json
    )
    record, currency = manifest.steps[-1], loaded.settings.data.currency
    if "no_forecast" in record.figures and not dead:
        if as_json:
            render.as_json(record.figures)
        else:
            click.echo(f"No forecast: {record.figures['no_forecast']}")
        return
    tables = {
        name: store.load(name, version=version).to_dicts()
        for name, version in record.tables.items()
        if name not in ("forecasts_issued", "forecast_backtest")
    }
    content = record.figures
    if "forecast" in record.objects:
        content = store.require_json(record.objects["forecast"])
    if as_json:
        render.as_json({**content, "tables": tables})
    elif dead:
        owners = tables["dead_pipeline"]
        render_outlook.dead_pipeline(content["dead_pipeline"], owners, currency=currency)
    else:
        issued = tables["forecast_outcomes"]
        render_outlook.forecast(content, tables["forecast"], issued, currency=currency)


@click.command(
    epilog="Example: dealcast monitor --root data\n\n"
    "Example: dealcast monitor --root data --set monitoring.retrain_on=alert --json"
)
@settings_options
def monitor(loaded: LoadedSettings, as_json: bool) -> None:
    """What changed since training, and do chances come true?

    Ends with exit code 0 (no drift), 10 (warning) or 11 (alert). Where monitoring.retrain_on says
    so, the model is evaluated and trained anew, and the open opportunities are scored again.
    """
    manifest, store = run_and_show(loaded, Plan("monitor", "monitor", again=False), as_json=as_json)
    record = manifest.steps[-1]
    content = store.require_json(record.objects["drift"])
    if "calibration_over_time" in record.tables:
        version = record.tables["calibration_over_time"]
        over_time = store.load("calibration_over_time", version=version)
        content["calibration_over_time"] = over_time.to_dicts()
    reason = record.figures["retrain_reason"]
    if reason:
        run_and_show(loaded, Plan("evaluate", "score"), as_json=as_json)
    if as_json:
        render.as_json({**content, "retrained": bool(reason)})
    else:
        render_outlook.drift(content)
        if reason:
            click.echo(f"Trained anew: {reason}")
    click.get_current_context().exit(record.figures["drift_exit_code"])
