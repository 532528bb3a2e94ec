"""Defaults < `config/ENV.yaml` < its `env_file` < environment < flags, with origins.

A variable such as `DEALCAST__STORAGE__ROOT` names a setting, in the env file and the environment.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dealcast.errors import SettingsError, listed, nearest, quoted
from dealcast.hiding import remember
from dealcast.settings.secrets import secrets_of
from dealcast.settings.section import Section
from dealcast.settings.sources import SOURCE_KINDS, SampleSource
from dealcast.settings.tree import Settings
from dealcast.settings.yaml_text import is_file, read_yaml

ENVIRONMENTS = ("development", "staging", "production")
DEFAULT_ENVIRONMENT = ENVIRONMENTS[0]
PREFIX = "DEALCAST__"
DEFAULT_SOURCE = "sample"
# Key of ENV.yaml that names a file of KEY=VALUE lines: secrets that somebody else writes there.
ENV_FILE = "env_file"


@dataclass(frozen=True)
class LoadedSettings:
    """The tree, the environment it is for, and the origin of each value by dotted key.

    `env_file`: the one that ENV.yaml names, there or not.
    """

    settings: Settings
    environment: str
    origins: Mapping[str, str]
    env_file: str | None = None


def load_settings(
    *,
    env: str | None = None,
    flags: Mapping[str, object] | None = None,
    config_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Merge defaults, YAML, environment and flags into one tree.

    `flags` has dotted keys, of flags that were given. What is a secret is hidden from now on in
    errors and logs.
    Raises SettingsError naming the key, its origin, the nearest valid name and the places searched.
    """
    environ = os.environ if environ is None else environ
    name = env or environ.get("DEALCAST_ENV") or DEFAULT_ENVIRONMENT
    file, searched = _find_file(name, config_dir, environ, chosen=name != DEFAULT_ENVIRONMENT)
    content = _read_yaml(file) if file else {}
    env_file = content.pop(ENV_FILE, None)
    if env_file is not None and not isinstance(env_file, str):
        raise SettingsError(
            f"{file}: '{ENV_FILE}' should be the name of a file.", remedy="mend it there"
        )
    from_file = read_env_file(Path(env_file)) if env_file else {}
    layers = [
        (str(file), dict(_flatten(content))),
        *((f"{env_file} {k}", {_dotted(k): parse_value(v)}) for k, v in _ours(from_file)),
        *((f"environment {k}", {_dotted(k): parse_value(v)}) for k, v in _ours(environ)),
        ("flag", dict(flags or {})),
    ]
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        for key, value in layer.items():
            kind = str(values.get("source.kind", DEFAULT_SOURCE))
            if key == "source.kind" and kind != value:
                # Another kind of source has other fields: those of the former do not carry over.
                for old in [k for k in _known_keys(kind) if k.startswith("source.")]:
                    values.pop(old, None), origins.pop(old, None)
            # A secret in the environment may wait for the kind that a flag chooses.
            waits = key in _known_keys(str((flags or {}).get("source.kind") or kind))
            if not waits or origin == "flag":
                _refuse_unknown(key, origin, searched, kind, layer)
            values[key] = value
            origins[key] = origin
    values.setdefault("source.kind", DEFAULT_SOURCE)
    try:
        settings = Settings.model_validate(_nest(values))
    except ValidationError as error:
        raise _refusal(error, origins, searched) from None
    remember(secrets_of(settings, environ))
    return LoadedSettings(settings, name, origins, env_file or None)


def shown(loaded: LoadedSettings) -> Iterator[tuple[str, str, str]]:
    """(dotted key, value, origin) of every setting; secrets as asterisks."""
    for key, value in _flatten(loaded.settings.model_dump(mode="json")):
        origin = loaded.origins.get(key) or next(
            (o for k, o in loaded.origins.items() if key.startswith(f"{k}.")), "default"
        )
        yield key, "" if value is None else str(value), origin


def _find_file(
    env: str, config_dir: Path | None, environ: Mapping[str, str], *, chosen: bool
) -> tuple[Path | None, list[str]]:
    folder = config_dir or Path(environ.get("DEALCAST_CONFIG_DIR", "config"))
    file = folder / f"{env}.yaml"
    searched = [str(file), f"environment {PREFIX}*", "flags"]
    if is_file(file):
        return file, searched
    if not chosen and config_dir is None and "DEALCAST_CONFIG_DIR" not in environ:
        return None, searched
    near = nearest(env, ENVIRONMENTS)
    raise SettingsError(
        f"There is no environment {quoted(env)}: no file at {file}.",
        remedy=f"choose {near!r} with --env"
        if near and near != env
        else f"create {file}, or name its folder with --config-dir",
    )


def _read_yaml(file: Path) -> dict[str, object]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{file} cannot be read: {type(error).__name__}.",
            remedy="it must be UTF-8 text that you may read",
        ) from None
    content = read_yaml(text, str(file))
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(
            f"{file} must hold sections such as 'storage:'.", remedy="see config/development.yaml"
        )
    # A section whose lines are all comments is empty.
    return {name: section for name, section in content.items() if section is not None}


def read_env_file(file: Path) -> dict[str, str]:
    """The KEY=VALUE lines of a file; quotes around a value are dropped. Missing: nothing.

    Raises SettingsError naming the line, without repeating it: it may hold a secret.
    """
    if not is_file(file):
        return {}
    found = {}
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The env file {file} cannot be read: {type(error).__name__}.",
            remedy="it must be UTF-8 text that you may read",
        ) from None
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        key, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(
                f"{file}, line {number} is not KEY=VALUE.", remedy="mend that line, or remove it"
            )
        found[key.strip()] = value.strip().strip("\"'")
    return found


def _ours(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    # The kind of source first: it decides which other source keys exist.
    ours = [(k, v) for k, v in environ.items() if k.upper().startswith(PREFIX)]
    yield from sorted(ours, key=lambda kv: (not kv[0].upper().endswith("__KIND"), kv[0]))


def variable_of(key: str) -> str:
    """The variable that sets a setting.

    >>> variable_of("storage.root")
    'DEALCAST__STORAGE__ROOT'
    """
    return PREFIX + key.upper().replace(".", "__")


def _dotted(variable: str) -> str:
    return variable[len(PREFIX) :].lower().replace("__", ".")


def parse_value(text: str) -> object:
    """A value given as text, by a flag or the environment.

    Lists, maps and null are YAML; all else stays text.
    """
    if text.strip()[:1] in ("[", "{") or text.strip() in ("null", "~", ""):
        # What is no YAML stays text, and is refused by its type: an error would repeat a secret.
        with contextlib.suppress(SettingsError):
            return read_yaml(text, "the value")
    return text


# Settings whose keys are words of the user's.
NAMED_BY_USERS = ("cleaning.spelling", "audit.allow", "source.queries")


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping) and dotted not in NAMED_BY_USERS:
            yield from _flatten(value, f"{dotted}.")
        else:
            yield dotted, value


def _nest(values: Mapping[str, object]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for dotted, value in values.items():
        *parents, leaf = dotted.split(".")
        at = tree
        for parent in parents:
            at = at.setdefault(parent, {})
        at[leaf] = value
    return tree


def _fields_of(section: type[Section]) -> Iterator[tuple[str, type[Section] | None]]:
    """Each field's name, and its section where it is one (the source union is not)."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        yield name, kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _known_keys(source_kind: str) -> list[str]:
    source = SOURCE_KINDS.get(source_kind, SampleSource)
    return [k for name, kind in _fields_of(Settings) for k in _keys_of(kind or source, name)]


def _keys_of(section: type[Section], prefix: str) -> Iterator[str]:
    for name, kind in _fields_of(section):
        yield from _keys_of(kind, f"{prefix}.{name}") if kind else [f"{prefix}.{name}"]


def _refuse_unknown(
    key: str, origin: str, searched: list[str], source_kind: str, layer: Mapping[str, object]
) -> None:
    kind = str(layer.get("source.kind", source_kind))
    known = _known_keys(kind)
    if key in known:
        return
    elsewhere = [k for k in SOURCE_KINDS if key in _known_keys(k)]
    near = nearest(key, known)
    hint = f"did you mean '{near}'? " if near else ""
    if elsewhere:
        hint = f"it belongs to source.kind '{elsewhere[0]}', and the kind is '{kind}'; "
    raise SettingsError(
        f"Unknown setting {quoted(key)} (from {origin}).",
        remedy=f"{hint}searched: {', '.join(searched)}; `dealcast config show` lists every setting",
    )


def _refusal(
    error: ValidationError, origins: Mapping[str, str], searched: list[str]
) -> SettingsError:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "union_tag_invalid":
        return SettingsError(
            f"Setting 'source.kind' (from {origins.get('source.kind', 'default')}) should be one "
            f"of {listed(SOURCE_KINDS)}.",
            remedy=f"mend it there; searched: {', '.join(searched)}",
        )
    kinds = set(SOURCE_KINDS)
    key = ".".join(str(p) for p in first["loc"] if not (first["loc"][0] == "source" and p in kinds))
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    message = message.removeprefix("should be ")
    return SettingsError(
        f"Setting '{key}' (from {origins.get(key, 'default')}) should be {message}."
        if "should be" in first["msg"]
        else f"Setting '{key}' (from {origins.get(key, 'default')}): {message}.",
        remedy=f"mend it there; searched: {', '.join(searched)}",
    )
