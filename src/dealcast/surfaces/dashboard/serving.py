"""The dashboard as a server on this machine."""

import socket
import threading
import time
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dealcast.errors import MissingExtraError, ServiceError
from dealcast.settings import LoadedSettings
from dealcast.settings.serving import DashboardSettings

APP = Path(__file__).with_name("app.py")
WAIT_SECONDS, LOOK_EVERY = 20, 0.1
# The page's ground and ink are those of the charts, so that both read as one.
_LIGHT = {"backgroundColor": "#ffffff", "secondaryBackgroundColor": "#f3f5f8",
          "textColor": "#1b2430", "primaryColor": "#0b6aa2", "linkColor": "#0b6aa2"}  # fmt: skip
_DARK = {"backgroundColor": "#161c23", "secondaryBackgroundColor": "#1f2731",
         "textColor": "#e8edf2", "primaryColor": "#62b5e5", "linkColor": "#62b5e5"}  # fmt: skip


def options(chosen: DashboardSettings) -> dict[str, Any]:
    """Streamlit's options: nothing is sent anywhere, and no browser is opened by it."""
    given = {
        "server.address": chosen.address,
        "server.port": chosen.port,
        "server.headless": True,
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": False,
        # Pages of other hosts may not connect.
        "browser.serverAddress": chosen.public_host or chosen.address,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "logger.level": "warning",
        "logger.hideWelcomeMessage": True,
        **{f"theme.light.{name}": value for name, value in _LIGHT.items()},
        **{f"theme.dark.{name}": value for name, value in _DARK.items()},
    }
    return {name.replace(".", "_"): value for name, value in given.items()}


def url_of(loaded: LoadedSettings) -> str:
    """Where it answers."""
    chosen = loaded.settings.dashboard
    return f"http://{chosen.address}:{chosen.port}"


def require(loaded: LoadedSettings) -> None:
    """Raises MissingExtraError or ServiceError where it cannot be served."""
    if find_spec("streamlit") is None:
        raise MissingExtraError("The dashboard", extra="dashboard")
    chosen = loaded.settings.dashboard
    try:
        with socket.create_server((chosen.address, chosen.port)):
            pass
    except OSError as error:
        raise ServiceError(
            f"The dashboard cannot listen on {chosen.address}:{chosen.port}: {error.strerror}.",
            remedy="give another port with --port, or stop what listens there",
        ) from error


def serve(loaded: LoadedSettings, *, opens: bool) -> None:
    """Serve until it is interrupted; `opens`: show it in the browser as soon as it answers."""
    from streamlit.web import bootstrap

    from dealcast.surfaces.dashboard.served import serve_from

    serve_from(loaded)
    chosen = loaded.settings.dashboard
    flags = options(chosen)
    bootstrap.load_config_options(flag_options=flags)
    if opens:
        threading.Thread(target=_open_when_ready, args=(loaded,), daemon=True).start()
    bootstrap.run(str(APP), is_hello=False, args=[], flag_options=flags)


def _open_when_ready(loaded: LoadedSettings) -> None:
    chosen, until = loaded.settings.dashboard, time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        try:
            with socket.create_connection((chosen.address, chosen.port), timeout=1):
                break
        except OSError:
            time.sleep(LOOK_EVERY)
    webbrowser.open(url_of(loaded))
