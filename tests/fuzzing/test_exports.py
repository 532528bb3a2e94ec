"""Whatever happens to an export on its way: it is read whole, row by row, or refused in words."""

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from tests.fuzzing.damage import DAMAGES
from tests.fuzzing.exports import hostile_export
from tests.fuzzing.judging import Tally, tried

KEPT = Path("data/fuzz")  # where exports that fail are kept; `make fuzz` tries many more
QUICK, ALL, BLOCK = 114, 5_130, 90


def check(tally: Tally) -> None:
    """Nothing failed; every damage was tried, and enough exports were read to say something."""
    sys.stdout.write("\n".join(tally.lines()) + "\n")
    assert not tally.failed, "\n".join(tally.failed)
    assert set(tally.by_damage) == {damage.name for damage in DAMAGES}
    assert tally.outcomes["read"] > tally.exports / 4
    assert tally.rows["in"] == tally.rows["clean"] + tally.rows["quarantined"]
    assert tally.rows["known"] > tally.exports


def test_no_hostile_export_loses_a_row_or_says_less_than_where_and_what_to_do() -> None:
    check(tried(range(QUICK), KEPT))


@pytest.mark.slow
def test_none_of_five_thousand_does() -> None:
    blocks = [range(n, min(n + BLOCK, ALL)) for n in range(QUICK, ALL, BLOCK)]
    tally = Tally()
    # Not forked: Polars has threads by now.
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for found in pool.map(tried, blocks, [KEPT] * len(blocks)):
            tally += found
    check(tally)


@pytest.mark.parametrize("number", [0, 7, 1_000])
def test_a_number_always_names_the_same_export(number: int) -> None:
    assert hostile_export(number) == hostile_export(number)
