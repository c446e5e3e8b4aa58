"""Values and files that the user's program left behind: checked before anything believes them."""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from xgit.record.model import Json, Number

LONGEST_LINE_BYTES = 16 * 1024 * 1024
LARGEST_FLOAT_BITS = 1024


def as_text(value: object) -> str:
    """The string, fit for UTF-8; a lone surrogate becomes `?`.

    Raises:
        TypeError: it is no string.
    """
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value.encode("utf-8", "replace").decode("utf-8")


def as_optional_text(value: object) -> str | None:
    """The string, or None for None."""
    return None if value is None else as_text(value)


def as_os_text(value: object) -> str:
    """A path or the value of a variable as it is, bytes that are not UTF-8 as surrogates.

    Raises:
        TypeError: it is no string.
    """
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def as_number(value: object) -> Number:
    """The number; True is 1, an integer that no float can reach is an infinity.

    Raises:
        TypeError: it is no number.
    """
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        too_large = value.bit_length() > LARGEST_FLOAT_BITS
        return math.copysign(math.inf, value > 0 or -1) if too_large else value
    if isinstance(value, float):
        return value
    raise TypeError("not a number")


def as_optional_int(value: object) -> int | None:
    """The integer, or None for None."""
    return None if value is None else int(as_number(value))


def as_time(value: object) -> float:
    """Seconds since the epoch.

    Raises:
        ValueError: it is no moment.
    """
    time = float(as_number(value))
    if not math.isfinite(time):
        raise ValueError("not a time")
    return time


def as_leaf(value: object) -> Json:
    """A JSON scalar or a list of scalars, its strings fit for UTF-8.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, list):
        return [_scalar(item) for item in value]
    return _scalar(value)


def _scalar(value: object) -> Json:
    if value is None or isinstance(value, bool | int | float):
        return value
    return as_text(value)


def regular_files(directory: Path, prefix: str, suffix: str) -> list[Path]:
    """The regular files of that name, the oldest first; none where there is no directory."""
    found: list[tuple[int, str]] = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                named = entry.name.startswith(prefix) and entry.name.endswith(suffix)
                if named and entry.is_file(follow_symlinks=False):
                    found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.path))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [Path(path) for _, path in sorted(found)]


def lines_of(path: Path) -> Iterator[bytes | None]:
    """The lines of a file that are not blank; None in place of one that is too long to be read."""
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE_BYTES):
            if line.endswith(b"\n") or len(line) < LONGEST_LINE_BYTES:
                if line.strip():
                    yield line
                continue
            _skip_line(file)
            yield None


def _skip_line(file: BinaryIO) -> None:
    while rest := file.readline(LONGEST_LINE_BYTES):
        if rest.endswith(b"\n"):
            return


def read_file(path: Path, most_bytes: int) -> bytes | None:
    """The content of a regular file that is no larger, no link followed; None for all else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        content = file.read(max(0, most_bytes) + 1)
    return content if len(content) <= most_bytes else None


def hash_of(path: Path) -> tuple[str, int] | None:
    """`sha256:<hex>` and the size in bytes of a regular file, or None where there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            return None
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}", found.st_size
