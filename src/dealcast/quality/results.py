"""Ask each check: passed, failed, or not applicable and why; with counts, costs and examples."""

from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from dealcast.cells import KEYS, shown
from dealcast.errors import EXAMPLES_SHOWN, listed
from dealcast.quality.checks import CHECKS
from dealcast.quality.spec import (
    Check,
    Dimension,
    Finding,
    NotApplicable,
    Reading,
    Severity,
)

ROWS_AT_ONCE = 1_000_000

Outcome = Literal["passed", "failed", "not applicable"]


@dataclass(frozen=True)
class Example:
    """One failing row: its key, its row in its file, and the cells in question.

    Reports of former versions do not name the file.
    """

    key: str | None
    source_row: int
    value: str
    source_file: str = ""

    @property
    def place(self) -> str:
        """Where the row stands, in words."""
        return f"row {self.source_row}" + (f" of {self.source_file}" if self.source_file else "")


@dataclass(frozen=True)
class CheckResult:
    """How one check came out. `rows` of `of` units fail; `deduction` is taken off the score.

    `note` says what a failed check of the whole export found, or why a check is not applicable.
    """

    code: str
    title: str
    dimension: Dimension
    severity: Severity
    table: str
    outcome: Outcome
    remedy: str
    unit: str = "rows"
    rows: int = 0
    of: int = 0
    deduction: float = 0.0
    note: str | None = None
    examples: tuple[Example, ...] = ()

    @property
    def share(self) -> float:
        """Failing share (0-1) of the rows looked at."""
        return self.rows / self.of if self.of else 0.0


def ask(reading: Reading) -> tuple[CheckResult, ...]:
    """The result of every check, in the order of CHECKS."""
    not_applicable = {c.code: why for c in CHECKS if (why := _why_not(c, reading))}
    applicable = [c for c in CHECKS if c.code not in not_applicable]
    findings: dict[str, Finding | NotApplicable] = {
        **{code: NotApplicable(why) for code, why in not_applicable.items()},
        **{c.code: c.fails(reading) for c in applicable if not isinstance(c.fails, pl.Expr)},
        **_failing_rows(applicable, reading),
    }
    return _with_examples([_result(c, findings[c.code]) for c in CHECKS], reading)


def _why_not(check: Check, reading: Reading) -> str | None:
    """Why the check cannot be asked of this export, if so."""
    for table in (check.table, check.needs):
        if table is not None and table not in reading.tables:
            return f"the export has no table {table}"
        if table is not None and reading.tables[table].is_empty():
            return f"{table} has no rows"
    missing = [c for c in check.columns if c not in reading.tables[check.table].columns]
    if missing:
        return f"{check.table} has no column {listed(missing)}"
    if check.needs and KEYS[check.needs] not in reading.tables[check.needs].columns:
        return f"{check.needs} has no column '{KEYS[check.needs]}'"
    return None


def _failing_rows(checks: list[Check], reading: Reading) -> dict[str, Finding]:
    """One pass over each table counts the failing rows of all its row checks."""
    sums: dict[str, list[pl.Expr]] = {}
    for check in checks:
        if isinstance(check.fails, pl.Expr):
            sums.setdefault(check.table, []).append(check.fails.sum().alias(check.code))
    return {
        code: Finding(rows, reading.tables[table].height)
        for table, exprs in sums.items()
        for code, rows in _added_up(reading.tables[table], exprs).items()
    }


def _added_up(frame: pl.DataFrame, sums: list[pl.Expr]) -> dict[str, int]:
    """The sums over all rows, in parts: what is parsed for them may take more than the rows do."""
    starts = range(0, frame.height, ROWS_AT_ONCE)
    # Not streaming: that engine would parse a column anew for each sum.
    parts = [
        frame.lazy().slice(start, ROWS_AT_ONCE).select(sums).collect(engine="in-memory")
        for start in starts
    ]
    return pl.concat(parts).sum().row(0, named=True)


def _result(check: Check, finding: Finding | NotApplicable) -> CheckResult:
    outcome: Outcome = "not applicable"
    rows, of, note = 0, 0, None
    if isinstance(finding, NotApplicable):
        note = finding.why
    else:
        rows, of = finding.rows, finding.of
        outcome, note = ("failed", finding.note) if rows else ("passed", None)
    return CheckResult(
        code=check.code,
        title=check.title,
        dimension=check.dimension,
        severity=check.severity,
        table=check.table,
        outcome=outcome,
        remedy=check.remedy,
        unit=check.unit,
        rows=rows,
        of=of,
        deduction=check.weight * rows / of if rows else 0.0,
        note=note,
    )


def _with_examples(results: list[CheckResult], reading: Reading) -> tuple[CheckResult, ...]:
    """The results, each failed row check with the first rows that fail it."""
    checks = {c.code: c for c in CHECKS}
    wanted = [
        (r.code, check, check.fails)
        for r in results
        if r.outcome == "failed" and isinstance((check := checks[r.code]).fails, pl.Expr)
    ]
    firsts = [
        _first_failing(check, fails, reading).collect(engine="streaming")
        for _, check, fails in wanted
    ]
    examples = {
        code: tuple(Example(*row) for row in frame.iter_rows())
        for (code, _, _), frame in zip(wanted, firsts, strict=True)
    }
    return tuple(replace(r, examples=examples.get(r.code, ())) for r in results)


def _first_failing(check: Check, fails: pl.Expr, reading: Reading) -> pl.LazyFrame:
    frame = reading.tables[check.table]
    key = KEYS[check.table]
    columns = check.shows or check.columns
    cells = [pl.format(f"{c}={{}}" if len(columns) > 1 else "{}", shown(c)) for c in columns]
    return (
        frame.lazy()
        .filter(fails)
        .head(EXAMPLES_SHOWN)
        .select(
            pl.col(key) if key in frame.columns else pl.lit(None, pl.String),
            "source_row",
            pl.concat_str(cells, separator=", ").alias("value"),
            pl.col("source_file").cast(pl.String),
        )
    )
