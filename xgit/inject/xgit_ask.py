"""Asks the parent whether a composed config may run, and waits for its word, never for long."""

from __future__ import annotations

import os
import select
import sys
from time import sleep

import xgit_spool as spool  # type: ignore[import-not-found]

LONGEST_SECONDS = 10.0
REFUSED = 125
_END_SECONDS = 30.0


def ask(time: float) -> None:
    """Return when the job may start; where it is refused, do not return.

    It may also start when nobody answers: there is no parent, it lives on another machine, it died,
    it answers no more, or it took too long.

    Args:
        time: the `time` of the job's event, by which the parent finds it in the spool.
    """
    folder = spool.directory()
    if folder is None:
        return
    try:
        question = os.open(os.path.join(folder, "ask"), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # ENOENT: no guard wants to know; ENXIO: nobody reads
        return
    try:
        word = _answer(folder, question, time)
    finally:
        os.close(question)
    if word.startswith(b"refused"):
        _end()


def _answer(folder: str, question: int, time: float) -> bytes:
    """What the parent says, through a FIFO made for this one answer; nothing when it does not."""
    name = "answer-%d-%s" % (os.getpid(), os.urandom(4).hex())
    path = os.path.join(folder, name)
    os.mkfifo(path, spool.FILE_MODE)
    try:
        # For reading and writing, so that it is not at its end before the parent has opened it.
        answer = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.write(question, ("%s %r\n" % (name, time)).encode("ascii"))
            return _read(answer, question)
        finally:
            os.close(answer)
    finally:
        os.unlink(path)


def _read(answer: int, question: int) -> bytes:
    waiting = select.poll()
    waiting.register(answer, select.POLLIN)
    waiting.register(question, 0)  # POLLERR comes unasked: the parent has closed its end, or died
    ready = [descriptor for descriptor, _ in waiting.poll(LONGEST_SECONDS * 1000)]
    return os.read(answer, 64) if answer in ready else b""


def _end() -> None:
    """The end: the parent is about to end all processes of the run, so that none goes on.

    Were this one gone first, a shell script would start its next command, and a launcher would
    tell of a lost worker.
    """
    try:
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    except Exception:
        pass  # not in the main thread
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # closed, or none
    try:
        sleep(_END_SECONDS)
    finally:
        os._exit(REFUSED)
