"""The command line. COMMANDS is static, so that `dealcast --help` imports nothing heavy."""

from importlib import import_module

import click
from click.shell_completion import CompletionItem

from dealcast.errors import nearest

# name -> (where the command is, its line in the help). In the order of the work.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("dealcast.cli.ops:run", "All steps: from the export to scored opportunities."),
    "ingest": ("dealcast.cli.data:ingest", "Fetch an export and keep its bytes."),
    "validate": ("dealcast.cli.data:validate", "Check the raw export; score its quality."),
    "clean": ("dealcast.cli.data:clean", "Repair what can be, set the rest aside with a reason."),
    "quarantine": ("dealcast.cli.data:quarantine", "List rows set aside; readmit corrected ones."),
    "features": ("dealcast.cli.data:features", "Build descriptive and point-in-time features."),
    "audit": ("dealcast.cli.model:audit", "The leak gate: name features that know the outcome."),
    "evaluate": ("dealcast.cli.model:evaluate", "Judge it out of time; a verdict in words."),
    "train": ("dealcast.cli.model:train", "Fit the win model; it contests the champion."),
    "score": ("dealcast.cli.model:score", "Score the open opportunities, with reasons."),
    "forecast": ("dealcast.cli.outlook:forecast", "Forecast bookings, beside plain methods."),
    "monitor": ("dealcast.cli.outlook:monitor", "Tell what changed since training."),
    "people": ("dealcast.cli.model:people", "Compare agents, products and accounts, with care."),
    "models": ("dealcast.cli.model:models", "List models; promote one, or roll back."),
    "export": ("dealcast.cli.export:export", "Write a table as a file, or scores for the CRM."),
    "report": ("dealcast.cli.report:report", "Draw the report of a run; print where it is."),
    "dashboard": ("dealcast.cli.dashboard:dashboard", "Serve the dashboard on this machine."),
    "api": ("dealcast.cli.api:api", "Answer over HTTP: score, list, forecast."),
    "runs": ("dealcast.cli.ops:runs", "List runs; show one with its lineage."),
    "sample": ("dealcast.cli.data:sample", "Generate a CRM export with known true probabilities."),
    "store": (
        "dealcast.cli.store:store",
        "Copy the whole store, see its versions, delete what is old.",
    ),
    "stack": ("dealcast.cli.stack:stack", "Start, show and stop the services on this machine."),
    "deploy": ("dealcast.cli.deploy:deploy", "Put the jobs on their schedules in Prefect."),
    "doctor": ("dealcast.cli.doctor:doctor", "Tell what is not in order, and what to do."),
    "config": ("dealcast.cli.ops:config", "Show every setting and where it came from."),
    "completion": ("dealcast.cli.completion:completion", "Complete commands in bash, zsh, fish."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the commands, in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The static list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, from the static list: a shell waits for it."""
        found = [
            CompletionItem(name, help=line)
            for name, (_, line) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click's, with the nearest command offered."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = nearest(args[0], COMMANDS)
            hint = f" Did you mean '{near}'?" if near else ""
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: dealcast run --path exports/ --root data",
)
@click.version_option(package_name="dealcast")
@click.option("--root", help="Without a command: the store to tell of.")
@click.option("--json", "as_json", is_flag=True, help="Without a command: tell it as JSON.")
@click.pass_context
def cli(context: click.Context, root: str | None, as_json: bool) -> None:
    """From a CRM opportunity export to win probabilities that can be trusted.

    Without a command: where the work stands, and what to do next.
    """
    if context.invoked_subcommand is None:
        from dealcast.cli.start import tell_standing

        tell_standing(root, as_json=as_json)
    elif root or as_json:
        raise click.UsageError(
            f"--root and --json go after the command: dealcast {context.invoked_subcommand} ..."
        )
