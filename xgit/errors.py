"""What can go wrong, and the exit code that says so."""

from __future__ import annotations

import errno

NO = 1  # the answer is no: violations found, not reproduced
TROUBLE = 2  # bad usage, bad input, or something outside xgit failed
BUG = 3  # xgit itself is wrong
REFUSED = 125  # `exp run` refused, or failed before the command ran, or could not record
NOT_EXECUTABLE = 126  # as env(1) has it
NOT_FOUND = 127  # as env(1) has it


_LOOK = {
    errno.ENOSPC: "df -h .",
    errno.EDQUOT: "df -h .",
    errno.EROFS: "findmnt --target .",
    errno.EACCES: "ls -ld . .git",
    errno.EPERM: "ls -ld . .git",
}


class XgitError(Exception):
    """What is wrong, in one line, and the command that mends it.

    Args:
        message: what is wrong, with the path or the name.
        hint: what to type, or None where there is no single remedy.
        exit_code: the status the process ends with.
    """

    def __init__(self, message: str, hint: str | None = None, *, exit_code: int = TROUBLE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def os_trouble(error: OSError, *, exit_code: int = TROUBLE) -> XgitError:
    """What the system refused, with the file it was about and the command that tells more."""
    where = f": {error.filename}" if error.filename else ""
    return XgitError(
        f"{error.strerror or error}{where}", _LOOK.get(error.errno or 0), exit_code=exit_code
    )


class Unreadable(XgitError):
    """An experiment tag that is there but cannot be read as an experiment."""


class Unsupported(XgitError):
    """A record written by a newer xgit, whose schema this one does not know."""
