"""The routes of /v1, by the scope of the key that opens them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal

import polars as pl
from fastapi import APIRouter, Path, Query, Security
from fastapi.responses import Response
from fastapi.security import HTTPBearer

from dealcast.errors import StoreError
from dealcast.settings import Settings
from dealcast.surfaces.api import bodies
from dealcast.surfaces.api.access import route_for
from dealcast.surfaces.api.keeper import Keeper
from dealcast.surfaces.api.loaded import Issued, Loaded
from dealcast.surfaces.api.metrics import Metrics
from dealcast.surfaces.api.names import Names
from dealcast.surfaces.api.pace import Pace
from dealcast.surfaces.api.paging import page
from dealcast.surfaces.api.problems import MEDIA_TYPE, PROBLEMS, ProblemError
from dealcast.surfaces.api.requests import noted
from dealcast.surfaces.api.scoring import items, parts_by_id, score_given
from dealcast.surfaces.api.threads import computed

# The key itself is asked for by the route, before the body is read; this tells it in the document.
KEY = Security(HTTPBearer(auto_error=False, description="A key of `dealcast api key`."))
FILTERS = ("sales_agent", "product", "account", "grade", "is_stale")
# So few opportunities are scored in less time than it takes to wait for a thread when all are busy.
FEW = 3
# What is told of the model as it is.
OF_MODEL = (
    "estimator",
    "trained_until",
    "horizons_days",
    "features",
    "entities",
    "won",
    "lost",
    "oldest_closed_age_days",
)


@dataclass(frozen=True)
class Served:
    """What routes work with."""

    settings: Settings
    keeper: Keeper
    metrics: Metrics
    pace: Pace
    names: Names


def fails_with(*names: str) -> dict[int | str, dict[str, Any]]:
    """These kinds of problems, as the OpenAPI document tells them."""
    told: dict[int | str, dict[str, Any]] = {}
    for name in names:
        kind = PROBLEMS[name]
        before = told.get(kind.status, {}).get("description")
        told[kind.status] = {
            "description": f"{before}; {kind.title}" if before else kind.title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return told


EVERYWHERE = (
    *("no-key", "key-not-for-this", "too-often"),
    *("not-ready", "busy", "too-slow", "unexpected"),
)


def score_routes(served: Served) -> APIRouter:
    """What a key with the scope `score` opens."""
    settings = served.settings
    router = APIRouter(
        prefix="/v1",
        route_class=route_for("score", settings.api, served.pace),
        dependencies=[KEY],
        tags=["score"],
        responses=fails_with(
            *EVERYWHERE,
            "malformed-body",
            "conflict",
            "body-too-slow",
            "body-too-large",
            "not-json",
            "invalid",
        ),
    )

    @router.post("/score", response_model=bodies.ScoreAnswer)
    async def score(asked: bodies.ScoreRequest) -> Response:
        """Score one or many open opportunities by the champion, on a day."""
        most, number = settings.api.max_opportunities, len(asked.opportunities)
        noted().opportunities = number
        if number > most:
            raise ProblemError(
                "body-too-large", f"{number:,} opportunities are given; {most:,} may be."
            )
        loaded, given = served.keeper.now(), served.names.in_all(asked.opportunities)
        as_of = asked.as_of or loaded.known_until
        scoring = partial(
            score_given, loaded, given, as_of, settings.model.grades, with_reasons=asked.reasons
        )
        scores = scoring() if number <= FEW else await computed(scoring)
        served.metrics.scored.inc(number)
        model_id = loaded.signs.version.model_id
        return _json({"model_id": model_id, "as_of": as_of, "opportunities": scores})

    return router


def read_routes(served: Served) -> APIRouter:
    """What a key with the scope `read` opens."""
    settings, keeper = served.settings, served.keeper
    router = APIRouter(
        prefix="/v1",
        route_class=route_for("read", settings.api, served.pace),
        dependencies=[KEY],
        tags=["read"],
        responses=fails_with(*EVERYWHERE, "invalid"),
    )

    @router.get("/opportunities", response_model=bodies.Page, responses=fails_with("not-found"))
    async def opportunities(asked: Annotated[bodies.Listing, Query()]) -> Response:
        """The open opportunities as last scored: filtered, sorted, page by page."""
        issued = _issued(keeper.now())
        found = await computed(
            partial(
                page,
                issued.scores,
                {n: served.names.kept(n, getattr(asked, n)) for n in FILTERS},
                sort=asked.sort,
                limit=min(asked.limit, settings.api.max_opportunities),
                cursor=asked.cursor,
            )
        )
        return _json(
            {
                "run_id": issued.run_id,
                "total": found.total,
                "opportunities": list(items(found.rows, horizons_of(issued.scores))),
                "next_cursor": found.next_cursor,
            }
        )

    @router.get(
        "/opportunities/{opportunity_id:path}",
        response_model=bodies.Scored,
        responses=fails_with("not-found"),
    )
    async def opportunity(opportunity_id: Annotated[str, Path(max_length=500)]) -> Response:
        """One open opportunity as last scored, with the parts of its score."""
        found = await computed(partial(_one, _issued(keeper.now()), opportunity_id))
        return _json(found)

    @router.get("/forecast", response_model=bodies.ForecastAnswer)
    async def forecast(
        period_kind: Literal["week", "month", "quarter"] | None = None,
    ) -> Response:
        """Bookings to expect per week, month and fiscal quarter, as last issued."""
        loaded = keeper.now()
        record = loaded.signs.forecast
        if loaded.forecast is None or record is None:
            raise _not_made("forecast", "dealcast forecast")
        rows = loaded.forecast
        if period_kind is not None:
            rows = rows.filter(pl.col("period_kind") == period_kind)
        periods = rows.select(list(bodies.Period.model_fields)).to_dicts()
        currency = settings.data.currency
        return _json({"run_id": record.run_id, "currency": currency, "periods": periods})

    @router.get("/model", response_model=bodies.ModelAnswer)
    async def model() -> Response:
        """The champion: what it is, what it knows and why it scores."""
        return _json(_told(keeper.now()))

    return router


def horizons_of(scores: pl.DataFrame) -> list[int]:
    """The horizons (days) that scores have chances for, the shortest first."""
    prefix = "p_won_"
    return sorted(int(c.removeprefix(prefix)) for c in scores.columns if c.startswith(prefix))


def _one(issued: Issued, opportunity_id: str) -> Mapping[str, Any]:
    its = pl.col("opportunity_id") == opportunity_id
    found = next(items(issued.scores.filter(its), horizons_of(issued.scores)), None)
    if found is None:
        raise ProblemError(
            "not-found",
            "There is no open opportunity of this id.",
            remedy="GET /v1/opportunities lists them",
        )
    parts = parts_by_id(issued.reasons.filter(its))
    return {**found, "reasons": parts.get(opportunity_id, [])}


def _told(loaded: Loaded) -> Mapping[str, Any]:
    model, signs = loaded.model, loaded.signs
    return {
        **{name: getattr(model, name) for name in OF_MODEL},
        "model_id": signs.version.model_id,
        "known_until": loaded.known_until,
        "trained_in": signs.version.run_id,
        "promoted_in": signs.promotion.run_id,
        "promotion": signs.promotion.reason,
        "source": signs.version.source,
    }


def _issued(loaded: Loaded) -> Issued:
    if loaded.issued is None:
        raise _not_made("scores", "dealcast score")
    return loaded.issued


def _not_made(what: str, command: str) -> StoreError:
    return StoreError(f"There are no {what} yet.", remedy=f"`{command}` makes them")


def _json(content: Mapping[str, Any]) -> Response:
    """As it is: what comes from our own tables needs no second check. Dates as YYYY-MM-DD."""
    body = json.dumps(content, default=date.isoformat, allow_nan=False, separators=(",", ":"))
    return Response(body, media_type="application/json")
