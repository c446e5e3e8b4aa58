"""The guards that look at the config judge the one that the program itself composed.

The parent makes a FIFO `ask` in the spool. The callback in the program writes its config into the
spool, then the name of a FIFO of its own into `ask`, and waits for `go` or `refused` there before
the task starts (see `inject/xgit_ask.py`). Only the first job of a run can be refused: after its
`go` the FIFO is gone, whoever asks later goes on at once, and is judged at the end. Work that was
done is not thrown away.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Self

from xgit.guards import registry
from xgit.guards.registry import Guard
from xgit.record.model import GuardResult, RepoState

if TYPE_CHECKING:
    from xgit.capture.spool.nouns import HydraJob

Results = tuple[GuardResult, ...]

_NEED = "config"
_FOLLOWS = "mentioned"  # the fact that is read again when the config is another
_NAME = "ask"
_QUESTION = re.compile(rb"(answer-[0-9]{1,20}-[0-9a-f]{8}) ([0-9.e+]{1,40})")
_MOST_BYTES = 65536
_GRAVITY = ("passed", "allowed", "failed")


class Judge(NamedTuple):
    """Judges again, with a config, what was judged before the start.

    Attributes:
        early: what all guards said before the start.
        read_again: reads anew what follows from the config of a state.
    """

    state: RepoState
    guards: tuple[Guard, ...]
    allow: frozenset[str]
    snapshot: bool
    early: Results
    read_again: Callable[[RepoState], RepoState] = lambda state: state

    @property
    def interested(self) -> tuple[Guard, ...]:
        """The guards that look at the config."""
        return tuple(one for one in self.guards if _NEED in one.needs)

    def results(self, job: HydraJob) -> Results:
        """What all guards say when the config is that of the job."""
        state = self.state._replace(config=job.composed, cwd=job.cwd or self.state.cwd)
        guards = self.interested
        try:
            state = self.read_again(state)
        except Exception as error:  # noqa: BLE001 - the run goes on, or is over: it must be recorded
            crash = partial(_raise, error)
            guards = tuple(
                one._replace(check=crash) if _FOLLOWS in one.needs else one for one in guards
            )
        return _merged(self.early, registry.judge(state, guards, self.allow, self.snapshot))


def _raise(error: Exception, state: RepoState) -> NoReturn:
    """The check of a guard whose facts could not be read: it cannot judge either."""
    raise error


def _merged(before: Results, after: Results) -> Results:
    """The results with the later ones in place of those of the same guards."""
    newer = {one.id: one for one in after}
    return tuple(newer.get(one.id, one) for one in before)


def together(many: Sequence[Results]) -> Results:
    """Of each guard the gravest outcome, with all it found."""
    return tuple(_gravest(same) for same in zip(*many, strict=True))


def _gravest(same: Sequence[GuardResult]) -> GuardResult:
    outcome = max((one.outcome for one in same), key=_GRAVITY.index)
    found = dict.fromkeys(violation for one in same for violation in one.violations)
    return GuardResult(same[0].id, outcome, tuple(found))


class Handshake:
    """The parent's side of one run; `execute` listens to it while the command runs.

    Attributes:
        refused: what all guards said when one of them refused, else None.
        notes: what went wrong, for the user.
    """

    def __init__(self, spool: Path, judge: Judge, on_go: Callable[[Results], None]) -> None:
        self.refused: Results | None = None
        self.notes: tuple[str, ...] = ()
        self._spool = spool
        self._judge = judge
        self._on_go = on_go
        self._handle = -1
        self._first: tuple[float, Results] | None = None

    def __enter__(self) -> Self:
        """Be ready before the command starts; no FIFO where no guard wants to know."""
        if self._judge.interested:
            with suppress(OSError):  # a file system that has none: all is judged at the end
                os.mkfifo(self._spool / _NAME, 0o600)
                # For writing too, so that it is not at its end when one who asked is gone.
                flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
                self._handle = os.open(self._spool / _NAME, flags)
        return self

    def __exit__(self, *failure: object) -> None:
        self._close()

    def _close(self) -> None:
        """Answer nobody any more: who waits sees it, and goes on."""
        if self._handle >= 0:
            self._take_down()
            os.close(self._handle)
            self._handle = -1

    def _take_down(self) -> None:
        """Nobody asks from here on."""
        with suppress(OSError):
            (self._spool / _NAME).unlink()

    @property
    def handle(self) -> int | None:
        """Readable when somebody asks; None when nobody is answered any more."""
        return None if self._handle < 0 or self.refused else self._handle

    def answer(self) -> bool:
        """Answer who asks; False when the run is refused, so that the command must be ended."""
        try:
            for name, started in _questions(self._handle):
                job = self._job(started)
                if job is None:
                    self._say(name, b"go\n")
                else:
                    return self._judged(name, job)
        except Exception as error:  # noqa: BLE001 - the command runs, and must be waited for
            told = f"{type(error).__name__}: {error}"
            self.notes = (f"the config could not be judged before the task began: {told}",)
            self._close()
        return True

    def _judged(self, name: str, job: HydraJob) -> bool:
        """Judge the first job; whether it may start. Then so may all others."""
        results = self._judge.results(job)
        if registry.refusals(results) and self._say(name, b"refused\n"):
            self.refused = results
            return False
        self._first = (job.started, results)
        self._take_down()  # before the task can look around
        self._say(name, b"go\n")
        self._close()
        self._on_go(results)
        return True

    def _job(self, started: float) -> HydraJob | None:
        from xgit.capture.spool.reading import read_spool

        jobs = read_spool(self._spool).jobs
        return next((job for job in jobs if job.started == started), None)

    def _say(self, name: str, word: bytes) -> bool:
        """Answer one who asked; False when nobody waits there any more."""
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            handle = os.open(self._spool / name, flags)
            with open(handle, "wb", buffering=0) as file:
                return stat.S_ISFIFO(os.fstat(handle).st_mode) and file.write(word) == len(word)
        except OSError:
            return False

    def results(self, jobs: Iterable[HydraJob]) -> Results:
        """What all guards say of all jobs, when the run is over."""
        known = dict([self._first] if self._first else [])
        found = [known.get(job.started) or self._judge.results(job) for job in jobs]
        return together(found) if found else self._judge.early


def _questions(handle: int) -> Iterator[tuple[str, float]]:
    """Name of the FIFO for the answer and time of the job, of all who ask; anyone can write."""
    for line in os.read(handle, _MOST_BYTES).splitlines():
        match = _QUESTION.fullmatch(line)
        if match is not None:
            with suppress(ValueError):
                yield match[1].decode("ascii"), float(match[2])
