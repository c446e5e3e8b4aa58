"""The pinned data, from its remotes into a fresh checkout; every file is hashed there.

DVC is asked for nothing but the transport: it takes what its own database says of a file for
true, and a pull with a flipped byte ends with 0.
"""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from xgit.capture.cache import Cache
from xgit.capture.data import dvc_program
from xgit.capture.data.content import check_pins
from xgit.capture.data.dvc_config import DvcConfig, read_dvc_config
from xgit.capture.data.find import read_pins
from xgit.errors import XgitError
from xgit.git.plumbing import Repo
from xgit.record.model import Experiment, Pin
from xgit.reproduce.failure import CannotReproduce

_SHELLS = {"sh", "bash", "dash", "zsh"}


def needed_pins(checkout: Repo, recorded: Experiment) -> tuple[Pin, ...]:
    """The pins of the checkout that the run had, without what it makes itself.

    Raises:
        CannotReproduce: the commit pins other data than the record says, or a pin is not one.
    """
    try:
        pins = {pin.path: pin for pin in read_pins(checkout)}
    except XgitError as error:
        raise CannotReproduce("data", error.message, error.hint) from error
    needed = []
    for pin in recorded.data:
        own = pins.get(pin.path)
        if pin.kind not in ("dvc", "lfs") or pin.missing or makes(recorded.command, pin):
            continue
        if own is None or own.hash != pin.hash:
            there = own.hash if own else "nothing"
            told = f"{pin.path}: the record says {pin.hash}, the commit that ran pins {there}"
            raise CannotReproduce("data", told, f"git show {recorded.code.ran}:{pin.source}")
        needed.append(own)
    return tuple(needed)


def makes(command: Sequence[str], pin: Pin) -> bool:
    """Whether the command makes this output of a DVC stage anew, so that it must not be there."""
    if pin.command is None or not command:
        return False
    program = os.path.basename(command[0])
    words = command[1:] if program not in _SHELLS else shlex.split(" ".join(command[1:]))
    runs_dvc = program == "dvc" or list(command[1:3]) == ["-m", "dvc"] or "dvc" in words[:2]
    return runs_dvc or shlex.split(pin.command) == list(command)


def fetch_data(
    repo: Repo, checkout: Repo, pins: Sequence[Pin], store: Path, *, shown: bool
) -> None:
    """Fetch all that DVC pins into `store`, laid out as in the checkout.

    Args:
        repo: the user's, whose DVC configuration says where the remotes are now and how to get in.
        store: an empty directory.
        shown: let DVC's progress be seen.

    Raises:
        CannotReproduce: a file is on no remote, or DVC could not be asked.
    """
    homes: dict[str, list[Pin]] = {}
    for pin in pins:
        if pin.kind == "dvc":
            homes.setdefault(pin.home, []).append(pin)
    for home, group in homes.items():
        user = repo.work_tree / home
        config = read_dvc_config(user if (user / ".dvc").is_dir() else checkout.work_tree / home)
        _fetch_home(checkout.work_tree / home, config, group, store / home, shown=shown)


def _fetch_home(
    home: Path, config: DvcConfig, pins: Sequence[Pin], at: Path, *, shown: bool
) -> None:
    """Ask one remote after the other until all is there."""
    if dvc_program.find_program() is None:
        told = "the data is kept by DVC, and dvc is not installed"
        raise CannotReproduce("data", told, "pip install dvc", tells=False)
    own = config._replace(cache_dir=str(at / ".dvc" / "cache"))
    try:
        dvc_program.lay_out(at, home, own, pins)
        troubles = list(_pull(at, config, pins, shown=shown))
    except OSError as error:
        raise CannotReproduce("data", f"{at}: {error.strerror}", "df -h", tells=False) from error
    lacking = [pin.path for pin in pins if not _is_there(at, pin)]
    if lacking:
        names = ", ".join(remote.name for remote in config.remotes)
        where = f"DVC remote {names} does not have it whole" if names else "there is no DVC remote"
        why = f" ({troubles[0]})" if troubles else ""
        raise CannotReproduce(
            "data",
            f"{', '.join(lacking)}: {where}{why}",
            "dvc push, where the data still is",
        )


def _pull(at: Path, config: DvcConfig, pins: Sequence[Pin], *, shown: bool) -> Iterator[str]:
    """Pull what is not there yet from each remote; what DVC says of a remote that lacks some."""
    for remote in config.remotes:
        lacking = [pin for pin in pins if not _is_there(at, pin)]
        if not lacking:
            return
        again = f"dvc pull -r {shlex.quote(remote.name)}"
        try:
            dvc_program.run_dvc(at, "pull", "-r", remote.name, again=again, shown=shown)
        except dvc_program.Failed as failure:
            yield failure.reason


def _is_there(at: Path, pin: Pin) -> bool:
    return (at / _within(pin)).exists()


def _within(pin: Pin) -> str:
    """The path of a pin in its own DVC repository."""
    return pin.path.removeprefix(f"{pin.home}/") if pin.home else pin.path


def lay_data(
    checkout: Repo, pins: Sequence[Pin], store: Path, cache_at: Path, *, last: bool
) -> None:
    """Put the data into the checkout, and hash every file of it there.

    Args:
        cache_at: a directory for the hashes; each checkout has another.
        last: the store is not needed any more, so that the data can be moved.

    Raises:
        CannotReproduce: a file is not what its pin says.
    """
    for pin in pins:
        if pin.kind == "dvc":
            source, target = store / pin.path, checkout.work_tree / pin.path
            target.parent.mkdir(parents=True, exist_ok=True)
            _put(source, target, move=last)
    with Cache(cache_at) as cache:
        wrong = [pin for pin in check_pins(checkout, pins, cache) if pin.stale or pin.missing]
    if wrong:
        told = "; ".join(_what_is_wrong(wrong))
        raise CannotReproduce("data", told, _mend(wrong))


def _put(source: Path, target: Path, *, move: bool) -> None:
    if move:
        shutil.move(source, target)
    elif source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def _what_is_wrong(pins: Iterable[Pin]) -> Iterator[str]:
    for pin in pins:
        keeper = "git LFS" if pin.kind == "lfs" else "its DVC remote"
        how = pin.stale or "it is not there"
        yield f"{pin.path} from {keeper} is not what its pin says: {how}"


def _mend(pins: Sequence[Pin]) -> str:
    if all(pin.kind == "lfs" for pin in pins):
        return "git lfs install"
    return (
        "dvc push --all-commits, from where the data is whole; and set verify = true on the remote"
    )
