"""Each way in which S3 refuses has a sentence and a remedy of its own; a real server refuses."""

import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dealcast.errors import StoreAwayError, StoreError
from dealcast.settings import StorageSettings
from dealcast.workflow.store import Store, open_store
from servers.ports import deaf_port
from servers.proxy import Faults, Proxy, faulty
from servers.seaweed import READER_KEY, READER_SECRET, S3Server, seaweed

PRODUCTS = pl.DataFrame(
    {"product": ["A"], "series": ["x"], "sales_price": [1.5]},
)
SECRETS = ("a-secret-for-tests-only", "quite-wrong", READER_SECRET)


@pytest.fixture(scope="module")
def root(s3: S3Server) -> str:
    """A store with a table and an object."""
    settings = StorageSettings(**s3.settings())
    store = open_store(settings)
    store.save("products", PRODUCTS)
    store.put_json("runs/a.json", {})
    return settings.root


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[Proxy]:
    with faulty(s3) as running:
        yield running


def settings(server: S3Server, at: str, **more: Any) -> StorageSettings:
    return StorageSettings(**{**server.settings(at), "attempts": 2, "timeout_seconds": 3, **more})


# What commands do first; each of them must meet the error and tell it.
ACTIONS: dict[str, Callable[[Store], object]] = {
    "load": lambda store: store.load("products"),
    "save": lambda store: store.save("products", PRODUCTS),
    "get": lambda store: store.get_json("runs/a.json"),
    "put": lambda store: store.put_json("runs/b.json", {}),
    "list": lambda store: store.list_objects("runs"),
    "has": lambda store: store.has("products"),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"secret_access_key": "quite-wrong"}, ("secret key is wrong", "secret_access_key", False)),
        ({"access_key_id": "nobody"}, ("does not know the S3 access key", "access_key_id", False)),
        (
            {"root": "s3://nowhere-at-all/x", "create_bucket": False},
            ("no such bucket", "create_bucket: true", False),
        ),
        ({"endpoint": "http://nobody.invalid:80"}, ("no machine has the name", "endpoint", True)),
    ],
    ids=["secret", "key", "bucket", "name"],
)
def test_what_is_set_wrong_is_named(
    s3: S3Server,
    root: str,
    action: str,
    change: dict[str, Any],
    told: tuple[str, str, bool],
) -> None:
    problem, remedy, away = told
    with pytest.raises(StoreError) as refused:
        ACTIONS[action](open_store(settings(s3, root, **change)))

    assert problem in refused.value.problem
    assert remedy in refused.value.remedy
    assert refused.value.may_pass is away
    assert not any(secret in str(refused.value) for secret in SECRETS)


@pytest.mark.parametrize("action", ACTIONS)
def test_an_endpoint_where_nobody_listens_is_told_soon(
    s3: S3Server, root: str, action: str
) -> None:
    nowhere = settings(s3, root, endpoint=f"http://127.0.0.1:{deaf_port()}", attempts=4)
    began = time.monotonic()

    with pytest.raises(StoreAwayError, match="nothing answers"):
        ACTIONS[action](open_store(nowhere))

    assert time.monotonic() - began < 10


def test_a_server_that_never_answers_is_told_in_time(s3: S3Server, root: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()

        with pytest.raises(StoreAwayError, match="in time"):
            open_store(
                settings(s3, root, endpoint=endpoint, timeout_seconds=1, attempts=8)
            ).get_json("a")

    assert time.monotonic() - began < 10


@pytest.mark.parametrize("action", ["save", "put"])
def test_a_key_that_may_only_read_reads_and_cannot_write(
    s3: S3Server, root: str, action: str
) -> None:
    reader = open_store(
        settings(s3, root, access_key_id=READER_KEY, secret_access_key=READER_SECRET)
    )

    assert reader.load("products").height == 1
    with pytest.raises(StoreError, match="may not do this") as refused:
        ACTIONS[action](reader)

    assert root in refused.value.remedy
    assert not refused.value.may_pass


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        ("403 Forbidden", "RequestTimeTooSkewed", "clock"),
        ("400 Bad Request", "ExpiredToken", "expired"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", "another region"),
        ("503 Service Unavailable", "SlowDown", "slow down"),
        ("500 Internal Server Error", "InternalError", "error of its own"),
    ],
)
def test_what_a_server_answers_is_translated(  # noqa: PLR0913, PLR0917 - two tables
    proxy: Proxy, root: str, action: str, status: str, code: str, problem: str
) -> None:
    proxy.plan(Faults(always=(status, code)))

    with pytest.raises(StoreError, match=problem) as refused:
        ACTIONS[action](open_store(settings(proxy.server, root)))

    assert refused.value.may_pass is status.startswith("5")
    assert "\n" not in refused.value.problem


@pytest.mark.parametrize("action", ["load", "save", "get", "put", "list"])
def test_a_server_that_goes_away_midway_is_told(proxy: Proxy, root: str, action: str) -> None:
    store = open_store(settings(proxy.server, root))
    assert store.has("products")
    proxy.plan(Faults(cut_in_request=0.5, cut_after=0.5))

    with pytest.raises(StoreAwayError, match="broke off"):
        ACTIONS[action](store)


def test_without_tls_only_where_it_is_allowed(s3: S3Server, root: str) -> None:
    with pytest.raises(StoreError, match="without TLS") as refused:
        open_store(settings(s3, root, allow_http=False))

    assert "storage.allow_http: true" in refused.value.remedy


def test_tls_to_a_server_without_it_is_told(s3: S3Server, root: str) -> None:
    secure = settings(s3, root, endpoint=s3.endpoint.replace("http:", "https:"))

    with pytest.raises(StoreError, match="TLS connection") as refused:
        open_store(secure).load("products")

    assert "storage.ca_file" in refused.value.remedy


def test_a_bucket_is_made_where_it_is_allowed(s3: S3Server) -> None:
    store = open_store(settings(s3, f"s3://{s3.bucket()}/deep/prefix", create_bucket=True))

    assert not store.has("products")
    assert store.save("products", PRODUCTS) == 0
    assert store.load("products").height == 1


def test_a_bucket_that_the_key_may_not_make_is_told(s3: S3Server) -> None:
    reader = settings(
        s3, f"s3://{s3.bucket()}/x", access_key_id=READER_KEY, secret_access_key=READER_SECRET
    )

    with pytest.raises(StoreError, match="cannot be made"):
        open_store(reader).put_json("a.json", {})


def test_a_server_with_an_authority_of_its_own_is_reached_by_its_file(tmp_path: Path) -> None:
    authority, *certificate = _certified(tmp_path)
    with seaweed(tmp_path / "tls", (certificate[0], certificate[1])) as server:
        root = f"s3://{server.bucket()}/x"
        trusting = open_store(settings(server, root, ca_file=str(authority), allow_http=False))
        trusting.save("products", PRODUCTS)
        assert trusting.load("products").height == 1

        with pytest.raises(StoreError, match="TLS connection"):
            open_store(settings(server, root)).load("products")


def _certified(folder: Path) -> tuple[Path, Path, Path]:
    """PEM files of an authority, of a certificate that it signed for 127.0.0.1, and of its key."""
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography comes with MLflow")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now, keys = datetime.now(UTC), [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        for name in ("authority", "server")
    ]
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    files = [folder / name for name in ("authority.pem", "server.pem", "key.pem")]
    for is_server in (False, True):
        made = (
            x509.CertificateBuilder(names[0], names[is_server], keys[is_server].public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=not is_server, path_length=None), critical=True)
        )
        made = made.add_extension(host, critical=False) if is_server else made
        signed = made.sign(keys[0], hashes.SHA256())
        files[is_server].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files[2].write_bytes(
        keys[1].private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files[0], files[1], files[2]


def test_a_certificate_file_that_is_not_there_is_named(s3: S3Server, root: str) -> None:
    with pytest.raises(StoreError, match=r"no\.pem"):
        open_store(settings(s3, root, ca_file="no.pem")).load("products")


def test_nothing_secret_is_shown_of_a_store(s3: S3Server, root: str) -> None:
    store = open_store(settings(s3, root))

    shown = repr(store.location) + str(Path(store.root))

    assert not any(secret in shown for secret in SECRETS)
