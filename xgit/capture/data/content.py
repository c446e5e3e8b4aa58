"""Whether the files of the work tree are what their pins say, by their content.

DVC's own record of what it has seen is not asked: it can be wrong.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from xgit.capture.cache import Cache, Stamp
from xgit.capture.data.dvc_config import read_dvc_config
from xgit.capture.data.dvc_store import DIR_SUFFIX, read_listing
from xgit.capture.data.hashing import Algorithm, Hasher, hash_files
from xgit.capture.data.pins import directory_digest
from xgit.errors import XgitError
from xgit.git import plumbing
from xgit.git.plumbing import Repo
from xgit.record.model import Pin

_CHECKED = ("dvc", "lfs")
_COMPARABLE = ("md5:", "sha256:")  # an etag is known to its server alone
_NEVER_PINNED = frozenset((".git", ".hg", ".dvc"))
_NO_HASH = ""  # of what is no regular file, or leads nowhere
_LFS_START = b"version https://git-lfs"
_LFS_LIMIT_BYTES = 1024


class Found(NamedTuple):
    """What lies at the path of a pin: files by their path relative to it, `` for itself."""

    base: str
    is_directory: bool
    files: Mapping[str, Stamp | None]
    """None for what is no regular file, or a link that leads nowhere."""

    def path(self, name: str) -> str:
        """The absolute path of one of the files."""
        return f"{self.base}/{name}" if name else self.base

    def stamps(self) -> dict[str, Stamp]:
        """The stamps of the regular files by absolute path."""
        return {self.path(name): stamp for name, stamp in self.files.items() if stamp is not None}


def check_pins(
    repo: Repo, pins: Iterable[Pin], cache: Cache, hasher: Hasher | None = None
) -> tuple[Pin, ...]:
    """The pins with `stale`, `missing`, and where it was not known `files` and `size_bytes`.

    Args:
        hasher: what reads a file that the cache does not know; see `xgit.capture.data.hashing`.

    Raises:
        XgitError: a pinned file cannot be read.
    """
    all_pins = tuple(pins)
    found = [_find(repo, pin) for pin in all_pins]
    wanted: dict[Algorithm, dict[str, Stamp]] = {}
    for pin, what in zip(all_pins, found, strict=True):
        if what is not None:
            wanted.setdefault(_algorithm(pin), {}).update(what.stamps())
    hashes = {
        algorithm: hash_files(files, algorithm, cache, hasher)
        for algorithm, files in wanted.items()
    }
    return tuple(
        pin if pin.kind not in _CHECKED else _judged(repo, pin, what, hashes)
        for pin, what in zip(all_pins, found, strict=True)
    )


def _algorithm(pin: Pin) -> Algorithm:
    if pin.kind == "lfs":
        return "sha256"
    return "md5-dos2unix" if pin.legacy else "md5"


# ---------------------------------------------------------------- what is there


def _find(repo: Repo, pin: Pin) -> Found | None:
    """What lies at the path of the pin; None where nothing does, or only a pointer to it."""
    if pin.kind not in _CHECKED:
        return None
    base = f"{repo.work_tree}/{pin.path}"
    try:
        status = os.stat(base)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise XgitError(f"{pin.path} cannot be read: {error.strerror}") from error
    if stat.S_ISDIR(status.st_mode):
        # DVC follows no link to a directory, and where this one leads is a stranger's choice.
        return Found(base, True, {} if os.path.islink(base) else dict(_scan(base, "")))
    if pin.kind == "lfs" and _is_pointer(base, status):
        return None
    return Found(base, False, {"": Stamp.of(status) if stat.S_ISREG(status.st_mode) else None})


def _scan(folder: str, prefix: str) -> Iterator[tuple[str, Stamp | None]]:
    """Every file under a directory by its relative path, as DVC collects them."""
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise XgitError(f"{folder} cannot be read: {error.strerror}") from error
    for entry in entries:
        name = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _NEVER_PINNED:
                yield from _scan(entry.path, f"{name}/")
        elif entry.name != ".git" and not (entry.is_symlink() and entry.is_dir()):
            yield name, _stamp(entry)


def _stamp(entry: os.DirEntry[str]) -> Stamp | None:
    try:
        status = entry.stat()
    except OSError:  # a link that leads nowhere
        return None
    return Stamp.of(status) if stat.S_ISREG(status.st_mode) else None


def _is_pointer(path: str, status: os.stat_result) -> bool:
    if not stat.S_ISREG(status.st_mode) or status.st_size > _LFS_LIMIT_BYTES:
        return False
    with open(path, "rb") as file:
        return file.read(len(_LFS_START)) == _LFS_START


# ---------------------------------------------------------------- does it agree


def _judged(
    repo: Repo, pin: Pin, what: Found | None, hashes: Mapping[Algorithm, Mapping[str, str]]
) -> Pin:
    if what is None:
        return pin._replace(missing=True)
    known = hashes.get(_algorithm(pin), {})
    own = {name: known.get(what.path(name), _NO_HASH) for name in what.files}
    size_bytes = sum(stamp.size for stamp in what.files.values() if stamp is not None)
    difference = _difference(repo, pin, what, own)
    return pin._replace(
        stale=difference.words if difference else None,
        missing=difference is not None and difference.is_only_missing,
        files=len(own) if pin.files is None else pin.files,
        size_bytes=size_bytes if pin.size_bytes is None else pin.size_bytes,
    )


class _Difference(NamedTuple):
    """How files differ from their pin in a few words, and whether some are just not there."""

    words: str
    is_only_missing: bool = False


_CONTENT = _Difference("content differs")


def _difference(repo: Repo, pin: Pin, what: Found, own: Mapping[str, str]) -> _Difference | None:
    digest = pin.hash.partition(":")[2]
    pins_directory = digest.endswith(DIR_SUFFIX)
    if not digest:
        return _Difference("the pin has no hash yet")
    if not pin.hash.startswith(_COMPARABLE):
        return None
    if pins_directory != what.is_directory:
        kinds = ("a file", "a directory")
        return _Difference(f"{kinds[what.is_directory]} where {kinds[pins_directory]} is pinned")
    if what.is_directory:
        return _directory_difference(repo, pin, own, digest)
    return None if own[""] == digest else _CONTENT


def _directory_difference(
    repo: Repo, pin: Pin, own: Mapping[str, str], digest: str
) -> _Difference | None:
    if directory_digest(own) == digest:
        return None
    kept = _not_ignored(repo, pin, own)
    if kept is not own and directory_digest(kept) == digest:
        return None
    home = repo.work_tree / pin.home
    listing = read_listing([read_dvc_config(home).cache_dir], digest, legacy=pin.legacy)
    return _CONTENT if listing is None else _listing_difference(kept, listing)


def _listing_difference(own: Mapping[str, str], pinned: Mapping[str, str]) -> _Difference:
    """Such as `2 files differ, 1 added: a.csv`."""
    changed = sorted(name for name in own if name in pinned and own[name] != pinned[name])
    added = sorted(name for name in own if name not in pinned)
    missing = sorted(name for name in pinned if name not in own)
    verb = "1 file differs" if len(changed) == 1 else f"{len(changed)} files differ"
    said = [
        f"{text}: {names[0]}" if len(names) == 1 else text
        for names, text in (
            (changed, verb),
            (added, f"{len(added)} added"),
            (missing, f"{len(missing)} missing"),
        )
        if names
    ]
    if not said:
        return _CONTENT
    return _Difference(", ".join(said), is_only_missing=not changed and not added)


# ---------------------------------------------------------------- .dvcignore


def _not_ignored(repo: Repo, pin: Pin, own: Mapping[str, str]) -> Mapping[str, str]:
    """The files without those that a `.dvcignore` names; `own` itself where there is no rule.

    Its patterns are git's, so git is asked which files they leave.
    """
    folders = [pin.path]
    while folders[-1]:
        folders.append(os.path.dirname(folders[-1]))
    if not any(_has_rules(repo.work_tree / folder / ".dvcignore") for folder in folders):
        return own
    listed = plumbing.git_fields(
        repo,
        *("ls-files", "-z", "--others", "--cached", "--exclude-per-directory=.dvcignore"),
        *("--", f":(literal){pin.path}"),
    )
    kept = {path.removeprefix(f"{pin.path}/") for path in listed}
    nested = tuple(name for name in kept if name.endswith("/"))  # a repository inside
    return {
        name: digest
        for name, digest in own.items()
        if name in kept or (nested and name.startswith(nested))
    }


def _has_rules(path: Path) -> bool:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # none here
        return False
    return any(line.strip() and not line.startswith("#") for line in lines)
