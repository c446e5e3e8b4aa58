"""A file that holds pins, read with suspicion.

A pin is input from a stranger. A path that could lead outside the repository, into `.git` or
through a symlink is refused before anything it names is read.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from xgit.capture import documents
from xgit.capture.cache import Cache
from xgit.errors import XgitError
from xgit.record.model import Json

LIMIT_BYTES = 16 * 1024 * 1024
Table = Mapping[str, Any]


class PinFile(NamedTuple):
    """A file that holds pins, read: where it lies and what is in it.

    Attributes:
        path: relative to the root.
        home: the directory of its DVC repository, relative to the root; empty at the top.
    """

    root: Path
    path: str
    home: str
    content: Table

    def broken(self, what: str) -> XgitError:
        """An error that names the file and the command that brings back the committed one."""
        return XgitError(f"{self.path}: {what}", f"git checkout -- {shlex.quote(self.path)}")

    def table(self, value: Json, name: str) -> Table:
        """`value` if it is a mapping with text keys; an empty one for None."""
        if value is None:
            return {}
        if isinstance(value, dict) and all(isinstance(key, str) for key in value):
            return value
        raise self.broken(f"{name} is not a mapping")

    def tables(self, value: Json, name: str) -> list[Table]:
        """`value` if it is a list of mappings; an empty one for None."""
        if value is None:
            return []
        if isinstance(value, list):
            return [self.table(item, f"an entry of {name}") for item in value]
        raise self.broken(f"{name} is not a list")

    def text(self, value: Json, name: str) -> str | None:
        """`value` if it is a text or None."""
        if value is None or isinstance(value, str):
            return value
        raise self.broken(f"{name} is not a text")

    def whole_number(self, value: Json, name: str) -> int | None:
        """`value` if it is a whole number of zero or more, or None."""
        if value is None or (type(value) is int and value >= 0):
            return value
        raise self.broken(f"{name} is not a whole number")


def read_pin_file(root: Path, path: str, cache: Cache | None = None) -> PinFile | None:
    """Read a tracked `.dvc`, `dvc.lock` or `dvc.yaml`; None where the work tree has none.

    Raises:
        XgitError: it cannot be read, is not YAML, or is not a mapping.
    """
    empty = PinFile(root, path, dvc_home(root, path), {})
    try:
        if stat.S_ISLNK((root / path).lstat().st_mode):
            raise empty.broken("it is a symlink")
        content = documents.remembered_yaml(root / path, cache, limit_bytes=LIMIT_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except documents.BadDocument as error:
        raise empty.broken(str(error)) from error
    except OSError as error:
        raise empty.broken(f"it cannot be read: {error.strerror}") from error
    return PinFile(root, path, empty.home, empty.table(content, "its content"))


def dvc_home(root: Path, path: str) -> str:
    """The nearest directory above `path` that has a `.dvc/`, relative to the root."""
    folder = os.path.dirname(path)
    while folder and not (root / folder / ".dvc").is_dir():
        folder = os.path.dirname(folder)
    return folder


def checked_path(file: PinFile, joined: str) -> str:
    """The path of an output relative to the root, in its shortest form.

    Raises:
        XgitError: it leads outside the repository, into `.git`, or through a symlink.
    """
    path = os.path.normpath(joined)
    parts = path.split("/")
    problem = None
    if path.startswith("/"):
        problem = "is absolute"
    elif parts[0] in ("..", ".") or "\0" in path:
        problem = "leads outside the repository"
    elif any(part.casefold() == ".git" for part in parts):
        problem = "leads into a git directory"
    elif _has_link_above(file.root, parts):
        problem = "leads through a symlink"
    if problem:
        raise file.broken(f"the path {joined!r} {problem}")
    return path


def _has_link_above(root: Path, parts: list[str]) -> bool:
    folder = os.fspath(root)
    for part in parts[:-1]:
        folder = f"{folder}/{part}"
        try:
            if stat.S_ISLNK(os.lstat(folder).st_mode):
                return True
        except OSError:  # not there, so nothing below it is either
            return False
    return False
