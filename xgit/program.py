"""What our own programs, `xgit` and `xgit-guard`, do first and last."""

from __future__ import annotations

import gc
import io
import os
import sys
from typing import NoReturn

AFTER_SIGPIPE = 141
"""How a program ends whose reader has gone, as the shell has it."""
_STDERR = 2
_NEW_OBJECTS = 50_000


def begin() -> None:
    """Have standard streams that any text can be written to, and no needless pauses.

    Nearly all that a short command makes are modules, which stay: to look through them for garbage
    again and again takes a tenth of its time.
    """
    _open_streams()
    gc.set_threshold(_NEW_OBJECTS)


def end(code: int) -> NoReturn:
    """Exit, without looking for garbage in what ends anyway."""
    gc.freeze()
    sys.exit(code)


def _open_streams() -> None:
    """See that there are three standard streams, and that no text is too strange for them.

    Where one is closed, the next file to be opened would take its number, and get what is printed,
    or the output of the user's command, into it.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(handle, True)
    os.close(handle)
    sys.stdin = sys.stdin or os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(_STDERR, "w", encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def let_go() -> int:
    """Print nothing more, as nobody reads it, and keep the interpreter from telling so at exit.

    Returns:
        The exit code to end with.
    """
    for handle in (1, _STDERR):
        os.dup2(os.open(os.devnull, os.O_WRONLY), handle)
    return AFTER_SIGPIPE
