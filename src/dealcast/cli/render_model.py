"""What the model came to, as terminal tables."""

from collections.abc import Sequence

import click
from rich.console import RenderableType
from rich.table import Table

from dealcast.cli.render import console, shown, table
from dealcast.cli.terminal import styled
from dealcast.surfaces.sentences import champion_line, close_window, leak_count, leaking
from dealcast.surfaces.tables.model import groups
from dealcast.surfaces.tables.shape import Row
from dealcast.surfaces.words import count, share


def scores(rows: Sequence[Row], *, currency: str) -> RenderableType:
    """The opportunities that are worth most, with the reason that counts most either way."""
    if not rows:
        return table("There is no open opportunity", (), ())
    horizons = sorted(int(k.removeprefix("p_won_")) for k in rows[0] if k.startswith("p_won_"))
    columns = (
        "opportunity",
        "grade",
        "agent",
        "product",
        ">days",
        *(f">{h} d" for h in horizons),
        f">{currency}",
        ">expected",
        "closes",
    )
    lines = [
        (
            r["opportunity_id"],
            r["grade"] or "-",
            r["sales_agent"] or "-",
            r["product"] or "-",
            count(r["age_days"]),
            *(share(r[f"p_won_{h}"]) for h in horizons),
            count(r["amount"]),
            count(r["expected_value"]),
            "stale" if r["is_stale"] else close_window(r) or r["note"] or "",
        )
        for r in rows
    ]
    return table("Open opportunities worth most, won within so many days", columns, lines)


def reasons(rows: Sequence[Row]) -> Table:
    """Why: the part of each score that counts most for it and against it."""
    lines = [
        (r["opportunity_id"], r["reason_for"] or "-", r["reason_against"] or "-") for r in rows
    ]
    return table(
        "Why (log-odds of being won within the longest horizon)",
        ("opportunity", "for", "against"),
        lines,
    )


def changes(rows: Sequence[Row]) -> None:
    """Why scores moved since they were last issued, those that move most money first."""
    out = console()
    if not rows:
        out.print(
            "No score has moved since scores were last issued, or they were issued only once."
        )
        return
    first = rows[0]
    lines = [
        (
            r["opportunity_id"],
            r["sales_agent"] or "-",
            r["product"] or "-",
            share(r["p_before"]),
            share(r["p_now"]),
            *(f"{r[part]:+.2f}" for part in ("clock", "crm_edit", "model")),
            count(r["value"]),
            "stale now" if r["is_stale"] else "",
        )
        for r in rows
    ]
    columns = (
        "opportunity",
        "agent",
        "product",
        ">before",
        ">now",
        ">clock",
        ">CRM edit",
        ">model",
        ">expected",
        "",
    )
    title = (
        f"Scores that moved since {first['former_scored_on']} (as of {first['scored_on']}): won "
        f"within {first['horizon_days']} days, parts in log-odds"
    )
    out.print(table(title, columns, lines))


def model(content: Row, figures: Row, *, key: str) -> None:
    """What was fitted, on what, and whether it is the champion."""
    out = console()
    out.print(styled(f"Model {content['model_id']}", "bold"), f": {content['estimator']}", sep="")
    out.print(
        f"features {', '.join(content['features'])}; groups of opportunities by "
        f"{', '.join(content['entities']) or 'nothing'}; horizons {content['horizons_days']} days; "
        f"trained until {content['trained_until']} on {count(content['won'])} won and "
        f"{count(content['lost'])} lost, those still open included as censored"
    )
    out.print(
        f"the oldest opportunity that ever closed was {content['oldest_closed_age_days']} days old"
    )
    out.print(champion_line(figures))
    click.echo(f"kept in {key}")


def leaks(content: Row, *, every: bool) -> None:
    """The leak gate: what leaks and what caught it, what was allowed; or `every` record."""
    out = console()
    records = content["records"]
    found = [r for r in records if every or r["outcome"] in ("failed", "overridden")]
    out.print(_by_test(found) if every else _by_feature(found))
    for test, remedy in dict.fromkeys((r["test"], r["remedy"]) for r in found):
        out.print(f"{test}: {remedy}")
    told = content["summary"] if every or not found else leak_count(content)
    out.print(styled(told, "bold"))


def _by_feature(found: Sequence[Row]) -> Table:
    columns = ("feature", "caught by", "so it is", "what the first test found")
    return table("Features that know the outcome", columns, leaking(found))


def _by_test(records: Sequence[Row]) -> Table:
    lines = [
        (
            r["feature"],
            r["test"],
            r["outcome"],
            "-" if r["figure"] is None else f"{r['figure']:.3f}",
            "-" if r["threshold"] is None else f"{r['threshold']:.3f}",
            r["note"] or r["title"],
        )
        for r in records
    ]
    columns = ("feature", "test", "outcome", ">figure", ">limit", "what was found")
    return table("Every test", columns, lines)


def people(comparisons: Sequence[Row], *, by: str | None, limit: int) -> None:
    """Rates by entity, ranked only where they differ."""
    out = console()
    for rates in comparisons:
        if by is not None and rates["by"] != by:
            continue
        if by is not None and rates["table"]:
            out.print(shown(groups(rates, limit)))
        out.print(rates["note"])


def models(versions: Sequence[Row], promotions: Sequence[Row], champion: str | None) -> None:
    """Registered models and how the champion changed."""
    out = console()
    lines = [
        (
            v["model_id"] + (" *" if v["model_id"] == champion else ""),
            v["estimator"],
            v["trained_until"],
            v["source"],
            v["run_id"],
        )
        for v in versions
    ]
    columns = ("model (* champion)", "estimator", "trained until", "source", "run")
    out.print(table(f"{len(lines)} models", columns, lines))
    history = [(p["model_id"], p["run_id"], p["reason"]) for p in promotions]
    out.print()
    out.print(table("Champions, latest last", ("model", "run", "why"), history))
