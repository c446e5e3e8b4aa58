"""A machine that is not as it should be: its disk, PATH, HOME, and git's settings there."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.adversary import (
    XGIT,
    assert_error,
    hint_of,
    nothing_left,
    record,
    run,
    shell,
    tags,
    xgit,
)
from tests.conftest import Project, make_project

LOGS = "import xgit; xgit.log({'accuracy': 0.5}); print('trained')\n"

# ---------------------------------------------------------------- disks


@pytest.fixture
def on_a_disk(small_disk: Path) -> Project:
    """A project on a small file system of its own, with one experiment."""
    project = make_project(small_disk)
    project.write("train.py", LOGS)
    project.commit()
    assert run(project, "--name", "before", "--", "python", "train.py").returncode == 0
    return project


def remount(project: Project, how: str) -> list[str]:
    return ["mount", "-o", f"remount,{how}", str(project.root.parent)]


READ_ONLY_FROM_NOW_ON = "mount --bind .git .git && mount -o remount,bind,ro .git"


def test_a_read_only_repository(on_a_disk: Project) -> None:
    subprocess.run(remount(on_a_disk, "ro"), check=True)
    done = run(on_a_disk, "--", "true")
    assert_error(done, 125, "Read-only file system", "")
    for args in (["list"], ["show", "@"], ["log", "@"], ["compare", "@", "@"]):
        assert xgit(on_a_disk, "exp", *args).returncode == 0
    assert xgit(on_a_disk, "check").returncode == 0
    assert tags(on_a_disk) == ["experiment/before"]


def test_a_repository_that_becomes_read_only(on_a_disk: Project) -> None:
    command = f"python train.py && {READ_ONLY_FROM_NOW_ON}"
    done = run(on_a_disk, "--name", "lost", "--", "sh", "-c", command)
    assert_error(done, 125, "could not be recorded", "xgit exp recover")
    assert xgit(on_a_disk, "exp", "list").returncode == 0
    subprocess.run(["umount", str(on_a_disk.root / ".git")], check=True)
    assert xgit(on_a_disk, "exp", "recover").returncode == 0
    assert record(on_a_disk, "experiment/lost")["metrics"] == {"accuracy": 0.5}


def fill(project: Project, leave_bytes: int = 0) -> Path:
    filler = project.root.parent / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
    except OSError:
        os.truncate(filler, filler.stat().st_size - leave_bytes)
    return filler


@pytest.mark.parametrize("leave_bytes", [0, 4096, 16384, 32768])
def test_a_disk_that_is_full_before(on_a_disk: Project, leave_bytes: int) -> None:
    """However little is left: a run that is whole, or an error, and nothing in between."""
    filler = fill(on_a_disk, leave_bytes)
    done = run(on_a_disk, "--name", "a", "--", "python", "train.py")
    if done.returncode != 0:
        assert_error(done, 125, "")
    filler.unlink()
    recovered = xgit(on_a_disk, "exp", "recover")
    assert recovered.returncode == 0, recovered.stderr
    if "experiment/a" in tags(on_a_disk):
        assert record(on_a_disk, "experiment/a")["status"] in ("completed", "interrupted")
    assert os.listdir(on_a_disk.root / ".git/xgit/runs") == []
    assert not list((on_a_disk.root / ".git/objects/pack").glob("*.keep"))
    assert run(on_a_disk, "--name", "b", "--", "python", "train.py").returncode == 0


def test_a_disk_that_is_full_for_a_while(on_a_disk: Project) -> None:
    """What is printed and logged meanwhile may be lost, the run is not."""
    on_a_disk.write(
        "train.py",
        "import os, xgit\nxgit.log({'first': 1})\nf = open('../filler', 'wb', buffering=0)\n"
        "try:\n    while True: f.write(b'x' * 4096)\nexcept OSError: pass\n"
        "for i in range(5000): xgit.log({'n': i}); print('line', i)\n"
        "os.remove('../filler'); f.close(); xgit.log({'last': 2}); print('the end')\n",
    )
    on_a_disk.commit()
    done = run(on_a_disk, "--name", "a", "--", "python", "train.py")
    assert done.returncode == 0, done.stderr
    assert "the end" in done.stdout
    metrics = record(on_a_disk, "experiment/a")["metrics"]
    assert (metrics["first"], metrics["last"]) == (1, 2)
    assert any("log" in note for note in record(on_a_disk, "experiment/a")["notes"])


# ---------------------------------------------------------------- what is on this machine


def test_git_is_not_installed(project: Project, tmp_path: Path) -> None:
    for args in (["run", "--", "true"], ["list"], ["show", "@"], ["recover"]):
        done = xgit(project, "exp", *args, env={"PATH": str(tmp_path)})
        code = 125 if args[0] == "run" else 2
        assert_error(done, code, "git is not installed", "install git")


def test_a_home_that_is_not_there(project: Project) -> None:
    project.git("config", "user.name", "Ada")
    project.git("config", "user.email", "ada@example.com")
    gone = {"HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere", "XDG_CACHE_HOME": "/nowhere"}
    assert run(project, "--", "python", "train.py", env=gone).returncode == 0
    assert run(project, "--", "true", env=gone, unset=("HOME",)).returncode == 0


def test_nobody_said_who_they_are(project: Project, hermetic_home: Path) -> None:
    (hermetic_home / ".gitconfig").write_text("[user]\nuseConfigOnly = true\n", encoding="utf-8")
    done = run(project, "--", "touch", "ran")
    assert_error(done, 125, "git does not know who you are", "git config --global user.name")
    assert nothing_left(project)
    assert xgit(project, "exp", "list").returncode == 0
    shell(project, hint_of(done))
    assert run(project, "--", "true").returncode == 0


# ---------------------------------------------------------------- git's settings and variables

BENT = """
[diff]
    noprefix = true
    external = touch pwned
    renames = copies
    relative = true
    orderFile = /nowhere
    ignoreSubmodules = all
    mnemonicPrefix = true
[status]
    showUntrackedFiles = no
    short = true
    branch = false
    relativePaths = false
    showStash = true
[core]
    pager = touch pwned
    editor = touch pwned
    quotePath = true
    fsmonitor = touch pwned
    hooksPath = /nowhere
    abbrev = 4
    logAllRefUpdates = always
    commentChar = ";"
[color]
    ui = always
    status = always
[column]
    ui = always
[tag]
    sort = -version:refname
[log]
    showSignature = true
    decorate = full
[commit]
    gpgSign = true
[i18n]
    commitEncoding = ISO-8859-1
    logOutputEncoding = UTF-16
[pager]
    status = touch pwned
    for-each-ref = touch pwned
[advice]
    statusHints = true
[push]
    default = nothing
[submodule]
    recurse = true
[safe]
    bareRepository = explicit
[user]
    signingKey = no-such-key
[gpg]
    program = /nowhere
[alias]
    status = !touch pwned
    rev-parse = !touch pwned
"""


def test_a_config_that_bends_git(project: Project, hermetic_home: Path) -> None:
    own = hermetic_home / ".gitconfig"
    plain = own.read_text(encoding="utf-8")
    own.write_text(plain + BENT, encoding="utf-8")
    assert run(project, "--name", "a", "--why", "é", "--", "python", "train.py").returncode == 0
    project.write("new é.py", "x")
    done = run(project, "--", "true")
    assert_error(done, 125, "1 violation")
    assert "new é.py" in done.stderr
    assert run(project, "--name", "b", "--snapshot", "--", "true").returncode == 0
    for args in (["list"], ["show", "a"], ["log", "a"], ["compare", "a", "b"]):
        done = xgit(project, "exp", *args)
        assert done.returncode == 0, done.stderr
    assert record(project, "experiment/a")["why"] == "é"
    assert not (project.root / "pwned").exists()
    own.write_text(plain, encoding="utf-8")
    assert project.git("diff", "--stat", "experiment/a^", "experiment/a", "--", "train.py") == ""


def test_a_signature_that_cannot_be_made(project: Project, hermetic_home: Path) -> None:
    """The run is not lost: it is recorded once the key is there, or no longer asked for."""
    project.write("train.py", LOGS)
    project.commit()
    own = hermetic_home / ".gitconfig"
    plain = own.read_text(encoding="utf-8")
    own.write_text(plain + "[tag]\ngpgSign = true\n[user]\nsigningKey = nobody\n", encoding="utf-8")
    done = run(project, "--name", "signed", "--", "python", "train.py")
    assert_error(done, 125, "could not be recorded", "xgit exp recover")
    assert tags(project) == []
    listed = xgit(project, "exp", "list")
    assert "experiment/signed cannot be recovered yet" in listed.stderr
    own.write_text(plain, encoding="utf-8")
    assert xgit(project, "exp", "recover").returncode == 0
    assert record(project)["metrics"] == {"accuracy": 0.5}
    assert record(project)["status"] == "completed"


@pytest.mark.parametrize("folder", ["", "sub"])
def test_inside_a_git_hook(project: Project, folder: str) -> None:
    """Git sets these for its hooks; they may be relative."""
    project.write("sub/params.yaml", "lr: 0.1\n")
    project.commit()
    up = "../" if folder else ""
    env = {"GIT_DIR": f"{up}.git", "GIT_WORK_TREE": up or ".", "GIT_INDEX_FILE": ".git/index"}
    env |= {"GIT_PREFIX": f"{folder}/", "GIT_LITERAL_PATHSPECS": "1", "GIT_CONFIG": "/nowhere"}
    done = run(project, "--", "true", cwd=project.root / folder, env=env)
    assert done.returncode == 0, done.stderr
    assert record(project)["command"]["cwd"] == (folder or ".")
    assert xgit(project, "exp", "list", cwd=project.root / folder, env=env).returncode == 0


def test_as_a_git_hook_and_as_a_git_alias(project: Project) -> None:
    hook = project.root / ".git/hooks/pre-push"
    hook.write_text(f"#!/bin/sh\nexec {shlex.join(XGIT)} exp run --name hook -- true\n")
    hook.chmod(0o755)
    project.git("push", "--quiet", "origin", "HEAD:refs/heads/other")
    hook.unlink()
    project.git("config", "alias.xgit", f"!{shlex.join(XGIT)}")
    (project.root / "ignored").mkdir()
    done = subprocess.run(
        ["git", "xgit", "exp", "run", "--name", "alias", "--", "true"],
        cwd=project.root / "ignored", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert tags(project) == ["experiment/alias", "experiment/hook"]


def test_git_dir_that_is_none(project: Project) -> None:
    done = run(project, "--", "true", env={"GIT_DIR": "/nowhere"})
    assert_error(done, 125, "GIT_DIR is set to /nowhere", "unset GIT_DIR")


def test_a_repository_of_somebody_else(project: Project) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a directory away")
    for path in (project.root, project.root / ".git"):
        os.chown(path, 12345, 12345)
    done = project.xgit("exp", "run", "--", "true")
    assert_error(done, 125, "belongs to another user", "safe.directory")
    assert_error(project.xgit("exp", "list"), 2, "belongs to another user", "safe.directory")
    shell(project, hint_of(done))
    assert run(project, "--", "true").returncode == 0


@pytest.mark.parametrize(("file", "content"), [("index", b"junk"), ("config", b"[junk")])
def test_a_damaged_git_directory(project: Project, file: str, content: bytes) -> None:
    (project.root / ".git" / file).write_bytes(content)
    done = project.xgit("exp", "run", "--", "true")
    assert_error(done, 125, "git ")
    assert (project.root / ".git" / file).read_bytes() == content
    assert not (project.root / ".git/xgit").exists()


def test_a_head_whose_commit_is_lost(project: Project) -> None:
    (project.root / ".git/refs/heads/main").write_text("1" * 40 + "\n")
    done = project.xgit("exp", "run", "--", "true")
    assert_error(done, 125, "")
    assert project.xgit("exp", "list").returncode == 0
