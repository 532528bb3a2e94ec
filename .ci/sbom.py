"""A CycloneDX bill of materials of every locked package, and the proof that it is complete.

Usage: sbom.py LOCK FILE
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SECONDS = 600


def locked(text: str) -> set[tuple[str, str]]:
    """Name and version of each package in a lock."""
    return set(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", text, re.MULTILINE))


def missing(bill: Mapping[str, Any], text: str) -> list[str]:
    """Packages of the lock that the bill does not list in that version."""
    there = {(c["name"], c["version"]) for c in bill["components"]}
    return sorted(f"{name}=={version}" for name, version in locked(text) - there)


def main(lock: Path, file: Path) -> int:
    """Write the bill; 1 where a package is not in it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    command = [
        *(str(Path(sys.executable).with_name("cyclonedx-py")), "requirements", str(lock)),
        *("--pyproject", "pyproject.toml", "--output-reproducible"),
        *("--output-format", "JSON", "--output-file", str(file)),
    ]
    subprocess.run(command, timeout=SECONDS, check=True)
    bill = json.loads(file.read_text(encoding="utf-8"))
    lacking = missing(bill, lock.read_text(encoding="utf-8"))
    for package in lacking:
        print(f"MISSING: {package} is locked, and not in {file}")
    print(f"{file}: {len(bill['components'])} packages, {bill['bomFormat']} {bill['specVersion']}")
    return int(bool(lacking))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
