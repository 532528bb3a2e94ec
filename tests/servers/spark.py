"""A Spark of this machine, for tests: two cores, one Java process for the whole session."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dealcast.engines.base import Engine, open_engine
from dealcast.settings import EngineSettings

SETTINGS = EngineSettings(
    name="spark",
    spark_master="local[2]",
    memory_gb=3.0,
    # Tests run each query once: what the compiler learns of it is never of use.
    spark_options={"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1"},
)


@contextmanager
def spark_of_this_machine() -> Iterator[Engine]:
    """Start it, and stop it at the end. Skips where PySpark or Java is missing."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("PySpark (extra spark) is not installed")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        pytest.skip("Java is not installed")
    engine = open_engine(SETTINGS)
    yield engine
    engine.spark.stop()
