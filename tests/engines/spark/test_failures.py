from dealcast.engines.spark.failures import translated
from dealcast.errors import ContractError, ServiceAwayError, ServiceError


def test_a_cluster_that_does_not_answer_may_do_so_later() -> None:
    told = (
        "An error occurred\nCaused by: java.io.IOException: All masters are unresponsive! Giving up"
    )

    error = translated(RuntimeError(told), "The Spark session on 'spark://cluster:7077'")

    assert isinstance(error, ServiceAwayError)
    assert error.may_pass
    assert "All masters are unresponsive" in error.problem
    assert "engine.spark_master" in error.remedy


def test_what_a_kernel_refused_is_told_as_it_told_it() -> None:
    trace = (
        "Traceback (most recent call last):\n  File 'worker.py', line 1\n"
        "dealcast.errors.ContractError: Table 'scores' does not meet its contract.\n\n"
        "Try: see src/dealcast/contracts.py\n\tat org.apache.spark.Task.run"
    )

    error = translated(RuntimeError(trace), "A result")

    assert type(error) is ContractError
    assert error.problem == "Table 'scores' does not meet its contract."
    assert error.remedy == "see src/dealcast/contracts.py"


def test_anything_else_says_what_failed_and_where_to_look() -> None:
    error = translated(RuntimeError("[DIVIDE_BY_ZERO] Division by zero."), "A result")

    assert type(error) is ServiceError
    assert error.problem == "A result failed: [DIVIDE_BY_ZERO] Division by zero."
