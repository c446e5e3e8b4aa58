"""Programs under a real bubblewrap: what they see, and what they miss."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import xgit
from tests.samples import experiment
from xgit.capture.spool.reading import read_spool
from xgit.record.model import Environment, Experiment, Python
from xgit.reproduce import sandbox
from xgit.reproduce.environment import Rebuilt
from xgit.reproduce.failure import CannotReproduce
from xgit.reproduce.lacked import lacked
from xgit.run.execute import Started, child_environment, execute
from xgit.run.output import BoundedLog
from xgit.run.processes import SPOOL_VARIABLE

INJECT = Path(xgit.__file__).parent / "inject"
needs_bubblewrap = pytest.mark.skipif(
    shutil.which("bwrap") is None, reason="bubblewrap is not installed"
)


class Box:
    """A sandbox around a checkout, with the Python of the tests as its interpreter."""

    def __init__(self, folder: Path) -> None:
        self.place = folder / "place"
        self.checkout = self.place / "checkout"
        self.spool = self.checkout / ".git" / "xgit" / "spool"
        self.spool.mkdir(parents=True)
        (self.checkout / ".git" / "config").write_text("[core]\n", encoding="ascii")
        self.rebuilt = _environment(self.place / "environment")
        self.variables: dict[str, str] = {}

    def recorded(self, *command: str) -> Experiment:
        python = Python("3", "cpython", "", "/x/bin/python", "/x")
        env = Environment(python, variables=self.variables)
        return experiment("one", "a" * 40, environment=env, command=command or ("python",))

    def wrapped(
        self, *argv: str, data: Sequence[Path] = (), outputs: Sequence[Path] = ()
    ) -> tuple[str, ...]:
        recorded = self.recorded(*argv)
        box = sandbox.prepare(
            self.place, self.rebuilt, recorded, self.checkout, data=data, outputs=outputs
        )
        return sandbox.wrap(box, argv, self.environ(), self.spool)

    def environ(self) -> Mapping[str, str]:
        return child_environment(self.spool, INJECT, {**os.environ, **self.variables})

    def run(self, *argv: str, **further: Sequence[Path]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.wrapped(*argv, **further),
            cwd=self.checkout,
            env=self.environ(),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def python(self, code: str, **further: Sequence[Path]) -> str:
        done = self.run("python", "-c", code, **further)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def _environment(prefix: Path) -> Rebuilt:
    folder = prefix / "bin"
    folder.mkdir(parents=True)
    real = Path(os.path.realpath(sys.executable))
    (folder / "python").symlink_to(real)
    version = "{}.{}".format(*sys.version_info)
    (prefix / "lib" / f"python{version}" / "site-packages").mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text(f"home = {real.parent}\n", encoding="utf-8")
    return Rebuilt(prefix, folder / "python", folder, "pylock")


def test_every_directory_that_leads_to_the_interpreter_is_seen(tmp_path: Path) -> None:
    real = tmp_path / "pythons" / "cpython-3.11.7"
    (real / "bin").mkdir(parents=True)
    (real / "bin" / "python3.11").write_text("", encoding="ascii")
    (real / "bin" / "python3").symlink_to("python3.11")
    (tmp_path / "pythons" / "cpython-3.11").symlink_to("cpython-3.11.7")
    rebuilt = _environment(tmp_path / "environment")
    (rebuilt.bin / "python").unlink()
    (rebuilt.bin / "python").symlink_to(tmp_path / "pythons" / "cpython-3.11" / "bin" / "python3")
    seen = set(sandbox._interpreter(rebuilt))
    assert seen == {tmp_path / "pythons" / "cpython-3.11", real}


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


# ---------------------------------------------------------------- what is seen


@needs_bubblewrap
def test_a_program_runs_in_its_environment_and_may_write_into_the_checkout(box: Box) -> None:
    code = "import sys, os; print(sys.prefix, os.getcwd()); open('metrics.json', 'w').write('{}')"
    assert box.python(code).split() == [str(box.rebuilt.prefix), str(box.checkout)]
    assert (box.checkout / "metrics.json").read_text() == "{}"


@needs_bubblewrap
def test_the_home_of_the_user_is_not_there(box: Box, hermetic_home: Path) -> None:
    (hermetic_home / "secret").write_text("s3cret", encoding="ascii")
    done = box.run("python", "-c", f"open({str(hermetic_home / 'secret')!r})")
    assert "FileNotFoundError" in done.stderr
    done = box.run("sh", "-c", "cat ~/secret; ls /root /home /tmp /etc; id -un; pwd")
    assert "s3cret" not in done.stdout
    assert done.stdout.split()[-2:] == ["xgit", str(box.checkout)]
    assert "shadow" not in done.stdout


@needs_bubblewrap
def test_no_variable_but_the_recorded_ones(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    box.variables = {"PYTHONHASHSEED": "7"}
    found = box.python("import os; print(sorted(os.environ.items()))")
    assert "s3cret" not in found
    assert "('PYTHONHASHSEED', '7')" in found
    assert "('HOME', '/home/xgit')" in found
    assert os.environ["HOME"] not in found.replace(str(box.place), "")


@needs_bubblewrap
def test_there_is_no_network_but_a_loopback_of_its_own(box: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = (
            "import socket\n"
            f"try: socket.create_connection(('127.0.0.1', {port}), 2)\n"
            "except OSError as error: print(type(error).__name__)\n"
            "try: socket.create_connection(('192.0.2.1', 80), 2)\n"
            "except OSError as error: print(error)\n"
            "own = socket.create_server(('localhost', 0))\n"
            "socket.create_connection(own.getsockname()[:2])\n"
            "print('own')"
        )
        lines = box.python(code).splitlines()
    assert lines == ["ConnectionRefusedError", "[Errno 101] Network is unreachable", "own"]


@needs_bubblewrap
@pytest.mark.parametrize(
    "path", ["environment/x", "checkout/.git/config", "checkout/.git/hooks", "data/d.csv"]
)
def test_nothing_but_the_checkout_is_written(box: Box, path: str) -> None:
    data = box.place / "data"
    data.mkdir()
    (data / "d.csv").write_text("1\n", encoding="ascii")
    target = box.place / path
    before = target.read_bytes() if target.exists() else None
    code = f"open({str(target)!r}, 'w').write('evil')"
    done = box.run("python", "-c", code, data=[data])
    assert "Read-only file system" in done.stderr
    assert (target.read_bytes() if target.exists() else None) == before


@needs_bubblewrap
def test_what_is_written_elsewhere_is_gone(box: Box) -> None:
    target = box.place / "x"
    box.python(f"open({str(target)!r}, 'w'); open('/tmp/x', 'w'); open('/home/xgit/x', 'w')")
    assert not target.exists()
    assert not Path("/home/xgit").exists()
    assert "Read-only" in box.run("sh", "-c", "echo > /x").stderr


@needs_bubblewrap
def test_data_is_read_and_outputs_are_written(box: Box, tmp_path: Path) -> None:
    data, outputs = tmp_path / "data", tmp_path / "outputs"
    for folder in (data, outputs):
        folder.mkdir()
    (data / "d.csv").write_text("1,2\n", encoding="ascii")
    (box.checkout / "d.csv").symlink_to(data / "d.csv")
    code = f"open({str(outputs / 'o')!r}, 'w').write(open('d.csv').read())"
    box.python(code, data=[data], outputs=[outputs])
    assert (outputs / "o").read_text() == "1,2\n"


@needs_bubblewrap
def test_joblib_like_programs_work(box: Box) -> None:
    code = (
        "import multiprocessing as m, tempfile, os, getpass\n"
        "if __name__ == '__main__':\n"
        "    with m.get_context('fork').Pool(2) as pool: print(sum(pool.map(abs, range(-5, 0))))\n"
        "    tempfile.NamedTemporaryFile().close(); os.makedirs(os.path.expanduser('~/.cache/x'))\n"
        "    print(getpass.getuser(), os.cpu_count())\n"
    )
    assert box.python(code).split() == ["15", "xgit", str(os.cpu_count())]


@needs_bubblewrap
def test_uv_is_there_where_the_command_starts_with_it(box: Box) -> None:
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    assert box.run("uv", "--version").stdout.startswith("uv ")


# ---------------------------------------------------------------- watched, and ended


@needs_bubblewrap
def test_what_the_program_tells_arrives(box: Box) -> None:
    code = "import xgit; xgit.log({'loss': 0.5}, step=1); xgit.summary(best=1)"
    box.python(code)
    spool = read_spool(box.spool)
    assert [(one.name, one.value) for one in spool.points] == [("loss", 0.5)]
    assert spool.main_python is not None
    assert spool.main_python.prefix == str(box.rebuilt.prefix)


def alive(mark: str) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{SPOOL_VARIABLE}={mark}".encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def gone(mark: str) -> bool:
    limit = time.monotonic() + 10
    while alive(mark) and time.monotonic() < limit:
        time.sleep(0.05)
    return not alive(mark)


@needs_bubblewrap
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_program_ends_with_its_parent(box: Box, number: signal.Signals) -> None:
    process = subprocess.Popen(
        box.wrapped("python", "-c", "import time; open('began', 'w'); time.sleep(600)"),
        cwd=box.checkout,
        env=box.environ(),
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    while not (box.checkout / "began").exists():
        assert process.poll() is None
        time.sleep(0.02)
    assert len(alive(str(box.spool))) > 1
    process.send_signal(number)
    process.wait(10)
    assert gone(str(box.spool))


@needs_bubblewrap
def test_a_timeout_ends_it_whole(box: Box, tmp_path: Path) -> None:
    environ = box.environ()
    code = "import os, time; os.fork(); time.sleep(600)"
    how = Started(
        argv=box.wrapped("python", "-c", code),
        cwd=str(box.checkout),
        env=environ,
        mark=environ[SPOOL_VARIABLE],
        timeout_seconds=1.0,
        grace_seconds=1.0,
    )
    outcome = execute(how, BoundedLog(tmp_path, 1000))
    assert outcome.status == "interrupted"
    assert gone(str(box.spool))


@needs_bubblewrap
@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_is_that_of_the_program(box: Box, code: int) -> None:
    assert box.run("sh", "-c", f"exit {code}").returncode == code


# ---------------------------------------------------------------- where there is none


def test_without_bubblewrap_it_is_told_how_to_get_it() -> None:
    assert not sandbox.is_there({"PATH": "/nowhere"})
    with pytest.raises(CannotReproduce, match="is not installed") as caught:
        sandbox.find_bubblewrap({"PATH": "/nowhere"})
    assert (caught.value.hint, caught.value.tells) == (
        "sudo apt-get install bubblewrap",
        False,
    )


def test_a_system_that_allows_no_sandbox_is_told_with_what_helps(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    said = "bwrap: setting up uid map: Permission denied"
    program.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n", encoding="ascii")
    program.chmod(0o755)
    with pytest.raises(CannotReproduce, match="uid map: Permission denied") as caught:
        sandbox.find_bubblewrap({"PATH": str(tmp_path)})
    assert "user namespaces" in (caught.value.hint or "")


@needs_bubblewrap
def test_an_ordinary_user_can_do_it_too() -> None:
    script = "bwrap --unshare-all --ro-bind / / --proc /proc --dev /dev -- id -u"
    argv = ["sh", "-c", script]
    if os.getuid() == 0:
        argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")
    user = 65534 if os.getuid() == 0 else os.getuid()
    assert (done.stdout.strip(), done.stderr) == (str(user), "")


# ---------------------------------------------------------------- what it lacked


def told(box: Box, *argv: str) -> tuple[str, ...]:
    done = box.run(*argv)
    assert done.returncode != 0
    environ = {**os.environ, "TEAM": "x"}
    log = (done.stdout + done.stderr).encode()
    return lacked(log, environ, {*box.variables, "HOME", "PATH"})


@needs_bubblewrap
def test_what_was_hidden_is_named(box: Box, hermetic_home: Path) -> None:
    secret = hermetic_home / "secret"
    secret.write_text("x", encoding="ascii")
    file = (f"the file {secret}",)
    assert told(box, "python", "-c", f"open({str(secret)!r})") == file
    assert told(box, "python", "-c", "import os; open(os.path.expanduser('~/secret'))") == file
    assert told(box, "cat", str(secret)) == file
    code = "import urllib.request as u; u.urlopen('http://api.example.com/x')"
    assert told(box, "python", "-c", code) == ("the network",)
    assert told(box, "python", "-c", "import os; os.environ['TEAM']") == ("the variable TEAM",)
    assert told(box, "sh", "-uc", "echo $TEAM") == ("the variable TEAM",)
    assert told(box, "sh", "-c", "nonesuch") == ("the program nonesuch",)
    assert told(box, "python", "-c", "open('/usr/x', 'w')") == ("a place to write: /usr/x",)
    assert told(box, "python", "-c", "open('nothing'); {}['TEAM']") == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("curl: (6) Could not resolve host: a.example.com", "the network (a.example.com)"),
        ("HTTPSConnectionPool(host='hub.example.com', port=443)", "the network (hub.example.com)"),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "the network"),
        ("Environment variable 'TEAM' not found", "the variable TEAM"),
        ("KeyError: 'TEAM'", "the variable TEAM"),
        ("libcu.so.12: cannot open shared object file", "the library libcu.so.12"),
        ("KeyError: 'label'", None),
        ("KeyError: 'HOME'", None),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/nonesuch/x'", None),
    ],
)  # fmt: skip
def test_what_programs_say(line: str, expected: str | None) -> None:
    found = lacked(line.encode(), {"TEAM": "x", "HOME": "/home/ada"}, {"HOME"})
    assert found == ((expected,) if expected else ())


def test_a_hostile_log_is_no_trouble() -> None:
    log = b"\xff\x1b[2J" + b"No such file or directory: '/etc/\x1b[31mpasswd'\n" * 1000
    assert lacked(log, {}, (), exists=lambda path: True) == ()
    many = "".join(f"No such file or directory: '/x/{n}'\n" for n in range(1000)).encode()
    assert len(lacked(many, {}, (), exists=lambda path: True)) == 10
