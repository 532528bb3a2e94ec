"""Where a run spends its time, step by step: `python benchmarks/profiled.py PROFILE [--least 0.2]`.

PROFILE is what py-spy writes of a run (in an environment of its own, it is no part of Dealcast):

    py-spy record --nonblocking --rate 10 -f raw -o PROFILE -- python -m dealcast run ...

Told are the functions that are at work in at least such a share of a step's samples, callers before
what they call; shares overlap.
"""

import argparse
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

STEPS = re.compile(r"^(\w+) \(dealcast/workflow/(data|feature|model|outlook)_steps\.py")
LINE = re.compile(r":\d+\)$")


def by_step(samples: Iterable[str]) -> dict[str, Counter[str]]:
    """Samples of each step, and of each function within it; the step's own name counts all."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        stack, _, count = sample.rpartition(" ")
        frames = [LINE.sub(")", frame) for frame in stack.split(";")]
        steps = [(at, match[1]) for at, f in enumerate(frames) if (match := STEPS.match(f))]
        if steps:
            at, step = steps[0]
            # Once per sample, also where a function calls itself.
            for frame in dict.fromkeys(frames[at + 1 :]):
                found[step][frame] += int(count)
            found[step][step] += int(count)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("profile", type=Path)
    parser.add_argument("--least", type=float, default=0.2, help="share of a step's samples")
    given = parser.parse_args()
    found = by_step(given.profile.read_text(encoding="utf-8").splitlines())
    total = sum(functions[step] for step, functions in found.items())
    for step, functions in sorted(found.items(), key=lambda item: -item[1][item[0]]):
        print(f"{step}: {functions[step] / total:.0%} of {total:,} samples")
        for function, samples in functions.most_common():
            share = samples / functions[step]
            if function != step and share >= given.least:
                print(f"  {share:4.0%} {function}")


if __name__ == "__main__":
    main()
