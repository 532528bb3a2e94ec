"""dealcast api key, and when dealcast api does not start."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dealcast.surfaces.api.keys import hash_of

Call = Callable[..., Any]


def test_a_key_is_printed_once_with_the_hash_for_the_settings(call: Call) -> None:
    told = call("api", "key", "crm", "--scope", "score", "--json").json

    assert told["setting"] == {"name": "crm", "scopes": ["score"], "sha256": hash_of(told["key"])}
    assert len(told["key"]) > 43
    assert told["key"] != call("api", "key", "crm", "--json").json["key"]


def test_the_printed_line_goes_into_the_settings_as_it_is(call: Call, tmp_path: Path) -> None:
    told = call("api", "key", "crm").out
    line = told.splitlines()[-1].strip()
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "development.yaml").write_text(
        f"api:\n  keys:\n    {line}\n", encoding="utf-8"
    )

    shown = call("config", "show", "--json")
    again = call("api", "key", "crm")

    assert shown.code == 0, shown.err
    assert "sha256" in shown.out
    assert told.splitlines()[1].strip() not in shown.out
    assert (again.code, "There is a key of the name 'crm'" in again.err) == (2, True)


def test_a_name_that_would_spoil_a_log_is_refused(call: Call) -> None:
    done = call("api", "key", "two words")

    assert done.code == 2
    assert "'two words' is no name for a key" in done.err


@pytest.mark.parametrize(
    "flags", [(), ("--host", "0.0.0.0"), ("--host", "0.0.0.0", "--without-keys")]
)
def test_it_does_not_start_where_anybody_could_ask(call: Call, flags: tuple[str, ...]) -> None:
    done = call("api", "--root", "store", *flags)

    assert done.code == 2
    assert "dealcast api key NAME" in done.err
    assert done.out == ""


def test_a_port_that_is_taken_is_told(call: Call, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = call("api", "--root", tmp_path / "store", "--without-keys", "--port", port)

    assert done.code == 8
    assert f"Nothing can listen on http://127.0.0.1:{port}" in done.err
