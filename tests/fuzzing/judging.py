"""A hostile export, taken the way of every export; and whether anything was lost on it."""

import json
import signal
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Self

import polars as pl
from tests.fuzzing.exports import HostileExport, Truth, hostile_export
from tests.fuzzing.told import check_told

from dealcast.cleaning import Cleaned, as_raw, clean
from dealcast.contracts import CrmTables, Quarantine, RawExport
from dealcast.errors import DealcastError, QualityError
from dealcast.quality.report import assess
from dealcast.settings import CleaningSettings
from dealcast.settings import FilesSource as FilesSettings
from dealcast.sources.base import open_source
from dealcast.sources.reading import ReadingOptions, read_export

MAIN = "opportunities"
HANGS_AFTER = 60  # seconds of the processor for one export; the slowest take one


@dataclass
class Tally:
    """What became of the exports."""

    exports: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    by_damage: dict[str, Counter[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def add(self, export: HostileExport, outcome: str, rows: Counter[str]) -> None:
        """One export more."""
        self.exports += 1
        self.outcomes[outcome] += 1
        self.rows += rows
        for damage in export.damages:
            self.by_damage.setdefault(damage.name, Counter())[outcome] += 1

    def __iadd__(self, other: "Tally") -> Self:
        self.exports += other.exports
        self.outcomes += other.outcomes
        self.rows += other.rows
        self.failed += other.failed
        for name, outcomes in other.by_damage.items():
            self.by_damage.setdefault(name, Counter()).update(outcomes)
        return self

    def lines(self) -> Iterator[str]:
        """The counts, for people."""
        said = ", ".join(f"{count:,} {what}" for what, count in self.outcomes.most_common())
        yield f"{self.exports:,} hostile exports: {said or 'none'}"
        read = self.rows
        yield (
            f"rows in the files that were read {read['in']:,} = clean {read['clean']:,} + "
            f"quarantined {read['quarantined']:,}; {read['known']:,} of known content came out so"
        )
        for name, outcomes in sorted(self.by_damage.items()):
            told = ", ".join(f"{count:,} {what}" for what, count in sorted(outcomes.items()))
            yield f"  {name:34} {outcomes.total():6,}: {told}"
        yield from self.failed


def tried(numbers: Sequence[int], keep_in: Path | None = None) -> Tally:
    """The exports of these numbers, judged; what fails is kept as files for a closer look."""
    tally = Tally()
    for number in numbers:
        export = hostile_export(number)
        try:
            with _not_hanging(), TemporaryDirectory() as folder:
                export.write(Path(folder) / "export")
                outcome, rows = _judged(export, Path(folder))
        except Exception as error:  # noqa: BLE001 - whatever it is: that is the point
            outcome, rows = "failed", Counter[str]()
            where = traceback.extract_tb(error.__traceback__)[-1]
            tally.failed.append(
                f"export {number} ({', '.join(d.name for d in export.damages)}): "
                f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"[:1_000]
            )
            if keep_in is not None:
                export.write(keep_in / str(number))
        tally.add(export, outcome, rows)
    return tally


def _judged(export: HostileExport, folder: Path) -> tuple[str, Counter[str]]:
    settings = FilesSettings(path=str(folder / "export"))
    files = [name for name in export.files if not name.startswith(("~", "."))]
    if len(files) == 1:
        settings = FilesSettings(path=str(folder / "export" / files[0]))
    try:
        fetched = open_source(settings).fetch(folder / "raw")
        raw = read_export(fetched, ReadingOptions.of(settings))
        json.dumps(assess(raw).to_dict(), allow_nan=False).encode()
        _check_raw(export, raw)
        cleaned = clean(raw, None, CleaningSettings())
    except DealcastError as error:
        check_told(error, files)
        return _refused(export, error), Counter[str]()
    assert export.expected != "refused", "read, but it must be refused"
    return "read", _check_clean(export, raw, cleaned)


def _refused(export: HostileExport, error: DealcastError) -> str:
    """How it was refused, where it may be."""
    rows = sum(len(t.rows) for n, t in export.truth.items() if t and export.tables[n] == MAIN)
    # Of one row or two, a single cell may be half of all.
    is_mostly_bad = isinstance(error, QualityError) and len(export.facts) <= rows / 2
    assert export.expected != "reads" or is_mostly_bad, f"it can be read, but: {error}"
    return "too many bad rows" if isinstance(error, QualityError) else "refused unread"


def _check_raw(export: HostileExport, raw: RawExport) -> None:
    """Every row of every file is there, with its id and under its number."""
    for table, frame in raw.tables.items():
        assert not frame.is_empty()
        for (name,), rows in frame.group_by("source_file", maintain_order=True):
            truth = _truth(export, str(name))
            if truth is None:
                continue
            assert not truth.broken, f"{name} is broken and was read"
            assert rows["source_row"].to_list() == [number for number, _ in truth.rows], (
                f"{name}: {rows.height} rows read, {len(truth.rows)} are there"
            )
            if table == MAIN and (ids := truth.ids()):
                pairs = zip(map(_tidy, rows["opportunity_id"]), ids, strict=True)
                # What other letters are is a guess in an encoding that nothing gives away.
                differing = [(a, b) for a, b in pairs if b.isascii() and a != _tidy(b)]
                assert not differing, f"{name}: read, and there: {differing}"


def _truth(export: HostileExport, name: str) -> Truth | None:
    by_safe_name = {name.replace(" ", "_"): truth for name, truth in export.truth.items()}
    return by_safe_name.get(name)


def _check_clean(export: HostileExport, raw: RawExport, cleaned: Cleaned) -> Counter[str]:
    rows = Counter[str]()
    members = {
        name: member.collect()
        for name in CrmTables.members()
        if (member := getattr(cleaned.tables, name)) is not None
    }
    CrmTables.validate(members)
    Quarantine.validate(cleaned.quarantine)
    for table, frame in raw.tables.items():
        is_clean = members[table].height if table in members else 0
        aside = cleaned.quarantine.filter(pl.col("table") == table).height
        assert frame.height == is_clean + aside
        count = cleaned.log.count(table)
        assert (count.rows_in, count.rows_clean) == (frame.height, is_clean)
        rows += Counter({"in": frame.height, "clean": is_clean, "quarantined": aside})
    for row in cleaned.quarantine.iter_rows(named=True):
        assert row["explanation"].strip()
        assert row["suggested_fix"].strip()
        assert isinstance(json.loads(row["row"]), dict)
    json.dumps(cleaned.log.to_dict(), allow_nan=False).encode()
    _check_ids(raw, cleaned, members["opportunities"])
    if members["opportunities"].height and export.number % 4 == 0:
        again = as_raw(cleaned.tables, like=raw)
        json.dumps(assess(again).to_dict(), allow_nan=False).encode()
    rows["known"] = _check_facts(export, members["opportunities"])
    return rows


def _check_ids(raw: RawExport, cleaned: Cleaned, opportunities: pl.DataFrame) -> None:
    aside = cleaned.quarantine.filter(pl.col("table") == "opportunities")
    left = Counter(map(_tidy, opportunities["opportunity_id"]))
    left.update(map(_tidy, aside["key"]))
    assert left == Counter(map(_tidy, raw.opportunities["opportunity_id"]))


def _tidy(cell: str | None) -> str:
    return " ".join((cell or "").split())


def _check_facts(export: HostileExport, opportunities: pl.DataFrame) -> int:
    """Rows that nothing has touched are clean, and say what they said."""
    columns = ["opportunity_id", "deal_stage", "engage_date", "close_date", "close_value"]
    found = {key: tuple(rest) for key, *rest in opportunities.select(columns).iter_rows()}
    for key, facts in export.facts.items():
        assert key in found, f"{key} is good, but was set aside"
        assert found[key] == facts, f"{key} says {found[key]}, but it said {facts}"
    return len(export.facts)


@contextmanager
def _not_hanging() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TimeoutError("it hangs")

    # Not by the clock: a machine may be busy.
    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, HANGS_AFTER)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
