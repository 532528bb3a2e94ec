"""completion: the script that makes a shell complete commands, options and their values."""

import json

import click
from click.shell_completion import get_completion_class

VARIABLE = "_DEALCAST_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command(
    epilog="Example: dealcast completion bash > ~/.dealcast.bash, then `source` it in "
    "~/.bashrc\n\nExample: dealcast completion fish > ~/.config/fish/completions/dealcast.fish"
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
def completion(shell: str, as_json: bool) -> None:
    """Print the script that completes `dealcast` in a shell."""
    kind = get_completion_class(shell)
    if kind is None:
        raise AssertionError(f"click knows no completion of {shell}")
    root = click.get_current_context().find_root().command
    script = kind(root, {}, "dealcast", VARIABLE).source()
    click.echo(json.dumps({"shell": shell, "script": script}) if as_json else script)
