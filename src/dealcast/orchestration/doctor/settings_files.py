"""Are the settings valid, where do they come from, and which secrets are set?"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from dealcast.errors import SettingsError
from dealcast.orchestration.doctor.spec import Finding, Setup, ok, refused, warning
from dealcast.settings import LoadedSettings, Section, Settings, secret_fields

PRODUCTION = "production"
# Secrets that matter only where a section is of this kind.
MATTERS_WITH = {"source": "sql kaggle", "orchestration": "prefect"}


def config_folder(setup: Setup) -> Finding:
    """The folder of ENV.yaml, and which environments it has."""
    folder = setup.config_folder
    there = sorted(file.stem for file in folder.glob("*.yaml"))
    if there:
        return ok(f"'{folder}' has the environments {', '.join(there)}.")
    what = "has no ENV.yaml" if folder.is_dir() else "is not there"
    return ok(f"The folder '{folder}' {what}: the built-in values of development apply.")


def settings(setup: Setup) -> Finding:
    """The environment, how many values came from where, and which secrets are set and not."""
    loaded = setup.loaded
    if isinstance(loaded, SettingsError):
        return refused(loaded)
    written = [
        f"{key} (in {origin})"
        for key, is_set in _secrets(loaded.settings)
        if is_set and (origin := loaded.origins.get(key, "")).endswith((".yaml", ".yml"))
    ]
    told = f"Environment '{loaded.environment}': {_origins(loaded)}; {_told_secrets(loaded)}."
    if written:
        return warning(
            f"{told} Written where others may read: {', '.join(written)}.",
            "move secrets to the environment, as DEALCAST__SECTION__KEY, and change them",
        )
    missing = loaded.env_file
    if missing and not Path(missing).is_file():
        return warning(
            f"{told} The env_file {missing} is not there.",
            "`dealcast stack up` writes it; or set what is missing in the environment",
        )
    if loaded.environment == PRODUCTION and loaded.settings.source.kind == "sample":
        return warning(
            f"{told} The source is the generated sample.",
            "choose sql, files or kaggle: DEALCAST__SOURCE__KIND, or source.kind in the YAML file",
        )
    return ok(told)


def _origins(loaded: LoadedSettings) -> str:
    """How many values came from each place; a variable of a file or the environment is one."""
    places = Counter(
        "flags" if origin == "flag" else origin.rpartition(" DEALCAST__")[0] or origin
        for origin in loaded.origins.values()
    )
    counted = [f"{number} values from {place}" for place, number in places.items()]
    return ", ".join(counted) or "built-in values"


def _told_secrets(loaded: LoadedSettings) -> str:
    found = dict(_secrets(loaded.settings))
    there = [key for key, is_set in found.items() if is_set]
    missing = [key for key, is_set in found.items() if not is_set]
    return (
        f"secrets set: {', '.join(there) or 'none'}, not set: {', '.join(missing) or 'none'}"
        if found
        else "no secret is needed"
    )


def _secrets(settings: Settings) -> Iterator[tuple[str, bool]]:
    """Each secret that may matter here, by dotted key, and whether it is set; never its value."""
    for name in Settings.model_fields:
        section: Section = getattr(settings, name)
        kind = getattr(section, "kind", None)
        if name in MATTERS_WITH and kind not in MATTERS_WITH[name].split():
            continue
        storage = settings.storage
        if name == "storage" and not (storage.root.startswith("s3://") or storage.bucket):
            continue
        if name == "privacy" and not settings.privacy.pseudonyms:
            continue
        yield from ((k, v is not None) for k, v in secret_fields(section, f"{name}."))
