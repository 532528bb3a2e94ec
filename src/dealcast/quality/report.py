"""QualityReport: how good an export is, with every deduction in sight (docs/quality.md)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import polars as pl

from dealcast.contracts import STAGES, RawExport
from dealcast.errors import EXAMPLES_SHOWN
from dealcast.quality.checks import BLANK_BY_DESIGN
from dealcast.quality.reading import read
from dealcast.quality.results import CheckResult, Example, ask


@dataclass(frozen=True)
class QualityReport:
    """How good an export is: each check's result, and a score from 0 to 1.

    `rows` counts opportunities, `stage_counts` them by stage (blank and unknown ones under
    'unknown'), `blank_by_design` the cells that the stage leaves blank, which are not missing.
    """

    results: tuple[CheckResult, ...]
    score: float
    rows: int
    as_of: date | None
    stage_counts: Mapping[str, int]
    blank_by_design: Mapping[str, int]

    @property
    def worst_in_words(self) -> str:
        """The checks that cost most, each with the number of its rows and the first of them."""
        said = []
        for result in self.worst():
            first = f", such as {result.examples[0].place}" if result.examples else ""
            said.append(
                f"{result.code} {result.title} in {result.table} "
                f"({result.rows:,} {result.unit}{first})"
            )
        return "; ".join(said)

    @property
    def deductions(self) -> dict[str, float]:
        """Code of each check that costs something, and what it costs; dearest first."""
        dearest = sorted(self.results, key=lambda r: (-r.deduction, r.code))
        return {r.code: r.deduction for r in dearest if r.deduction > 0}

    def failed(self) -> tuple[CheckResult, ...]:
        """Checks that found something, notices included."""
        return tuple(r for r in self.results if r.outcome == "failed")

    def worst(self, n: int = EXAMPLES_SHOWN) -> tuple[CheckResult, ...]:
        """The `n` checks that cost most; those that cost nothing are left out."""
        by_code = {r.code: r for r in self.results}
        return tuple(by_code[code] for code in list(self.deductions)[:n])

    def __getitem__(self, code: str) -> CheckResult:
        """The result of the check with this code."""
        return next(r for r in self.results if r.code == code)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; `share` and `deductions` are there for readers."""
        content = asdict(self)
        for result, record in zip(self.results, content["results"], strict=True):
            record["share"] = result.share
        as_of = self.as_of and self.as_of.isoformat()
        return {**content, "as_of": as_of, "deductions": self.deductions}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "QualityReport":
        """The report that `to_dict` gave."""
        results = tuple(
            CheckResult(
                **{k: v for k, v in record.items() if k not in ("share", "examples")},
                examples=tuple(Example(**example) for example in record["examples"]),
            )
            for record in content["results"]
        )
        as_of = content["as_of"] and date.fromisoformat(content["as_of"])
        rest = {k: content[k] for k in ("score", "rows", "stage_counts", "blank_by_design")}
        return cls(results=results, as_of=as_of, **rest)


def assess(
    export: RawExport, *, spelling: Mapping[str, str] | None = None, as_of: date | None = None
) -> QualityReport:
    """How good is this export? Score = max(0, 1 - sum over checks of weight x failing share).

    `spelling` has the known misspellings, wrong to right. `as_of` is the last day that the export
    knows, by default the latest date in it.

    >>> rows = {"opportunity_id": ["A1", "A2"], "deal_stage": ["Prospecting", "Won"],
    ...         "engage_date": [None, "2025-01-07"], "close_date": [None, "2025-03-04"],
    ...         "close_value": [None, None], "source_file": ["x.csv"] * 2, "source_row": [2, 3]}
    >>> report = assess(RawExport({"opportunities": pl.DataFrame(rows)}))
    >>> report.deductions, report.score
    ({'DQ105': 0.25}, 0.75)
    """
    reading = read(export, spelling or {}, as_of)
    results = ask(reading)
    return QualityReport(
        results=results,
        score=max(0.0, 1.0 - sum(r.deduction for r in results)),
        rows=export.rows,
        as_of=reading.as_of,
        stage_counts=_stage_counts(reading.opportunities),
        blank_by_design=_blank_by_design(reading.opportunities),
    )


def _stage_counts(opportunities: pl.DataFrame) -> dict[str, int]:
    if "deal_stage" not in opportunities.columns:
        return {}
    stage = pl.col("deal_stage")
    known = pl.when(stage.is_in(STAGES)).then(stage).otherwise(pl.lit("unknown"))
    counts = dict(opportunities.group_by(known).len().iter_rows())
    return {s: counts[s] for s in (*STAGES, "unknown") if s in counts}


def _blank_by_design(opportunities: pl.DataFrame) -> dict[str, int]:
    if "deal_stage" not in opportunities.columns:
        return {}
    counts = [
        (pl.col("deal_stage").is_in(stages) & pl.col(column).is_null()).sum().alias(what)
        for what, (column, stages) in BLANK_BY_DESIGN.items()
        if column in opportunities.columns
    ]
    return opportunities.select(counts).row(0, named=True) if counts else {}
