"""The application: routes, entrance and what is loaded, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response

from dealcast.settings import Settings
from dealcast.surfaces.api import bodies
from dealcast.surfaces.api.entrance import Entrance
from dealcast.surfaces.api.keeper import Keeper
from dealcast.surfaces.api.metrics import MEDIA_TYPE, Metrics
from dealcast.surfaces.api.names import Names
from dealcast.surfaces.api.pace import Pace
from dealcast.surfaces.api.problems import answer_problems
from dealcast.surfaces.api.routes import Served, fails_with, read_routes, score_routes
from dealcast.tracking.base import Registry
from dealcast.workflow.store import Store

ABOUT = """Win probabilities of open CRM opportunities, and the bookings forecast.

Every error is `application/problem+json` (RFC 9457) with a `remedy` and the `request_id`, which
every answer has in the header X-Request-ID."""


def application(settings: Settings, store: Store, registry: Registry) -> FastAPI:
    """The application on a store."""
    metrics = Metrics()
    keeper = Keeper(store, registry, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with keeper.looking(settings.api.reload_seconds):
            yield

    app = FastAPI(
        title="Dealcast",
        description=ABOUT,
        version=version("dealcast"),
        lifespan=lifespan,
        # Their pages load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    answer_problems(app)
    served = Served(settings, keeper, metrics, Pace(settings.api), Names(settings, store))
    app.include_router(score_routes(served))
    app.include_router(read_routes(served))
    _add_health(app, keeper, metrics)
    app.add_middleware(Entrance, settings=settings.api, metrics=metrics)
    _describe_problems(app)
    return app


def _add_health(app: FastAPI, keeper: Keeper, metrics: Metrics) -> None:
    """What machines look after: open to all, without keys and without data."""

    @app.get("/healthz", tags=["health"], response_model=bodies.Health)
    async def healthz() -> dict[str, str]:
        """Whether the API lives."""
        return {"status": "ok"}

    @app.get(
        "/readyz", tags=["health"], response_model=bodies.Health, responses=fails_with("not-ready")
    )
    async def readyz() -> dict[str, str]:
        """Whether it can score; where not, why not and what to do."""
        keeper.now()
        return {"status": "ok"}

    @app.get(
        "/metrics",
        tags=["health"],
        response_class=Response,
        responses={200: {"description": "For Prometheus", "content": {"text/plain": {}}}},
    )
    async def figures() -> Response:
        """Requests, seconds, reloads and the model, for Prometheus."""
        return Response(metrics.text(), media_type=MEDIA_TYPE)


def _describe_problems(app: FastAPI) -> None:
    """Put the schema of problems, which every route refers to, into the OpenAPI document."""
    document: dict[str, Any] = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    schemas = document["components"]["schemas"]
    problem = bodies.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    # FastAPI's own, which is never answered.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    app.openapi = lambda: document  # type: ignore[method-assign]
