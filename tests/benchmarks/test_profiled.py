"""A profile is summed up by step."""

from profiled import by_step

RUN = "main (dealcast/__main__.py:20)"
CLEAN = "clean_export (dealcast/workflow/data_steps.py:80)"


def test_samples_are_counted_within_their_step_whatever_the_line() -> None:
    found = by_step(
        [
            f"{RUN};{CLEAN};clean (dealcast/cleaning/export.py:10) 3",
            f"{RUN};{CLEAN};clean (dealcast/cleaning/export.py:99) 2",
            f"{RUN} 7",
        ]
    )

    assert found == {"clean_export": {"clean_export": 5, "clean (dealcast/cleaning/export.py)": 5}}


def test_a_function_that_calls_itself_counts_once() -> None:
    walk = "walk (dealcast/cells.py:1)"

    assert by_step([f"{CLEAN};{walk};{walk} 4"])["clean_export"]["walk (dealcast/cells.py)"] == 4
