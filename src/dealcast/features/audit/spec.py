"""The vocabulary of the leak gate: what a test is, what it may find, and how it is recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from dealcast.settings.tree import AuditSettings

Outcome = Literal["passed", "failed", "not applicable", "overridden", "banned"]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Finding:
    """What a test measured on a feature, and whether that gives the outcome away."""

    figure: float
    leaks: bool
    note: str | None = None


@dataclass(frozen=True)
class NotApplicable:
    """Why a test says nothing of a feature; it counts as neither passed nor failed."""

    why: str


Findings: TypeAlias = dict[str, Finding | NotApplicable]


@dataclass(frozen=True, eq=False)
class LeakTest:
    """One question to every feature, and what to do where the answer is bad.

    `ask` takes what is audited and gives a finding per feature. `limit` is the largest figure that
    passes. `blind_to` says what the test cannot see, so that passing it is not read as more.
    """

    code: str
    title: str
    finds: str
    blind_to: str
    remedy: str
    ask: Callable[[Any], Findings] = field(repr=False)
    limit: Callable[[AuditSettings], float] = field(repr=False)


@dataclass(frozen=True)
class AuditRecord:
    """How one test of one feature came out.

    `figure` and `threshold` are in the unit that the test's title names, null where nothing was
    measured. `note` says what was found, why a test is not applicable, or why a leak is allowed.
    """

    feature: str
    group: str
    test: str
    title: str
    figure: float | None
    threshold: float | None
    outcome: Outcome
    note: str | None
    remedy: str

    @classmethod
    def of(
        cls,
        feature: str,
        group: str,
        test: LeakTest,
        finding: Finding | NotApplicable,
        settings: AuditSettings,
    ) -> "AuditRecord":
        """The record of what a test found."""
        record = partial(cls, feature=feature, group=group, test=test.code, title=test.title)
        if isinstance(finding, NotApplicable):
            return record(
                figure=None,
                threshold=None,
                outcome="not applicable",
                note=finding.why,
                remedy=test.remedy,
            )
        return record(
            figure=finding.figure,
            threshold=test.limit(settings),
            outcome="failed" if finding.leaks else "passed",
            note=finding.note,
            remedy=test.remedy,
        )


def group_of(groups: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The group of each feature that is in one."""
    return {feature: name for name, features in groups.items() for feature in features}
