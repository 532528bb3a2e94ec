"""How a benchmark tells its runs: a line each as they come, or a JSON list at the end."""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]


def arguments(about: str | None, sizes: Sequence[int], of: str) -> argparse.ArgumentParser:
    """The arguments that benchmarks share: sizes, and `--json`."""
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=list(sizes), metavar=of)
    parser.add_argument("--json", action="store_true", dest="as_json", help="print a JSON list")
    return parser


def tell(results: Iterable[Result], columns: Mapping[str, str], *, as_json: bool) -> None:
    """Print results as they come; `columns` has the format of each.

    With `as_json` the lines go to stderr, and stdout is one JSON list.
    """
    out, told = sys.stderr if as_json else sys.stdout, []
    print("  ".join(_padded(name, form, name) for name, form in columns.items()), file=out)
    for result in results:
        told.append(dict(result))
        cells = (_padded(name, form, result.get(name)) for name, form in columns.items())
        print("  ".join(cells), file=out, flush=True)
    if as_json:
        print(json.dumps(told))


def _padded(name: str, form: str, value: object) -> str:
    """A cell as wide as its format says, or as its heading is."""
    text = "-" if value is None else str(value) if isinstance(value, str) else format(value, form)
    digits = re.match(r"<?(\d*)", form)
    width = max(len(name), int(digits[1]) if digits and digits[1] else 0)
    return text.ljust(width) if form.startswith("<") else text.rjust(width)
