import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dealcast.errors import StoreError
from dealcast.orchestration.doctor import Finding, Outcome, Setup
from dealcast.orchestration.doctor.spec import refused
from dealcast.orchestration.doctor.storage import storage
from dealcast.settings import StorageSettings
from dealcast.workflow.store import open_store
from servers.answers import silent
from servers.ports import deaf_port
from servers.seaweed import READER_KEY, READER_SECRET, S3Server

SetupWith = Callable[..., Setup]


def told(setup: Setup) -> Finding:
    """The finding, also where the probe raises: as the doctor tells it."""
    try:
        return storage(setup)
    except StoreError as error:
        return refused(error)


def on_s3(server: S3Server, root: str, **more: object) -> dict[str, object]:
    return {f"storage.{name}": v for name, v in (server.settings(root) | more).items()}


def test_a_folder_is_written_read_listed_and_left_as_it_was(
    setup_with: SetupWith, tmp_path: Path
) -> None:
    (tmp_path / "store").mkdir()

    finding = storage(setup_with())

    assert finding.outcome == Outcome.OK
    assert str(tmp_path / "store") in finding.found
    assert "storage.root says so" in finding.found
    assert list((tmp_path / "store").iterdir()) == []


def test_a_folder_that_is_not_there_can_be_made_and_is_not(
    setup_with: SetupWith, tmp_path: Path
) -> None:
    finding = storage(setup_with({"storage.root": str(tmp_path / "deep" / "store")}))

    assert finding.outcome == Outcome.OK
    assert "The first run makes it." in finding.found
    assert not (tmp_path / "deep").exists()


def test_a_file_in_the_place_of_the_folder_is_told(setup_with: SetupWith, tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")

    finding = told(setup_with())

    assert finding.outcome == Outcome.FAILED
    assert finding.found == f"'{tmp_path / 'store'}' is a file."
    assert "--root" in finding.remedy


@pytest.mark.parametrize("place", ["/proc/dealcast", "/dev/null/store"])
@pytest.mark.skipif(not Path("/proc").exists(), reason="no folder that even root cannot write")
def test_a_folder_that_cannot_be_written_is_told(setup_with: SetupWith, place: str) -> None:
    finding = told(setup_with({"storage.root": place}))

    assert finding.outcome == Outcome.FAILED
    assert place in finding.found
    assert "--root" in finding.remedy


def test_in_a_container_a_folder_is_lost_unless_it_is_chosen(
    setup_with: SetupWith, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    container = {"DEALCAST_IN_CONTAINER": "1"}
    auto = {"storage.root": "auto"}

    lost = storage(setup_with(auto, env="production", environment=container))
    chosen = storage(setup_with(env="production", environment=container))
    at_home = storage(setup_with(auto, environment=container))

    assert lost.outcome == Outcome.WARNING
    assert "DEALCAST__STORAGE__BUCKET" in lost.remedy
    assert chosen.outcome == Outcome.OK
    assert at_home.outcome == Outcome.OK


def test_a_bucket_is_written_read_listed_and_left_as_it_was(
    setup_with: SetupWith, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = f"s3://{s3.bucket()}/store"
    # The server makes the first file of a bucket of its own; on a busy machine it takes its time.
    monkeypatch.setattr("dealcast.orchestration.doctor.storage.ANSWER_SECONDS", 60)

    first = storage(setup_with(on_s3(s3, root)))
    again = storage(setup_with(on_s3(s3, root)))

    assert first.outcome == again.outcome == Outcome.OK
    assert f"'{root}' on {s3.endpoint}" in first.found
    assert "The bucket was made for it." in first.found
    assert "made" not in again.found
    assert open_store(StorageSettings(**s3.settings(root))).list_objects("") == []


@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        (
            {"secret_access_key": "quite-wrong"},
            "the S3 secret key is wrong",
            "DEALCAST__STORAGE__SECRET_ACCESS_KEY",
        ),
        (
            {"access_key_id": "nobody"},
            "does not know the S3 access key",
            "DEALCAST__STORAGE__ACCESS_KEY_ID",
        ),
        ({"create_bucket": False}, "there is no such bucket", "make the bucket"),
        ({"allow_http": False}, "is without TLS", "storage.allow_http"),
        ({"secret_access_key": None}, "storage.secret_access_key is not set", "DEALCAST__STORAGE"),
    ],
)
def test_what_is_wrong_with_s3_is_told_with_what_to_do(
    setup_with: SetupWith, s3: S3Server, change: dict[str, object], problem: str, remedy: str
) -> None:
    finding = told(setup_with(on_s3(s3, f"s3://{s3.bucket()}/store", **change)))

    assert finding.outcome == Outcome.FAILED
    assert problem in finding.found
    assert remedy in finding.remedy
    assert "quite-wrong" not in finding.found + finding.remedy
    assert s3.secret_access_key not in finding.found + finding.remedy


def test_a_key_that_may_only_read_is_told(setup_with: SetupWith, s3: S3Server) -> None:
    root = f"s3://{s3.bucket()}/store"
    open_store(StorageSettings(**s3.settings(root))).put_json("a.json", {})
    reader = {"access_key_id": READER_KEY, "secret_access_key": READER_SECRET}

    finding = told(setup_with(on_s3(s3, root, **reader)))

    assert finding.outcome == Outcome.FAILED
    assert "may not do this" in finding.found
    assert "write" in finding.remedy


def test_an_endpoint_that_nobody_listens_on_is_told_at_once(
    setup_with: SetupWith, s3: S3Server
) -> None:
    endpoint = f"http://127.0.0.1:{deaf_port()}"

    finding = told(setup_with(on_s3(s3, "s3://crm/store", endpoint=endpoint)))

    assert finding.outcome == Outcome.FAILED
    assert f"nothing answers at {endpoint}" in finding.found
    assert "storage.endpoint" in finding.remedy


def test_an_endpoint_that_never_answers_is_told_in_time(
    setup_with: SetupWith, s3: S3Server
) -> None:
    begun = time.monotonic()
    with silent() as port:
        endpoint = f"http://127.0.0.1:{port}"
        finding = told(setup_with(on_s3(s3, "s3://crm/store", endpoint=endpoint)))
    took = time.monotonic() - begun

    assert finding.outcome == Outcome.FAILED
    assert f"{endpoint} does not answer in time" in finding.found
    assert took < 6
