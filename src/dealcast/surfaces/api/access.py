"""Who may do what: a key with the scope, asked for before anything of the request is read."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from dealcast.settings import ApiKey
from dealcast.surfaces.api.keys import Scope, owner_of
from dealcast.surfaces.api.problems import ProblemError
from dealcast.surfaces.api.requests import noted

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def route_for(scope: Scope, keys: Sequence[ApiKey]) -> type[APIRoute]:
    """Routes that only a key with this scope opens; all do where there are no keys."""

    class KeyedRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            handler = super().get_route_handler()

            async def opened(request: Request) -> Response:
                if keys:
                    _require(scope, keys, request.headers.get("authorization", ""))
                return await handler(request)

            return opened

    return KeyedRoute


def _require(scope: Scope, keys: Sequence[ApiKey], authorization: str) -> None:
    scheme, _, key = authorization.partition(" ")
    owner = owner_of(keys, key.strip()) if scheme.lower() == "bearer" else None
    if owner is None:
        raise ProblemError("no-key", "The request has no key, or one that is not known here.")
    noted().key = owner.name
    if scope not in owner.scopes:
        raise ProblemError("key-not-for-this", f"The key '{owner.name}' is not for '{scope}'.")
