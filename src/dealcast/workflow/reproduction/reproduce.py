"""A run made again from its manifest, in another store, and compared with what it made."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from dealcast.errors import SettingsError, StoreError
from dealcast.settings import LoadedSettings, Settings
from dealcast.settings.secrets import without_secrets
from dealcast.workflow.manifest import Removal, RunManifest, code_version, machine
from dealcast.workflow.plan import Plan
from dealcast.workflow.reproduction.beginning import lay_out, to_do_again
from dealcast.workflow.reproduction.comparison import Compared, compared
from dealcast.workflow.run import Watcher, run_steps
from dealcast.workflow.store import Store


@dataclass(frozen=True)
class Reproduction:
    """Which run was made again, what came out, and what is another than it was.

    `versions`: by what it is called, how it was and is: code, libraries, Python, machine. Where
    there are none and something differs, the run is not deterministic. `removed`: what has been
    deleted of the run since, and cannot be compared.
    """

    run_id: str
    again: str
    things: tuple[Compared, ...]
    versions: Mapping[str, tuple[str | None, str | None]]
    removed: tuple[Removal, ...]

    @property
    def is_identical(self) -> bool:
        """Whether all of it came out the same to the last bit."""
        return all(thing.is_identical for thing in self.things)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        things = [asdict(t) | {"is_identical": t.is_identical} for t in self.things]
        return asdict(self) | {"is_identical": self.is_identical, "things": things}


def reproduce(
    manifest: RunManifest, source: Store, target: Store, watcher: Watcher, *, quiet: bool = False
) -> Reproduction:
    """Make a run again in an empty store, from what its manifest pins, and compare.

    Raises StoreError where what it began with is gone, and SettingsError where this release has
    other settings.
    """
    if target.list_objects(""):
        raise StoreError(f"'{target.root}' is not empty.", remedy="give an empty place with --to")
    plan = Plan(only=to_do_again(manifest))
    settings = _settings(manifest, target.root)
    lay_out(manifest, source, target)
    loaded = LoadedSettings(settings, manifest.environment, {})
    again = run_steps(loaded, plan, watcher, quiet=quiet)
    then = {record.name: record for record in manifest.steps}
    things = (c for now in again.steps for c in compared(then[now.name], now, source, target))
    return Reproduction(
        run_id=manifest.run_id,
        again=again.run_id,
        things=tuple(things),
        versions=_other_versions(manifest),
        removed=tuple(manifest.removed),
    )


def _settings(manifest: RunManifest, root: str) -> Settings:
    """Those of the run, for another store, which alone records it; no secret is needed."""
    sections = {
        **manifest.settings,
        "storage": {"root": root},
        "tracking": {"kind": "local"},
        "orchestration": {"kind": "local", "skip_unchanged": False},
    }
    try:
        return without_secrets(Settings.model_validate(sections))
    except ValidationError as error:
        names = sorted({".".join(map(str, e["loc"])) for e in error.errors()})
        raise SettingsError(
            f"The settings of run {manifest.run_id} are none of this release: {', '.join(names)}.",
            remedy=f"make it again with dealcast {manifest.code.get('version', 'of its time')}",
        ) from None


def _other_versions(manifest: RunManifest) -> dict[str, tuple[str | None, str | None]]:
    then = {**manifest.code, **(manifest.began.machine if manifest.began else {})}
    now = {**code_version(), **machine()}
    names = dict.fromkeys([*then, *now])
    return {n: (then.get(n), now.get(n)) for n in names if then.get(n) != now.get(n)}
