"""The store that this process serves; of its own file, as Streamlit wants to start first."""

from dealcast.settings import LoadedSettings
from dealcast.workflow.store import Store, open_store

_served: dict[str, Store] = {}


def serve_from(loaded: LoadedSettings) -> None:
    """Read from the store of these settings, in this process from now on."""
    _served["store"] = open_store(loaded.settings.storage)


def store() -> Store:
    """The store that is shown."""
    return _served["store"]
