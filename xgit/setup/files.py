"""The files of a plan: read before anything is decided, written all or none."""

from __future__ import annotations

import os
import shlex
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from xgit.errors import XgitError, os_trouble
from xgit.setup.nouns import Change

_LIMIT_BYTES = 16 * 1024 * 1024


def read(root: Path, name: str) -> bytes | None:
    """The content of a file that is to be added to; None where there is none.

    Raises:
        XgitError: it cannot be read or written, or is no regular file of the project.
    """
    path = real_path(root, name)
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise os_trouble(error) from error
    word = shlex.quote(name)
    if not stat.S_ISREG(found.st_mode):
        raise XgitError(f"{name} is not a regular file", f"ls -ld {word}")
    if found.st_size > _LIMIT_BYTES:
        raise XgitError(f"{name} is larger than {_LIMIT_BYTES // 1024**2} MiB", f"ls -l {word}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise XgitError(f"{name} cannot be read: {error.strerror}", f"ls -l {word}") from error


def read_text(root: Path, name: str) -> str | None:
    """The same as text, its line ends as they are.

    Raises:
        XgitError: as `read`, or it is not UTF-8.
    """
    content = read(root, name)
    try:
        return None if content is None else content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise XgitError(f"{name} is not UTF-8", f"file {shlex.quote(name)}") from error


def real_path(root: Path, name: str) -> Path:
    """Where the file is, links followed.

    Raises:
        XgitError: a link leads out of the project, or nowhere.
    """
    path = root / name
    inside = Path(os.path.realpath(path.parent)).is_relative_to(os.path.realpath(root))
    if inside and not path.is_symlink():
        return path
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(root)) or not real.exists():
        told = f"{name} is a link that leads out of the project, or nowhere"
        raise XgitError(told, f"ls -l {shlex.quote(name)}")
    return real


def check_writable(changes: Sequence[Change]) -> None:
    """See that each can be written, before the first is.

    Raises:
        XgitError: a file or its directory is read-only.
    """
    for change in changes:
        _check_file(change)
        folder = next(one for one in change.path.parents if one.exists())
        if not os.access(folder, os.W_OK | os.X_OK):
            told = f"{change.name} cannot be written: its directory is read-only"
            raise XgitError(f"{told}; nothing was changed", f"ls -ld {shlex.quote(str(folder))}")


def _check_file(change: Change) -> None:
    if change.before is None:
        return
    read_only = not change.path.stat().st_mode & 0o222
    if read_only or not os.access(change.path, os.W_OK):
        path = shlex.quote(os.path.relpath(change.path))
        raise XgitError(f"{change.name} is read-only; nothing was changed", f"chmod u+w {path}")


def write(changes: Sequence[Change]) -> None:
    """Write all of them; if one fails, put back those before it.

    Raises:
        XgitError: one cannot be written, or is no longer as it was when the plan was made.
        OSError: as the system has it, such as a full disk.
    """
    done: list[Change] = []
    folders: list[Path] = []
    try:
        for change in changes:
            folders.extend(_make_folders(change.path.parent))
            _replace(change)
            done.append(change)
    except BaseException:
        for change in reversed(done):
            _put_back(change)
        for folder in reversed(folders):
            with suppress(OSError):  # somebody else has put something there
                folder.rmdir()
        raise


def _make_folders(folder: Path) -> list[Path]:
    missing = [one for one in (folder, *folder.parents) if not one.exists()][::-1]
    for one in missing:
        one.mkdir(exist_ok=True)
    return missing


def _replace(change: Change) -> None:
    aside = _written_aside(change)
    try:
        if change.before is None:
            os.link(aside, change.path)  # which never replaces a file
        elif change.path.read_bytes() == change.before:
            aside.replace(change.path)
        else:
            raise XgitError(f"{change.name} was changed just now", "xgit init")
    except FileExistsError as error:
        raise XgitError(f"{change.name} was made just now", "xgit init") from error
    finally:
        aside.unlink(missing_ok=True)


def _written_aside(change: Change) -> Path:
    handle, name = tempfile.mkstemp(prefix=".xgit-init-", dir=change.path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(change.after)
        os.fchmod(handle, _mode(change))
    return Path(name)


def _mode(change: Change) -> int:
    if change.before is not None:
        return stat.S_IMODE(change.path.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return (0o777 if change.executable else 0o666) & ~mask


def _put_back(change: Change) -> None:
    if change.before is None:
        change.path.unlink()
    else:
        change.path.write_bytes(change.before)
