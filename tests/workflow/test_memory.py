"""How much memory a run may use, and how many rows are taken at once."""

from pathlib import Path

import pytest

from dealcast.workflow.memory import FEWEST_ROWS, free_gb, memory_allowed, rows_per_batch


@pytest.mark.parametrize(
    ("rows", "memory_gb", "at_once"),
    [
        (0, 1.0, 1),
        (8_800, 1.0, 8_800),
        (1_000_000, 1.0, 1_000_000),
        (1_000_001, 1.0, 500_001),
        (10_000_000, 1.0, 1_000_000),
        (10_000_000, 0.001, FEWEST_ROWS),
    ],
)
def test_all_rows_are_taken_at_once_where_they_fit_else_in_parts_of_equal_size(
    rows: int, memory_gb: float, at_once: int
) -> None:
    assert rows_per_batch(rows, bytes_per_row=1_000, memory_gb=memory_gb) == at_once


def test_a_run_may_use_what_the_settings_say_else_most_of_what_is_free() -> None:
    assert memory_allowed(6.0) == 6.0
    assert 0 < memory_allowed(None) <= free_gb() * 2


@pytest.mark.parametrize(
    ("limit", "used", "free"),
    [("max", "1000", 8.192), ("3000000000", "1000000000", 2.0), ("1000", "3000", 0.0)],
)
def test_a_container_s_limit_counts_where_it_leaves_less_than_the_machine(
    tmp_path: Path, limit: str, used: str, free: float
) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n")
    (tmp_path / "limit").write_text(limit)
    (tmp_path / "used").write_text(used)

    found = free_gb(tmp_path / "meminfo", ((tmp_path / "limit", tmp_path / "used"),))

    assert found == free


def test_where_the_system_does_not_say_little_is_assumed(tmp_path: Path) -> None:
    assert free_gb(tmp_path / "meminfo", ()) == 4.0
