"""Which keys, region and endpoint a bucket is reached with; no server is asked here."""

from pathlib import Path
from typing import Any

import pytest
from obstore.store import S3Store

from dealcast.errors import StoreError
from dealcast.settings import StorageSettings
from dealcast.workflow.aws import Keys
from dealcast.workflow.s3 import Bucket

ROOT = "s3://crm/prod"


@pytest.fixture
def aws(tmp_path: Path) -> dict[str, str]:
    """An environment whose home holds two AWS profiles."""
    folder = tmp_path / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = K0\naws_secret_access_key = S0\n"
        "[team]\naws_access_key_id = K1\naws_secret_access_key = S%1\naws_session_token = T1\n"
    )
    (folder / "config").write_text(
        "[default]\nregion = eu-west-1\n"
        "[profile team]\nregion = eu-central-1\nendpoint_url = https://s3.example.com\n"
    )
    return {"HOME": str(tmp_path)}


def bucket(environment: dict[str, str], **fields: Any) -> Bucket:
    return Bucket.of(StorageSettings(root=ROOT, **fields), ROOT, "for the test", environment)


def test_the_settings_come_first(aws: dict[str, str]) -> None:
    found = bucket(
        {
            **aws,
            "AWS_ACCESS_KEY_ID": "K2",
            "AWS_SECRET_ACCESS_KEY": "S2",
            "AWS_REGION": "us-west-2",
        },
        access_key_id="K3",
        secret_access_key="S3",
        region="ap-south-1",
    )

    assert (found.keys, found.region) == (Keys("K3", "S3"), "ap-south-1")


def test_then_the_environment(aws: dict[str, str]) -> None:
    found = bucket(
        {
            **aws,
            "AWS_ACCESS_KEY_ID": "K2",
            "AWS_SECRET_ACCESS_KEY": "S2",
            "AWS_SESSION_TOKEN": "T2",
            "AWS_ENDPOINT_URL": "https://minio.example.com",
            "AWS_DEFAULT_REGION": "us-west-2",
        }
    )

    assert found.keys == Keys("K2", "S2", "T2")
    assert (found.endpoint, found.region) == ("https://minio.example.com", "us-west-2")


def test_then_the_profile(aws: dict[str, str]) -> None:
    assert bucket(aws).keys == Keys("K0", "S0")
    assert bucket(aws).region == "eu-west-1"

    team = bucket({**aws, "AWS_PROFILE": "team"})

    assert team.keys == Keys("K1", "S%1", "T1")
    assert (team.endpoint, team.region) == ("https://s3.example.com", "eu-central-1")


def test_where_nothing_is_set_the_libraries_look_for_a_role(tmp_path: Path) -> None:
    found = bucket({"HOME": str(tmp_path)})

    assert (found.keys, found.endpoint, found.region) == (None, None, "us-east-1")
    assert "aws_access_key_id" not in found.table_options


def test_a_role_of_the_cluster_is_left_to_the_libraries(aws: dict[str, str]) -> None:
    assert bucket({**aws, "AWS_WEB_IDENTITY_TOKEN_FILE": "token"}).keys is None


def test_half_of_the_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="secret_access_key is not set"):
        bucket({"HOME": str(tmp_path)}, access_key_id="K")


def test_a_profile_that_is_not_there_is_named(aws: dict[str, str]) -> None:
    with pytest.raises(StoreError, match="no AWS profile 'tean'"):
        bucket({**aws, "AWS_PROFILE": "tean"})


@pytest.mark.parametrize(
    ("root", "name", "prefix"),
    [("s3://crm", "crm", ""), ("s3://crm/", "crm", ""), ("s3://crm/crm/x/", "crm", "crm/x")],
)
def test_a_root_is_a_bucket_and_a_prefix(root: str, name: str, prefix: str) -> None:
    found = Bucket.of(StorageSettings(), root, "", {"HOME": "/nowhere"})

    assert (found.name, found.prefix) == (name, prefix)
    assert found.place("runs/a") == f"{root.rstrip('/')}/runs/a"


def test_a_root_without_a_bucket_is_refused() -> None:
    with pytest.raises(StoreError, match="no bucket"):
        Bucket.of(StorageSettings(), "s3:///x", "", {})


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [("s3.example.com:9000", "is no URL"), ("http://s3.example.com", "without TLS")],
)
def test_an_endpoint_that_cannot_be_meant_is_refused(
    aws: dict[str, str], endpoint: str, says: str
) -> None:
    with pytest.raises(StoreError, match=says):
        bucket(aws, endpoint=endpoint)


def test_the_bucket_is_part_of_the_host_where_the_path_is_not_wanted(aws: dict[str, str]) -> None:
    found = bucket(aws, endpoint="https://s3.example.com:9000", path_style=False)

    assert found.table_options["aws_endpoint"] == "https://crm.s3.example.com:9000"
    assert found.table_options["aws_virtual_hosted_style_request"] == "true"


def test_deltalake_and_obstore_get_the_same_bounds(aws: dict[str, str]) -> None:
    found = bucket(aws, attempts=3, timeout_seconds=2)
    objects = found.objects()

    assert isinstance(objects, S3Store)
    assert objects.retry_config is not None
    assert objects.retry_config["max_retries"] == 2
    assert found.table_options["max_retries"] == "2"
    assert found.table_options["retry_timeout"] == "2000ms"
    assert found.table_options["connect_timeout"] == "2000ms"
