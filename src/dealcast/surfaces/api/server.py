"""The server: who may reach it is decided before it starts; it stops when what it does is done."""

import ipaddress
import signal
from importlib.util import find_spec

from dealcast.errors import MissingExtraError, ServiceError, SettingsError
from dealcast.settings import ApiSettings, Settings
from dealcast.surfaces.api.logs import logged

NEEDED = ("fastapi", "uvicorn", "httptools", "prometheus_client")


def serve(settings: Settings) -> None:
    """Answer until SIGTERM or Ctrl-C; then finish the requests in flight, and return.

    Raises SettingsError where anybody could reach it without a key, ServiceError where the port is
    taken, MissingExtraError where its libraries are not installed.
    """
    refuse_open_doors(settings.api)
    if any(find_spec(name) is None for name in NEEDED):
        raise MissingExtraError("`dealcast api`", extra="api")
    import uvicorn

    # So that `dealcast api key` and --help need none of the tables.
    from dealcast.surfaces.api.app import application
    from dealcast.tracking.base import open_registry
    from dealcast.workflow.store import open_store

    store = open_store(settings.storage)
    app = application(settings, store, open_registry(settings.tracking, store))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=settings.api.host,
            port=settings.api.port,
            log_config=None,
            log_level=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=int(settings.api.timeout_seconds) + 1,
        )
    )
    # uvicorn raises the signal again once it has stopped, which would end the process as killed.
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with logged(settings.logging):
            server.run()
    except SystemExit:
        raise ServiceError(
            f"Nothing can listen on {address_of(settings.api)}.",
            remedy="free the port, or choose another with --port",
        ) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def address_of(api: ApiSettings) -> str:
    """Where it listens.

    >>> address_of(ApiSettings(host="::1", port=8001))
    'http://[::1]:8001'
    """
    host = f"[{api.host}]" if ":" in api.host else api.host
    return f"http://{host}:{api.port}"


def refuse_open_doors(api: ApiSettings) -> None:
    """Raises SettingsError where there are no keys, unless that is wanted, on loopback."""
    if api.keys:
        return
    if not api.without_keys:
        raise SettingsError(
            "There are no keys: `api.keys` is empty.",
            remedy="`dealcast api key NAME --scope read --scope score` makes one; to try it out on "
            "this machine: --without-keys",
        )
    if not _is_loopback(api.host):
        raise SettingsError(
            f"Without keys everybody who reaches {api.host} could ask for everything.",
            remedy="make keys (`dealcast api key NAME`), or listen on 127.0.0.1",
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
