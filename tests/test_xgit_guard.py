"""`xgit-guard`: what it takes, what it says, how it ends, and that it is not waited for long."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Project
from xgit.errors import XgitError
from xgit.guards import report
from xgit.guards.main import Call, parse


def guard(
    project: Project, *args: str, data: str = "", env: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", "from xgit.guards.main import main; main()", *args],
        cwd=cwd or project.root, input=data, capture_output=True, text=True, errors="replace",
        env=os.environ | (env or {}), check=False,
    )  # fmt: skip


# ---------------------------------------------------------------- what it takes


def test_command_line(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.root)
    assert parse([]) == Call()
    assert parse(["stale-pin", "--stage", "run"]) == Call(("stale-pin",), "run")
    assert parse(["--stage=push", "--pushing-to", "origin"]) == Call((), "push", "origin")
    assert parse(["unpushed", "--verify-remote"]) == Call(("unpushed",), verify_remote=True)
    assert parse(["-h"]).help
    assert parse(["--help"]).help


def test_names_of_files_are_ignored(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("modified", "a file with the name of a guard")
    monkeypatch.chdir(project.root)
    assert parse(["modified", "train.py", ".gitignore"]).guards == ("modified",)
    assert parse(["untrakced", "--", "unpushed"]).guards == ("untrakced",)


@pytest.mark.parametrize("argv", [["--stage"], ["--stage="], ["--fix"], ["--pushing-to"]])
def test_command_line_that_is_none(argv: list[str]) -> None:
    with pytest.raises(XgitError) as caught:
        parse(argv)
    assert caught.value.hint == "xgit-guard --help"


def test_help(project: Project) -> None:
    done = guard(project, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: xgit-guard [GUARD…]")


# ---------------------------------------------------------------- what it says


def test_it_says_what_xgit_check_says(project: Project) -> None:
    project.write("new.py", "x")
    project.write("train.py", "changed")
    for args in (("--stage", "run"), ("--stage", "ci"), ("untracked",), ("--stage", "commit")):
        done = guard(project, *args)
        checked = project.xgit("check", *args)
        assert (done.returncode, done.stdout, done.stderr) == (
            checked.returncode, "", checked.stderr,
        ), args  # fmt: skip
    assert guard(project, "untracked").returncode == 1
    assert "git add new.py" in guard(project, "untracked").stderr


def test_it_asks_the_remote(project: Project) -> None:
    assert guard(project, "unpushed", "--verify-remote").returncode == 0
    project.git("remote", "set-url", "origin", "/nowhere/at/all")
    assert guard(project, "unpushed").returncode == 0
    done = guard(project, "unpushed", "--verify-remote")
    assert (done.returncode, "cannot be asked" in done.stderr) == (1, True)


def test_in_a_hook_the_way_to_the_top_is_that_of_the_user(project: Project) -> None:
    """Git starts the hook at the top, wherever it was called."""
    project.write("xgit.toml", '[guards]\ncommit = ["untracked"]\n')
    hook = project.root / ".git/hooks/pre-commit"
    hook.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'from xgit.guards.main import main; main()'\n"
    )
    project.write("deep/er/x", "x")
    project.commit()
    hook.chmod(0o755)
    project.write("new.py", "x")
    for folder, way in (("deep/er", "hint: cd ../..   first"), (".", None)):
        commit = ["git", "commit", "--quiet", "--allow-empty", "-m", "x"]
        done = subprocess.run(
            commit, cwd=project.root / folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "git add new.py" in done.stderr
        assert (way in done.stderr) if way else "hint: cd" not in done.stderr


def test_without_a_stage_it_is_the_commit(project: Project) -> None:
    project.write("xgit.toml", '[guards]\ncommit = ["untracked"]\npush = ["modified"]\n')
    project.commit()
    project.write("new.py", "x")
    assert guard(project).returncode == 1
    push = {"PRE_COMMIT_LOCAL_BRANCH": "HEAD", "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/main"}
    assert guard(project, env=push).returncode == 0
    assert guard(project, "--stage", "commit", env=push).returncode == 1
    assert guard(project, "--pushing-to", "origin").returncode == 0


def test_trouble(project: Project, tmp_path: Path) -> None:
    for args, told in (
        (("untrakced",), "hint: did you mean untracked?"),
        (("--stage", "deploy"), "error: 'deploy' is no stage"),
        (("--fix",), "error: xgit-guard has no option --fix"),
    ):
        done = guard(project, *args)
        assert done.returncode == 2
        assert told in done.stderr
    (tmp_path / "bare").mkdir()
    done = guard(project, cwd=tmp_path / "bare")
    assert done.returncode == 2
    assert done.stderr.endswith("hint: git init\n")


def test_a_bug_names_a_file(project: Project, tmp_path: Path) -> None:
    program = (
        "from xgit.guards import checking, main\n"
        "def crash(*args, **options): raise KeyError('what')\n"
        "checking.check_repo = crash\n"
        "main.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project.root, capture_output=True, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.startswith("error: this is a bug in xgit: KeyError: 'what'\nhint: please")
    [log] = tmp_path.glob("xgit-bug-*.log")
    assert "in crash" in log.read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project.root, capture_output=True, text=True,
        env={**os.environ, "XGIT_DEBUG": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "Traceback" in done.stderr


def test_names_that_are_no_utf8_and_control_characters(project: Project) -> None:
    Path(os.fsdecode(os.fsencode(project.root) + b"/\xff\x1b[31m.py")).write_text("x")
    done = guard(project, "untracked")
    assert done.returncode == 1
    assert "\x1b" not in done.stderr
    assert report.violation_lines([]) == []


def test_streams_that_are_closed(project: Project) -> None:
    """A file that is opened next must not take the place of one."""
    project.write("new.py", "x")
    script = f"{sys.executable} -c 'from xgit.guards.main import main; main()'"
    for line, code in (
        (f"{script} untracked 2>&-", 1),
        (f"{script} untracked >&- 2>&- <&-", 1),
        (f"{script} --help >&-", 0),
        (f"{script} --stage push --pushing-to origin <&-", 0),
    ):
        done = subprocess.run(
            ["sh", "-c", line], cwd=project.root, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (code, ""), line
    assert project.git("status", "--porcelain") == "?? new.py"
    assert project.xgit("check", "untracked").returncode == 1  # the cache is whole


def test_a_reader_that_has_gone(project: Project) -> None:
    project.write("new.py", "x")
    reading, writing = os.pipe()
    os.close(reading)
    argv = [sys.executable, "-c", "from xgit.guards.main import main; main()"]
    with os.fdopen(writing, "wb") as broken:
        done = subprocess.run([*argv, "untracked"], cwd=project.root, stderr=broken, check=False)
        assert done.returncode == 141
        told = subprocess.run(
            [*argv, "--help"], cwd=project.root, stdout=broken, stderr=subprocess.PIPE, check=False
        )
    assert (told.returncode, told.stderr) == (141, b"")


# ---------------------------------------------------------------- in every place


def test_in_a_commit_with_an_index_of_its_own(project: Project) -> None:
    """`git commit FILE` gives the hook an index that is not `.git/index`."""
    hook = project.root / ".git/hooks/pre-commit"
    hook.write_text(
        f"#!/bin/sh\nexec {sys.executable} -c 'from xgit.guards.main import main; main()'\n"
    )
    hook.chmod(0o755)
    project.write("train.py", "print(2)\n")
    project.write("deep/other.py", "print(3)\n")
    project.git("add", "--all")
    project.git("commit", "--quiet", "-m", "one", "train.py")
    project.git("worktree", "add", "--quiet", "../linked", "-b", "side")
    linked = project.root.parent / "linked"
    (linked / "train.py").write_text("print(4)\n", encoding="utf-8")
    subprocess.run(["git", "commit", "--quiet", "-a", "-m", "two"], cwd=linked, check=True)


# ---------------------------------------------------------------- how long it takes


def test_nothing_is_imported_that_takes_long(project: Project) -> None:
    slow = "argparse click dataclasses inspect logging sqlite3 tempfile traceback yaml"
    program = (
        "import sys\nfrom xgit.guards import main\n"
        "try: main.main()\n"
        f"finally: sys.stdout.write(str(sorted({set(slow.split())!r} & set(sys.modules))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project.root, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "[]"), done.stderr


def console_script(project: Project) -> list[str]:
    """What an installed script does: the interpreter, its site, and `main`."""
    script = project.root.parent / "xgit-guard"
    script.write_text("from xgit.guards.main import main\nmain()\n", encoding="utf-8")
    return [sys.executable, os.fspath(script)]


def seconds(argv: list[str], cwd: Path) -> float:
    """The wall time of one call; bytecode is kept, as on a user's machine."""
    env = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, capture_output=True, env=env, check=False)
    taken = time.perf_counter() - start
    assert done.returncode == 0, done.stderr
    return taken


def test_a_small_repository_is_a_matter_of_milliseconds(project: Project) -> None:
    """60 ms where the interpreter starts in 10; one quiet moment in forty tries will do."""
    argv = console_script(project)
    seconds(argv, project.root)
    tries = (
        (seconds([sys.executable, "-c", ""], project.root), seconds(argv, project.root))
        for _ in range(40)
    )
    assert any(taken < 0.060 * max(1.0, bare / 0.010) for bare, taken in tries)


@pytest.mark.slow
def test_a_hundred_thousand_files(project: Project) -> None:
    for folder in range(100):
        place = project.root / f"f{folder:02}"
        place.mkdir()
        for name in range(1000):
            (place / f"{name}.py").write_bytes(b"x")
    project.commit("many", push=False)
    argv = console_script(project)
    start = [sys.executable, "-c", ""]
    seconds(argv, project.root)
    tries = (
        (3 * seconds(["git", "status"], project.root) + seconds(start, project.root),
         seconds(argv, project.root))
        for _ in range(8)
    )  # fmt: skip
    assert any(taken < ceiling for ceiling, taken in tries)
