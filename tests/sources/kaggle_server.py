"""A loopback server that speaks Kaggle's protocol, as far as kagglehub 1.0.2 goes.

GetDataset tells the version, DownloadDataset redirects to storage on another host name, storage
gives the archive with its length and MD5. `script` puts other answers before those.
"""

import base64
import hashlib
import io
import json
import threading
import zipfile
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

VERSION = 3
SIGNATURE = "signature-of-storage"
STEPS = ("GetDataset", "DownloadDataset", "storage")
EXPORT = {
    "sales_pipeline.csv": "opportunity_id,deal_stage\nA1,Won\nA2,Engaging\n",
    "accounts.csv": "account,sector\nNorthwind,retail\n",
    "products.csv": "product,sales_price\nAnvil,55\n",
    "sales_teams.csv": "sales_agent,manager\nAda,Grace\n",
    "data_dictionary.csv": "table,field\naccounts,sector\n",
}


@dataclass(frozen=True)
class Answer:
    """What the server does with one request."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    declared: int | None = None  # Content-Length, where it is not that of the body
    hang_up: bool = False  # close the connection without a word
    silent: bool = False  # keep it open without a word

    @classmethod
    def of_json(cls, content: object, status: int = 200, **headers: str) -> Self:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(content).encode()
        return cls(status, body, {"Content-Type": "application/json", **named})


@dataclass(frozen=True)
class Request:
    step: str
    authorization: str | None
    body: bytes


def zipped(files: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


ARCHIVE = zipped(EXPORT)


def md5_header(content: bytes) -> dict[str, str]:
    digest = base64.b64encode(hashlib.md5(content).digest()).decode()
    return {"x-goog-hash": f"crc32c=AAAAAA==,md5={digest}"}


class KaggleServer:
    """Serves one archive until it is left; `requests` holds what came, in order."""

    def __init__(self, archive: bytes) -> None:
        self.requests: list[Request] = []
        self.scripted: dict[str, deque[Answer]] = defaultdict(deque)
        self.leaving = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.kaggle = self  # type: ignore[attr-defined]  # how a handler finds us
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.usual = {
            "GetDataset": Answer.of_json({"id": 1, "currentVersionNumber": VERSION}),
            "DownloadDataset": Answer(
                302,
                headers={
                    "Location": f"http://localhost:{self.port}/storage?X-Goog-Signature={SIGNATURE}"
                },
            ),
            "storage": stored(archive),
        }

    def script(self, step: str, *answers: Answer) -> None:
        self.scripted[step].extend(answers)

    def steps(self) -> list[str]:
        return [request.step for request in self.requests]

    def is_ever_silent(self) -> bool:
        scripted = [answer for answers in self.scripted.values() for answer in answers]
        return any(answer.silent for answer in [*scripted, *self.usual.values()])

    def answer(self, step: str) -> Answer:
        return self.scripted[step].popleft() if self.scripted[step] else self.usual[step]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leaving.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def stored(archive: bytes) -> Answer:
    headers = {"Content-Type": "application/zip", "Accept-Ranges": "bytes"}
    return Answer(body=archive, headers=headers | md5_header(archive))


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        pass

    def _serve(self) -> None:
        kaggle: KaggleServer = self.server.kaggle  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        step = self.path.split("?")[0].rsplit("/", 1)[-1]
        kaggle.requests.append(Request(step, self.headers.get("Authorization"), body))
        answer = kaggle.answer(step)
        if answer.silent:
            kaggle.leaving.wait(10)
        if answer.silent or answer.hang_up:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        length = len(answer.body) if answer.declared is None else answer.declared
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(answer.body)
