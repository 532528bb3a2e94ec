"""Prefect's own settings while this process talks to a server; no profile is read or written."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectException
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_URL,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)

from dealcast.errors import ServiceAwayError, ServiceError
from dealcast.orchestration.heartbeats import heartbeat_seconds
from dealcast.orchestration.versions import OVERLOADED, Say, credentials, reach
from dealcast.settings import OrchestrationSettings

# Of one request, with waits of seconds: a server that has gone must not hold up the run.
RETRIES = 2
# Of one request that nothing waits for but the person who asked, half a minute in all: a server
# on SQLite answers 503 while another request writes.
PATIENT_RETRIES = 5


@contextmanager
def connected(
    settings: OrchestrationSettings, api_url: str, *, retries: int = RETRIES
) -> Iterator[None]:
    """This server, and never one that Prefect starts by itself."""
    keys = credentials(settings)
    updates = {
        PREFECT_API_URL: api_url,
        PREFECT_API_KEY: keys.get("PREFECT_API_KEY"),
        PREFECT_API_AUTH_STRING: keys.get("PREFECT_API_AUTH_STRING"),
        PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False,
        PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW: "ignore",
        PREFECT_CLIENT_MAX_RETRIES: retries,
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: heartbeat_seconds(settings),
    }
    with temporary_settings(updates=updates):
        yield


@contextmanager
def client_of(settings: OrchestrationSettings, say: Say) -> Iterator[SyncPrefectClient]:
    """A client of the server, whose version was compared.

    Raises ServiceAwayError where it is away or overloaded, ServiceError where it refuses.
    """
    server = reach(settings, say)
    with connected(settings, server.api_url, retries=PATIENT_RETRIES):
        try:
            with get_client(sync_client=True) as client:
                yield client
        except httpx.TransportError as error:
            raise ServiceAwayError(
                f"The Prefect server at {server.api_url} went away: {type(error).__name__}.",
                remedy="see that it runs, and do this again: what is done stays",
            ) from error
        except (httpx.HTTPStatusError, PrefectException) as error:
            if (
                isinstance(error, httpx.HTTPStatusError)
                and error.response.status_code in OVERLOADED
            ):
                raise ServiceAwayError(
                    f"The Prefect server at {server.api_url} has too much to do, or an error of "
                    f"its own: it answers {error.response.status_code}.",
                    remedy="do this again in a moment: what is done stays; or see the server's log",
                ) from error
            said = " ".join(str(error).split())[:300]
            raise ServiceError(
                f"The Prefect server at {server.api_url} refused: {said}",
                remedy="see the server's log, and whether the key may change deployments",
            ) from error
