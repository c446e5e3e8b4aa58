"""The pinned data of a repository: which there is, whether it agrees with its pins, who keeps it.

pins = read_pins(repo)
pins = content.check_pins(repo, pins, cache)
pins, notes = remotes.check_remotes(repo, pins, cache)

A repository without pins pays for one look at its tracked paths, and imports nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from xgit.git import objects as git_objects
from xgit.git import plumbing
from xgit.git import status as git_status
from xgit.git.plumbing import Repo
from xgit.record.model import Pin

if TYPE_CHECKING:
    from xgit.capture.cache import Cache

PIN_PATTERNS = ("*.dvc", "dvc.lock", "*/dvc.lock", ".gitattributes", "*/.gitattributes")
"""Pathspecs of the tracked files in which pins are found."""
PIN_ENDINGS = (".dvc", "dvc.lock", ".gitattributes")
"""How the names of those files end."""
LFS_LIMIT_BYTES = 1024  # a pointer is never larger
_LFS_POINTER = re.compile(
    r"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*"
    r"oid sha256:(?P<hash>[0-9a-f]{64})\nsize (?P<size>[0-9]+)\n"
)
_LABELS = 20
_REGULAR_HERE = ("H 100", "M 100")  # of `ls-files -t --stage`; S would be left out of the checkout
_PATHS_AT_ONCE = 500


def read_pins(
    repo: Repo, tracked: Sequence[str] | None = None, cache: Cache | None = None
) -> tuple[Pin, ...]:
    """Every pin of the work tree: DVC's and git LFS's, in the order of the files they are in.

    Args:
        tracked: tracked paths, at least those that match `PIN_PATTERNS`; asked of git when None.
        cache: what remembers the files that hold pins, as long as their stat is the same.

    Raises:
        XgitError: a pin is not what DVC writes, or names a path that is not to be touched.
    """
    if tracked is None:
        tracked = git_status.tracked_paths(repo, *PIN_PATTERNS)
    found: list[Pin] = []
    attributes: list[str] = []
    for path in dict.fromkeys(tracked):
        name = os.path.basename(path)
        if name.endswith(".dvc") and name != ".dvc":
            found.extend(_file_pins(repo, path, cache))
        elif name == "dvc.lock":
            found.extend(_lock_pins(repo, path, cache))
        elif name == ".gitattributes":
            attributes.append(path)
    found.extend(_lfs_pins(repo, attributes))
    return tuple(found)


def data_labels(pins: Iterable[Pin]) -> tuple[str, ...]:
    """`name:version` of each data set, to be offered as labels; none where there are too many."""
    labels = tuple(dict.fromkeys(pin.label for pin in pins if pin.name and pin.version))
    return labels if len(labels) <= _LABELS else ()


def _file_pins(repo: Repo, path: str, cache: Cache | None) -> list[Pin]:
    from xgit.capture.data.pin_file import read_pin_file
    from xgit.capture.data.pins import dvc_file_pins

    file = read_pin_file(repo.work_tree, path, cache)
    return list(dvc_file_pins(file)) if file else []


def _lock_pins(repo: Repo, path: str, cache: Cache | None) -> list[Pin]:
    from xgit.capture.data.pin_file import read_pin_file
    from xgit.capture.data.pins import lock_pins

    lock = read_pin_file(repo.work_tree, path, cache)
    if lock is None:
        return []
    pipeline = read_pin_file(repo.work_tree, path.removesuffix("lock") + "yaml", cache)
    pins = list(lock_pins(lock, pipeline))
    in_git = _kept_by_git(repo, [pin.path for pin in pins if pin.kind == "dvc"])
    return [pin for pin in pins if pin.path not in in_git]


def _kept_by_git(repo: Repo, paths: Sequence[str]) -> set[str]:
    """Those outputs that git tracks itself, a directory when it tracks a file in it."""
    kept: set[str] = set()
    for at in range(0, len(paths), _PATHS_AT_ONCE):
        batch = paths[at : at + _PATHS_AT_ONCE]
        for found in git_status.tracked_paths(repo, *(f":(literal){path}" for path in batch)):
            kept.update(_and_above(found))
    return kept


def _and_above(path: str) -> Iterator[str]:
    while path:
        yield path
        path = os.path.dirname(path)


# ---------------------------------------------------------------- git LFS


def _lfs_pins(repo: Repo, attributes: Iterable[str]) -> list[Pin]:
    if not any(_mentions_lfs(repo, path) for path in attributes):
        return []
    # The index, not HEAD: where they differ the file counts as modified anyway. What a sparse
    # checkout leaves out is no data of a run here, and a partial clone would fetch each of them.
    options = ("ls-files", "-z", "--stage", "-t", "--", ":(attr:filter=lfs)")
    entries = plumbing.git_fields(repo, *options)
    staged = [entry.partition("\t") for entry in entries if entry.startswith(_REGULAR_HERE)]
    oids = [head.split(" ")[2] for head, _, _ in staged]
    contents = git_objects.read_objects(repo, oids, limit_bytes=LFS_LIMIT_BYTES)
    found = []
    for (_, _, path), content in zip(staged, contents, strict=True):
        match = lfs_pointer(content) if isinstance(content, bytes) else None
        if match:
            found.append(_lfs_pin(path, *match))
    return found


def _mentions_lfs(repo: Repo, path: str) -> bool:
    file = repo.work_tree / path
    return file.is_file() and b"filter=lfs" in file.read_bytes()


def lfs_pointer(content: bytes) -> tuple[str, int] | None:
    """The SHA-256 and the size in bytes that an LFS pointer names; None for other content."""
    match = _LFS_POINTER.fullmatch(content.decode("utf-8", "replace"))
    return (match["hash"], int(match["size"])) if match else None


def _lfs_pin(path: str, digest: str, size_bytes: int) -> Pin:
    return Pin(
        path=path,
        kind="lfs",
        hash=f"sha256:{digest}",
        size_bytes=size_bytes,
        files=1,
        name=path,
        version=digest[:7],
        source=".gitattributes",
    )
