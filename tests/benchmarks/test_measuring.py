"""Processes are measured, and ended where they take too much."""

import sys

import pytest

from measuring import FailedError, TooMuchError, run_apart
from runs import exponent


def test_memory_is_that_of_the_process_and_what_it_starts() -> None:
    child = "import time; taken = bytearray(300_000_000); time.sleep(1)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print('ok')"

    run = run_apart([sys.executable, "-c", code])

    assert run.printed == "ok\n"
    assert run.gigabytes > 0.3


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(TooMuchError, match="over 1 s"):
        run_apart([sys.executable, "-c", "import time; time.sleep(60)"], seconds=1)


def test_what_takes_too_much_memory_is_ended() -> None:
    code = "import time; taken = bytearray(300_000_000); time.sleep(60)"

    with pytest.raises(TooMuchError, match=r"over 0\.2 GB"):
        run_apart([sys.executable, "-c", code], gigabytes=0.2)


def test_a_failure_tells_what_failed() -> None:
    with pytest.raises(FailedError, match="no such thing"):
        run_apart([sys.executable, "-c", "raise SystemExit('no such thing')"])


@pytest.mark.parametrize(("seconds", "power"), [(10.0, 1.0), (100.0, 2.0), (1.0, 0.0), (0.0, None)])
def test_the_exponent_is_the_power_of_the_size(seconds: float, power: float | None) -> None:
    assert exponent(seconds, before=1.0, growth=10.0) == power
