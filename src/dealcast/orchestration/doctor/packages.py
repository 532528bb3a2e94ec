"""Are Python and the packages those that are tested? Read from the package's own metadata."""

import platform
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from dealcast.orchestration.doctor.spec import Finding, Setup, failed, not_applicable, ok, warning
from dealcast.orchestration.versions import TESTED

PACKAGE = "dealcast"
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[^\]]*\])?(?P<range>[^;]*)(;(?P<marker>.*))?")
BOUND = re.compile(r"(>=|<)\s*([\w.]+)")
EXTRA = re.compile(r"extra == '(\w+)'")
TESTED_PYTHON = "Programming Language :: Python :: 3."
NOT_INSTALLED = "Dealcast runs from its source, without being installed as a package."


@dataclass(frozen=True)
class Requirement:
    """A package with the versions that are tested; of an extra, or None: always needed."""

    package: str
    versions: str
    extra: str | None
    because: str = ""

    def includes(self, found: str) -> bool:
        """Whether a version lies between the bounds.

        >>> Requirement("sqlalchemy", ">=2.0.44,<2.1", "sql").includes("2.1.0")
        False
        """
        at = _numbers(found)
        return all(
            at >= _numbers(bound) if sign == ">=" else at < _numbers(bound)
            for sign, bound in BOUND.findall(self.versions)
        )


def requirements(lines: Iterable[str]) -> Iterator[Requirement]:
    """The requirements that a package's metadata list, and what the Prefect flows ask besides.

    >>> next(requirements(["mlflow<3.18,>=3.17.2; extra == 'mlflow'"]))
    Requirement(package='mlflow', versions='<3.18,>=3.17.2', extra='mlflow', because='')
    """
    for line in lines:
        if parts := REQUIREMENT.fullmatch(line):
            extra = EXTRA.search(parts["marker"] or "")
            yield Requirement(parts["name"], parts["range"].strip(), extra and extra[1])
    for tested in TESTED:
        versions = f">={tested.at_least},<{tested.below}"
        yield Requirement(tested.package, versions, "prefect", tested.because)


def packages(setup: Setup) -> Finding:  # noqa: ARG001 - as every probe
    """Whether what is installed lies within the tested ranges; extras only where installed."""
    try:
        wanted = tuple(requirements(requires(PACKAGE) or ()))
    except PackageNotFoundError:
        return not_applicable(NOT_INSTALLED)
    return judged(wanted, {r.package: _installed(r.package) for r in wanted})


def judged(wanted: Iterable[Requirement], installed: dict[str, str | None]) -> Finding:
    """The finding, for versions by package; None where a package is not installed."""
    # Only Prefect's server makes fastapi matter: others may have any.
    relevant = [
        r for r in wanted if not r.because or installed.get("prefect") or r.extra != "prefect"
    ]
    wrong: dict[str, Requirement] = {}
    for requirement in relevant:
        found = installed[requirement.package]
        if requirement.extra is None if found is None else not requirement.includes(found):
            wrong.setdefault(requirement.package, requirement)
    if wrong:
        told = "; ".join(_told(r, installed[name]) for name, r in wrong.items())
        mended = " ".join(f"'{name}{r.versions}'" for name, r in wrong.items())
        return failed(f"Outside of what is tested: {told}.", f"uv pip install {mended}")
    there = {r.package for r in relevant if installed[r.package]}
    extras = {r.extra for r in relevant if r.extra}
    complete = sorted(
        e for e in extras if all(installed[r.package] for r in relevant if r.extra == e)
    )
    return ok(
        f"{len(there)} packages are within the tested ranges; complete extras: "
        f"{', '.join(complete) or 'none'}."
    )


def python(setup: Setup) -> Finding:  # noqa: ARG001 - as every probe
    """Whether this Python is one of those named in the package's classifiers."""
    here = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    try:
        named = metadata(PACKAGE).get_all("Classifier") or []
    except PackageNotFoundError:
        return not_applicable(f"{here}. {NOT_INSTALLED}")
    minors = sorted(int(c[len(TESTED_PYTHON) :]) for c in named if c.startswith(TESTED_PYTHON))
    tested = ", ".join(f"3.{minor}" for minor in minors)
    if sys.version_info[1] in minors:
        return ok(f"{here}; tested: {tested}.")
    return warning(f"{here}; tested: {tested}.", f"where something fails, use Python 3.{minors[0]}")


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _told(requirement: Requirement, found: str | None) -> str:
    name, wanted = requirement.package, requirement.versions
    because = f", for {requirement.because}" if requirement.because else ""
    return f"{name} {found or 'is not installed'} (tested: {wanted}{because})"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", text.split("+", maxsplit=1)[0])[:3])
