"""The processes of a run: found by a mark in their environment, ended whole."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

SPOOL_VARIABLE = "XGIT_SPOOL"
_LOOK_AGAIN_SECONDS = 0.05
_UNKILLABLE_SECONDS = 5.0  # a process deep in a device driver does not die; do not wait for it


def owns_terminal() -> bool:
    """Whether this process is in the foreground of a terminal, so that Ctrl-C comes from there."""
    try:
        handle = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(handle) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(handle)


def send(pid: int, number: int, *, to_group: bool) -> None:
    """Send a signal to a process or to the group it leads; one that is gone is no error."""
    with suppress(ProcessLookupError, PermissionError):
        (os.killpg if to_group else os.kill)(pid, number)


def end_all(mark: str, pid: int, grace_seconds: float) -> None:
    """End every process of a run: SIGTERM, after the grace SIGKILL.

    Args:
        mark: the value of `XGIT_SPOOL` that all of them inherited; double-forked ones too.
        pid: the command itself; it counts even if it cleared its environment.
    """
    limit = time.monotonic() + grace_seconds
    told: set[int] = set()
    while (alive := _members(mark, pid)) and time.monotonic() < limit + _UNKILLABLE_SECONDS:
        for one in _parents_first(alive - told):
            send(one, signal.SIGTERM, to_group=False)
        told |= alive
        if time.monotonic() >= limit:
            for one in _parents_first(alive):
                send(one, signal.SIGKILL, to_group=False)
        time.sleep(_LOOK_AGAIN_SECONDS)


def _parents_first(pids: set[int]) -> list[int]:
    """No process before its parent: a shell whose command ends first would start the next one."""
    import psutil

    parents: dict[int, int] = {}
    for pid in pids:
        with suppress(psutil.Error):
            parents[pid] = psutil.Process(pid).ppid()

    def depth(pid: int) -> int:
        seen: set[int] = set()
        while pid in parents and pid not in seen:  # a pid that was used again could close a ring
            seen.add(pid)
            pid = parents[pid]
        return len(seen)

    return sorted(pids, key=depth)


def _members(mark: str, pid: int) -> set[int]:
    """Pids of the living processes of a run, this process left out."""
    import psutil

    own = os.getpid()
    found = {pid} if pid and _is_alive(pid) else set()
    if found:
        with suppress(psutil.Error):
            found |= {child.pid for child in psutil.Process(pid).children(recursive=True)}
    for process in psutil.process_iter():
        if process.pid == own:
            continue
        with suppress(psutil.Error, OSError):
            if process.environ().get(SPOOL_VARIABLE) == mark:
                found.add(process.pid)
    return {one for one in found if _is_alive(one)}


def _is_alive(pid: int) -> bool:
    """Whether it runs: a zombie that nobody has waited for does not."""
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def is_any_alive(mark: str) -> bool:
    """Whether a process that inherited this `XGIT_SPOOL` is still running."""
    return bool(_members(mark, 0))
