"""Who may do what, and how often: asked before the body of a request is waited for."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from dealcast.settings import ApiKey, ApiSettings
from dealcast.surfaces.api.incoming import take_body
from dealcast.surfaces.api.keys import Scope, owner_of
from dealcast.surfaces.api.pace import Pace
from dealcast.surfaces.api.problems import ProblemError
from dealcast.surfaces.api.requests import noted

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def route_for(scope: Scope, settings: ApiSettings, pace: Pace) -> type[APIRoute]:
    """Routes that only a key with this scope opens, at its pace; all do where there are no keys."""
    keys = settings.keys

    class KeyedRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handler = super().get_route_handler()

            async def opened(request: Request) -> Response:
                owner = _owner(keys, request.headers.get("authorization", ""))
                noted().key = owner.name if owner else None
                pace.count(noted().key)
                if keys:
                    _require(scope, owner)
                await take_body(request, settings.max_body_bytes)
                return await handler(request)

            return opened

    return KeyedRoute


def _owner(keys: Sequence[ApiKey], authorization: str) -> ApiKey | None:
    scheme, _, key = authorization.partition(" ")
    return owner_of(keys, key.strip()) if scheme.lower() == "bearer" else None


def _require(scope: Scope, owner: ApiKey | None) -> None:
    if owner is None:
        raise ProblemError("no-key", "The request has no key, or one that is not known here.")
    if scope not in owner.scopes:
        raise ProblemError("key-not-for-this", f"The key '{owner.name}' is not for '{scope}'.")
