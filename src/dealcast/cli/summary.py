"""The end of a run: what it came to, on one screen."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from dealcast.cli.render import (
    bar,
    blank_by_design,
    console,
    count,
    rows_line,
    scores,
    share,
    table,
)

Summary = Mapping[str, Any]


def show_summary(summary: Summary, *, currency: str) -> None:
    """Print rows, quality, features, skill, the open opportunities, and where things are."""
    out = console()
    skipped = [n for n, took in summary["steps"].items() if took == "skipped"]
    out.print(
        f"\n[bold]Run {summary['run_id']}[/] {summary['status']} in {summary['seconds']:.1f} s"
    )
    if skipped:
        out.print(f"unchanged and skipped: {', '.join(skipped)}")
    for section in (_rows, _quality, _features, _skill):
        section(out, summary)
    _pipeline(out, summary, currency)
    if summary["top_opportunities"]:
        out.print()
        scores(summary["top_opportunities"], currency=currency)
    root = summary["root"]
    out.print("\n[bold]Where things are[/]")
    out.print(f"tables    {root}/  (dealcast export TABLE --to FILE --root {root})")
    out.print(f"manifest  {summary['manifest']}")


def _rows(out: Console, summary: Summary) -> None:
    if "rows_clean" not in summary:
        return
    out.print(f"\n[bold]Rows[/]      {rows_line(summary)}")
    stages = " · ".join(f"{stage} {count(n)}" for stage, n in summary["stages"].items())
    out.print(f"          {stages}")
    for repair in summary["repairs"]:
        what = f"{repair['title']} ({repair['table']})"
        out.print(f"repaired  {count(repair['rows'])} rows: {what}")
    if summary["rows_quarantined"]:
        reasons = ", ".join(f"{r} {n}" for r, n in summary["quarantine_reasons"].items())
        out.print(f"set aside {reasons}: dealcast quarantine list --root {summary['root']}")


def _quality(out: Console, summary: Summary) -> None:
    if "quality_raw" not in summary:
        return
    raw, clean = summary["quality_raw"], summary.get("quality_clean")
    after = "" if clean is None else f" → {clean:.3f} clean"
    out.print(f"\n[bold]Quality[/]   {raw:.3f} raw{after}  {bar(raw)}")
    found = [
        (d["code"], d["title"], count(d["rows"]), f"-{d['deduction']:.4f}")
        for d in summary["quality_deductions"]
    ]
    if found:
        out.print(table("", ("code", "deducted from the raw score", ">rows", ">deduction"), found))
    for notice in summary["quality_notices"]:
        out.print(
            f"note      {notice['code']} {notice['title']}: {notice['note'] or notice['rows']}"
        )
    out.print(blank_by_design(summary["blank_by_design"]))


def _features(out: Console, summary: Summary) -> None:
    if "crm_features_rows" not in summary:
        return
    names, missing = summary["point_in_time_features"], summary["features_not_available"]
    out.print(
        f"\n[bold]Features[/]  crm_features {count(summary['crm_features_rows'])} x "
        f"{summary['crm_features_columns']} · snapshot_features {count(summary['snapshot_rows'])} "
        f"x {len(names)} on {summary['snapshot_dates']} dates"
        + (f" · {len(missing)} not available" if missing else "")
    )


def _skill(out: Console, summary: Summary) -> None:
    if summary.get("not_evaluated"):
        out.print(f"\n[bold]Model[/]     not evaluated: {summary['not_evaluated']}")
    if not summary.get("evaluation"):
        return
    told = summary["evaluation"]
    skill = told["log_loss_skill"] or 0.0
    out.print(f"\n[bold]Model[/]     {summary['summary']}")
    out.print(f"          skill against climatology {skill:.3f}  {bar(skill)}  (0 none, 1 perfect)")


def _pipeline(out: Console, summary: Summary, currency: str) -> None:
    if "open_opportunities" not in summary:
        return
    horizon = summary["horizon_days"]
    of = max(summary["open_opportunities"], 1)
    out.print(
        f"\n[bold]Open[/]      {count(summary['open_opportunities'])} opportunities, "
        f"{count(summary['scored'])} scored; {count(summary['stale'])} "
        f"({share(summary['stale'] / of)}) are stale: older than any that ever closed"
    )
    out.print(
        f"          expected within {horizon} days: {summary['expected_wins']:.1f} wins, "
        f"{count(summary['expected_value'])} {currency}"
    )
