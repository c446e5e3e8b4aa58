"""What the command sees of the terminal: streams that are terminals stay terminals.

Where xgit's own stdout or stderr is a terminal the command gets a pseudo-terminal in its place, so
that a progress bar still draws; elsewhere it gets a pipe. Everything is copied through unchanged.
"""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

_CHUNK_BYTES = 65536
_OUTPUT_FLAGS = 1  # index of the output modes in what termios.tcgetattr returns


@dataclass
class Stream:
    """One copied stream: what the command writes to `child_end` comes out at `target`.

    Attributes:
        target: xgit's own file descriptor.
        child_end: the descriptor the command gets.
        own_end: where xgit reads.
        is_terminal: a pseudo-terminal, whose size follows the real one.
    """

    target: int
    child_end: int
    own_end: int
    is_terminal: bool
    thread: threading.Thread | None = field(default=None, repr=False)


def open_stream(target: int) -> Stream:
    """A pseudo-terminal when `target` is a terminal, else a pipe."""
    if not os.isatty(target):
        own_end, child_end = os.pipe()
        return Stream(target, child_end, own_end, is_terminal=False)
    own_end, child_end = pty.openpty()
    modes = termios.tcgetattr(target)
    # The real terminal turns newlines into carriage return and newline: once is enough.
    modes[_OUTPUT_FLAGS] &= ~termios.OPOST
    termios.tcsetattr(child_end, termios.TCSANOW, modes)
    stream = Stream(target, child_end, own_end, is_terminal=True)
    copy_size(stream)
    return stream


def open_streams(stdout: int, stderr: int) -> tuple[Stream, Stream]:
    """Streams for both; one and the same where both lead to the same place, to keep the order."""
    first = open_stream(stdout)
    if stdout == stderr or _same_place(stdout, stderr):
        return first, first
    return first, open_stream(stderr)


def _same_place(one: int, other: int) -> bool:
    a, b = os.fstat(one), os.fstat(other)
    return (a.st_dev, a.st_ino, a.st_rdev) == (b.st_dev, b.st_ino, b.st_rdev)


def copy_size(stream: Stream) -> None:
    """Give the pseudo-terminal the size of the real one."""
    if stream.is_terminal:
        size = fcntl.ioctl(stream.target, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(stream.own_end, termios.TIOCSWINSZ, size)


def start_copying(stream: Stream, keep: Callable[[bytes], None]) -> None:
    """Copy in a thread of its own until every writer is gone; `keep` gets each piece too."""
    os.close(stream.child_end)
    stream.thread = threading.Thread(target=_copy, args=(stream, keep), daemon=True)
    stream.thread.start()


def _copy(stream: Stream, keep: Callable[[bytes], None]) -> None:
    can_show = True
    while True:
        try:
            data = os.read(stream.own_end, _CHUNK_BYTES)
        except OSError:  # EIO: the last writer has closed its side of the pseudo-terminal
            return
        if not data:
            return
        keep(data)  # first: what was seen must not be lost with us
        if can_show:
            can_show = _write_all(stream.target, data)
        if not can_show and not stream.is_terminal:
            # Whoever read our output is gone; the command must learn it as it would bare.
            os.close(stream.own_end)
            stream.own_end = -1
            return


def _write_all(target: int, data: bytes) -> bool:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(target, view) :]
    except OSError:
        return False
    return True


def finish_copying(stream: Stream, seconds: float) -> None:
    """Copy what is left, for so long at most, and let go of the stream.

    A background process of the command may keep it open: its later output goes nowhere.
    """
    if stream.thread is None:
        os.close(stream.child_end)
    else:
        stream.thread.join(max(0.0, seconds))
        if stream.thread.is_alive():
            return
    if stream.own_end >= 0:
        os.close(stream.own_end)
