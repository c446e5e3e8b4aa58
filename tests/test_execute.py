"""The command keeps its terminal, stdin, signals and exit code, and is ended whole."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from xgit.errors import XgitError
from xgit.record.model import Outcome
from xgit.run.execute import Started, execute, find_program
from xgit.run.output import BoundedLog, read_log
from xgit.run.processes import _parents_first, end_all

HARNESS = """
import json, os, sys
from xgit.run.execute import Started, execute
from xgit.run.output import BoundedLog
from pathlib import Path
place, timeout, *argv = sys.argv[1:]
env = dict(os.environ, XGIT_SPOOL=place)
how = Started(argv=argv, cwd=os.getcwd(), env=env, mark=place, grace_seconds=1.0,
              timeout_seconds=float(timeout) or None)
outcome = execute(how, BoundedLog(Path(place), 1000))
Path(place, "outcome").write_text(f"{outcome.status} {outcome.exit_code} {outcome.signal}")
sys.exit(outcome.exit_code)
"""


def run(tmp_path: Path, *argv: str, **changes: object) -> tuple[Outcome, bytes]:
    """Execute in this process, stdout and stderr going to files."""
    with (tmp_path / "shown").open("wb") as shown:
        how = Started(
            argv=argv,
            cwd=str(tmp_path),
            env={**os.environ, "XGIT_SPOOL": str(tmp_path)},
            mark=str(tmp_path),
            stdout=shown.fileno(),
            stderr=shown.fileno(),
            grace_seconds=1.0,
            **changes,  # type: ignore[arg-type]
        )
        outcome = execute(how, BoundedLog(tmp_path, 1000))
    return outcome, (tmp_path / "shown").read_bytes()


def python(code: str) -> tuple[str, str, str]:
    return sys.executable, "-c", textwrap.dedent(code)


@pytest.mark.parametrize("code", [0, 1, 3, 125, 255])
def test_the_exit_code_passes_through(tmp_path: Path, code: int) -> None:
    outcome, _ = run(tmp_path, "sh", "-c", f"exit {code}")
    assert outcome.exit_code == code
    assert outcome.status == ("completed" if code == 0 else "failed")
    assert outcome.signal is None


def test_death_by_signal_is_told_as_a_shell_does(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, "sh", "-c", "kill -SEGV $$")
    assert (outcome.exit_code, outcome.signal, outcome.status) == (139, "SIGSEGV", "failed")
    outcome, _ = run(tmp_path, "sh", "-c", "kill -KILL $$")
    assert (outcome.exit_code, outcome.signal, outcome.status) == (137, "SIGKILL", "interrupted")


def test_output_is_shown_in_order_and_kept(tmp_path: Path) -> None:
    script = "for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf '\\377no newline'"
    outcome, shown = run(tmp_path, "sh", "-c", script)
    expected = b"out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n\xffno newline"
    assert shown == expected
    assert read_log(tmp_path, 1000).joined() == expected
    assert outcome.duration_seconds < 5


def test_duration_and_times(tmp_path: Path) -> None:
    outcome, _ = run(tmp_path, "sleep", "0.3")
    assert 0.3 <= outcome.duration_seconds < 1.5
    assert outcome.started < outcome.finished


def test_a_background_process_does_not_hold_the_run(tmp_path: Path) -> None:
    before = time.monotonic()
    outcome, shown = run(tmp_path, "sh", "-c", "sleep 20 & echo $!")
    assert time.monotonic() - before < 5
    assert outcome.status == "completed"
    os.kill(int(shown), signal.SIGKILL)  # it was left alone, as by a shell


def test_a_timeout_ends_the_whole_tree(tmp_path: Path) -> None:
    code = f"""
        import subprocess, time
        child = subprocess.Popen(["sleep", "60"], start_new_session=True)
        open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
        time.sleep(60)
    """
    outcome, _ = run(tmp_path, *python(code), timeout_seconds=0.7)
    assert outcome.status == "interrupted"
    assert outcome.signal == "SIGTERM"
    assert_gone(int((tmp_path / "pid").read_text()))


def test_a_command_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    code = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    """
    outcome, _ = run(tmp_path, *python(code), timeout_seconds=0.5)
    assert (outcome.signal, outcome.exit_code) == ("SIGKILL", 137)


def test_what_cannot_be_started(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("text")
    (tmp_path / "script").write_text("#!/nowhere/at/all\n")
    (tmp_path / "script").chmod(0o755)
    for name, code in {
        "no-such-thing": 127,
        "./absent": 127,
        "./plain": 126,
        "./script": 127,
    }.items():
        with pytest.raises(XgitError) as caught:
            run(tmp_path, name)
        assert caught.value.exit_code == code, name
        assert caught.value.hint


def test_a_script_without_a_path_is_explained(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    with pytest.raises(XgitError) as caught:
        find_program("train.py", str(tmp_path), os.environ)
    assert caught.value.hint == "xgit exp run -- python train.py"


class Desk:
    """Answers with what it was given; asked by one byte in a FIFO."""

    def __init__(self, place: Path, may_go_on: bool) -> None:
        os.mkfifo(place)
        self.handle: int | None = os.open(place, os.O_RDWR | os.O_NONBLOCK)
        self.may_go_on = may_go_on
        self.asked: list[bytes] = []

    def answer(self) -> bool:
        assert self.handle is not None
        self.asked.append(os.read(self.handle, 100))
        if not self.may_go_on:
            os.close(self.handle)
            self.handle = None
        return self.may_go_on


@pytest.mark.parametrize("may_go_on", [True, False])
def test_what_the_command_asks_is_answered(tmp_path: Path, may_go_on: bool) -> None:
    desk = Desk(tmp_path / "ask", may_go_on)
    how = Started(
        argv=("sh", "-c", "printf ? > ask; sleep 0.3; printf ? > ask; sleep 0.5; exit 3"),
        cwd=str(tmp_path),
        env={**os.environ, "XGIT_SPOOL": str(tmp_path)},
        mark=str(tmp_path),
    )
    outcome = execute(how, BoundedLog(tmp_path, 1000), desk=desk)
    assert desk.asked == ([b"?", b"?"] if may_go_on else [b"?"])
    assert outcome.exit_code == (3 if may_go_on else 143)


def test_a_question_is_answered_between_the_steps(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "ask", may_go_on=True)
    how = Started(argv=("sleep", "1"), cwd=str(tmp_path), env=os.environ, mark=str(tmp_path))
    seen = []

    def steps() -> Iterator[None]:
        (tmp_path / "ask").write_bytes(b"1")
        yield
        seen.extend(desk.asked)
        yield

    execute(how, BoundedLog(tmp_path, 1000), steps(), desk)
    assert seen == [b"1"]


def test_a_step_may_wait_while_the_command_runs_and_no_longer(tmp_path: Path) -> None:
    how = Started(
        argv=("sh", "-c", "while ! test -e go; do sleep 0.02; done"),
        cwd=str(tmp_path), env=os.environ, mark=str(tmp_path),
    )  # fmt: skip
    taken = []

    def steps() -> Iterator[float]:
        yield 0.05
        taken.append("while it runs")
        (tmp_path / "go").touch()
        yield 1000.0
        taken.append("after its end")

    outcome = execute(how, BoundedLog(tmp_path, 1000), steps())
    assert taken == ["while it runs"]
    assert outcome.exit_code == 0


def test_a_step_that_waits_keeps_no_timeout_waiting(tmp_path: Path) -> None:
    how = Started(
        argv=("sleep", "1000"), cwd=str(tmp_path), env={**os.environ, "XGIT_SPOOL": str(tmp_path)},
        mark=str(tmp_path), timeout_seconds=0.2,
    )  # fmt: skip
    outcome = execute(how, BoundedLog(tmp_path, 1000), iter([1000.0]))
    assert outcome.status == "interrupted"


# ---------------------------------------------------------------- with a terminal, and signals


def start(
    tmp_path: Path, *argv: str, timeout: float = 0, **popen: object
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", HARNESS, str(tmp_path), str(timeout), *argv]
    return subprocess.Popen(command, **popen)  # type: ignore[call-overload, no-any-return]


def read_until(handle: int, text: bytes, seconds: float = 20) -> bytes:
    seen = b""
    limit = time.monotonic() + seconds
    while text not in seen and time.monotonic() < limit:
        if select.select([handle], [], [], 0.1)[0]:
            try:
                seen += os.read(handle, 4096)
            except OSError:
                break
    assert text in seen, seen
    return seen


def assert_gone(pid: int) -> None:
    limit = time.monotonic() + 5
    while time.monotonic() < limit:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} is still alive")


def on_a_terminal(tmp_path: Path, *argv: str) -> tuple[int, int]:
    """Start the harness as the leader of a terminal of its own; its pid and our end."""
    pid, handle = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", HARNESS, str(tmp_path), "0", *argv])
    return pid, handle


TERMINAL_CHILD = """
    import os, sys
    print([os.isatty(fd) for fd in (0, 1, 2)], tuple(os.get_terminal_size()), flush=True)
    print("name?", flush=True)
    print("hello", input())
"""


def test_on_a_terminal_the_command_has_a_terminal(tmp_path: Path) -> None:
    pid, handle = on_a_terminal(tmp_path, *python(TERMINAL_CHILD))
    seen = read_until(handle, b"name?")
    assert b"[True, True, True] (" in seen
    os.write(handle, b"Ada\n")
    seen = read_until(handle, b"hello Ada")
    assert b"\r\r\n" not in seen
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert b"hello Ada\n" in read_log(tmp_path, 1000).joined()
    assert b"\r" not in read_log(tmp_path, 1000).joined()


def test_a_resize_reaches_the_command(tmp_path: Path) -> None:
    code = """
        import os, signal, time
        changed = []
        signal.signal(signal.SIGWINCH, lambda *_: changed.append(1))
        print("ready", flush=True)
        while not changed:
            time.sleep(0.05)
        time.sleep(0.3)
        print("size", *os.get_terminal_size(), flush=True)
    """
    pid, handle = on_a_terminal(tmp_path, *python(code))
    read_until(handle, b"ready")
    import fcntl
    import struct
    import termios

    fcntl.ioctl(handle, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 111, 0, 0))
    read_until(handle, b"size 111 33")
    os.waitpid(pid, 0)


def test_ctrl_c_on_a_terminal_ends_everything(tmp_path: Path) -> None:
    code = """
        import subprocess, sys, time
        a = subprocess.Popen(["sleep", "60"])
        b = subprocess.Popen(["sleep", "61"], start_new_session=True)
        try:
            print("pids", a.pid, b.pid, "end", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            print("cleaned up", flush=True)
            raise
    """
    pid, handle = on_a_terminal(tmp_path, *python(code))
    seen = read_until(handle, b"end")
    os.write(handle, b"\x03")
    read_until(handle, b"cleaned up")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert (tmp_path / "outcome").read_text() == "interrupted 130 SIGINT"
    words = seen[seen.index(b"pids") :].split()
    for one in words[1:3]:
        assert_gone(int(one))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_xgit_reaches_the_command(tmp_path: Path, number: signal.Signals) -> None:
    code = """
        import signal, sys, time
        def stop(number, frame):
            print("got", signal.Signals(number).name, flush=True)
            sys.exit(7)
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(one, stop)
        print("ready", flush=True)
        time.sleep(60)
    """
    process = start(tmp_path, *python(code), stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    read_until(process.stdout.fileno(), b"ready")
    process.send_signal(number)
    out, _ = process.communicate(timeout=20)
    assert f"got {number.name}".encode() in out
    assert process.returncode == 7
    assert (tmp_path / "outcome").read_text() == "interrupted 7 None"


def test_a_command_that_ignores_ctrl_c_gets_sigterm_then_sigkill(tmp_path: Path) -> None:
    code = """
        import signal, time
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: print("SIGTERM came", flush=True))
        print("ready", flush=True)
        while True:
            time.sleep(1)
    """
    process = start(tmp_path, *python(code), stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    read_until(process.stdout.fileno(), b"ready")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert b"SIGTERM came" in out
    assert process.returncode == 137


def test_usr1_is_passed_on(tmp_path: Path) -> None:
    code = """
        import signal, sys, time
        signal.signal(signal.SIGUSR1, lambda *_: sys.exit(9))
        print("ready", flush=True)
        time.sleep(60)
    """
    process = start(tmp_path, *python(code), stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    read_until(process.stdout.fileno(), b"ready")
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=20)
    assert process.returncode == 9


def test_stdin_is_the_commands(tmp_path: Path) -> None:
    process = start(tmp_path, "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = process.communicate(b"through\n", timeout=20)
    assert out == b"through\n"


def test_a_reader_that_goes_away_is_told_to_the_command(tmp_path: Path) -> None:
    process = start(tmp_path, "yes", stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    process.stdout.read(100)
    process.stdout.close()
    assert process.wait(timeout=20) == 141


def test_a_shell_is_ended_before_its_command_so_that_it_starts_no_next_one(tmp_path: Path) -> None:
    """Whatever the order of the pids, which starts anew now and then."""
    script = "sh -c 'sleep 60; :' & sh -c 'sleep 60; :'; touch went-on"
    with subprocess.Popen(["sh", "-c", script], cwd=tmp_path) as shell:
        try:
            whole = [shell.pid]
            while len(whole) < 5:
                whole = [shell.pid, *(one.pid for one in psutil.Process(shell.pid).children(True))]
            order = _parents_first(set(whole))
            parents = {pid: psutil.Process(pid).ppid() for pid in order[1:]}
            assert order[0] == shell.pid
            assert all(order.index(parents[pid]) < order.index(pid) for pid in order[1:])
        finally:
            end_all("no such mark", shell.pid, 5.0)
    assert not (tmp_path / "went-on").exists()
