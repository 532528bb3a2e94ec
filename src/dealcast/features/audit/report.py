"""AuditReport: every test of every feature, and which features are therefore left out."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from dealcast.contracts import LeakAudit
from dealcast.errors import LeakError, nearest
from dealcast.features.audit.spec import AuditRecord

# The more an outcome says, the more it counts where a test was asked twice.
SEVERITY = {"not applicable": 0, "passed": 1, "banned": 2, "overridden": 3, "failed": 4}


@dataclass(frozen=True)
class AuditReport:
    """How the leak gate came out: a record per feature and test, banned features too.

    `judged_on`: a sentence on the opportunities, where they were not all there are.
    """

    records: tuple[AuditRecord, ...]
    judged_on: str = ""

    @property
    def failed(self) -> tuple[AuditRecord, ...]:
        """Records of tests that found a leak which nobody allowed."""
        return tuple(r for r in self.records if r.outcome == "failed")

    @property
    def overridden(self) -> tuple[AuditRecord, ...]:
        """Records of tests that found a leak which audit.allow lets pass, with its reason."""
        return tuple(r for r in self.records if r.outcome == "overridden")

    @property
    def excluded(self) -> frozenset[str]:
        """Features that no model may use: failed, or banned by declaration."""
        return frozenset(r.feature for r in self.records if r.outcome in ("failed", "banned"))

    @property
    def leaks(self) -> dict[str, tuple[str, ...]]:
        """Each failed feature, and the tests that caught it."""
        return _tests_by_feature(self.failed)

    @property
    def untested(self) -> tuple[str, ...]:
        """Features of which no test could say anything: they have not passed either."""
        names = dict.fromkeys(r.feature for r in self.records)
        told = {r.feature for r in self.records if r.outcome != "not applicable"}
        return tuple(name for name in names if name not in told)

    @property
    def summary(self) -> str:
        """The result in words."""
        audited = {r.feature for r in self.records if r.outcome != "banned"}
        banned = {r.feature for r in self.records if r.outcome == "banned"}
        named = "; ".join(f"{name} ({', '.join(codes)})" for name, codes in self.leaks.items())
        found = f"{len(self.leaks)} of {len(audited)} features leak: {named}" if named else ""
        parts = [found or f"none of {len(audited)} features leaks"]
        if not audited or len(self.untested) == len(audited):
            return f"nothing could be tested: {self._why_untested}"
        if self.untested:
            parts.append(f"{len(self.untested)} could not be tested")
        if self.overridden:
            allowed = _tests_by_feature(self.overridden)
            parts.append(f"{len(allowed)} allowed all the same ({', '.join(allowed)})")
        if banned:
            parts.append(f"{len(banned)} banned by declaration")
        text = "; ".join(parts)
        return f"{text}. {self.judged_on}" if self.judged_on else text

    @property
    def _why_untested(self) -> str:
        notes = [r.note for r in self.records if r.outcome == "not applicable" and r.note]
        return notes[-1] if notes else "there is no feature, or no row, to test"

    def of(self, feature: str) -> dict[str, AuditRecord]:
        """The records of one feature by test."""
        return {r.test: r for r in self.records if r.feature == feature}

    def together_with(self, other: "AuditReport") -> "AuditReport":
        """Both reports as one."""
        return replace(self, records=self.records + other.records)

    def or_else(self, other: "AuditReport") -> "AuditReport":
        """Per feature and test the record that found more: a leak, else one that tested at all."""
        found = {(r.feature, r.test): r for r in self.records}
        for record in other.records:
            former = found.get((record.feature, record.test))
            if former is None or SEVERITY[record.outcome] > SEVERITY[former.outcome]:
                found[record.feature, record.test] = record
        return replace(self, records=tuple(found.values()))

    def to_frame(self) -> pl.DataFrame:
        """The contract LeakAudit."""
        rows = [asdict(record) for record in self.records]
        types = {name: column.dtype for name, column in LeakAudit.columns().items()}
        return LeakAudit.validate(pl.DataFrame(rows, schema=types))

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; `summary`, `excluded` and `leaks` are there for readers."""
        return {
            "summary": self.summary,
            "judged_on": self.judged_on,
            "excluded": sorted(self.excluded),
            "untested": list(self.untested),
            "leaks": {name: list(codes) for name, codes in self.leaks.items()},
            "records": [asdict(record) for record in self.records],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "AuditReport":
        """The report that `to_dict` gave."""
        records = tuple(AuditRecord(**record) for record in content["records"])
        return cls(records, content.get("judged_on", ""))

    def allowing(self, allow: Mapping[str, str]) -> "AuditReport":
        """The report with the failures of allowed features overridden, for the reason given.

        Raises LeakError for an allowed feature that was not audited, or is banned.
        """
        self._refuse_unknown(allow)
        records = tuple(
            replace(r, outcome="overridden", note=f"allowed: {allow[r.feature]} ({r.note})")
            if r.outcome == "failed" and r.feature in allow
            else r
            for r in self.records
        )
        return replace(self, records=records)

    def _refuse_unknown(self, allow: Mapping[str, str]) -> None:
        audited = {r.feature for r in self.records}
        for name in allow:
            if name not in audited:
                near = nearest(name, audited)
                raise LeakError(
                    f"audit.allow names '{name}', which is no audited feature.",
                    remedy=f"did you mean '{near}'?" if near else "take it out of audit.allow",
                )
        banned = [r for r in self.records if r.outcome == "banned" and r.feature in allow]
        if banned:
            raise LeakError(
                f"audit.allow names '{banned[0].feature}', which is banned: {banned[0].note}",
                remedy="take it out of audit.allow; a banned feature is never built",
            )


def _tests_by_feature(records: Iterable[AuditRecord]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for record in records:
        code = record.test.split("_", maxsplit=1)[0]
        found[record.feature] = (*found.get(record.feature, ()), code)
    return found
