"""The API does what its OpenAPI document says, whatever Schemathesis calls it with."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from servers.api import BOTH, Api, bearer

EXAMPLES, SECONDS = 25, 300


@pytest.mark.slow
def test_schemathesis_finds_nothing(api: Api, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(Path(sys.executable).with_name("schemathesis"), "run", f"{api.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {BOTH}", "--checks", "all"),
            *("--max-examples", str(EXAMPLES), "--seed", "1", "--no-color"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6_000:]
    assert "Operations:       8 selected / 8 total" in done.stdout


@pytest.fixture
def document(api: Api) -> Any:
    return httpx.get(f"{api.url}/openapi.json").json()


def test_the_document_tells_every_failure_as_a_problem(document: Any) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            for status, told in operation["responses"].items():
                if int(status) >= 400:
                    assert list(told["content"]) == ["application/problem+json"]


def test_the_example_of_the_document_can_be_scored(api: Api, document: Any) -> None:
    (example,) = document["components"]["schemas"]["ScoreRequest"]["examples"]

    answer = httpx.post(
        f"{api.url}/v1/score",
        headers=bearer(BOTH) | {"Content-Type": "application/json"},
        content=json.dumps(example),
    )

    assert answer.status_code == 200
