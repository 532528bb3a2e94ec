"""compose.yaml and the Dockerfile are safe, pinned, and agree with the settings."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dealcast.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
JOBS = {"buckets", "dealcast"}
SERVERS = sorted(SERVICES.keys() - JOBS)
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
INSTRUCTIONS = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE)).splitlines()
VERSION = re.compile(r"[a-z0-9/-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?(@sha256:[0-9a-f]{64})?")


def instructions(name: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in INSTRUCTIONS if line.startswith(f"{name} ")]


def variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{([A-Z0-9_]+)", text))


@pytest.mark.parametrize("image", [s["image"] for s in SERVICES.values()] + instructions("FROM"))
def test_every_image_is_pinned_to_a_version_and_names_no_registry(image: str) -> None:
    name = image.split(" AS ", maxsplit=1)[0]

    assert VERSION.fullmatch(name)
    assert "." not in name.split(":")[0]


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_job_ends_and_is_not_restarted(name: str) -> None:
    assert SERVICES[name]["restart"] == "no"
    assert "ports" not in SERVICES[name]


@pytest.mark.parametrize("name", list(SERVICES))
def test_what_a_service_waits_for_is_healthy_or_done(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        done = "service_completed_successfully" if other in JOBS else "service_healthy"
        assert how == {"condition": done}


@pytest.mark.parametrize("name", list(SERVICES))
def test_no_service_gains_privileges(name: str) -> None:
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in SERVICES[name]


def test_ports_are_published_on_loopback_only_and_are_those_of_staging() -> None:
    stack = load_settings(env="staging", config_dir=ROOT / "config", environ={}).settings.stack
    published = [port for s in SERVICES.values() for port in s.get("ports", [])]
    expected = {stack.postgres_port, stack.s3_port, stack.mlflow_port, stack.prefect_port}

    assert all(port.startswith("127.0.0.1:") for port in published)
    assert {int(port.split(":")[1]) for port in published} == expected


def test_the_services_find_each_other_where_they_listen() -> None:
    told = SERVICES["worker"]["environment"]
    listens = {s: int(SERVICES[s]["ports"][0].split(":")[2]) for s in SERVERS if s != "worker"}

    for key in ("STORAGE__ENDPOINT", "TRACKING__URI", "ORCHESTRATION__API_URL"):
        host, port = re.findall(r"//([a-z]+):(\d+)", told[f"DEALCAST__{key}"])[0]
        assert listens[host] == int(port)
    settings = load_settings(env="staging", config_dir=ROOT / "config", environ=told).settings
    assert f"--pool={settings.orchestration.work_pool}" in SERVICES["worker"]["command"]
    assert settings.storage.root.startswith("s3://dealcast/")


def test_every_secret_is_required_from_the_environment_and_in_the_example_without_a_value() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    lines = [line for line in example.splitlines() if line and not line.startswith("#")]

    assert re.findall(r"\$\{[A-Z0-9_]+(?!:\?|[A-Z0-9_])", text) == []
    assert {line.removesuffix("=") for line in lines} == variables(text)
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|TOKEN", name):
                assert value.startswith("${")
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_access_keys_of_s3_are_json_and_those_that_are_used() -> None:
    content = re.sub(r"\$\{[^}]*\}", "secret", COMPOSE["configs"]["s3"]["content"])
    people = {i["name"]: i["actions"] for i in json.loads(content)["identities"]}

    assert people.keys() == {"dealcast", "mlflow"}
    assert all(action.endswith(":mlflow") for action in people["mlflow"])


def test_files_that_are_mounted_exist_and_named_volumes_hold_the_data() -> None:
    exports = "./exports:/exports:ro"  # the user's own
    mounts = [v for s in SERVICES.values() for v in s.get("volumes", [])]

    assert all(exports in SERVICES[name]["volumes"] for name in ("worker", "dealcast"))
    mounts = [mount for mount in mounts if mount != exports]
    for source in (mount.split(":")[0] for mount in mounts):
        assert (ROOT / source).is_file() if source.startswith(".") else source in COMPOSE["volumes"]


def test_the_image_runs_as_nobody_in_particular() -> None:
    users = instructions("USER")

    assert users == ["10001:10001"]
    assert INSTRUCTIONS.index(f"USER {users[0]}") < INSTRUCTIONS.index('ENTRYPOINT ["dealcast"]')
    assert "DEALCAST_IN_CONTAINER=1" in instructions("ENV")[-1]


def test_the_image_installs_only_what_has_a_hash() -> None:
    installs = [
        part for r in instructions("RUN") for part in r.split("&&") if "pip install" in part
    ]

    assert installs
    for line in installs:
        assert "--require-hashes" in line or "--no-deps --no-build-isolation ." in line


def test_what_the_image_copies_exists_and_is_let_through() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    ]

    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert f"!{source}" in ignore


@pytest.mark.parametrize("package", ["mlflow", "prefect", "asyncpg", "psycopg", "boto3"])
def test_the_lock_of_the_image_has_what_its_servers_need(package: str) -> None:
    lock = (ROOT / "requirements" / "production.txt").read_text(encoding="utf-8")

    assert re.search(rf"(?m)^{package}==", lock)


def test_docker_itself_accepts_the_file() -> None:
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    if subprocess.run(
        ["docker", "compose", "version"], capture_output=True, check=False
    ).returncode:
        pytest.skip("docker has no compose plugin")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    made_up = dict.fromkeys(re.findall(r"(?m)^([A-Z0-9_]+)=", example), "made-up")

    done = subprocess.run(
        ["docker", "compose", "--profile", "cli", "config", "--quiet"],
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", **made_up},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
