"""Who reaches the dashboard: this machine, and pages of the host that a proxy shows it under."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.ports import free_port, require_running, wait_until

pytest.importorskip("streamlit", reason="Streamlit is not installed")

DOCS = Path(__file__).resolve().parents[3] / "docs"
PUBLIC = "crm.example.com"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a real `dealcast dashboard` on an empty store, shown as PUBLIC by a proxy."""
    folder, port = tmp_path_factory.mktemp("dashboard"), free_port()
    words = ["dashboard", "--root", "store", "--port", str(port)]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dealcast", *words, "--set", f"dashboard.public_host={PUBLIC}"],
            cwd=folder,
            stdout=output,
            stderr=output,
            env=dict(os.environ),
        )
    try:
        wait_until(lambda: _answers(process, log, port), seconds=120, what="the dashboard")
        yield port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(process: subprocess.Popen[bytes], log: Path, port: int) -> bool:
    require_running(process, log, "the dashboard")
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def answer_to(port: int, origin: str) -> int:
    """The HTTP status that the dashboard gives a page of this origin that wants to connect."""
    request = (
        f"GET /_stcore/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(request.encode())
        first = connection.recv(100).decode()
    return int(first.split()[1])


def test_no_other_address_listens(port: int) -> None:
    listening = {
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    }

    assert listening == {f"0100007F:{port:04X}"}


@pytest.mark.parametrize("origin", [f"https://{PUBLIC}", "http://127.0.0.1"])
def test_pages_of_the_shown_host_may_connect(port: int, origin: str) -> None:
    assert answer_to(port, origin) == 101


def test_pages_of_other_hosts_may_not(port: int) -> None:
    assert answer_to(port, "https://evil.example.net") == 403


def test_the_proxy_in_the_docs_stands_before_the_dashboard_and_holds_no_secret() -> None:
    text = (DOCS / "dashboard.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    proxy = tomllib.loads(block)

    assert proxy["upstreams"] == ["http://127.0.0.1:8501"]
    assert proxy["http_address"].startswith("127.0.0.1:")
    assert proxy["redirect_url"].startswith(f"https://{PUBLIC}/")
    assert proxy["cookie_secure"] is True
    assert proxy["email_domains"] != ["*"]
    assert not [name for name in proxy if "secret" in name]
