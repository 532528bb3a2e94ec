import json
import logging

from dealcast.settings import LoggingSettings
from dealcast.workflow.log import logged_run, logged_step

logger = logging.getLogger("dealcast.somewhere")


def test_every_line_has_the_run_and_the_step_and_a_copy_is_kept() -> None:
    with logged_run("run-1", LoggingSettings(), quiet=True) as kept, logged_step("clean"):
        logger.info("%d rows", 3)

    assert "run-1 clean" in kept.getvalue()
    assert kept.getvalue().endswith("3 rows\n")


def test_json_lines_can_be_read_back() -> None:
    with logged_run("run-1", LoggingSettings(format="json"), quiet=True) as kept:
        logger.warning("ünïcode")

    line = json.loads(kept.getvalue())
    assert (line["run_id"], line["step"], line["level"]) == ("run-1", "-", "WARNING")
    assert line["message"] == "ünïcode"


def test_lines_under_the_level_are_left_out() -> None:
    with logged_run("run-1", LoggingSettings(level="WARNING"), quiet=True) as kept:
        logger.info("not this")

    assert kept.getvalue() == ""


def test_standard_error_gets_the_lines_too(capsys) -> None:
    with logged_run("run-1", LoggingSettings()):
        logger.info("seen")

    assert "seen" in capsys.readouterr().err


def test_after_a_run_nothing_of_it_stays_behind() -> None:
    root = logging.getLogger("dealcast")
    before = list(root.handlers), root.level

    with logged_run("run-1", LoggingSettings(level="DEBUG"), quiet=True):
        pass

    assert (list(root.handlers), root.level) == before
