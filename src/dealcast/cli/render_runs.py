"""One run with its lineage, and what was sent to MLflow, as terminal tables."""

from collections.abc import Mapping
from typing import Any

import click

from dealcast.cli.render import console, count, table

Row = Mapping[str, Any]


def run(content: Row) -> None:
    """One run: how it went, its steps, and where everything in it came from."""
    out = console()
    out.print(f"[bold]{content['run_id']}[/]  {content['status']}  {content['environment']}")
    out.print(f"from {content['started']} to {content['finished']}")
    if content["error"]:
        out.print(f"[red]{content['error']}[/]")
    rows = [
        (
            s["name"],
            f"skipped (made by {s['run_id']})" if s["skipped"] else f"{s['seconds']:.2f} s",
            ", ".join(f"{t} v{v}" for t, v in s["tables"].items()) or "-",
            ", ".join(s["objects"].values()) or "-",
        )
        for s in content["steps"]
    ]
    out.print(table("Steps", ("step", "took", "table versions", "objects"), rows))
    out.print()
    found = content["lineage"]
    lines = [*_scores(found), *_model(found), *_origins(content)]
    out.print(table("Where it comes from", ("what", "is"), lines))
    click.echo("All figures and settings: dealcast runs show RUN --json")


def sent(content: Row) -> None:
    """What went to MLflow now, and what is still to come."""
    runs, models = content["runs"], content["models"]
    for what, names in (("Runs", runs), ("Models", models)):
        click.echo(f"{what} sent to {content['uri']}: {', '.join(names) or 'none, it has all'}")
    if content["running"]:
        click.echo(f"Still running, not sent: {', '.join(content['running'])}")


def _scores(found: Row) -> list[tuple[str, str]]:
    scores = found["scores"]
    if scores is None:
        return []
    told = f"scores v{scores['version']}, {count(scores['rows'])} open opportunities"
    return [("scores", f"{told}, by run {scores['made_by_run']}")]


def _model(found: Row) -> list[tuple[str, str]]:
    model = found["model"]
    if model is None:
        return []
    now = ", the champion now" if model["is_champion_now"] else ""
    lines = [("model", f"{model['model_id']} ({model['why']}){now}")]
    if "trained_by_run" in model:
        trained = f"{model['estimator']}, trained until {model['trained_until']}"
        lines += [
            ("", f"{trained} by run {model['trained_by_run']} on '{model['source']}'"),
            ("", model["place"]),
        ]
    if there := model["mlflow"]:
        aliases = "".join(f" @{alias}" for alias in there["aliases"])
        lines.append(("", f"MLflow: {there['name']} version {there['version']}{aliases}"))
    return lines


def _origins(content: Row) -> list[tuple[str, str]]:
    """Raw export, code by run, and the same run in MLflow."""
    found = content["lineage"]
    lines: list[tuple[str, str]] = []
    if raw := found["raw"]:
        told = f"{raw['hash']}, {count(raw['rows'])} rows from '{raw['source']}'"
        lines += [("raw export", told), ("", raw["place"])]
    for run_id, code in found["code"].items():
        told = (
            "its manifest is gone"
            if code is None
            else f"{code['version']}, commit {code['commit'][:12] or 'unknown'}, "
            f"source {code['source_hash']}"
        )
        lines.append(("code", told if run_id == content["run_id"] else f"{told} (run {run_id})"))
    if there := found["mlflow"]:
        lines.append(("MLflow", there["url"] or f"{there['mlflow_run_id']} in {there['uri']}"))
    return lines
