"""Where the work on a store stands, told from a few JSON objects: quick, without the tables."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal

from dealcast.workflow.migrations.documents import read as in_present_schema
from dealcast.workflow.steps import STEP_NAMES

Content = Mapping[str, Any]
LATEST_STEPS = "runs/latest_steps.json"
RUN_TIME = "%Y%m%dT%H%M%SZ"
RENEW_AFTER = timedelta(days=7)  # as often as models are trained anew by default

State = Literal["nothing run", "running", "failed", "unfinished", "done"]


@dataclass(frozen=True)
class Made:
    """What a step made last: when, by which run, and what it says of it."""

    made: str
    days_ago: float
    run_id: str
    says: str


@dataclass(frozen=True)
class Standing:
    """How the newest run ended, what there is, and the next sensible command.

    `step` is the one that failed, or is still to be done. `error` is the problem it ended with.
    """

    store: str
    state: State
    next: str
    run_id: str | None = None
    step: str | None = None
    error: str | None = None
    scores: Made | None = None
    forecast: Made | None = None
    report: str | None = None


def standing(
    store: str,
    run_ids: Sequence[str],
    read: Callable[[str], Content | None],
    place: Callable[[str], str | None],
    now: datetime,
) -> Standing:
    """Where the work stands.

    `read` gives a JSON object of the store or None, `place` where an object is or None. Raises
    StoreError where a newer release wrote them.
    """
    at = f" --root {shlex.quote(store)}"
    newest = max(run_ids, default=None)
    key = f"runs/{newest}/manifest.json"
    content = read(key) if newest else None
    if newest is None or content is None:
        return Standing(store, "nothing run", f"dealcast run --source sample{at}")
    manifest = in_present_schema("manifest", content, key)
    records = in_present_schema("latest steps", read(LATEST_STEPS) or {}, LATEST_STEPS)
    scores = _made(records.get("score"), _scores, now)
    there = partial(
        Standing,
        store,
        run_id=newest,
        scores=scores,
        forecast=_made(records.get("forecast"), _forecast, now),
        report=place(f"runs/{newest}/report.html"),
    )
    if manifest["status"] != "done":
        state: State = "running" if manifest["status"] == "running" else "failed"
        step = _after(manifest["steps"])
        again = f"dealcast run --from {step}{at}"
        return there(state, again, step=step, error=manifest["error"])
    undone = next((name for name in STEP_NAMES if name not in records), None)
    if undone:
        return there("unfinished", f"dealcast run --from {undone}{at}", step=undone)
    return there("done", _next_of_done(scores, at))


def _next_of_done(scores: Made | None, at: str) -> str:
    if scores and scores.days_ago > RENEW_AFTER.days:
        return f"dealcast run --path EXPORT{at}"
    return f"dealcast report --open{at}"


def _after(done: Sequence[Content]) -> str:
    """The step that follows those a run has done: the one that it did not get through."""
    last = max((STEP_NAMES.index(s["name"]) for s in done), default=-1)
    return STEP_NAMES[min(last + 1, len(STEP_NAMES) - 1)]


def _made(record: Content | None, says: Callable[[Content], str], now: datetime) -> Made | None:
    if record is None:
        return None
    made = datetime.strptime(record["run_id"].split("-")[0], RUN_TIME).replace(tzinfo=UTC)
    age = (now - made) / timedelta(days=1)
    return Made(made.isoformat(), round(age, 3), record["run_id"], says(record["figures"]))


def _scores(figures: Content) -> str:
    return (
        f"{figures['scored']:,} of {figures['open_opportunities']:,} open opportunities, "
        f"{figures['expected_wins']:.1f} wins expected within {figures['horizon_days']} days"
    )


def _forecast(figures: Content) -> str:
    if not figures.get("next_periods"):
        return f"none: {figures.get('no_forecast')}"
    last = figures["next_periods"][-1]  # the longest period: weeks and months come before
    amount = f"{last['forecast']:,.0f}"
    return f"bookings of the {last['period_kind']} from {last['period_start']}: {amount}"
