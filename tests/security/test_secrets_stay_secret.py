"""Whatever way a secret comes in, and however the run ends, it is nowhere in what is left behind.

The secrets are recognisable; each test greps the output, the store, MLflow's files and the list of
processes for them.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import make_url

from security.watching import AS_USUAL, Watched, watched
from servers.answers import answering
from servers.api import BOTH, Api, api_on, bearer
from servers.crm_database import run

if TYPE_CHECKING:
    from servers.seaweed import S3Server

Postgres = Callable[[], str]

# Every secret that a run may be given by its environment, whether it needs it or not.
EVERYWHERE = {
    "DEALCAST__STORAGE__ACCESS_KEY_ID": "an-id-that-is-no-secret",
    "DEALCAST__STORAGE__SECRET_ACCESS_KEY": "canary-storage-key",
    "DEALCAST__STORAGE__SESSION_TOKEN": "canary-storage-token",
    "DEALCAST__ORCHESTRATION__API_KEY": "me:canary-prefect",
    "AWS_SECRET_ACCESS_KEY": "canary-aws-key",
    "AWS_SESSION_TOKEN": "canary-aws-token",
    "MLFLOW_TRACKING_USERNAME": "me",
    "MLFLOW_TRACKING_PASSWORD": "canary-mlflow-password",
    "MLFLOW_TRACKING_TOKEN": "canary-mlflow-token",
    "PREFECT_API_KEY": "canary-prefect-key",
    "KAGGLE_API_TOKEN": "canary-kaggle-token",
    "KAGGLE_USERNAME": "me",
    "KAGGLE_KEY": "canary-kaggle-key",
    "PGPASSWORD": "canary-postgres",
    "HTTPS_PROXY": "http://me:canary-proxy@127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
}
CANARY = ("canary",)
PASSWORD = "canary@sql/:%word"
QUERY = json.dumps({"opportunities": "SELECT * FROM deals"})
SMALL = ("--source", "sample", "--set", "source.opportunities=1500")
# A fault of ours in the midst of a run, whose message repeats all that the settings hold.
CRASH = """
import dealcast.workflow.data_steps as steps
from dealcast.settings import secret_fields
def crash(ws, export):
    values = {k: v.get_secret_value() for k, v in secret_fields(ws.settings) if v}
    raise RuntimeError(f'cannot connect with {values}')
steps._assess = crash
from dealcast.__main__ import main
main()
"""


@pytest.mark.slow
def test_a_whole_run_with_every_secret_set_leaves_none_behind(tmp_path: Path) -> None:
    store = tmp_path / "store"

    done = watched(
        *("run", *SMALL, "--root", store, "--set", "tracking.kind=mlflow"),
        *("--log-level", "DEBUG"),
        cwd=tmp_path,
        **EVERYWHERE,
    )

    assert done.code == 0, done.stderr
    assert (store / "mlflow" / "mlflow.db").is_file()
    assert done.leaks(CANARY, tmp_path) == []


def test_the_watch_finds_what_it_looks_for(tmp_path: Path) -> None:
    """The same run with a secret where none belongs: all kinds of places are looked at."""
    done = watched(
        *("ingest", *SMALL, "--root", tmp_path / "store"),
        *("--set", "tracking.experiment=canary-in-the-settings"),
        cwd=tmp_path,
    )

    leaks = done.leaks(CANARY, tmp_path)

    assert done.code == 0, done.stderr
    assert any(leak.startswith("process") for leak in leaks)
    assert any(leak.endswith("manifest.json") for leak in leaks)


def test_the_watch_sees_children_of_the_command_and_no_other_process(tmp_path: Path) -> None:
    wait = [sys.executable, "-c", "import sys, time; time.sleep(float(sys.argv[1]))"]
    child = f"import subprocess; subprocess.run([*{wait!r}, '1', 'canary-child'], env={{}})"
    stranger = subprocess.Popen([*wait, "60", "canary-stranger"])
    try:
        done = watched("--version", first=f"{child}; {AS_USUAL}", cwd=tmp_path)
    finally:
        stranger.kill()
        stranger.wait()

    assert done.code == 0, done.stderr
    assert len(done.leaks(["canary-child"])) == 2  # the command, whose code names it, and its child
    assert done.leaks(["canary-stranger"]) == []


@pytest.mark.parametrize("log", ["human", pytest.param("json", marks=pytest.mark.slow)])
def test_a_crash_that_repeats_all_secrets_is_told_without_them(tmp_path: Path, log: str) -> None:
    done = watched(
        *("run", *SMALL, "--root", tmp_path / "store", "--set", f"logging.format={log}"),
        "--debug",
        first=f"exec({CRASH!r})",
        cwd=tmp_path,
        **EVERYWHERE,
    )
    (kept,) = (tmp_path / "store").glob("runs/*/run.log")

    assert done.code == 1
    assert "cannot connect with" in done.stderr
    assert "Traceback" in done.stderr
    assert "cannot connect with" in kept.read_text()
    assert done.leaks(CANARY, tmp_path) == []


@pytest.fixture
def deals(postgres: Postgres) -> str:
    """The URL of a database with one deal, for a user whose password is a canary."""
    url = postgres()
    role = f"reader_of_{make_url(url).database}"
    run(
        url,
        "CREATE TABLE deals (opportunity_id text, deal_stage text, engage_date date, "
        "close_date date, close_value numeric)",
        "INSERT INTO deals VALUES ('A', 'Engaging', '2025-01-02')",
        f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'",
        f"GRANT SELECT ON deals TO {role}",
    )
    return changed(url, username=role, password=PASSWORD)


def changed(url: str, **parts: Any) -> str:
    return make_url(url).set(**parts).render_as_string(hide_password=False)


def settings_file(folder: Path, url: str) -> Path:
    (folder / "config").mkdir()
    (folder / "config" / "development.yaml").write_text(
        json.dumps(
            {
                "source": {
                    "kind": "sql",
                    "url": url,
                    "queries": {"opportunities": "SELECT * FROM deals"},
                }
            }
        )
    )
    return folder / "config"


@pytest.mark.slow
@pytest.mark.parametrize("way", ["environment", "YAML", "env_file", "flag"])
def test_a_password_of_the_database_is_left_nowhere(deals: str, tmp_path: Path, way: str) -> None:
    given, environ = ["--source", "sql", "--set", f"source.queries={QUERY}"], {}
    if way == "environment":
        environ = {"DEALCAST__SOURCE__URL": deals}
    elif way == "YAML":
        given = ["--config-dir", str(settings_file(tmp_path, deals))]
    elif way == "env_file":
        (tmp_path / "secret.env").write_text(f"DEALCAST__SOURCE__URL={deals}\n")
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "development.yaml").write_text("env_file: secret.env\n")
    else:
        given += ["--set", f"source.url={deals}"]
    store = tmp_path / "store"

    done = watched(
        *("ingest", *given, "--root", store, "--log-level", "DEBUG"), cwd=tmp_path, **environ
    )
    shown = watched("runs", "show", "latest", "--root", store, "--json", cwd=tmp_path)
    settings = watched("config", "show", *given[:2], "--root", store, cwd=tmp_path, **environ)

    assert done.code == 0, done.stderr
    if way == "flag":  # its own command line is what the user wrote, and is warned of
        assert "source.url is a secret" in done.stderr
        assert "DEALCAST__SOURCE__URL" in done.stderr
        done.command_lines.clear()
    assert done.leaks([PASSWORD], store) == []
    assert shown.leaks([PASSWORD], store) == []
    assert settings.leaks([PASSWORD], store) == []


@pytest.mark.parametrize(
    "failure",
    [
        "wrong password",
        *(
            pytest.param(failure, marks=pytest.mark.slow)
            for failure in ("away", "no database", "no URL", "refused")
        ),
    ],
)
def test_a_database_that_fails_is_told_without_the_password(
    deals: str, tmp_path: Path, failure: str
) -> None:
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        url, query = {
            "wrong password": (changed(deals, password="canary-wrong/@"), QUERY),
            "away": (changed(deals, port=nobody_listens.getsockname()[1]), QUERY),
            "no database": (changed(deals, database="nowhere"), QUERY),
            "no URL": (f"postgresql//me:{PASSWORD}@", QUERY),
            "refused": (deals, json.dumps({"opportunities": "SELECT * FROM nothing"})),
        }[failure]
        done = watched(
            *("ingest", "--source", "sql", "--set", f"source.queries={query}", "--debug"),
            *("--root", tmp_path / "store"),
            cwd=tmp_path,
            DEALCAST__SOURCE__URL=url,
        )

    assert done.code in (2, 3), done.stderr
    assert "Traceback" in done.stderr
    assert "Error: " in done.stderr
    assert done.leaks([PASSWORD, "canary-wrong/@"], tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("way", ["right", "wrong key", "away"])
def test_keys_of_s3_are_left_nowhere(s3: "S3Server", tmp_path: Path, way: str) -> None:
    environ = s3.environment() | {"DEALCAST__STORAGE__ATTEMPTS": "1"}
    secret = environ["DEALCAST__STORAGE__SECRET_ACCESS_KEY"]
    if way == "wrong key":
        secret = environ["DEALCAST__STORAGE__SECRET_ACCESS_KEY"] = "canary-wrong-s3-key"
    if way == "away":
        environ["DEALCAST__STORAGE__ENDPOINT"] = "http://127.0.0.1:9"
        environ["DEALCAST__STORAGE__TIMEOUT_SECONDS"] = "1"

    done = watched("ingest", *SMALL, "--debug", cwd=tmp_path, **environ)
    assert done.code == (0 if way == "right" else 5), done.stderr
    if way == "right":
        copied = watched(
            *("store", "copy", environ["DEALCAST__STORAGE__ROOT"], tmp_path / "copy"),
            cwd=tmp_path,
            **environ,
        )
        assert copied.code == 0, copied.stderr
        assert copied.leaks([secret], tmp_path) == []

    assert done.leaks([secret], tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_what_mlflow_repeats_of_its_credentials_is_not_told(tmp_path: Path, status: int) -> None:
    said = "no right for canary-mlflow-password, canary-mlflow-token on this host"
    with answering({"/version": (status, said)}) as url:
        done = watched(
            *("run", *SMALL, "--to", "clean", "--root", tmp_path / "store", "--debug"),
            *("--set", "tracking.kind=mlflow", "--set", f"tracking.uri={url}"),
            cwd=tmp_path,
            **EVERYWHERE,
        )

    assert done.code == (0 if status == 503 else 8), done.stderr
    assert done.leaks(CANARY, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("status", [401, 403, 500])
def test_what_prefect_repeats_of_its_key_is_not_told(tmp_path: Path, status: int) -> None:
    answers = {"/api/admin/version": (status, "no right for canary-prefect, me:canary-prefect")}
    with answering(answers) as url:
        done = watched(
            *("run", *SMALL, "--to", "clean", "--root", tmp_path / "store", "--debug"),
            *("--set", "orchestration.kind=prefect"),
            *("--set", f"orchestration.api_url={url}/api"),
            *("--set", "orchestration.wait_for_server_seconds=1"),
            cwd=tmp_path,
            **EVERYWHERE,
        )

    assert done.code == 8, done.stderr
    assert done.leaks(CANARY, tmp_path) == []


@pytest.mark.slow
def test_a_key_of_the_api_is_left_nowhere_wherever_it_is_sent(tmp_path: Path) -> None:
    watched("run", *SMALL, "--to", "score", "--root", tmp_path / "store", cwd=tmp_path)
    with api_on(str(tmp_path / "store"), tmp_path) as api:
        answers = _with_keys_everywhere(api)
        told = api.client.get("/metrics").text + "".join(a.text for a in answers)

    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert [a.status_code for a in answers] == [200, 401, 401, 404, 200, 422]
    assert "canary" not in told
    assert BOTH not in told
    assert not [f for f in files if BOTH.encode() in f.read_bytes()]
    assert not [f for f in files if b"canary" in f.read_bytes()]


def _with_keys_everywhere(api: Api) -> list[httpx.Response]:
    """Answers where keys come as they should, and by mistake in other places."""
    wrong = "dealcast_canary-wrong"
    return [
        api.client.get("/v1/model"),
        httpx.get(f"{api.url}/v1/model", headers=bearer(wrong)),
        httpx.get(f"{api.url}/v1/model", params={"key": wrong}),
        httpx.get(f"{api.url}/{wrong}"),
        api.client.get("/v1/model", params={"key": BOTH}),
        api.client.post("/v1/score", json={"key": wrong}),
    ]


def test_no_command_but_the_one_that_makes_a_key_prints_one(tmp_path: Path) -> None:
    made: Watched = watched("api", "key", "crm", "--json", cwd=tmp_path)
    key = json.loads(made.stdout)["key"]
    line = json.dumps([json.loads(made.stdout)["setting"]])

    shown = watched("config", "show", cwd=tmp_path, DEALCAST__API__KEYS=line)

    assert key.startswith("dealcast_")
    assert shown.code == 0, shown.stderr
    assert shown.leaks([key], tmp_path) == []
