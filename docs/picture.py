"""Draw the end of a run on the generated export as docs/images/run.svg, for the README."""

import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

from dealcast.cli.progress import progress
from dealcast.cli.summary import show_summary
from dealcast.settings import load_settings
from dealcast.workflow.plan import Plan
from dealcast.workflow.run import run_steps
from dealcast.workflow.store import Store
from dealcast.workflow.summary import summarise

PICTURE = Path(__file__).parent / "images" / "run.svg"


def draw(width: int = 112) -> None:
    """Run on the default sample and save what `dealcast run` prints at its end."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "demo"
        loaded = load_settings(flags={"storage.root": str(root), "source.kind": "sample"})
        with progress(quiet=True) as watcher:
            manifest = run_steps(loaded, Plan(), watcher, quiet=True)
        told = summarise(manifest, Store(str(root)))
    told = {**told, "root": "data/demo", "manifest": f"data/demo/{manifest.key}"}
    recorded = Console(record=True, width=width, file=sys.stderr, highlight=False)
    show_summary(told, recorded, currency=loaded.settings.data.currency)
    svg = recorded.export_svg(title="make demo", theme=MONOKAI)
    # The template asks another host for its font; any monospaced one will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg.replace("Fira Code", "DejaVu Sans Mono"), encoding="utf-8")


if __name__ == "__main__":
    draw()
