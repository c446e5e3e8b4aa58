"""A project with real DVC data, made once and copied for each test, since DVC starts slowly."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.conftest import BIN, Project, make_project
from xgit.capture.cache import Cache
from xgit.capture.data import find as data
from xgit.capture.data.content import check_pins
from xgit.capture.data.remotes import check_remotes
from xgit.git import plumbing
from xgit.record.model import Pin, RepoState

HARD_NAMES = ("a b.txt", 'it\'s "quoted".txt', "new\nline.txt", "ünï.txt", "sub/deep.txt", "-dash")


def dvc(root: Path, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the real dvc."""
    done = subprocess.run(
        [str(BIN / "dvc"), *args],
        cwd=root,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def shared_template(base: Path) -> Project:
    """The project to copy, made at the first call of a test session, which has `base`."""
    folder = base / "dvc-template"
    if not folder.exists():
        return build(folder)
    return Project(folder / "project", folder / "origin.git")


def build(folder: Path) -> Project:
    """`data/digits.csv` and the directory `data/images`, pinned, pushed to the store beside it."""
    home = folder / "home"
    home.mkdir(parents=True)
    (home / ".gitconfig").write_text("[user]\nname=Ada\nemail=ada@example.com\n", encoding="utf-8")
    before = dict(os.environ)
    os.environ.update(HOME=str(home), DVC_NO_ANALYTICS="1", DVC_SITE_CACHE_DIR=str(home / "site"))
    try:
        return _build(folder)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _build(folder: Path) -> Project:
    project = make_project(folder)
    project.write("data/digits.csv", "1,2,3\n" * 100)
    for name in HARD_NAMES:
        project.write(f"data/images/{name}", f"content of {name}")
    dvc(project.root, "init", "--quiet")
    dvc(project.root, "remote", "add", "--quiet", "--default", "store", "../store")
    dvc(project.root, "add", "--quiet", "data/digits.csv", "data/images")
    dvc(project.root, "push", "--quiet")
    project.commit("data")
    return project


def copied(template: Project, folder: Path) -> Project:
    """A copy of the project, its origin and its store, that nothing ties to the first."""
    shutil.copytree(template.root.parent, folder, symlinks=True)
    project = Project(folder / template.root.name, folder / template.origin.name)
    project.git("remote", "set-url", "origin", str(project.origin))
    return project


def pins_of(project: Project) -> dict[str, Pin]:
    """The pins, checked against the work tree and the remotes, by path."""
    return {pin.path: pin for pin in state_of(project).pins}


def state_of(project: Project) -> RepoState:
    """The state as far as data goes."""
    repo = plumbing.open_repo(project.root)
    with Cache(repo.private_dir) as cache:
        pins = check_pins(repo, data.read_pins(repo), cache)
        pins, notes = check_remotes(repo, pins, cache)
    return RepoState(str(project.root), "0" * 40, "main", pushed=True, pins=pins, notes=notes)


def paste(project: Project, command: str) -> None:
    """Run a command as a user pastes it."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=project.root,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stderr}"
