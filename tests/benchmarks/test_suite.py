"""Every benchmark runs, at a size that says nothing."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from beside_peers import PEERS
from suite import SUITE, Benchmark

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


@cache
def results_of(benchmark: Benchmark) -> list[dict[str, object]]:
    """What it prints with --json at its tiny size."""
    script = FOLDER / f"{benchmark.name}.py"
    if not script.exists():
        pytest.skip(f"{script.name} is not there yet")
    done = subprocess.run(
        [sys.executable, script, *map(str, benchmark.tiny), "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    told: list[dict[str, object]] = json.loads(done.stdout)
    return told


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", SUITE, ids=lambda b: b.name)
def test_every_benchmark_runs_and_tells_results(benchmark: Benchmark) -> None:
    results = results_of(benchmark)

    assert results
    assert all(isinstance(result, dict) for result in results)


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["featuretools", "feast"])
def test_peers_give_the_same_values(peer: str) -> None:
    ways = [way for way in PEERS if way.environment == peer]
    if not ways[0].is_installed:
        pytest.skip(f"{peer} is not installed: `make peers`")
    answers = {
        (result["way"], result["answer"])
        for result in results_of(next(b for b in SUITE if b.name == "beside_peers"))
        if result["way"] in {way.name for way in ways}
    }

    # Feast's default store drops rows that ask for the same agent and date.
    wrong = {way for way, answer in answers if answer != "equal"}
    assert len({way for way, _ in answers}) == len(ways)
    assert wrong <= {"Feast on Dask, as documented"}
