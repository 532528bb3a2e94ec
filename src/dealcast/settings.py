"""Everything that can be chosen: one frozen tree, and where each value came from.

Defaults here < `config/ENV.yaml` < environment (`DEALCAST__STORAGE__ROOT`) < flags.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, ValidationError

from dealcast.errors import SettingsError, nearest

ENVIRONMENTS = ("development", "staging", "production")
PREFIX = "DEALCAST__"


class Section(BaseModel):
    """A part of the tree: frozen, unknown keys refused, every field described."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class DataSettings(Section):
    """What the export is about."""

    as_of: date | None = Field(
        None, description="Last day the export knows; by default the latest date in it."
    )
    fiscal_year_start_month: int = Field(
        1, ge=1, le=12, description="Month (1-12) in which fiscal quarter 1 begins."
    )
    currency: str = Field("USD", description="Currency of amounts, for display only.")


class FilesSource(Section):
    """CSV or Parquet files: one file, or a folder of them."""

    kind: Literal["files"] = "files"
    path: str | None = Field(None, description="File or folder to read.")
    mapping: str = Field(
        "default",
        description="Column and stage names: default, salesforce, hubspot or a YAML file.",
    )
    date_order: Literal["auto", "MDY", "DMY", "YMD"] = Field(
        "auto", description="Order of day, month and year; auto decides by the whole column."
    )
    decimal: Literal["auto", ".", ","] = Field("auto", description="Decimal mark of amounts.")
    delimiter: Literal["auto", ",", ";", "\t", "|"] = Field("auto", description="Field delimiter.")
    encoding: str = Field("auto", description="Text encoding, such as utf-8 or cp1252.")


class KaggleSource(Section):
    """The public CRM data set on Kaggle."""

    kind: Literal["kaggle"] = "kaggle"
    dataset: str = Field(
        "innocentmfa/crm-sales-opportunities", description="OWNER/NAME of the data set."
    )
    attempts: int = Field(4, ge=1, le=10, description="Tries before giving up, with back-off.")
    username: str | None = Field(None, description="Kaggle user; else from the usual places.")
    key: SecretStr | None = Field(None, description="Kaggle key; else from the usual places.")


class SampleSource(Section):
    """A generated CRM whose true probabilities are known."""

    kind: Literal["sample"] = "sample"
    opportunities: int = Field(8_800, ge=1, description="How many opportunities (count).")
    seed: int = Field(7, ge=0, description="Same seed, same export.")
    signal: float = Field(
        0.0, ge=0, le=5, description="Strength of agent, product and account effects; 0 as in life."
    )
    calendar: float = Field(
        1.0, ge=0, le=2, description="Strength of the quarter-end effect; 0 switches it off."
    )
    start: date = Field(date(2024, 10, 1), description="First engage date.")
    days: int = Field(457, ge=120, description="Days from the first engage date to the export.")
    dirt: float = Field(
        1.0, ge=0, le=10, description="Typos and bad rows, in multiples of the usual; 0 is clean."
    )
    account_blank_while_open: bool = Field(
        True, description="Leave the account blank on most open opportunities, as real CRMs do."
    )
    truncate_left_days: int = Field(
        150, ge=0, description="Closes in the first days are missing (days), as in real exports."
    )


SourceSettings = Annotated[FilesSource | KaggleSource | SampleSource, Discriminator("kind")]


class StorageSettings(Section):
    """Where tables and objects are kept."""

    root: str = Field("auto", description="Folder of the store; auto is ./data.")


class QualitySettings(Section):
    """When an export is good enough."""

    min_score: float = Field(
        0.6, ge=0, le=1, description="The run stops where the raw score (0-1) is lower."
    )


class CleaningSettings(Section):
    """What may be repaired."""

    spelling: dict[str, str] = Field(
        {"technolgy": "technology", "Philipines": "Philippines"},
        description="Known misspellings in any text column: wrong to right.",
    )
    max_quarantined: float = Field(
        0.5, ge=0, le=1, description="The run stops where a larger share of rows is set aside."
    )


class FeatureSettings(Section):
    """Which features, on which dates."""

    snapshot_every_days: int = Field(7, ge=1, description="Days between snapshot dates.")
    snapshot_weekday: int = Field(
        0, ge=0, le=6, description="Weekday the snapshot dates start on, Monday 0."
    )
    split: Literal["time", "random"] = Field(
        "time", description="How crm_features is split; random leaks and is labelled so."
    )
    test_share: float = Field(0.2, gt=0, lt=1, description="Share of rows in the test part.")


class ModelSettings(Section):
    """How the win model is trained and judged."""

    horizons_days: tuple[int, ...] = Field(
        (30, 60, 90), min_length=1, description="Won within so many days."
    )
    penalty: float = Field(
        1.0,
        gt=0,
        description="Inverse strength of the ridge penalty on the hazard (larger: freer).",
    )
    min_closed: int = Field(
        200, ge=1, description="Fewest closed opportunities to train on (count)."
    )
    first_origin_after_days: int = Field(
        90, ge=14, description="History (days) before the first rolling origin."
    )
    seed: int = Field(0, ge=0, description="Seed of everything random in training.")


class TrackingSettings(Section):
    """Where runs are recorded."""

    kind: Literal["local"] = Field("local", description="local: plain files under runs/.")


class OrchestrationSettings(Section):
    """How the steps are run."""

    skip_unchanged: bool = Field(
        True, description="Skip a step whose inputs, settings and code did not change."
    )


class LoggingSettings(Section):
    """What is logged, and how."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Lowest level.")
    format: Literal["human", "json"] = Field("human", description="human for people, json else.")


class Settings(Section):
    """The whole tree. A pure function receives its own section, never this."""

    data: DataSettings = DataSettings()
    source: SourceSettings = SampleSource()
    storage: StorageSettings = StorageSettings()
    quality: QualitySettings = QualitySettings()
    cleaning: CleaningSettings = CleaningSettings()
    features: FeatureSettings = FeatureSettings()
    model: ModelSettings = ModelSettings()
    tracking: TrackingSettings = TrackingSettings()
    orchestration: OrchestrationSettings = OrchestrationSettings()
    logging: LoggingSettings = LoggingSettings()


SOURCE_KINDS: dict[str, type[Section]] = {
    "files": FilesSource,
    "kaggle": KaggleSource,
    "sample": SampleSource,
}


@dataclass(frozen=True)
class LoadedSettings:
    """The tree, the environment it is for, and the origin of each value by dotted key."""

    settings: Settings
    environment: str
    origins: Mapping[str, str]


def load_settings(
    *,
    env: str | None = None,
    flags: Mapping[str, object] | None = None,
    config_dir: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Merge defaults, YAML, environment and flags into one tree.

    `flags` has dotted keys; a None value means that the flag was not given.
    Raises SettingsError naming the key, its origin, the nearest valid name and the places searched.
    """
    environ = os.environ if environ is None else environ
    name = env or environ.get("DEALCAST_ENV") or ENVIRONMENTS[0]
    file, searched = _find_file(name, config_dir, environ, chosen=name != ENVIRONMENTS[0])
    layers = [
        (str(file), dict(_flatten(_read_yaml(file)))) if file else ("", {}),
        *((f"environment {k}", {_dotted(k): _parsed(v)}) for k, v in _ours(environ)),
        ("flag", {k: v for k, v in (flags or {}).items() if v is not None}),
    ]
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        for key, value in layer.items():
            if key == "source.kind" and values.get(key) not in (None, value):
                # Another kind of source has other fields: those of the former do not carry over.
                for old in [k for k in values if k.startswith("source.")]:
                    del values[old], origins[old]
            _refuse_unknown(key, origin, searched, str(values.get("source.kind", "sample")), layer)
            values[key] = value
            origins[key] = origin
    values.setdefault("source.kind", "sample")
    try:
        settings = Settings.model_validate(_nest(values))
    except ValidationError as error:
        raise _refusal(error, origins, searched) from None
    return LoadedSettings(settings, name, origins)


def shown(loaded: LoadedSettings) -> Iterator[tuple[str, str, str]]:
    """(dotted key, value, origin) of every setting; secrets as asterisks."""
    for key, value in _flatten(loaded.settings.model_dump(mode="json")):
        origin = loaded.origins.get(key) or next(
            (o for k, o in loaded.origins.items() if key.startswith(f"{k}.")), "default"
        )
        yield key, "" if value is None else str(value), origin


def fields_of(section: type[Section]) -> Iterator[tuple[str, type[Section] | None]]:
    """Each field's name, and its section where it is one (the source union is not)."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        yield name, kind if isinstance(kind, type) and issubclass(kind, Section) else None


def _find_file(
    env: str, config_dir: Path | None, environ: Mapping[str, str], *, chosen: bool
) -> tuple[Path | None, list[str]]:
    folder = config_dir or Path(environ.get("DEALCAST_CONFIG_DIR", "config"))
    file = folder / f"{env}.yaml"
    searched = [str(file), f"environment {PREFIX}*", "flags"]
    if file.is_file():
        return file, searched
    if not chosen and config_dir is None and "DEALCAST_CONFIG_DIR" not in environ:
        return None, searched
    near = nearest(env, ENVIRONMENTS)
    raise SettingsError(
        f"There is no environment '{env}': no file at {file}.",
        remedy=f"choose {near!r} with --env"
        if near and near != env
        else f"create {file}, or name its folder with --config-dir",
    )


def _read_yaml(file: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise SettingsError(f"{file}{line} is not valid YAML.", remedy="mend that line") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(
            f"{file} must hold sections such as 'storage:'.", remedy="see config/development.yaml"
        )
    return content


def _ours(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    # The kind of source first: it decides which other source keys exist.
    ours = [(k, v) for k, v in environ.items() if k.upper().startswith(PREFIX)]
    yield from sorted(ours, key=lambda kv: (not kv[0].upper().endswith("__KIND"), kv[0]))


def _dotted(variable: str) -> str:
    return variable[len(PREFIX) :].lower().replace("__", ".")


def _parsed(text: str) -> object:
    """Lists, maps and null in an environment variable are YAML; all else stays text."""
    if text.strip()[:1] in ("[", "{") or text.strip() in ("null", "~", ""):
        return yaml.safe_load(text)
    return text


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping) and dotted != "cleaning.spelling":
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


def _known_keys(source_kind: str) -> list[str]:
    keys = []
    for section, kind in fields_of(Settings):
        section_type = kind or SOURCE_KINDS.get(source_kind, SampleSource)
        keys += [f"{section}.{name}" for name in section_type.model_fields]
    return keys


def _refuse_unknown(
    key: str, origin: str, searched: list[str], source_kind: str, layer: Mapping[str, object]
) -> None:
    kind = str(layer.get("source.kind", source_kind))
    known = _known_keys(kind)
    if key in known:
        return
    near = nearest(key, known)
    raise SettingsError(
        f"Unknown setting '{key}' (from {origin}).",
        remedy=(f"did you mean '{near}'? " if near else "")
        + f"searched: {', '.join(searched)}; `dealcast config show` lists every setting",
    )


def _refusal(
    error: ValidationError, origins: Mapping[str, str], searched: list[str]
) -> SettingsError:
    first = error.errors(include_url=False, include_input=False)[0]
    kinds = set(SOURCE_KINDS)
    key = ".".join(str(p) for p in first["loc"] if not (first["loc"][0] == "source" and p in kinds))
    message = first["msg"].removeprefix("Input ").removeprefix("should be ")
    return SettingsError(
        f"Setting '{key}' (from {origins.get(key, 'default')}) should be {message}."
        if "should be" in first["msg"]
        else f"Setting '{key}' (from {origins.get(key, 'default')}): {message}.",
        remedy=f"mend it there; searched: {', '.join(searched)}",
    )
