"""SeaweedFS: its program, who may do what on it, and the buckets."""

import contextlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dealcast.errors import MissingExtraError
from dealcast.orchestration.stack.credentials import (
    ACCESS_KEY,
    BUCKET,
    HOST,
    MLFLOW_ACCESS_KEY,
    MLFLOW_BUCKET,
    MLFLOW_S3_SECRET,
    STORAGE_SECRET,
    Credentials,
)
from dealcast.orchestration.stack.layout import Layout, write_private

# Its own ones beside S3; the defaults are ports that much else uses, such as 8080.
LISTENERS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
)
REGION = "us-east-1"
TIMEOUT_SECONDS = 5
PROBE = "_dealcast_stack_probe"
ALREADY_OURS = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")


def weed() -> Path:
    """SeaweedFS's program. Raises MissingExtraError."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.is_file() else shutil.which("weed")
    if found is None:
        raise MissingExtraError("SeaweedFS, the stack's S3 server,", extra="stack")
    return Path(found)


def identities_file(layout: Layout) -> Path:
    """The file of access keys."""
    return layout.data("seaweedfs") / "s3.json"


def write_identities(layout: Layout, credentials: Credentials) -> None:
    """Write the access keys: Dealcast's, and MLflow's for its own bucket alone."""
    in_bucket = [f"{may}:{MLFLOW_BUCKET}" for may in ("Read", "List", "Tagging", "Write")]
    people = [
        _identity("dealcast", ACCESS_KEY, credentials.values[STORAGE_SECRET], ["Admin"]),
        _identity("mlflow", MLFLOW_ACCESS_KEY, credentials.values[MLFLOW_S3_SECRET], in_bucket),
    ]
    write_private(identities_file(layout), json.dumps({"identities": people}, indent=2))


def command(layout: Layout, port: int, inner: Mapping[str, int]) -> list[str]:
    """The server with its S3 gateway; every listener on loopback, on a port of its own."""
    data = layout.data("seaweedfs")
    return [
        *(str(weed()), "-logtostderr", "server", f"-dir={data}"),
        *(f"-ip={HOST}", f"-ip.bind={HOST}", "-filer", "-s3", f"-s3.port={port}"),
        f"-s3.config={identities_file(layout)}",
        f"-s3.localSocket={layout.socket('s3')}",
        f"-filer.localSocket={layout.socket('filer')}",
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false", "-s3.autoCreateBucket=false"),
        *("-master.telemetry=false", "-master.volumeSizeLimitMB=256"),
        *("-master.electionTimeout=1s", "-volume.max=0", "-volume.preStopSeconds=0"),
        *(f"-{name}={value}" for name, value in inner.items()),
    ]


def grpc_socket(listener: str, port: int) -> Path | None:
    """The socket that such a listener puts into /tmp, which it cannot be told not to.

    One that somebody else left there, after being killed, would keep it from working.
    """
    if not listener.endswith(".grpc"):
        return None
    return Path("/tmp") / f"seaweedfs-{listener.split('.', maxsplit=1)[0]}-grpc-{port}.sock"  # noqa: S108


def make_buckets(port: int, credentials: Credentials) -> None:
    """Make the buckets where they are missing, and write and remove an object in each.

    Raises what botocore raises while the server is not yet ready for it.
    """
    client = _client(port, credentials)
    for bucket in (BUCKET, MLFLOW_BUCKET):
        with contextlib.suppress(*_already_there(client)):
            client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=bucket, Key=PROBE, Body=b"ready")
        client.delete_object(Bucket=bucket, Key=PROBE)


def _already_there(client: Any) -> tuple[type[Exception], ...]:
    return tuple(getattr(client.exceptions, name) for name in ALREADY_OURS)


def _client(port: int, credentials: Credentials) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=f"http://{HOST}:{port}",
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=credentials.values[STORAGE_SECRET],
        config=Config(
            s3={"addressing_style": "path"},
            connect_timeout=TIMEOUT_SECONDS,
            read_timeout=TIMEOUT_SECONDS,
            retries={"total_max_attempts": 1},
            proxies={},
        ),
    )


def _identity(name: str, key: str, secret: str, actions: list[str]) -> dict[str, object]:
    keys = [{"accessKey": key, "secretKey": secret}]
    return {"name": name, "credentials": keys, "actions": actions}
