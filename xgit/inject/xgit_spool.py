"""The spool: where a running job leaves its facts, as JSON lines, one file for each process.

A line is written by one `write` to a file opened for appending, so that threads do not mix and a
SIGKILL loses at most the last line. After a fork the child begins a file of its own.
"""

# ruff: noqa: PLW0603 - one process has one spool file, and a lookup in an object costs time
from __future__ import annotations

import os
import sys
from _thread import allocate_lock
from errno import EBADF, ENOENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

VARIABLE = "XGIT_SPOOL"
FILE_MODE = 0o600
LONGEST_NAME = 255
# The kernel hands out the lowest free number: a program that closes all its files (a daemon)
# and opens others must not find its own file under the number this module remembers.
HIGH_DESCRIPTOR = 200

_UNWRITABLE = "the spool cannot be written"

_descriptor = -1
_torn = False
_encode: Callable[[Any], str] | None = None
_said: set[str] = set()
_lock = allocate_lock()
_hooked = False


def directory() -> str | None:
    """The spool of the run this process belongs to, or None outside a run."""
    return os.environ.get(VARIABLE) or None


def write(event: Any) -> bool:
    """Append one event; whether it was written. A failure is told once on stderr.

    Args:
        event: what `json.dumps` takes.
    """
    try:
        encode = _encode or _make_encoder()
        line = encode(event) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        say("an event has no JSON form (%s): not kept" % error)
        return False
    return append(line.encode("ascii"))


def append(line: bytes) -> bool:
    """Append one line that is JSON already and ends in a newline."""
    global _descriptor, _torn
    for _ in range(2):
        try:
            descriptor = _descriptor if _descriptor >= 0 else _open()
            if _torn:
                line = b"\n" + line
            _torn = os.write(descriptor, line) != len(line)
        except OSError as error:
            if error.errno == EBADF and _descriptor >= 0:  # the program closed it; once more
                _descriptor = -1
                continue
            _say_unwritable(error.strerror or "")
            return False
        else:
            if _torn:
                _say_unwritable("no space for the whole line")
            return not _torn
    return False


def _say_unwritable(reason: str) -> None:
    if _UNWRITABLE not in _said:
        _said.add(_UNWRITABLE)
        say("%s (%s): what is logged from here on may be lost" % (_UNWRITABLE, reason))


def say(text: str) -> None:
    """One line on stderr, the same text only once in a process."""
    if text in _said:
        return
    _said.add(text)
    try:
        sys.stderr.write("xgit: %s\n" % text.replace("\n", " "))
    except Exception:
        pass  # no stderr, or a closed one: there is nobody to tell


def is_kept_name(name: str) -> bool:
    """Whether a file may be kept under this name: relative, inside, and fit for a git tree.

    Git refuses whole trees for a component that some file system reads as `.git`.
    """
    if not name or len(name) > LONGEST_NAME or "\\" in name:
        return False
    if any(letter < " " or letter == "\x7f" or "\ud800" <= letter < "\ue000" for letter in name):
        return False
    for part in name.split("/"):
        plain = part.encode("ascii", "ignore").lower()
        if part in ("", ".", "..") or plain.startswith((b".git", b"git~")):
            return False
    return True


def _make_encoder() -> Callable[[Any], str]:
    global _encode
    from json import JSONEncoder

    encoder = JSONEncoder(check_circular=False, separators=(",", ":"))
    _encode = encoder.encode
    return _encode


def _open() -> int:
    global _descriptor
    folder = directory()
    if folder is None:
        raise OSError(ENOENT, "no spool")
    with _lock:
        if _descriptor < 0:
            _forget_after_fork()
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            _descriptor = _moved_up(os.open(os.path.join(folder, _file_name()), flags, FILE_MODE))
    return _descriptor


def _file_name() -> str:
    host = "".join(letter for letter in os.uname().nodename if letter.isalnum() or letter in ".-")
    return "events-%s-%d-%s.jsonl" % (host[:64], os.getpid(), os.urandom(4).hex())


def _moved_up(descriptor: int) -> int:
    try:
        import fcntl

        higher = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
    except Exception:
        return descriptor  # a low limit of open files: it works all the same
    os.close(descriptor)
    return higher


def _forget_after_fork() -> None:
    global _hooked
    if not _hooked:
        os.register_at_fork(after_in_child=_begin_anew)
        _hooked = True


def _begin_anew() -> None:
    """In the child of a fork: its own file, and a lock that no vanished thread holds."""
    global _descriptor, _lock, _torn
    _lock = allocate_lock()
    _torn = False
    if _descriptor >= 0:
        try:
            os.close(_descriptor)
        except OSError:
            pass
        _descriptor = -1
