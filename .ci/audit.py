"""Known vulnerabilities of the locked packages, by pip-audit; bounded in time.

Where the database of vulnerabilities cannot be reached, nothing is known: that is said, and is no
failure unless AUDIT=required. Usage: audit.py LOCK...
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SECONDS, ANSWER_SECONDS = 300, 10
# Names of packages of which nothing is known (count).
SHOWN = 5
# Vulnerabilities that do not concern Dealcast, and why not: {"PYSEC-2026-1": "reason"}.
ACCEPTED: Mapping[str, str] = {}
FOUND, UNKNOWN, CLEAN = 1, 2, 0


def verdict(report: Mapping[str, Any]) -> tuple[int, list[str]]:
    """What pip-audit's report comes to, and the lines that say so."""
    packages = report["dependencies"]
    skipped = [p["name"] for p in packages if "skip_reason" in p]
    found = [
        f"{p['name']} {p['version']}: {v['id']}, mended in {', '.join(v['fix_versions']) or 'none'}"
        for p in packages
        for v in p.get("vulns", ())
        if v["id"] not in ACCEPTED
    ]
    if found:
        return FOUND, found
    if skipped:
        some = ", ".join(skipped[:SHOWN]) + (", ..." if len(skipped) > SHOWN else "")
        return UNKNOWN, [f"nothing is known of {len(skipped)} of {len(packages)} packages: {some}"]
    return CLEAN, [f"{len(packages)} packages without a known vulnerability"]


def audit(lock: Path) -> tuple[int, list[str]]:
    """The verdict on the packages of a lock."""
    with tempfile.TemporaryDirectory(prefix="dealcast-audit-") as folder:
        report = Path(folder) / "report.json"
        command = [
            *(str(Path(sys.executable).with_name("pip-audit")), "--disable-pip"),
            *("--require-hashes", "--requirement", str(lock), "--timeout", str(ANSWER_SECONDS)),
            *("--progress-spinner", "off", "--format", "json", "--output", str(report)),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return UNKNOWN, [f"no answer within {SECONDS} s"]
        if not report.is_file():
            last = done.stderr.strip().splitlines()[-1:] or ["no report"]
            return UNKNOWN, [f"pip-audit ended with {done.returncode}: {last[0][:300]}"]
        return verdict(json.loads(report.read_text(encoding="utf-8")))


def main(locks: Sequence[str]) -> int:
    """Audit each lock; 1 where one is vulnerable, or is to be known and is not."""
    codes = set()
    for lock in locks:
        code, lines = audit(Path(lock))
        codes.add(code)
        words = {FOUND: "VULNERABLE", UNKNOWN: "SKIPPED", CLEAN: "ok"}
        for line in lines:
            print(f"{words[code]}: {lock}: {line}")
    must = os.environ.get("AUDIT") == "required"
    return int(FOUND in codes or (must and UNKNOWN in codes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
