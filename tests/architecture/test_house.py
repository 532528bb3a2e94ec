"""The house stands as docs/architecture.md draws it."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "dealcast"


def drawn_modules() -> set[str]:
    """Paths of the .py files in the tree of docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = text.split("```")[1].splitlines()
    folders: list[str] = []
    found = set()
    for line in tree:
        match = re.match(r"^([│ ]*)[├└]── (\S+)", line)
        if not match:
            continue
        depth = len(match[1]) // 4
        folders = [*folders[:depth], match[2].rstrip("/")]
        if match[2].endswith(".py"):
            found.add("/".join(folders))
    return found


def test_the_drawn_tree_is_the_tree() -> None:
    there = {str(f.relative_to(PACKAGE)) for f in PACKAGE.rglob("*.py") if f.name != "__init__.py"}

    assert drawn_modules() - {"__init__.py", "cli/__init__.py"} == there


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout


def test_no_tracked_file_is_a_lock_that_names_hosts() -> None:
    assert not (ROOT / "uv.lock").exists()
    locks = [*ROOT.glob("requirements/*.txt"), *ROOT.glob("benchmarks/peers/*.txt")]
    assert len(locks) > 2
    for lock in locks:
        assert "://" not in lock.read_text(encoding="utf-8")
