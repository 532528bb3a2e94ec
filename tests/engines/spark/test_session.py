import pytest

pytest.importorskip("pyspark")

from dealcast.engines.spark import session as sessions
from dealcast.engines.spark.session import options, session
from dealcast.errors import ServiceError
from dealcast.settings import EngineSettings


def test_a_session_of_our_own_opens_no_port_to_others_and_counts_days_in_utc() -> None:
    chosen = options(EngineSettings(spark_master="local[2]", memory_gb=1.5))

    assert chosen["spark.ui.enabled"] == "false"
    assert chosen["spark.driver.bindAddress"] == chosen["spark.driver.host"] == "127.0.0.1"
    assert chosen["spark.driver.memory"] == "1500m"
    assert chosen["spark.sql.session.timeZone"] == "UTC"


def test_a_cluster_must_be_able_to_reach_the_driver() -> None:
    chosen = options(EngineSettings(spark_master="spark://cluster:7077", memory_gb=1.5))

    assert not {"spark.driver.host", "spark.driver.bindAddress", "spark.driver.memory"} & set(
        chosen
    )


def test_options_may_choose_all_but_what_figures_depend_on() -> None:
    wanted = {"spark.ui.enabled": "true", "spark.sql.session.timeZone": "Asia/Tokyo"}
    chosen = options(EngineSettings(spark_options=wanted, spark_partitions=400))

    assert chosen["spark.ui.enabled"] == "true"
    assert chosen["spark.sql.session.timeZone"] == "UTC"
    assert chosen["spark.sql.shuffle.partitions"] == "400"


def test_without_java_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions.SparkSession, "getActiveSession", lambda: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ServiceError, match="needs Java 17") as refused:
        session(EngineSettings())

    assert "openjdk-17-jre-headless" in refused.value.remedy


def test_a_session_that_is_there_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    there = object()
    monkeypatch.setattr(sessions.SparkSession, "getActiveSession", lambda: there)

    assert session(EngineSettings(spark_master="spark://nowhere:7077")) is there
