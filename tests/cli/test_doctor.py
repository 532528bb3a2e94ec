"""dealcast doctor, as a user calls it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from servers.answers import silent
from servers.ports import deaf_port

Call = Callable[..., Any]
LONGEST_SECONDS = 10


def test_a_healthy_setup_ends_with_zero_and_leaves_nothing(call: Call, tmp_path: Path) -> None:
    done = call("doctor")

    assert done.code == 0, done.out
    assert "6 ok, 6 not applicable; in" in done.out
    assert "Try:" not in done.out
    assert list(tmp_path.iterdir()) == []


def test_a_broken_setup_ends_with_eight_and_each_line_says_what_to_do(call: Call) -> None:
    uri = f"http://127.0.0.1:{deaf_port()}"

    done = call("doctor", "--set", "tracking.kind=mlflow", "--set", f"tracking.uri={uri}")

    assert done.code == 8
    assert f"The MLflow server at {uri} does not answer" in done.out, done.out
    assert "Try: start it (`dealcast stack up`" in done.out
    assert "1 failed" in done.out


def test_wrong_settings_do_not_keep_the_doctor_from_telling(call: Call, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "development.yaml").write_text("storage: {rot: data}\n")

    done = call("doctor", "--json")

    lines = {line["name"]: line for line in done.json["lines"]}
    assert done.code == 8
    assert done.json["ok"] is False
    assert "Unknown setting 'storage.rot'" in lines["settings"]["found"]
    assert "did you mean 'storage.root'?" in lines["settings"]["remedy"]
    assert lines["packages"]["outcome"] == "ok"
    assert lines["storage"]["outcome"] == "not applicable"


def test_a_flag_chooses_what_is_looked_at_as_in_a_run(call: Call) -> None:
    done = call("doctor", "--source", "files", "--path", "nowhere", "--root", "elsewhere", "--json")

    lines = {line["name"]: line for line in done.json["lines"]}
    assert "'elsewhere'" in lines["storage"]["found"]
    assert "source.kind is 'files'" in lines["Kaggle"]["found"]


@pytest.mark.slow
def test_with_servers_that_never_answer_it_ends_within_ten_seconds(tmp_path: Path) -> None:
    with silent() as port:
        place = f"http://127.0.0.1:{port}"
        chosen = {
            "storage.root": "s3://crm/store",
            "storage.endpoint": place,
            "storage.allow_http": "true",
            "storage.access_key_id": "me",
            "storage.secret_access_key": "hunter2",
            "tracking.kind": "mlflow",
            "tracking.uri": place,
            "orchestration.kind": "prefect",
            "orchestration.api_url": f"{place}/api",
            "source.kind": "sql",
            "source.url": f"postgresql://me:hunter2@127.0.0.1:{port}/crm",
        }
        sets = [word for k, v in chosen.items() for word in ("--set", f"{k}={v}")]
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "dealcast", "doctor", "--json", *sets],
            cwd=tmp_path,
            env={k: v for k, v in os.environ.items() if not k.startswith("DEALCAST_")},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        took = time.monotonic() - begun

    lines = {line["name"]: line["outcome"] for line in json.loads(done.stdout)["lines"]}
    assert done.returncode == 8, done.stderr
    failed = {n for n, outcome in lines.items() if outcome == "failed"}
    # Those that ask a server twice are given up where the machine is busy.
    assert failed - {"schedules"} == {"storage", "database", "MLflow", "Prefect"}
    assert lines["clock"] == "not applicable"
    assert "hunter2" not in done.stdout + done.stderr
    assert took < LONGEST_SECONDS
