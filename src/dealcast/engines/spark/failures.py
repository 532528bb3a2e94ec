"""How Spark fails, in sentences with a remedy."""

import re

from dealcast import errors
from dealcast.errors import DealcastError, ServiceAwayError, ServiceError

# What a kernel of ours raised in a task, as it stands in the text of Spark's error.
OURS = re.compile(r"dealcast\.errors\.(\w+): (.+?)\n\s*\nTry: (.+?)(?:\n|$)", re.DOTALL)
AWAY = re.compile(
    r"unresponsive|refused|UNAVAILABLE|UnknownHost|Name or service|timed out|DEADLINE|"
    r"Could not parse Master|Failed to connect",
    re.IGNORECASE,
)
SHOWN = 300


def java_missing() -> ServiceError:
    """Spark runs on Java, and there is none."""
    return ServiceError(
        "Spark needs Java 17 or newer, and there is none: no JAVA_HOME, no `java` on the PATH.",
        remedy="install it (Debian and Ubuntu: apt-get install openjdk-17-jre-headless) or set "
        "JAVA_HOME; or go on without it: engine.name polars or duckdb",
    )


def translated(error: Exception, doing: str) -> DealcastError:
    """The error in our words: our own where a kernel raised it, else what Spark says first."""
    text = str(error)
    if isinstance(error, DealcastError):
        return error
    if (ours := _ours(text)) is not None:
        return ours
    said = " ".join(_telling(text).split())[:SHOWN]
    if AWAY.search(text):
        return ServiceAwayError(
            f"{doing} could not be had: {said}",
            remedy="check that the cluster of engine.spark_master runs and can be reached from "
            "here; or work on this machine with engine.spark_master local[*]",
        )
    return ServiceError(
        f"{doing} failed: {said}",
        remedy="see Spark's own log for the task that failed; where it ran out of memory, raise "
        "engine.spark_partitions, or spark.executor.memory in engine.spark_options",
    )


def _telling(text: str) -> str:
    """The first line that says something; of a JVM's trace the one that names the cause."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by:")]
    return (causes or lines or ["no reason given"])[-1 if causes else 0]


def _ours(text: str) -> DealcastError | None:
    found = OURS.search(text)
    kind = getattr(errors, found.group(1), None) if found else None
    if found is None or not (isinstance(kind, type) and issubclass(kind, DealcastError)):
        return None
    return kind(found.group(2).strip(), remedy=found.group(3).strip())
