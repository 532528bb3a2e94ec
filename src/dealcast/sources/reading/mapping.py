"""Mappings: which of a CRM's files, columns and stages are which of ours."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files as package_files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from dealcast.cells import COLUMNS, KEYS
from dealcast.errors import SettingsError, listed, nearest, quoted, shortened
from dealcast.settings import Section
from dealcast.settings.yaml_text import is_file, read_yaml

# What the flags are called until they have told the stage.
CLOSED_FLAG, WON_FLAG = "is_closed", "is_won"
SHIPPED = ("default", "salesforce", "hubspot")
REQUIRED: Mapping[str, tuple[str, ...]] = {
    table: (key,) for table, key in KEYS.items() if table != "opportunities"
} | {"opportunities": ("opportunity_id", "deal_stage", "engage_date", "close_date")}

Names = Annotated[
    tuple[str, ...], BeforeValidator(lambda names: (names,) if isinstance(names, str) else names)
]
_REASONS = {"extra_forbidden": "there is no such key", "missing": "it is missing"}


class TableMapping(Section):
    """One of our tables in the CRM's words."""

    files: Names = Field(description="File names it may have; * stands for anything.")
    columns: dict[str, Names] = Field(
        description="Our column: the names it may have in the file, best first."
    )


class CrmMapping(Section):
    """A CRM's files, columns and stages in ours. `docs/mapping.md` has a worked example."""

    name: str = Field(description="What the mapping is called in messages.")
    description: str = Field("", description="Which export it is for.")
    tables: dict[str, TableMapping] = Field(description="Opportunities, and what else there is.")
    stages: dict[str, Literal["Prospecting", "Engaging", "Won", "Lost"]] = Field(
        description="Their stage: ours; case and white space do not matter, * stands for anything."
    )
    closed_flag: Names = Field((), description="Columns that say whether it is closed.")
    won_flag: Names = Field((), description="Columns that say whether it is won.")
    other_open_stage: Literal["Prospecting", "Engaging"] | None = Field(
        None, description="Our stage for unlisted stages that the closed flag says are open."
    )
    while_open: dict[
        Literal["close_date", "close_value"], Literal["expected_close_date", "amount"]
    ] = Field({}, description="Column that means something else until closed: what it means then.")
    lost_value: Literal["as given", "zero"] = Field(
        "as given", description="zero: the CRM keeps the hoped-for amount of a lost one; ours is 0."
    )

    @field_validator("tables")
    @classmethod
    def _knows_its_tables(cls, tables: dict[str, TableMapping]) -> dict[str, TableMapping]:
        if "opportunities" not in tables:
            raise ValueError("it must say where the 'opportunities' are")
        for table, mapped in tables.items():
            _refuse_unknown(table, COLUMNS, "no table of ours")
            for column in mapped.columns:
                _refuse_unknown(column, COLUMNS[table], f"no column of our {table}")
            lacking = [c for c in REQUIRED[table] if c not in mapped.columns]
            if lacking:
                raise ValueError(f"{table} need {listed(lacking)}")
        return tables

    def table_of(self, file: str) -> str | None:
        """The table that a file of this name holds; None where no pattern fits."""
        for table, mapped in self.tables.items():
            if any(_fits(file, pattern) for pattern in mapped.files):
                return table
        return None

    def candidates_found(self, table: str, column: str, names: Sequence[str]) -> list[str]:
        """The columns of the file that may be this column of ours, best first."""
        candidates = self.tables[table].columns.get(column, ())
        found = [first_present([candidate], names) for candidate in candidates]
        return list(dict.fromkeys(name for name in found if name is not None))

    def columns_found(
        self, table: str, names: Sequence[str], *, key: str | None = None
    ) -> dict[str, str]:
        """Our columns that the file has, and their names there: the best candidate of each.

        `key`: the file's column to take for the table's key, whatever is best.
        """
        found = {c: self.candidates_found(table, c, names) for c in self.tables[table].columns}
        best = {ours: theirs[0] for ours, theirs in found.items() if theirs}
        return best | ({KEYS[table]: key} if key else {})

    def flags_found(self, names: Sequence[str]) -> dict[str, str]:
        """The columns of the file that say whether it is closed and won."""
        flags = {CLOSED_FLAG: self.closed_flag, WON_FLAG: self.won_flag}
        found = {flag: first_present(theirs, names) for flag, theirs in flags.items()}
        return {flag: name for flag, name in found.items() if name is not None}

    def stages_known(self, theirs: Iterable[str]) -> dict[str, str]:
        """Their stage: ours, for those that the mapping lists; a name goes before a pattern."""
        listed_names = {plain(stage): ours for stage, ours in self.stages.items()}
        patterns = [(p, ours) for p, ours in self.stages.items() if "*" in p]
        known: dict[str, str] = {}
        for stage in theirs:
            ours = listed_names.get(plain(stage)) or next(
                (ours for pattern, ours in patterns if _fits(stage, pattern)), None
            )
            if ours:
                known[stage] = ours
        return known


def load_mapping(choice: str) -> CrmMapping:
    """The shipped mapping of this name, or the one in this YAML file.

    Raises SettingsError where there is none, or its content is no mapping.
    """
    if choice in SHIPPED:
        return _shipped(choice)
    file = Path(choice)
    if not is_file(file):
        near = nearest(choice, SHIPPED)
        raise SettingsError(
            f"There is no mapping {quoted(choice)}: neither a shipped one ({', '.join(SHIPPED)}) "
            "nor a file.",
            remedy=(f"did you mean '{near}'? " if near else "")
            + "--mapping NAME, or --mapping FILE.yaml (docs/mapping.md shows how to write one)",
        )
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"The mapping {choice} cannot be read: {error}.", remedy="save it as UTF-8 text"
        ) from None
    return _parsed(text, choice)


def fitting(names: Sequence[str], *, but: str) -> str | None:
    """A shipped mapping, other than `but`, that finds every required column among the names."""
    for shipped in SHIPPED:
        found = _shipped(shipped).columns_found("opportunities", names)
        if shipped != but and all(c in found for c in REQUIRED["opportunities"]):
            return shipped
    return None


def knowing(stages: Iterable[str], *, but: str) -> str | None:
    """A shipped mapping, other than `but`, that knows more than half of the stages."""
    stages = list(stages)
    for shipped in SHIPPED:
        if shipped != but and len(_shipped(shipped).stages_known(stages)) > len(stages) / 2:
            return shipped
    return None


def first_present(candidates: Sequence[str], names: Sequence[str]) -> str | None:
    """The first candidate that a file has, by the file's name for it.

    The very name goes before one that differs in case, spaces or underscores only.

    >>> first_present(["CloseDate", "Closed On"], ["id", "close date"])
    'close date'
    """
    by_form = {form(name): name for name in reversed(names)}
    for candidate in candidates:
        if candidate in names:
            return candidate
        if form(candidate) in by_form:
            return by_form[form(candidate)]
    return None


def form(name: str) -> str:
    """What names of a column share that differ in case, spaces and underscores only."""
    return re.sub(r"[\s_]+", "", name).casefold()


def plain(text: str) -> str:
    """A stage's or file's name in lower case, without white space around it or doubled."""
    return " ".join(text.split()).casefold()


def _refuse_unknown(name: str, known: Iterable[str], what: str) -> None:
    if name not in known:
        near = nearest(name, known)
        raise ValueError(
            f"{quoted(name)} is {what}" + (f"; did you mean '{near}'?" if near else "")
        )


def _fits(text: str, pattern: str) -> bool:
    """Whether the parts between the asterisks follow each other in the text.

    Each is taken where it first stands: a regular expression would try all others for hours.
    """
    first, *rest = plain(pattern).split("*")
    text = plain(text)
    if not rest:
        return text == first
    *middle, last = rest
    if not text.startswith(first):
        return False
    at = len(first)
    for part in middle:
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return text.endswith(last) and len(text) - len(last) >= at


@cache
def _shipped(name: str) -> CrmMapping:
    resource = package_files("dealcast.sources.reading").joinpath("mappings", f"{name}.yaml")
    return _parsed(resource.read_text(encoding="utf-8"), name)


def _parsed(text: str, origin: str) -> CrmMapping:
    content = read_yaml(text, f"The mapping {origin}")
    if not isinstance(content, dict):
        raise SettingsError(
            f"The mapping {origin} holds no 'tables' and 'stages'.",
            remedy="start from the example in docs/mapping.md",
        )
    try:
        return CrmMapping.model_validate(content)
    except ValidationError as error:
        raise _refusal(error, origin) from None


def _refusal(error: ValidationError, origin: str) -> SettingsError:
    first = error.errors(include_url=False)[0]
    path = [shortened(str(part)) for part in first["loc"] if part != "[key]"]
    reason = _REASONS.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] == "extra_forbidden":
        found, known = path[-1], _keys_at(path)
    else:
        found = str(first.get("input", ""))
        known = re.findall("'([^']+)'", str(first.get("ctx", {}).get("expected", "")))
    near = nearest(found, known)
    return SettingsError(
        f"The mapping {origin}: {'.'.join(path)}: {reason[:1].lower()}{reason[1:]}.",
        remedy=(f"did you mean '{near}'? " if near else "")
        + "mend it there; docs/mapping.md lists every key",
    )


def _keys_at(path: Sequence[str]) -> list[str]:
    inner = len(path) > 1 and path[0] == "tables"
    return list((TableMapping if inner else CrmMapping).model_fields)
