"""The pinned data of experiments: asked for on its DVC remotes, and pushed where it is missing.

What counts is the hash: an experiment may be of a commit whose `.dvc` files are other ones than
those of the work tree. So each object has a pin of its own, in a scratch repository of DVC's.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from xgit.capture.cache import Cache
from xgit.capture.data import dvc_program
from xgit.capture.data.dvc_config import DvcConfig, read_dvc_config
from xgit.capture.data.dvc_store import object_path
from xgit.capture.data.remotes import check_remotes
from xgit.git.plumbing import Repo
from xgit.record.model import Pin
from xgit.share.nouns import Watch
from xgit.share.recorded import Recorded

_MD5 = "md5:"
_HEX = frozenset("0123456789abcdef")
_DIGITS = 32


class Lack(NamedTuple):
    """Why the data of an experiment is on no remote, and the command that mends it."""

    reason: str
    hint: str | None


class DataPush(NamedTuple):
    """What became of the data.

    Attributes:
        lacks: by the id of each experiment that lacks some of its data.
        pushed: the paths whose data was pushed, or would be in a dry run.
        notes: sentences for the user.
    """

    lacks: Mapping[str, Lack]
    pushed: tuple[str, ...]
    notes: tuple[str, ...]


class _Wanted(NamedTuple):
    """One object: the pin that asks for it, the path people know it by, and whose it is."""

    pin: Pin
    path: str
    ids: list[str]


def push_data(
    repo: Repo, recorded: Iterable[Recorded], watch: Watch, *, dry_run: bool = False
) -> DataPush:
    """Ask for the data of all experiments, push what is on no remote, and ask again.

    Raises:
        XgitError: DVC's configuration cannot be read, or there is no work tree to read it in.
    """
    wanted: dict[str, _Wanted] = {}
    notes: dict[str, None] = {}
    for one in recorded:
        for pin in one.pins:
            note = _left_out(pin)
            if note:
                notes[note] = None
            elif pin.kind == "dvc" and _is_hash(pin.hash) and pin.pushable:
                own = _alone(pin)
                wanted.setdefault(own.path, _Wanted(own, pin.path, [])).ids.append(one.id)
    if not wanted:
        return DataPush({}, (), tuple(notes))
    with Cache(repo.private_dir) as cache:
        missing = _missing(repo, wanted.values(), cache, watch)
        sent = [one for one in missing if one.pin.trouble is None and _is_cached(repo, one.pin)]
        if dry_run:
            left = [one for one in missing if one not in sent]
            troubles: dict[str, Lack] = {}
        else:
            troubles = _push(repo, sent, watch)
            left = _missing(repo, missing, cache, watch) if sent else missing
    done = {one.pin.path for one in sent} - {one.pin.path for one in left}
    lacks = {id_: _lack(repo, one, troubles) for one in left for id_ in one.ids}
    return DataPush(lacks, tuple(wanted[key].path for key in sorted(done)), tuple(notes))


def _left_out(pin: Pin) -> str | None:
    """A sentence on data that is not for this remote to have."""
    if pin.kind == "lfs":
        return "git LFS keeps data of these experiments: git lfs push --all REMOTE sends it"
    if pin.trouble is not None and not pin.pushable:
        return f"{pin.path} stays here: {pin.trouble.reason}"
    if pin.kind == "dvc" and pin.pushable and not _is_hash(pin.hash):
        return f"{pin.path} is not asked for: its pin {pin.hash!r} is no MD5"
    return None


def _is_hash(text: str) -> bool:
    digest = text.removeprefix(_MD5).removesuffix(".dir")
    return text.startswith(_MD5) and len(digest) == _DIGITS and _HEX.issuperset(digest)


def _alone(pin: Pin) -> Pin:
    """A pin of the object alone, whose path is made of its hash: no stranger's path is used."""
    digest = pin.hash.removeprefix(_MD5)
    key = f"{digest}{'-legacy' if pin.legacy else ''}"
    if pin.remote:
        key += "-at-" + pin.remote.encode().hex()
    path = f"{pin.home}/{key}" if pin.home else key
    return Pin(path, "dvc", pin.hash, pin.size_bytes, legacy=pin.legacy, remote=pin.remote,
               home=pin.home)  # fmt: skip


def _missing(repo: Repo, wanted: Iterable[_Wanted], cache: Cache, watch: Watch) -> list[_Wanted]:
    """Those that no remote has, or of which that cannot be known, with the trouble there is."""
    asked = {one.pin.path: one for one in wanted}
    watch("asking for data", 0, len(asked))
    pins, _ = check_remotes(repo, [one.pin for one in asked.values()], cache)
    watch("asking for data", len(asked), len(asked))
    return [asked[pin.path]._replace(pin=pin) for pin in pins if pin.pushed is not True]


def _config(repo: Repo, pin: Pin) -> DvcConfig:
    return read_dvc_config(repo.work_tree / pin.home)


def _is_cached(repo: Repo, pin: Pin) -> bool:
    """Whether there is anything to push; of a directory its listing, DVC looks for the rest."""
    digest = pin.hash.removeprefix(_MD5)
    return os.path.exists(object_path(_config(repo, pin).cache_dir, digest, legacy=pin.legacy))


# ---------------------------------------------------------------- pushing


def _push(repo: Repo, wanted: Sequence[_Wanted], watch: Watch) -> dict[str, Lack]:
    """Push each group that goes to the same place; by the path of a pin what DVC complained of."""
    groups: dict[tuple[str, str], list[Pin]] = {}
    for one in wanted:
        name = (one.pin.remote or _config(repo, one.pin).remotes[0].name).lower()
        groups.setdefault((one.pin.home, name), []).append(one.pin)
    troubles: dict[str, Lack] = {}
    done = 0
    for (home, name), pins in groups.items():
        watch(f"pushing data to {name}", done, len(wanted))
        lack = _push_group(repo.work_tree / home, name, pins)
        if lack is not None:
            troubles |= {pin.path: lack for pin in pins}
        done += len(pins)
        watch(f"pushing data to {name}", done, len(wanted))
    return troubles


def _push_group(home: Path, name: str, pins: Sequence[Pin]) -> Lack | None:
    config = read_dvc_config(home)
    again = shlex.join(["dvc", "--cd", str(home), "push", "-r", name])
    try:
        with TemporaryDirectory(prefix="xgit-dvc-") as scratch:
            place = Path(scratch) / "repo"
            dvc_program.lay_out(place, home, config, pins)
            command = ("push", "-r", name)
            dvc_program.run_dvc(place, *command, again=again, timeout_seconds=None)
    except dvc_program.Failed as failure:
        return Lack(f"DVC remote {name} did not take it: {failure.reason}", failure.remedy)
    except OSError as error:
        return Lack(f"{error.filename}: {error.strerror}", "df -h .")
    return None


def _lack(repo: Repo, one: _Wanted, troubles: Mapping[str, Lack]) -> Lack:
    told = troubles.get(one.pin.path)
    if told is not None:
        return Lack(f"{one.path}: {told.reason}", told.hint)
    if one.pin.trouble is not None:
        return Lack(f"{one.path}: {one.pin.trouble.reason}", one.pin.trouble.remedy)
    names = ", ".join(_names(repo, one.pin))
    told_hash = one.pin.hash.removeprefix(_MD5)
    reason = f"{one.path} ({told_hash}) is neither on DVC remote {names} nor in the cache here"
    return Lack(reason, "dvc push, where the data still is")


def _names(repo: Repo, pin: Pin) -> Iterator[str]:
    for remote in _config(repo, pin).remotes:
        if pin.remote is None or pin.remote.lower() == remote.name:
            yield remote.name
