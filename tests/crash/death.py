"""How a process is to die: killed at a write, or after some time; what it is to go without."""

import ctypes
import os
import resource
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

When = Literal["before", "during", "after"]


@dataclass(frozen=True)
class Death:
    """SIGKILL at a write (counted from 1), or after some seconds from the start.

    `during`: so many seconds after the write began.
    """

    at: int = 0
    when: When = "before"
    seconds: float = 0.0

    @property
    def moment(self) -> str:
        return f"{self.when} a write" if self.at else "at some time"


@dataclass(frozen=True)
class Want:
    """What a process is to be short of.

    Room for a file (bytes); memory, in a group of the system that has little (its folder), or for
    an array in one step (its name); the rights of root, so that the mode of a file counts.
    """

    file_bytes: int | None = None
    memory_group: str | None = None
    memory_in: str | None = None
    rights: bool = False


class Writes:
    """Counts all that this process writes to a store, and has it die at one of them."""

    def __init__(self, death: Death) -> None:
        self.death, self.count = death, 0

    def watch(self) -> None:
        """Stand before every call that writes objects, files of tables, or commits."""
        import obstore
        import polars as pl
        from deltalake import DeltaTable

        from dealcast.workflow import commits

        for owner, name in (
            (obstore, "put"),
            (obstore, "delete"),
            (pl.DataFrame, "write_delta"),
            (DeltaTable, "create_write_transaction"),
            (commits, "create_table_with_add_actions"),
        ):
            setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            self.count += 1
            if self.count != self.death.at:
                return write(*given, **named)
            if self.death.when == "before":
                die()
            if self.death.when == "during":
                threading.Timer(self.death.seconds, die).start()
                return write(*given, **named)
            write(*given, **named)
            return die()

        return counted


def die() -> None:
    """End this process and its children as `kill -9` does."""
    os.killpg(0, signal.SIGKILL)


def go_without(want: Want) -> None:
    """Take it from this process for good."""
    if want.file_bytes is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that the write fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (want.file_bytes, want.file_bytes))
    if want.memory_group is not None:
        Path(want.memory_group, "cgroup.procs").write_text("0", encoding="ascii")  # this process
    if want.memory_in is not None:
        _ask_for_too_much(want.memory_in)
    if want.rights and os.geteuid() == 0:
        _obey_modes()


def _obey_modes() -> None:
    """Give up root's right to read and write whatever the mode says; capabilities(7).

    Another user might not be allowed to read Python itself.
    """
    system, version = ctypes.CDLL(None, use_errno=True), 0x20080522
    header = (ctypes.c_uint32 * 2)(version, 0)  # of this process
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice 32 of them
    first = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if system.capget(header, sets) == 0:
        sets[0] &= ~first
        sets[1] &= ~first
        if system.capset(header, sets) == 0:
            return
    raise OSError(ctypes.get_errno(), "the rights of root could not be given up")


def _ask_for_too_much(name: str) -> None:
    """Have a step begin with an array that no machine has the memory for."""
    import numpy as np

    from dealcast.workflow import run

    function_of = run.function_of

    def starved(step: Any, engine: Any) -> Any:
        return (lambda _: np.empty(1 << 58)) if step.name == name else function_of(step, engine)

    run.function_of = starved
