"""The user's command: started, watched, and ended whole.

It keeps the terminal, stdin and the signals. Where a terminal is ours it stays in our process
group, as in a shell without xgit, and Ctrl-C reaches it from the terminal itself; elsewhere it
gets a group of its own and every signal sent to xgit is passed on.
"""

from __future__ import annotations

import errno
import os
import select
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from xgit.errors import NOT_EXECUTABLE, NOT_FOUND, XgitError
from xgit.record.model import Outcome, Status
from xgit.run import processes, terminal
from xgit.run.output import BoundedLog

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT)
_GONE_WITHOUT_FAULT = {"SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "SIGXCPU"}
_DRAIN_SECONDS = 0.5
_IMPATIENT = 3  # so many Ctrl-C, and the grace is over


class Started(NamedTuple):
    """How to start the command.

    Attributes:
        env: its whole environment.
        stdout: the file descriptor of ours that its stdout comes out at.
        mark: the environment variable by whose value its descendants are known.
        grace_seconds: between an interrupt and SIGTERM, and between SIGTERM and SIGKILL.
    """

    argv: Sequence[str]
    cwd: str
    env: Mapping[str, str]
    mark: str
    stdout: int = 1
    stderr: int = 2
    timeout_seconds: float | None = None
    grace_seconds: float = 10.0


class Desk(Protocol):
    """Who answers what the command asks while it runs."""

    @property
    def handle(self) -> int | None:
        """A descriptor that is readable when the command asks; None when it is not answered."""

    def answer(self) -> bool:
        """Answer without waiting for anything; False when the command must be ended."""


def find_program(name: str, cwd: str, env: Mapping[str, str]) -> str:
    """The path of a program as the system would find it from `cwd`.

    Raises:
        XgitError: there is none (exit code 127), or it cannot be executed (126).
    """
    where = os.path.join(cwd, name) if os.sep in name else name
    found = shutil.which(where, path=env.get("PATH", os.defpath))
    if found is not None:
        return found
    word = shlex.quote(name)
    if os.sep in name and os.path.isdir(where):
        raise XgitError(f"{word} is a directory", f"ls {word}", exit_code=NOT_EXECUTABLE)
    if os.sep in name and os.path.exists(where):
        raise XgitError(f"{word} is not executable", f"chmod +x {word}", exit_code=NOT_EXECUTABLE)
    script = name if os.path.isfile(os.path.join(cwd, name)) else None
    hint = f"xgit exp run -- python {word}" if script else "what follows -- is run as it stands"
    raise XgitError(f"there is no command {name!r}", hint, exit_code=NOT_FOUND)


def _not_started(name: str, program: str, error: OSError) -> XgitError:
    """Why a program that is there could not be started, with env's exit code for it."""
    word = shlex.quote(name)
    if error.errno == errno.ENOENT:  # the program itself was found
        return XgitError(
            f"{word} cannot be executed: its first line names an interpreter that is not here",
            f"head -n 1 {shlex.quote(program)}",
            exit_code=NOT_FOUND,
        )
    hint = f"xgit exp run -- sh {word}" if error.errno == errno.ENOEXEC else None
    return XgitError(f"{word} cannot be executed: {error.strerror}", hint, exit_code=NOT_EXECUTABLE)


def execute(
    started: Started, log: BoundedLog, meanwhile: Iterable[object] = (), desk: Desk | None = None
) -> Outcome:
    """Run the command to its end.

    Args:
        meanwhile: iterated once while it runs; what it asks is answered between the steps. A step
            that is a float asks to go on after so many seconds, if the command still runs then.

    Raises:
        XgitError: it could not be started: 126 or 127 as env(1) has them.
    """
    return _Watch(started, log, desk).run(meanwhile)


class _Watch:
    """One run of one command; its methods are the steps of `run` and the signal handler."""

    def __init__(self, started: Started, log: BoundedLog, desk: Desk | None) -> None:
        self._how = started
        self._log = log
        self._desk = desk
        self._log_lock = threading.Lock()
        self._shares_group = processes.owns_terminal()
        self._process: subprocess.Popen[bytes] | None = None
        self._ending: list[signal.Signals] = []
        self._early: list[int] = []  # signals that came before there was a command
        self._deadline: float | None = None
        self._timed_out = False
        self._streams: tuple[terminal.Stream, ...] = ()

    def run(self, meanwhile: Iterable[object]) -> Outcome:
        out, err = terminal.open_streams(self._how.stdout, self._how.stderr)
        self._streams = (out,) if out is err else (out, err)
        try:
            with self._signals() as wake:
                return self._run(out.child_end, err.child_end, wake, meanwhile)
        finally:
            self._drain()

    def _run(self, stdout: int, stderr: int, wake: int, meanwhile: Iterable[object]) -> Outcome:
        started, clock = datetime.now(UTC), time.monotonic()
        process = self._start(stdout, stderr)
        if self._how.timeout_seconds is not None:
            self._deadline = clock + self._how.timeout_seconds
        for stream in self._streams:
            terminal.start_copying(stream, self._keep)
        for number in self._early:
            processes.send(process.pid, number, to_group=not self._shares_group)
        for step in meanwhile:
            if not isinstance(step, float):
                self._listen(process, wake, 0)
            elif not self._pause(process, wake, step):
                break
        self._wait(process, wake)
        duration = time.monotonic() - clock
        finished = datetime.now(UTC)
        if self._ending or self._timed_out:
            processes.end_all(self._how.mark, process.pid, self._how.grace_seconds)
        return self._outcome(process.returncode, started, finished, duration)

    def _start(self, stdout: int, stderr: int) -> subprocess.Popen[bytes]:
        how = self._how
        program = find_program(how.argv[0], how.cwd, how.env)
        try:
            self._process = subprocess.Popen(
                how.argv,
                executable=program,
                cwd=how.cwd,
                env=how.env,
                stdout=stdout,
                stderr=stderr,
                process_group=None if self._shares_group else 0,
            )
        except OSError as error:
            raise _not_started(how.argv[0], program, error) from error
        return self._process

    def _keep(self, data: bytes) -> None:
        with self._log_lock:
            self._log.write(data)

    # ------------------------------------------------------------ signals

    @contextmanager
    def _signals(self) -> Iterator[int]:
        """Handle signals while the command runs; yields a descriptor that wakes the wait."""
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        before = {signal.SIGCHLD: signal.signal(signal.SIGCHLD, self._handle)}
        for number in (*_ENDING, *_PASSED_ON, signal.SIGWINCH):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays nohup
                before[number] = signal.signal(number, self._handle)
        wakeup = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        try:
            yield read_end
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(read_end)
            os.close(write_end)

    def _handle(self, number: int, frame: object) -> None:
        if number == signal.SIGCHLD:
            return
        if number == signal.SIGWINCH:
            for stream in self._streams:
                terminal.copy_size(stream)
        if number in _ENDING:
            self._ending.append(signal.Signals(number))
            if len(self._ending) in (1, _IMPATIENT):
                grace = self._how.grace_seconds if len(self._ending) == 1 else 0.0
                self._deadline = time.monotonic() + grace
        # The terminal has sent Ctrl-C and Ctrl-\ to the whole group already.
        by_terminal = self._shares_group and number in (signal.SIGINT, signal.SIGQUIT)
        if self._process is None:
            self._early.append(number)
        elif not by_terminal:
            processes.send(self._process.pid, number, to_group=not self._shares_group)

    def _wait(self, process: subprocess.Popen[bytes], wake: int) -> None:
        """Wait for the end; past a deadline SIGTERM goes to the whole tree, then SIGKILL."""
        while process.poll() is None:
            rest = None if self._deadline is None else self._deadline - time.monotonic()
            if rest is not None and rest <= 0:
                self._timed_out = self._timed_out or not self._ending
                processes.end_all(self._how.mark, process.pid, self._how.grace_seconds)
                self._deadline = None
                continue
            self._listen(process, wake, rest)

    def _pause(self, process: subprocess.Popen[bytes], wake: int, seconds: float) -> bool:
        """Wait so long; False at once when the command has ended, or is to be ended."""
        limit = time.monotonic() + seconds
        while process.poll() is None:
            now = time.monotonic()
            if self._deadline is not None and self._deadline <= now:
                return False
            if limit <= now:
                return True
            rest = min(limit, self._deadline or limit) - now
            self._listen(process, wake, rest)
        return False

    def _listen(self, process: subprocess.Popen[bytes], wake: int, seconds: float | None) -> None:
        """Wait so long, at most, for a signal or a question, and answer the question."""
        asked = None if self._desk is None else self._desk.handle
        ready = select.select([wake] if asked is None else [wake, asked], [], [], seconds)[0]
        if wake in ready:
            os.read(wake, 4096)
        if self._desk is not None and asked in ready and not self._desk.answer():
            processes.end_all(self._how.mark, process.pid, self._how.grace_seconds)

    # ------------------------------------------------------------ the end

    def _drain(self) -> None:
        limit = time.monotonic() + _DRAIN_SECONDS
        for stream in self._streams:
            terminal.finish_copying(stream, limit - time.monotonic())
        with self._log_lock:
            self._log.close()

    def _outcome(
        self, code: int, started: datetime, finished: datetime, duration: float
    ) -> Outcome:
        name = signal.Signals(-code).name if code < 0 else None
        exit_code = 128 - code if code < 0 else code
        return Outcome(self._status(exit_code, name), exit_code, name, started, finished, duration)

    def _status(self, exit_code: int, name: str | None) -> Status:
        if exit_code == 0:
            return "completed"
        if self._ending or self._timed_out or name in _GONE_WITHOUT_FAULT:
            return "interrupted"
        return "failed"


def child_environment(spool: Path, inject: Path, base: Mapping[str, str]) -> dict[str, str]:
    """The environment of the command: xgit's witness comes first on Python's path."""
    rest = base.get("PYTHONPATH")
    path = f"{inject}{os.pathsep}{rest}" if rest else str(inject)
    return {**base, "PYTHONPATH": path, "XGIT_SPOOL": str(spool)}


def call(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdout: int | None = None
) -> int:
    """Run a command that is no experiment, its other streams being ours; its exit code.

    Raises:
        XgitError: it could not be found (127) or executed (126).
    """
    program = find_program(argv[0], str(cwd), env)
    return subprocess.call(argv, executable=program, cwd=cwd, env=env, stdout=stdout)
