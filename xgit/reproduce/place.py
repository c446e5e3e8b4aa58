"""Where a reproduction happens: a directory of its own, far from the user's work tree."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from xgit.errors import os_trouble

_LOCK = "lock"


def base_directory() -> Path:
    """`xgit/reproductions` in the user's cache: on a disk, where data and packages have room."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "xgit" / "reproductions"


@contextmanager
def make_place(experiment_id: str, *, keep: bool = False) -> Iterator[Path]:
    """An empty directory that is removed afterwards; those of dead processes are removed first.

    Args:
        keep: leave it, for the user to look at.

    Raises:
        XgitError: it cannot be made.
    """
    base = base_directory()
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(base)
        place, lock = _locked(base, experiment_id)
    except OSError as error:
        raise os_trouble(error) from error
    try:
        yield place
    finally:
        if keep:
            (place / _LOCK).unlink()
        else:
            remove(place)
        os.close(lock)


def _locked(base: Path, experiment_id: str) -> tuple[Path, int]:
    """A new directory, and the handle that keeps it locked."""
    while True:
        place = Path(os.path.realpath(mkdtemp(prefix=f"{experiment_id}-", dir=base)))
        lock = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (place / _LOCK).exists():  # or another process swept it before it was locked
            return place, lock
        os.close(lock)


def sweep(base: Path) -> None:
    """Remove the directories whose process is gone; one without a lock was kept on purpose."""
    for place in base.iterdir():
        with suppress(OSError):
            lock = os.open(place / _LOCK, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(place)
            finally:
                os.close(lock)


def remove(place: Path) -> None:
    """Remove a directory, also what a program or DVC has made read-only; what stays, stays."""

    def retry(function: object, path: str, _: object) -> None:
        with suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            (os.rmdir if os.path.isdir(path) and not os.path.islink(path) else os.unlink)(path)

    for _ in range(2):  # what was in a read-only directory goes with the second pass
        shutil.rmtree(place, onerror=retry)
        if not place.exists():
            return
