"""Versions are compared before any work, here with servers that only pretend to be one."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dealcast.errors import ServiceAwayError, ServiceError
from dealcast.orchestration.versions import (
    TESTED,
    installed_versions,
    reach,
    refuse_untested,
    server_version,
)
from dealcast.settings import OrchestrationSettings, load_settings
from dealcast.workflow.plan import Plan
from servers.answers import answering
from servers.ports import free_port

GOOD = {"prefect": "3.9.1", "sqlalchemy": "2.0.58", "fastapi": "0.150.0"}


@contextlib.contextmanager
def server_answering(answers: Mapping[str, tuple[int, object]]) -> Iterator[str]:
    """The address of the API of a server with these answers, by path."""
    texts = {path: (status, json.dumps(content)) for path, (status, content) in answers.items()}
    with answering(texts) as url:
        yield f"{url}/api"


def prefect_of(version: str) -> Mapping[str, tuple[int, object]]:
    return {"/api/health": (200, True), "/api/admin/version": (200, version)}


def settings(url: str, **more: object) -> OrchestrationSettings:
    return OrchestrationSettings.model_validate(
        {"kind": "prefect", "api_url": url, "wait_for_server_seconds": 0, **more}
    )


def test_what_is_locked_is_within_the_tested_ranges() -> None:
    installed = installed_versions()

    assert all(tested.includes(installed[tested.package]) for tested in TESTED)


@pytest.mark.parametrize("version", ["3.9.0", "3.9.1", "3.9.27"])
def test_a_server_of_the_tested_minor_version_is_taken(version: str) -> None:
    with server_answering(prefect_of(version)) as url:
        assert reach(settings(url), installed=GOOD).version == version


@pytest.mark.parametrize("version", ["2.20.4", "3.8.8", "3.10.0", "4.0.0"])
def test_a_server_of_another_version_is_named_with_ours_and_the_command(version: str) -> None:
    with server_answering(prefect_of(version)) as url, pytest.raises(ServiceError) as caught:
        reach(settings(url), installed=GOOD)

    assert f"server at {url} has version {version}, the client here has 3.9.1" in str(caught.value)
    assert "where the server runs: uv pip install 'prefect==3.9.1'" in caught.value.remedy
    assert not caught.value.may_pass


def test_a_client_of_another_version_is_to_become_the_servers() -> None:
    with server_answering(prefect_of("3.9.4")) as url, pytest.raises(ServiceError) as caught:
        reach(settings(url), installed={**GOOD, "prefect": "3.8.8"})

    assert "has version 3.9.4, the client here has 3.8.8" in caught.value.problem
    assert caught.value.remedy == "here: uv pip install 'prefect==3.9.4'"


def test_where_neither_is_tested_both_are_to_change() -> None:
    with server_answering(prefect_of("3.7.0")) as url, pytest.raises(ServiceError) as caught:
        reach(settings(url), installed={**GOOD, "prefect": "3.8.8"})

    assert caught.value.remedy == (
        "here and where the server runs: uv pip install 'prefect>=3.9,<3.10'"
    )


@pytest.mark.parametrize(
    ("package", "version", "remedy"),
    [
        ("sqlalchemy", "2.1.0", "uv pip install 'sqlalchemy>=2.0,<2.1'"),
        ("sqlalchemy", "2.1.0b3", "uv pip install 'sqlalchemy>=2.0,<2.1'"),
        ("fastapi", "0.151.0", "uv pip install 'fastapi>=0.139,<0.151'"),
    ],
)
def test_a_library_that_breaks_servers_is_refused(package: str, version: str, remedy: str) -> None:
    with pytest.raises(ServiceError) as caught:
        refuse_untested({**GOOD, package: version})

    assert f"{package} {version} is installed" in caught.value.problem
    assert caught.value.remedy == remedy


def test_no_work_starts_on_a_server_of_another_version(tmp_path: Path) -> None:
    from dealcast.orchestration.flow import Unwatched, run_here

    with server_answering(prefect_of("3.4.1")) as url:
        loaded = load_settings(
            flags={
                "storage.root": str(tmp_path / "store"),
                "orchestration.kind": "prefect",
                "orchestration.api_url": url,
            }
        )
        with pytest.raises(ServiceError, match=r"3\.4\.1"):
            run_here(loaded, Plan(), Unwatched())

    assert not (tmp_path / "store").exists()


def test_nobody_there_may_pass_and_says_how_to_go_on() -> None:
    url = f"http://127.0.0.1:{free_port()}/api"

    with pytest.raises(ServiceAwayError) as caught:
        reach(settings(url), installed=GOOD)

    assert f"The Prefect server at {url} cannot be reached" in caught.value.problem
    assert "dealcast stack up" in caught.value.remedy
    assert "--set orchestration.kind=local" in caught.value.remedy


def test_waiting_is_announced_once() -> None:
    said: list[str] = []
    url = f"http://127.0.0.1:{free_port()}/api"

    with pytest.raises(ServiceAwayError):
        reach(settings(url, wait_for_server_seconds=2.5), said.append, installed=GOOD)

    assert len(said) == 1
    assert "Waiting up to 2.5 s for it." in said[0]


def test_an_overloaded_server_may_be_ready_later() -> None:
    busy = {"/api/health": (503, "starting")}

    with server_answering(busy) as url, pytest.raises(ServiceAwayError, match="answers 503"):
        server_version(url, settings(url))


@pytest.mark.parametrize("code", [401, 403])
@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("user:wrong", "the key in orchestration.api_key"),
        (None, "to answer without a key, and none is set"),
    ],
)
def test_a_refused_key_is_named_and_not_shown(
    code: int, key: str | None, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING"):
        monkeypatch.delenv(name, raising=False)
    refusing = {"/api/health": (200, True), "/api/admin/version": (code, "no")}

    with server_answering(refusing) as url, pytest.raises(ServiceError) as caught:
        server_version(url, settings(url, api_key=key))

    assert named in caught.value.problem
    assert "wrong" not in str(caught.value)
    assert "DEALCAST__ORCHESTRATION__API_KEY" in caught.value.remedy


@pytest.mark.parametrize(
    "answers",
    [
        {"/api/health": (200, "OK")},
        {"/api/health": (200, True)},
        {"/api/health": (200, True), "/api/admin/version": (200, {"name": "other"})},
        {},
    ],
)
def test_something_else_at_that_address_is_said(
    answers: Mapping[str, tuple[int, object]],
) -> None:
    with server_answering(answers) as url, pytest.raises(ServiceError) as caught:
        server_version(url, settings(url))

    assert "is not the API of a Prefect server" in caught.value.problem


def test_an_address_without_api_is_hinted_at() -> None:
    with server_answering(prefect_of("3.9.1")) as url, pytest.raises(ServiceError) as caught:
        server_version(url.removesuffix("/api"), settings(url))

    assert caught.value.remedy.endswith(url)


@pytest.mark.parametrize("url", ["127.0.0.1:4200", "ftp://127.0.0.1/api", "prefect"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ServiceError, match="is not the address"):
        reach(settings(url), installed=GOOD)


def test_no_address_at_all_is_said_with_the_places_to_set_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)

    with pytest.raises(ServiceError, match="nor PREFECT_API_URL is set"):
        reach(OrchestrationSettings(kind="prefect"), installed=GOOD)
