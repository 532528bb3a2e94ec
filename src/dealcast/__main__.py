"""python -m dealcast, and the `dealcast` command: one clear message for every error."""

import os
import sys
import traceback

import click

from dealcast.cli import cli
from dealcast.errors import DealcastError, OutOfMemoryError, printable
from dealcast.hiding import hidden

INTERRUPTED = 130


def main() -> None:
    """Run the command line and end with its exit code (docs/errors.md lists them)."""
    debug = "--debug" in sys.argv
    try:
        code = cli.main(standalone_mode=False, prog_name="dealcast")
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader of the output (such as `head`) has gone: nothing is wrong.
        sys.stderr.close()
        code = 0
    except DealcastError as error:
        if debug:
            click.echo(hidden(traceback.format_exc()), err=True)
        plain = bool(os.environ.get("NO_COLOR"))  # else click looks whether it is a terminal
        click.secho(
            "Error: ", fg="red", bold=True, nl=False, err=True, color=False if plain else None
        )
        click.echo(str(error), err=True)
        code = error.exit_code
    except MemoryError:
        click.echo(
            "Error: The memory was not enough.\n\n"
            "Try: set engine.memory_gb to less, end other programs or take a larger machine",
            err=True,
        )
        code = OutOfMemoryError.exit_code
    except Exception as error:  # noqa: BLE001 - the last line of defence
        if debug:
            click.echo(hidden(traceback.format_exc()), err=True)
        click.echo(
            f"Unexpected error: {type(error).__name__}: {printable(hidden(str(error)))}\n\n"
            "Try: the same command with --debug, and report what it prints",
            err=True,
        )
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
