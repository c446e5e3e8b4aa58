"""Runs under way: one private directory each, which outlives its process.

```
.git/xgit/runs/<id>/
    lock            held (flock) by the process that is responsible for the run, as long as it lives
    record.json     the record as far as it is known; the status is `interrupted` until the end
    spool/          where the program leaves its facts
    output.*        the output kept so far
```
Whoever gets the lock of a directory knows that its owner is dead, and owns it now.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from xgit.errors import REFUSED, XgitError
from xgit.git.plumbing import Repo, has_ref
from xgit.record import codec, refs
from xgit.record.model import Experiment, Json

RUNS = "runs"
_TRIES = 20


@dataclass(frozen=True)
class Journal:
    """The directory of one run, and the lock on it; `handle` is the lock's file descriptor."""

    id: str
    directory: Path
    handle: int

    @property
    def spool(self) -> Path:
        """Where the program leaves its facts."""
        return self.directory / "spool"

    def note(self, experiment: Experiment, **extra: Json) -> None:
        """Write down all that is known, so that it survives this process."""
        document = {**codec.to_record(experiment), **extra}
        aside = self.directory / "record.json.new"
        aside.write_bytes(codec.encode(document))
        aside.replace(self.directory / "record.json")

    def read(self) -> dict[str, Json]:
        """What `note` wrote last.

        Raises:
            Unreadable: it is damaged.
            FileNotFoundError: the process died before it noted anything.
        """
        return codec.decode((self.directory / "record.json").read_bytes())

    def close(self) -> None:
        """Remove the directory: the run is recorded, or never began."""
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self.handle)

    def leave(self) -> None:
        """Give up the lock and let the directory lie, for the next command to pick up."""
        os.close(self.handle)


def reserve(repo: Repo, name: str | None, make_id: Callable[[], str]) -> Journal:
    """A fresh directory for a run, under its name or an id that is free.

    Raises:
        XgitError: the name is taken, or nothing can be written here.
    """
    for _ in range(_TRIES):
        experiment_id = name or make_id()
        if not has_ref(repo, refs.format_ref(experiment_id)):
            journal = _make(repo, experiment_id)
            if journal is not None:
                return journal
        if name is not None:
            break
    raise XgitError(
        f"experiment/{name or 'id'} exists already",
        "choose another --name; an experiment is never overwritten",
        exit_code=REFUSED,
    )


def _make(repo: Repo, experiment_id: str) -> Journal | None:
    folder = repo.private_dir / RUNS / experiment_id
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        journal = Journal(experiment_id, folder, _locked(folder))
        journal.spool.mkdir(mode=0o700)
    except FileExistsError:
        return None
    except OSError as error:
        raise XgitError(
            f"{repo.private_dir} cannot be written: {error.strerror}",
            f"ls -ld {repo.common_dir}",
            exit_code=REFUSED,
        ) from error
    return journal


def _locked(folder: Path) -> int:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def abandoned(repo: Repo) -> Iterator[Journal]:
    """Runs whose process is dead, each locked for the caller, who must close or leave it."""
    folder = repo.private_dir / RUNS
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for name in names:
        if not refs.ID_GRAMMAR.fullmatch(name):
            continue
        try:
            handle = _locked(folder / name)
        except (BlockingIOError, FileNotFoundError, NotADirectoryError):
            continue  # it lives, or another command has just dealt with it
        if (folder / name).is_dir():
            yield Journal(name, folder / name, handle)
        else:
            os.close(handle)


def is_under_way(repo: Repo, experiment_id: str) -> bool:
    """Whether a directory of that run is left."""
    return (repo.private_dir / RUNS / experiment_id).is_dir()


def is_anything_left(repo: Repo) -> bool:
    """Whether there are directories of runs, of the living or of the dead."""
    try:
        return bool(os.listdir(repo.private_dir / RUNS))
    except OSError:
        return False
