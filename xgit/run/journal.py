"""Runs under way: one private directory each, which outlives its process.

```
.git/xgit/runs/<id>/
    lock            held (flock) by the process that is responsible for the run, as long as it lives
    environ.json    the variables that matter: those that may be recorded, and those to be masked
    record.json     the record as far as it is known; the status is `interrupted` until the end
    ending          how the command ended; of fixed size, so that a full disk does not keep it out
    spool/          where the program leaves its facts
    output.*        the output kept so far
```
Whoever gets the lock of a directory knows that its owner is dead, and owns it now.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xgit.errors import REFUSED, XgitError, os_trouble
from xgit.git.objects import ref_in_the_way
from xgit.git.plumbing import Repo
from xgit.record import codec, json_form, refs
from xgit.record.model import Experiment, Json, Outcome

RUNS = "runs"
_TRIES = 20
_NEW = ".new-"  # which no id begins with
_STALE_SECONDS = 60.0
_ENDING_BYTES = 512


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
        aside.write_bytes(json_form.encode(document))
        aside.replace(self.directory / "record.json")

    def note_environ(self, environ: Mapping[str, str]) -> None:
        """Write down the variables that are needed to make sense of what the run leaves."""
        text = json.dumps(dict(environ))
        (self.directory / "environ.json").write_text(text, encoding="ascii")

    def environ(self) -> dict[str, str]:
        """What `note_environ` wrote."""
        found = json_form.decode((self.directory / "environ.json").read_bytes())
        return {str(name): str(value) for name, value in found.items()}

    def note_ending(self, outcome: Outcome) -> None:
        """Write down how the command ended, over bytes that are on the disk already."""
        text = json.dumps(codec.outcome_to_json(outcome)).encode().ljust(_ENDING_BYTES)
        with (self.directory / "ending").open("r+b", buffering=0) as file:
            file.write(text)

    def ending(self) -> Outcome | None:
        """What `note_ending` wrote, or None when nobody saw the command end."""
        written = (self.directory / "ending").read_bytes().strip()
        return codec.outcome_from_json(json_form.decode(written)) if written else None

    def read(self) -> dict[str, Json]:
        """What `note` wrote last.

        Raises:
            Unreadable: it is damaged.
        """
        return json_form.decode((self.directory / "record.json").read_bytes())

    @property
    def has_begun(self) -> bool:
        """Whether anything was noted, as it is before the command starts."""
        return (self.directory / "record.json").exists()

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
        taken = ref_in_the_way(repo, refs.format_ref(experiment_id))
        if taken is None:
            journal = _make(repo, experiment_id)
            if journal is not None:
                return journal
        elif name is not None or taken != refs.format_ref(experiment_id):
            raise XgitError(
                f"{taken.removeprefix('refs/tags/')} exists already",
                "choose another --name; an experiment is never overwritten",
                exit_code=REFUSED,
            )
        if name is not None:
            break
    raise XgitError(
        f"a run named {name} is under way, or could not be recorded yet",
        "choose another --name, or: xgit exp recover",
        exit_code=REFUSED,
    )


def _make(repo: Repo, experiment_id: str) -> Journal | None:
    """A directory that nobody ever sees without its lock being held; None when there is one."""
    runs = repo.private_dir / RUNS
    folder = runs / experiment_id
    aside = runs / f"{_NEW}{experiment_id}-{os.urandom(4).hex()}"
    handle = -1
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside.mkdir(mode=0o700)
        (aside / "spool").mkdir(mode=0o700)
        (aside / "ending").write_bytes(b" " * _ENDING_BYTES)
        handle = _locked(aside, os.O_CREAT)
        aside.rename(folder)
    except OSError as error:
        if handle >= 0:
            os.close(handle)
        shutil.rmtree(aside, ignore_errors=True)
        if folder.is_dir():
            return None
        raise _unwritable(repo, error) from error
    return Journal(experiment_id, folder, handle)


def _unwritable(repo: Repo, error: OSError) -> XgitError:
    for place in (repo.private_dir, repo.private_dir / RUNS):
        if place.exists() and not place.is_dir():
            word = shlex.quote(str(place))
            told = f"{place} is in the way: xgit needs a directory there"
            return XgitError(told, f"mv {word} {word}.aside", exit_code=REFUSED)
    return os_trouble(error, exit_code=REFUSED)


def _locked(folder: Path, flags: int = 0) -> int:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def left(repo: Repo) -> list[str]:
    """The ids of the runs that have a directory, of the living and of the dead."""
    try:
        names = os.listdir(repo.private_dir / RUNS)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in names if refs.ID_GRAMMAR.fullmatch(name))


def claim(repo: Repo, experiment_id: str) -> Journal | None:
    """The directory of a dead run, locked for the caller, who must close or leave it.

    Returns:
        None when its process lives, another command has just dealt with it, or it is no run.

    Raises:
        OSError: it cannot be opened.
    """
    folder = repo.private_dir / RUNS / experiment_id
    try:
        handle = _locked(folder)
    except (BlockingIOError, FileNotFoundError, NotADirectoryError):
        return None
    if folder.is_dir():
        return Journal(experiment_id, folder, handle)
    os.close(handle)
    return None


def sweep(repo: Repo) -> None:
    """Remove what was made aside for a run by a process that died within that millisecond."""
    for path in (repo.private_dir / RUNS).glob(f"{_NEW}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def is_under_way(repo: Repo, experiment_id: str) -> bool:
    """Whether a directory of that run is left."""
    return (repo.private_dir / RUNS / experiment_id).is_dir()


def is_anything_left(repo: Repo) -> bool:
    """Whether there are directories of runs, of the living or of the dead."""
    try:
        return bool(os.listdir(repo.private_dir / RUNS))
    except OSError:
        return False
