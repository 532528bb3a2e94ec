"""dashboard: the store in the browser."""

import click

from dealcast.cli import render
from dealcast.cli.options import settings_options
from dealcast.settings import LoadedSettings


@click.command(
    epilog="Example: dealcast dashboard --root data\n\n"
    "Example: dealcast dashboard --root s3://crm/prod --env production --port 8600 --open"
)
@click.option("--port", "dashboard_port", type=int, help="Port to listen on.  [default: 8501]")
@click.option("--open/--no-open", "opens", default=False, help="Show it in the browser.")
@settings_options
def dashboard(loaded: LoadedSettings, opens: bool, as_json: bool) -> None:
    """Serve the dashboard of a store on this machine, until it is interrupted.

    It only reads: runs, tables and models stay as they are. dashboard.address says who can reach
    it; by default this machine alone.
    """
    from dealcast.surfaces.dashboard.serving import require, serve, url_of
    from dealcast.workflow.location import locate

    require(loaded)
    url = url_of(loaded)
    if as_json:
        render.as_json({"url": url, "root": locate(loaded.settings.storage).root})
    else:
        click.echo(f"The dashboard is at {url} (Ctrl+C stops it)")
    serve(loaded, opens=opens)
