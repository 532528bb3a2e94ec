"""Is there room on the disks that a run writes to?"""

import shutil
import tempfile
from pathlib import Path

from dealcast.errors import SettingsError, StoreError
from dealcast.orchestration.doctor.spec import Finding, Setup, failed, ok, warning
from dealcast.workflow.location import locate

GIGABYTE = 10**9
# A run on a million opportunities needs about half a gigabyte in either place.
WARNS_BELOW_GB, FAILS_BELOW_GB = 2.0, 0.5


def disk(
    setup: Setup,
    *,
    warns_below_gb: float = WARNS_BELOW_GB,
    fails_below_gb: float = FAILS_BELOW_GB,
) -> Finding:
    """Free space where the store's folder is or will be, and of the temporary folder."""
    free = {what: shutil.disk_usage(_there(path)).free / GIGABYTE for what, path in _places(setup)}
    told = "; ".join(f"{gigabytes:,.1f} GB free {what}" for what, gigabytes in free.items()) + "."
    least = min(free.values())
    remedy = "make room, or choose another disk with --root and the variable TMPDIR"
    if least < fails_below_gb:
        return failed(f"{told} A run needs {fails_below_gb:g} GB.", remedy)
    if least < warns_below_gb:
        return warning(f"{told} Below {warns_below_gb:g} GB, a large run may fill it.", remedy)
    return ok(told)


def _places(setup: Setup) -> list[tuple[str, Path]]:
    scratch = Path(tempfile.gettempdir())
    places = [(f"for temporary files in '{scratch}'", scratch)]
    try:
        store = locate(setup.settings.storage, setup.environment)
    except (SettingsError, StoreError):
        return places  # another line tells it
    if store.is_local:
        places.insert(0, (f"for the store in '{store.root}'", Path(store.root)))
    return places


def _there(path: Path) -> Path:
    """The folder, or the nearest above it that exists."""
    return next(p for p in (path.resolve(), *path.resolve().parents) if p.exists())
