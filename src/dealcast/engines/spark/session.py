"""The Spark session: that of the platform where there is one, else one of our own."""

import os
import shutil
import sys
import warnings
from pathlib import Path

from pyspark.sql import SparkSession

from dealcast.engines.spark.failures import java_missing, translated
from dealcast.settings import EngineSettings

# Whatever else is chosen: days must not shift, and rows go to Python and back as Arrow.
ALWAYS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
# Of a session of our own, where options say nothing else: no port is opened to other machines.
OWN = {"spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false"}
LOOPBACK = {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
# Shuffle partitions per core, where neither the settings nor the options say.
PARTITIONS_PER_CORE = 2
CONNECT = "sc://"


def session(engine: EngineSettings) -> SparkSession:
    """The active session, as on Databricks or EMR; else one by the settings.

    Raises ServiceError without Java, ServiceAwayError where the cluster does not answer.
    """
    found = SparkSession.getActiveSession()
    if found is not None:
        return found
    is_connect = engine.spark_master.startswith(CONNECT)
    if not is_connect and not _has_java():
        raise java_missing()
    # Rows go to Python as Arrow; pandas, of which it warns, is never used.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    try:
        started = _built(engine)
    except Exception as error:  # py4j, gRPC and PySpark each have their own
        raise translated(error, f"The Spark session on '{engine.spark_master}'") from error
    if not is_connect:
        # Its warnings speak of how it plans, not of the data.
        started.sparkContext.setLogLevel("ERROR")
    if engine.spark_partitions is None and not is_connect:
        cores = started.sparkContext.defaultParallelism
        started.conf.set("spark.sql.shuffle.partitions", str(PARTITIONS_PER_CORE * cores))
    return started


def options(engine: EngineSettings) -> dict[str, str]:
    """The configuration of a session of our own; what the settings' options say goes last."""
    is_local = engine.spark_master.startswith("local")
    chosen = {**OWN, **(LOOPBACK if is_local else {})}
    if is_local and engine.memory_gb is not None:
        # There the driver's process does all the work.
        chosen["spark.driver.memory"] = f"{engine.memory_gb * 1_000:.0f}m"
    if engine.spark_partitions is not None:
        chosen["spark.sql.shuffle.partitions"] = str(engine.spark_partitions)
    return {**chosen, **engine.spark_options, **ALWAYS}


def _built(engine: EngineSettings) -> SparkSession:
    builder = SparkSession.builder.appName("dealcast")
    if engine.spark_master.startswith(CONNECT):
        builder = builder.remote(engine.spark_master)
    else:
        builder = builder.master(engine.spark_master)
        if engine.spark_master.startswith("local"):
            # By default workers would run whatever `python3` is, and listen on any address.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    for name, value in options(engine).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _has_java() -> bool:
    home = os.environ.get("JAVA_HOME")
    return (home is not None and (Path(home) / "bin" / "java").is_file()) or (
        shutil.which("java") is not None
    )
