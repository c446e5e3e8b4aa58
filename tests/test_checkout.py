"""The recorded commit comes from the remote, or is refused where it is not the recorded one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import Project
from xgit.git.plumbing import open_repo
from xgit.record.model import Experiment
from xgit.reproduce import checkout
from xgit.reproduce.failure import CannotReproduce
from xgit.store import experiments


def run(project: Project, name: str = "one", *options: str) -> Experiment:
    done = project.xgit("exp", "run", "--name", name, *options, "--", sys.executable, "train.py")
    assert done.returncode == 0, done.stderr
    return experiments.load(open_repo(project.root), name)


def push(project: Project, name: str = "one") -> None:
    project.git("push", "--quiet", "origin", f"refs/tags/experiment/{name}")


def fetch(project: Project, experiment: Experiment, at: Path) -> checkout.Checkout:
    return checkout.fetch(open_repo(project.root), experiment, at)


def test_it_comes_from_the_remote(project: Project, tmp_path: Path) -> None:
    it = run(project)
    push(project)
    found = fetch(project, it, tmp_path / "at")
    assert (found.source, found.url, found.notes) == ("remote", str(project.origin), ())
    assert (tmp_path / "at/train.py").exists()
    assert found.repo.root == tmp_path / "at"


def test_what_is_on_no_remote_comes_from_here_and_it_says_so(
    project: Project, tmp_path: Path
) -> None:
    it = run(project)
    found = fetch(project, it, tmp_path / "at")
    assert (found.source, found.url) == ("here", None)
    assert found.notes == (
        "the code came from this clone, since origin does not have it: xgit exp push one",
    )


def test_without_a_remote(project: Project, tmp_path: Path) -> None:
    it = run(project)
    project.git("remote", "remove", "origin")
    found = fetch(project, it, tmp_path / "at")
    assert (found.source, found.url) == ("here", None)
    assert "there is no remote" in found.notes[0]


def test_a_remote_that_does_not_answer_says_nothing_of_the_experiment(
    project: Project, tmp_path: Path
) -> None:
    it = run(project)
    shutil.rmtree(project.origin)
    with pytest.raises(CannotReproduce, match=r"origin \(.*\) cannot be fetched from") as caught:
        fetch(project, it, tmp_path / "at")
    assert (caught.value.step, caught.value.tells) == ("fetch", False)
    assert caught.value.hint == "git fetch origin"


def test_another_tag_of_that_name_on_the_remote(project: Project, tmp_path: Path) -> None:
    it = run(project)
    project.git("push", "--quiet", "origin", "HEAD:refs/tags/experiment/one")
    with pytest.raises(CannotReproduce, match="origin has another experiment/one") as caught:
        fetch(project, it, tmp_path / "at")
    assert (caught.value.step, caught.value.tells) == ("fetch", True)


def test_a_record_of_another_commit(project: Project, tmp_path: Path) -> None:
    it = run(project)
    project.write("train.py", "print('other')\n")
    other = project.commit("other")
    forged = it._replace(code=it.code._replace(commit=other))
    with pytest.raises(CannotReproduce, match=f"{other} ran, and the parent .* tampered"):
        fetch(project, forged, tmp_path / "at")


def test_a_snapshot_is_what_ran(project: Project, tmp_path: Path) -> None:
    project.write("train.py", "print('not committed')\n")
    it = run(project, "one", "--snapshot")
    push(project)
    found = fetch(project, it, tmp_path / "at")
    assert (tmp_path / "at/train.py").read_text() == "print('not committed')\n"
    assert (found.source, found.notes) == ("remote", ())


def test_a_branch_that_was_rewritten_is_told(project: Project, tmp_path: Path) -> None:
    project.write("train.py", "print('better')\n")
    project.commit("better")
    it = run(project)
    push(project)
    project.git("reset", "--quiet", "--hard", "HEAD~1")
    project.write("train.py", "print('rewritten')\n")
    project.git("commit", "--quiet", "--all", "-m", "rewritten")
    project.git("push", "--quiet", "--force", "origin", "HEAD:main")
    found = fetch(project, it, tmp_path / "at")
    assert (tmp_path / "at/train.py").read_text() == "print('better')\n"
    [note] = found.notes
    assert note.startswith("main was rewritten or removed")


def test_a_shallow_clone_fetches_it_whole(project: Project, tmp_path: Path) -> None:
    it = run(project)
    push(project)
    project.git("clone", "--quiet", "--depth", "1", f"file://{project.origin}", "../shallow")
    shallow = Project(project.root.parent / "shallow", project.origin)
    shallow.git("fetch", "--quiet", "--depth", "2", "origin", "+refs/tags/*:refs/tags/*")
    found = fetch(shallow, it, tmp_path / "at")
    assert (found.source, found.repo.shallow) == ("remote", False)


def test_submodules_at_their_commit(project: Project, tmp_path: Path) -> None:
    project.git("submodule", "add", "--quiet", str(project.origin), "sub")
    project.commit("sub")
    it = run(project)
    push(project)
    fetch(project, it, tmp_path / "at")
    assert (tmp_path / "at/sub/train.py").exists()


def test_the_users_repository_is_as_before(project: Project, tmp_path: Path) -> None:
    it = run(project)
    push(project)
    before = {p: p.stat().st_mtime_ns for p in project.root.rglob("*") if "xgit" not in p.parts}
    fetch(project, it, tmp_path / "at")
    after = {p: p.stat().st_mtime_ns for p in project.root.rglob("*") if "xgit" not in p.parts}
    assert after == before
