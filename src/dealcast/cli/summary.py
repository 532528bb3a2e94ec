"""The end of a run: what it came to, on one screen."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from dealcast.cli.render import bar
from dealcast.cli.render_model import reasons, scores
from dealcast.cli.terminal import Terminal, styled
from dealcast.settings import DEFAULT_ENVIRONMENT
from dealcast.surfaces.sentences import blank_by_design, champion_line, rows_account
from dealcast.surfaces.words import count, share

Summary = Mapping[str, Any]
Line = tuple[str | Text, str | Text]  # a label, or none, and what it says

LABEL_WIDTH = 9
REASONS_SHOWN = 5


def show_summary(summary: Summary, out: Terminal, *, currency: str) -> None:
    """Print rows, quality, features, skill, the open opportunities, and where things are."""
    for section in (_run, _rows, _quality, _features, _leaks, _skill):
        _print(out, section(summary))
    _print(out, _pipeline(summary, currency))
    _print(out, _forecast(summary, currency))
    _print(out, _drift(summary))
    if summary["top_opportunities"]:
        out.print()
        out.print(scores(summary["top_opportunities"], currency=currency))
        out.print()
        out.print(reasons(summary["top_opportunities"][:REASONS_SHOWN]))
    out.print()
    for label, place in _places(summary):
        # Never cut or broken: it is to be copied, or clicked on.
        out.print(styled(f"{label:<{LABEL_WIDTH}}", "bold"), f"  {place}", sep="", soft_wrap=True)


def _print(out: Terminal, lines: Iterable[Line]) -> None:
    """The lines after an empty one; text that is too long goes on under itself."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=LABEL_WIDTH)
    grid.add_column(overflow="fold")
    for label, text in lines:
        grid.add_row(label, text)
    if grid.row_count:
        out.print()
        out.print(grid)


def _head(label: str) -> Text:
    """The label of what is most worth reading."""
    return styled(label, "bold")


def _run(summary: Summary) -> Iterable[Line]:
    yield _head("Run"), f"{summary['run_id']} {summary['status']} in {summary['seconds']:.1f} s"
    if skipped := [n for n, took in summary["steps"].items() if took == "skipped"]:
        yield "", f"unchanged and skipped: {', '.join(skipped)}"


def _rows(summary: Summary) -> Iterable[Line]:
    if "rows_clean" not in summary:
        return
    yield _head("Rows"), styled(rows_account(summary), "bold")
    yield "", " · ".join(f"{stage} {count(n)}" for stage, n in summary["stages"].items())
    for repair in summary["repairs"]:
        yield "repaired", f"{count(repair['rows'])} {repair['table']}: {repair['title'].lower()}"
    if summary["set_aside"]:
        told = ", ".join(f"{count(r['rows'])} {r['title'].lower()}" for r in summary["set_aside"])
        yield (
            "set aside",
            f"{told} (dealcast quarantine list --root {shlex.quote(summary['root'])})",
        )


def _quality(summary: Summary) -> Iterable[Line]:
    if "quality_raw" not in summary:
        return
    raw, clean = summary["quality_raw"], summary.get("quality_clean")
    after = "" if clean is None else f" → {clean:.3f} clean"
    yield _head("Quality"), f"{bar(raw)}  {raw:.3f} raw{after}"
    for d in summary["quality_deductions"]:
        yield f"-{d['deduction']:.4f}", f"{d['code']} {d['title']}: {count(d['rows'])} rows"
    for n in summary["quality_notices"]:
        yield "note", f"{n['code']} {n['title']}: {n['note'] or count(n['rows'])}"
    yield "blank", blank_by_design(summary["blank_by_design"])


def _features(summary: Summary) -> Iterable[Line]:
    if "crm_features_rows" not in summary:
        return
    names, missing = summary["point_in_time_features"], summary["features_not_available"]
    yield (
        _head("Features"),
        f"crm_features {count(summary['crm_features_rows'])} x {summary['crm_features_columns']} · "
        f"snapshot_features {count(summary['snapshot_rows'])} x {len(names)} "
        f"on {summary['snapshot_dates']} dates"
        + (f" · {len(missing)} not available" if missing else ""),
    )


def _leaks(summary: Summary) -> Iterable[Line]:
    if "leak_gate" not in summary:
        return
    leaks = summary["leaks"]
    told = ", ".join(f"{name} ({', '.join(tests)})" for name, tests in leaks.items())
    yield _head("Leak gate"), f"left out: {told}" if told else "nothing leaks"
    if summary["leaks_allowed"]:
        yield "allowed", f"{', '.join(summary['leaks_allowed'])} (audit.allow)"


def _skill(summary: Summary) -> Iterable[Line]:
    if summary.get("not_evaluated"):
        yield _head("Model"), f"not evaluated: {summary['not_evaluated']}"
    if summary.get("evaluation"):
        skill = summary["evaluation"]["log_loss_skill"] or 0.0
        yield _head("Model"), summary["summary"]
        yield "", f"{bar(skill)}  skill {skill:.3f} (0: no better than climatology, 1: perfect)"
    if "promotion" in summary:
        yield "", champion_line(summary)


def _pipeline(summary: Summary, currency: str) -> Iterable[Line]:
    if "open_opportunities" not in summary:
        return
    of, stale = summary["open_opportunities"], summary["stale"]
    told = f"{count(of)} opportunities, {count(summary['scored'])} scored; {count(stale)} "
    yield _head("Open"), f"{told}({share(stale / max(of, 1))}) older than any that ever closed"
    worth = f"{summary['expected_wins']:.1f} wins, {count(summary['expected_value'])} {currency}"
    yield "", f"expected within {summary['horizon_days']} days: {worth}"
    yield "", " · ".join(f"grade {name} {count(n)}" for name, n in summary["grades"].items())


def _forecast(summary: Summary, currency: str) -> Iterable[Line]:
    if summary.get("no_forecast"):
        yield _head("Forecast"), f"none: {summary['no_forecast']}"
    label: str | Text = _head("Forecast")
    for period in summary.get("next_periods", ()):
        yield label, _period(period, currency)
        label = ""
    if "forecast_summary" in summary:
        yield "", summary["forecast_summary"]
        yield "", summary["dead_pipeline"]["summary"]


def _period(period: Mapping[str, Any], currency: str) -> str:
    low, high = (count(period[end]) for end in ("low", "high"))
    around = "no interval yet" if low == "-" else f"{period['level']:.0%} interval {low} to {high}"
    booked, pipeline, new = (count(period[p]) for p in ("booked", "pipeline", "new_business"))
    return (
        f"{period['period_kind']} from {period['period_start']}: {count(period['forecast'])} "
        f"{currency} ({around}) = {booked} booked + {pipeline} pipeline + {new} new business"
    )


def _drift(summary: Summary) -> Iterable[Line]:
    if "drift_summary" in summary:
        yield _head("Drift"), summary["drift_summary"]


def _places(summary: Summary) -> Iterable[tuple[str, str]]:
    root, env = summary["root"], summary["environment"]
    at = f"--root {shlex.quote(root)}" + ("" if env == DEFAULT_ENVIRONMENT else f" --env {env}")
    yield "Tables", f"{root}/  (dealcast export TABLE --to FILE {at})"
    yield "Manifest", summary["manifest"]
    # Last, as it is the next thing to look at.
    again = f"not drawn: dealcast report {summary['run_id']} {at}"
    yield "Report", summary["report"] or again
