"""A real `dealcast api`: on a free loopback port, stopped by the test that started it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from dealcast.surfaces.api.keys import new_key
from servers.ports import free_port, require_running, wait_until

NO_LIMIT: dict[str, object] = {"requests_per_minute": "null"}
READY_SECONDS, STOP_SECONDS = 120, 30
READ, READ_KEPT = new_key("reader", ["read"])
SCORE, SCORE_KEPT = new_key("scorer", ["score"])
BOTH, BOTH_KEPT = new_key("both", ["read", "score"])
KEYS = json.dumps([k.model_dump(mode="json") for k in (READ_KEPT, SCORE_KEPT, BOTH_KEPT)])


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@dataclass
class Api:
    """A running `dealcast api`, and a client that has both scopes."""

    url: str
    log: Path
    process: subprocess.Popen[bytes]
    client: httpx.Client

    def score(self, *opportunities: dict[str, Any], **more: object) -> httpx.Response:
        return self.client.post("/v1/score", json={"opportunities": opportunities, **more})

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def api_on(root: str, folder: Path, **settings: object) -> Iterator[Api]:
    """`dealcast api` on a store, with three keys; ready where there is something to be ready with.

    `settings`: of the section api, such as reload_seconds=0.2. A test may ask as often as it likes.
    """
    port, log = free_port(), folder / "api.log"
    sets = [word for k, v in (NO_LIMIT | settings).items() for word in ("--set", f"api.{k}={v}")]
    command = [sys.executable, "-m", "dealcast", "api", "--root", root, "--port", str(port), *sets]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=output,
            env={"DEALCAST__API__KEYS": KEYS} | dict(os.environ),
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, headers=bearer(BOTH), timeout=60) as client:
            api = Api(url, log, process, client)
            wait_until(lambda: _answers(api), seconds=READY_SECONDS, what="dealcast api")
            yield api
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        process.kill()
        process.wait()


def _answers(api: Api) -> bool:
    require_running(api.process, api.log, "dealcast api")
    with contextlib.suppress(httpx.TransportError):
        return api.client.get("/healthz").status_code == 200
    time.sleep(0.05)
    return False
