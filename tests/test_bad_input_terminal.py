"""Streams that are closed or end early, narrow terminals, and locales that know few letters."""

from __future__ import annotations

import os
import pty
import select
import shlex
import subprocess
import sys

import pytest

from tests.adversary import XGIT, assert_no_bug, record, run, tags, xgit
from tests.conftest import Project
from tests.untouched import everything, is_sound


def in_shell(project: Project, command: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell with `$XGIT` in it."""
    before = everything(project)
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=project.root,
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"XGIT": shlex.join(XGIT)},
        check=False,
    )
    assert_no_bug(done.stderr)
    assert everything(project) == before
    assert is_sound(project)
    return done


@pytest.mark.parametrize("closing", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams(project: Project, closing: str) -> None:
    project.write("train.py", "import os\ntry: os.write(1, b'x' * 100_000)\nexcept OSError: pass\n")
    project.commit()
    done = in_shell(project, f"$XGIT exp run --name a -- python train.py {closing}")
    assert done.returncode == 0, done.stderr
    assert tags(project) == ["experiment/a"]
    for command in ("list", "show @", "log @", "list --json", "compare @ @"):
        assert in_shell(project, f"$XGIT exp {command} {closing}").returncode == 0, command
    assert in_shell(project, f"$XGIT exp show nothing {closing}").returncode == 2


def test_a_reader_that_has_gone(project: Project) -> None:
    project.write("train.py", "for i in range(100_000): print('line', i)\n")
    project.commit()
    assert run(project, "--name", "a", "--", "python", "train.py").returncode == 0
    for command in ("log @", "list --json", "show @ --json", "list"):
        done = in_shell(project, f"$XGIT exp {command} | head -c 1")
        assert done.returncode in (0, 141)
        assert done.stderr == ""
    done = in_shell(project, "$XGIT exp run --name b -- python train.py 2>&1 | head -c 1")
    assert done.stderr == ""
    assert tags(project) == ["experiment/a", "experiment/b"]
    assert in_shell(project, "$XGIT exp list > /dev/full").returncode == 2


LOCALES = [
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "ascii:strict", "LANG": "C"},
    {"PYTHONIOENCODING": "latin-1"},
]


@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_locales(project: Project, locale: dict[str, str]) -> None:
    project.write("train.py", "import xgit; xgit.log({'précision': -1.5, '精度': 2})")
    project.commit()
    project.write("ünï.py", "x")
    for name in ("a", "b"):
        options = ("--name", name, "--why", "Größe − ✓", "--snapshot")
        done = run(project, *options, "--", "python", "train.py", env=locale)
        assert done.returncode == 0, done.stderr
    assert run(project, "--", "true", env=locale).returncode == 125
    for args in (["list"], ["show", "a"], ["compare", "a", "b"], ["list", "--format", "csv"]):
        done = xgit(project, "exp", *args, env=locale)
        assert done.returncode == 0, done.stderr
    assert record(project, "experiment/a")["why"] == "Größe − ✓"


def on_a_terminal(project: Project, *args: str, **env: str) -> str:
    """What xgit shows on a terminal of its own."""
    pid, handle = pty.fork()
    if pid == 0:
        os.chdir(project.root)
        os.execve(sys.executable, [*XGIT, *args], os.environ | env)
    shown = b""
    while select.select([handle], [], [], 20)[0]:
        try:
            piece = os.read(handle, 65536)
        except OSError:
            break
        shown += piece
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, shown
    return shown.decode()


@pytest.fixture
def experiments(project: Project) -> Project:
    project.write("train.py", "import sys, xgit; xgit.log({'accuracy': float(sys.argv[1])})")
    project.commit()
    for name in ("a", "b"):
        why = "a long why " * 20
        done = run(project, "--name", name, "--why", why, "--", "python", "train.py", "0.5")
        assert done.returncode == 0
    return project


@pytest.mark.parametrize("columns", ["20", "1", "0", "nonsense", "-5", "100000"])
def test_narrow_terminals(experiments: Project, columns: str) -> None:
    for args in (["list"], ["show", "@"], ["compare", "a", "b", "--all"], ["log", "a"]):
        shown = on_a_terminal(experiments, "exp", *args, COLUMNS=columns)
        assert "Traceback" not in shown
        if columns == "20" and args == ["list"]:
            assert max(len(line) for line in shown.splitlines()) < 80


def test_no_color(experiments: Project) -> None:
    for args in (["list"], ["show", "@"], ["run", "--", "true"]):
        assert "\x1b" not in on_a_terminal(experiments, "exp", *args, NO_COLOR="1")
    assert "\x1b[" in on_a_terminal(experiments, "exp", "show", "@", TERM="xterm")
