"""Is a service ready? Each check returns None when it is, else what is missing, in words."""

import http.client
import json
from datetime import datetime

from dealcast.orchestration.stack import postgres
from dealcast.orchestration.stack.credentials import HOST, Credentials

TIMEOUT_SECONDS = 5
OK = 200
WORKER_NAME = "stack"


def postgres_ready(port: int, credentials: Credentials) -> str | None:
    """Whether PostgreSQL answers a query."""
    import psycopg

    try:
        with postgres.connect(port, credentials) as connection:
            connection.execute("SELECT 1")
    except psycopg.Error as error:
        return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return None


def http_ready(port: int, path: str) -> str | None:
    """Whether a server answers 200 at the path."""
    status, _ = _ask(port, "GET", path)
    return None if status == OK else f"{path} answers {status or 'not at all'}"


def worker_ready(port: int, pool: str, since: float) -> str | None:
    """Whether the worker of the pool has told Prefect of itself since it was started."""
    status, body = _ask(port, "POST", f"/api/work_pools/{pool}/workers/filter", {"limit": 50})
    if status != OK:
        return f"Prefect answers {status or 'not at all'} for work pool '{pool}'"
    for worker in json.loads(body):
        if worker["name"] != WORKER_NAME or worker["status"] != "ONLINE":
            continue
        beat = worker.get("last_heartbeat_time")
        if beat and datetime.fromisoformat(beat).timestamp() >= since:
            return None
    return "Prefect has not heard of it yet"


def _ask(port: int, verb: str, path: str, content: object = None) -> tuple[int, bytes]:
    """Status (0 for no answer) and body. Loopback only: a proxy of the environment is not asked."""
    connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
    body = None if content is None else json.dumps(content)
    try:
        connection.request(verb, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
