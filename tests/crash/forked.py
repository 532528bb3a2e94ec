"""`dealcast` in processes of its own, forked from one that has loaded all: quick to start.

Run as a program, it is that one: it reads a call per line and answers with how it ended. It has
made no thread and opened nothing, so that what it forks is as a fresh process.
"""

import contextlib
import gc
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.crash.death import Death, Want, Writes, go_without

REPOSITORY = Path(__file__).resolve().parents[2]
# One thread each, so that they are quick on a busy machine and add up in one order.
ALONE = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
HEAVY = ("mlflow", "prefect", "spark", "api", "dashboard", "stack", "sql", "cluster", "duckdb")


@dataclass(frozen=True)
class Ended:
    """How a call ended: its exit code, or minus the signal; what it printed and wrote (count).

    `seconds` by the clock.
    """

    code: int
    out: str
    err: str
    writes: int
    seconds: float

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Forks:
    """Calls `dealcast`, each time in a new process."""

    process: "subprocess.Popen[str]"

    def call(
        self,
        *arguments: object,
        death: Death | None = None,
        want: Want | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Ended:
        """Wait for `dealcast ARGUMENTS` to end."""
        self.begin(*arguments, death=death, want=want, environment=environment)
        return self.ended()

    def begin(
        self,
        *arguments: object,
        death: Death | None = None,
        want: Want | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it."""
        asked = {
            "arguments": [str(a) for a in arguments],
            "death": asdict(death or Death()),
            "want": asdict(want or Want()),
            "environment": dict(environment or {}),
        }
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()

    def ended(self) -> Ended:
        """Wait for what was started."""
        assert self.process.stdout is not None
        return Ended(**json.loads(self.process.stdout.readline()))


@contextlib.contextmanager
def forks(folder: Path) -> Iterator[Forks]:
    """The process to fork from; it works in the folder."""
    given = {k: v for k, v in os.environ.items() if not k.startswith("DEALCAST")}
    paths = [str(REPOSITORY), str(REPOSITORY / "src"), given.get("PYTHONPATH", "")]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.crash.forked"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=given | ALONE | {"PYTHONPATH": os.pathsep.join(paths)},
    ) as process:
        yield Forks(process)


def _load_all() -> None:
    import dealcast

    for module in pkgutil.walk_packages(dealcast.__path__, "dealcast."):
        if not any(word in module.name for word in (*HEAVY, "__main__")):
            import_module(module.name)
    import_module("dealcast.__main__")
    gc.freeze()  # else each fork would copy all of it when it looks for garbage


def _serve() -> None:
    _load_all()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        with contextlib.ExitStack() as stack:
            out, err, count = (stack.enter_context(TemporaryFile("w+")) for _ in range(3))
            files = [file.fileno() for file in (out, err, count)]
            began = time.monotonic()
            code = _waited(_started(asked, files), Death(**asked["death"]))
            seconds = time.monotonic() - began
            ended = Ended(code, _text(out), _text(err), int(_text(count) or 0), seconds)
        print(json.dumps(asdict(ended)), file=answers, flush=True)


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read())


def _started(asked: dict[str, Any], files: list[int]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(files[0], 1)
        os.dup2(files[1], 2)
        code = _called(asked, files[2])
    except BaseException:  # noqa: BLE001 - it must not come back as a second server
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _called(asked: dict[str, Any], count: int) -> int:
    from dealcast.__main__ import main

    os.environ.update(asked["environment"])
    writes = Writes(Death(**asked["death"]))
    writes.watch()
    go_without(Want(**asked["want"]))
    sys.argv = ["dealcast", *asked["arguments"]]
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    else:
        code = 0
    os.write(count, str(writes.count).encode())
    return code


def _waited(child: int, death: Death) -> int:
    """Its exit code, or minus the signal that ended it."""
    if death.seconds and not death.at:
        time.sleep(death.seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    _serve()
