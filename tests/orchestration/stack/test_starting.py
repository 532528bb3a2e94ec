from pathlib import Path

from dealcast.orchestration.stack.starting import LOG_LINES, last_lines


def test_the_end_of_a_log_is_told(tmp_path: Path) -> None:
    log = tmp_path / "mlflow.log"
    log.write_bytes(b"".join(b"line %d \xff\n" % n for n in range(100)))

    told = last_lines(log).splitlines()

    assert len(told) == LOG_LINES
    assert told[-1].startswith("  line 99")


def test_a_log_that_is_empty_or_missing_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "empty.log").touch()

    assert last_lines(tmp_path / "empty.log") == "  (it is empty)"
    assert last_lines(tmp_path / "missing.log") == "  (there is no log)"
