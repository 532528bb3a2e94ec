import time
from collections.abc import Callable
from threading import Event

import pytest

from dealcast.errors import StoreError
from dealcast.orchestration.doctor import Finding, Outcome, Probe, Setup, examine
from dealcast.orchestration.doctor.probes import PROBES
from dealcast.orchestration.doctor.spec import ok, warning

SetupWith = Callable[..., Setup]
Look = Callable[[Setup], Finding]


def probe(look: Look, name: str = "one", *, unless: str | None = None) -> Probe:
    return Probe(name, "Is it so?", look, None if unless is None else lambda _: unless)


def test_a_healthy_development_setup_has_no_line_to_mend(setup_with: SetupWith) -> None:
    diagnosis = examine(setup_with())

    lines = {line.name: line for line in diagnosis.lines}
    assert diagnosis.ok
    assert list(lines) == [p.name for p in PROBES]
    assert {name for name, line in lines.items() if line.outcome == Outcome.OK} == {
        *("Python", "packages", "config folder", "settings", "storage", "disk space")
    }
    assert {line.outcome for line in diagnosis.lines} == {Outcome.OK, Outcome.NOT_APPLICABLE}
    assert all(line.found.endswith(".") for line in diagnosis.lines)


def test_the_lines_come_in_the_order_of_the_table_whichever_is_done_first(
    setup_with: SetupWith,
) -> None:
    def late(_: Setup) -> Finding:
        time.sleep(0.2)
        return ok("Late.")

    diagnosis = examine(setup_with(), [probe(late, "first"), probe(lambda _: ok("Soon."), "then")])

    assert [line.name for line in diagnosis.lines] == ["first", "then"]


def test_probes_are_made_at_once_not_one_after_the_other(setup_with: SetupWith) -> None:
    met = Event()

    def waits(_: Setup) -> Finding:
        return ok("Met.") if met.wait(5) else warning("Alone.", "-")

    def meets(_: Setup) -> Finding:
        met.set()
        return ok("Met.")

    diagnosis = examine(setup_with(), [probe(waits, "waits"), probe(meets, "meets")])

    assert [line.found for line in diagnosis.lines] == ["Met.", "Met."]


def test_a_probe_that_hangs_is_given_up_and_the_others_are_told(setup_with: SetupWith) -> None:
    released = Event()

    def hangs(_: Setup) -> Finding:
        released.wait(30)
        return ok("Too late.")

    begun = time.monotonic()
    diagnosis = examine(
        setup_with(), [probe(hangs, "hangs"), probe(lambda _: ok("Done."), "works")], seconds=0.3
    )
    took = time.monotonic() - begun
    released.set()

    hung, works = diagnosis.lines
    assert took < 2
    assert not diagnosis.ok
    assert hung.outcome == Outcome.FAILED
    assert hung.found == "Timed out: no answer within 0.3 s to the question: Is it so?"
    assert "dealcast doctor" in hung.remedy
    assert works.outcome == Outcome.OK


def test_an_error_becomes_a_line_with_its_remedy(setup_with: SetupWith) -> None:
    def refuses(_: Setup) -> Finding:
        raise StoreError("The disk is full.", remedy="make room")

    line = examine(setup_with(), [probe(refuses)]).lines[0]

    assert (line.outcome, line.found, line.remedy) == ("failed", "The disk is full.", "make room")


def test_the_fault_of_a_probe_is_told_without_its_text_and_hides_no_other_line(
    setup_with: SetupWith,
) -> None:
    def is_wrong(_: Setup) -> Finding:
        raise KeyError("password=hunter2")

    wrong, right = examine(
        setup_with(), [probe(is_wrong), probe(lambda _: ok("Done."), "works")]
    ).lines

    assert wrong.outcome == Outcome.FAILED
    assert "KeyError in test_examining.py, line" in wrong.found
    assert "hunter2" not in wrong.found + wrong.remedy
    assert right.outcome == Outcome.OK


def test_what_does_not_apply_is_not_looked_at_and_does_not_fail(setup_with: SetupWith) -> None:
    def never(_: Setup) -> Finding:
        raise AssertionError

    diagnosis = examine(setup_with(), [probe(never, unless="There is no such thing.")])

    assert diagnosis.ok
    assert diagnosis.lines[0].outcome == Outcome.NOT_APPLICABLE
    assert diagnosis.lines[0].found == "There is no such thing."


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("storage: {rot: x}", "Unknown setting 'storage.rot'"),
        ("model: {seed: -1}", "Setting 'model.seed'"),
        ("storage: [", "is not valid YAML"),
    ],
)
def test_wrong_settings_are_one_failed_line_and_all_else_is_still_told(
    setup_with: SetupWith, yaml: str, problem: str
) -> None:
    diagnosis = examine(setup_with(yaml=yaml))

    lines = {line.name: line for line in diagnosis.lines}
    assert not diagnosis.ok
    assert [line.name for line in diagnosis.lines if line.outcome == Outcome.FAILED] == ["settings"]
    assert problem in lines["settings"].found
    assert lines["settings"].remedy
    assert lines["packages"].outcome == Outcome.OK
    assert lines["disk space"].outcome == Outcome.OK
    assert lines["storage"].outcome == Outcome.NOT_APPLICABLE
    assert "see the line 'settings'" in lines["storage"].found


def test_as_json_every_line_says_what_and_how(setup_with: SetupWith) -> None:
    content = examine(setup_with(), [probe(lambda _: ok("Done."))]).to_dict()

    assert content["ok"] is True
    assert content["lines"] == [
        {
            "name": "one",
            "outcome": "ok",
            "found": "Done.",
            "remedy": "",
            "seconds": content["lines"][0]["seconds"],
        }
    ]
