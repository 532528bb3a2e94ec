"""What CI says of dependencies: vulnerable, unknown or clean; and a bill that lists them all."""

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit, sbom = script("audit"), script("sbom")


def package(name: str, *ids: str, **more: str) -> dict[str, Any]:
    if "skip_reason" in more:
        return {"name": name, **more}
    vulns = [{"id": i, "fix_versions": ["2.0"], "aliases": [], "description": ""} for i in ids]
    return {"name": name, "version": "1.0", "vulns": vulns}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([package("one"), package("two")], audit.CLEAN, "2 packages without"),
        ([package("one", "PYSEC-1"), package("two")], audit.FOUND, "PYSEC-1, mended in 2.0"),
        ([package("one"), package("two", skip_reason="gone")], audit.UNKNOWN, "1 of 2 packages"),
        ([package("one", "PYSEC-1"), package("two", skip_reason="gone")], audit.FOUND, "PYSEC-1"),
    ],
)  # fmt: skip
def test_a_report_comes_to_a_verdict(packages: list[Any], code: int, said: str) -> None:
    found, lines = audit.verdict({"dependencies": packages})

    assert found == code
    assert said in lines[0]


def test_what_was_accepted_with_a_reason_is_no_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "ACCEPTED", {"PYSEC-1": "only on another system"})

    assert audit.verdict({"dependencies": [package("one", "PYSEC-1")]})[0] == audit.CLEAN


@pytest.mark.parametrize(
    ("codes", "required", "ends_with"),
    [((0, 0), False, 0), ((0, 2), False, 0),
     ((0, 2), True, 1), ((1, 2), False, 1), ((0, 0), True, 0)],
)  # fmt: skip
def test_it_fails_where_something_was_found_or_has_to_be_known(
    monkeypatch: pytest.MonkeyPatch, codes: tuple[int, ...], required: bool, ends_with: int
) -> None:
    found = iter([(code, ["told"]) for code in codes])
    monkeypatch.setattr(audit, "audit", lambda _: next(found))
    monkeypatch.setenv("AUDIT", "required" if required else "")

    assert audit.main([f"lock-{n}" for n in range(len(codes))]) == ends_with


@pytest.mark.parametrize("file", sorted(ROOT.glob("requirements/*.txt")), ids=lambda f: f.stem)
def test_every_package_of_a_lock_is_found_in_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")

    assert len(sbom.locked(text)) == sum("==" in line for line in text.splitlines())


def test_a_package_that_a_bill_lacks_is_named() -> None:
    lock = "one==1.0 \\\n    --hash=sha256:ab\ntwo[more]==2.0 ; sys_platform != 'win32' \\\n"

    assert sbom.missing({"components": [{"name": "one", "version": "1.0"}]}, lock) == ["two==2.0"]


@pytest.mark.slow
def test_the_bill_lists_every_locked_package(tmp_path: Path) -> None:
    python = ROOT / ".venv-audit" / "bin" / "python"
    if not python.is_file():
        pytest.skip("`make sbom` was not run: there is no .venv-audit")
    bill = tmp_path / "bill.json"

    done = subprocess.run(
        [python, ".ci/sbom.py", "requirements/core.txt", str(bill)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads(bill.read_text())
    assert content["bomFormat"] == "CycloneDX"
    assert content["metadata"]["component"]["name"] == "dealcast"


def test_the_linter_looks_for_unsafe_code_in_all_that_ships() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        lint = tomllib.load(file)["tool"]["ruff"]["lint"]
    spared = {where for where, rules in lint["per-file-ignores"].items() if "S" in rules}

    assert "S" in lint["select"]
    assert not [rule for rule in lint["ignore"] if rule.startswith("S")]
    assert spared == {"tests/**", "benchmarks/**"}
    done = subprocess.run(
        [Path(sys.executable).with_name("ruff"), "check", "--select", "S", "src"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
