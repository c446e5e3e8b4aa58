"""Untracked files are refused, and the printed command mends it whatever the file is called."""

from __future__ import annotations

import os

import pytest

from tests.conftest import Project
from tests.dvc_project import paste
from xgit.git import plumbing
from xgit.git import status as git_status
from xgit.guards import untracked
from xgit.guards.registry import guards_for, judge
from xgit.record.model import RepoState, Violation


def state_of(project: Project) -> RepoState:
    status = git_status.work_tree_status(plumbing.open_repo(project.root))
    return RepoState(
        str(project.root), status.commit, status.branch, pushed=True, untracked=status.untracked
    )


def test_clean_passes(project: Project) -> None:
    project.write("ignored/file", "x")
    assert untracked.check(state_of(project)) == ()


def test_says_what_the_design_shows(project: Project) -> None:
    project.write("scratch.py", "x")
    assert untracked.check(state_of(project)) == (
        Violation("untracked", "scratch.py", "git add scratch.py", "or ignore it"),
    )


@pytest.mark.parametrize(
    "name",
    [
        b"a b",
        b"it's",
        b'say "hi"',
        b"new\nline",
        b"back\\slash",
        b"-rf",
        b":x",
        b":(top)x",
        b"[a]*?",
        b"$(touch pwned)",
        b"`touch pwned`;x",
        b"\xff\xfe",
        b"\x1b[31mred",
        "ünï".encode(),
        b"folder/file",
        b"~",
        b"#x",
        b"mix'\n\\\xff$x",
    ],
)
def test_remedy_works_as_printed(project: Project, name: bytes) -> None:
    path = os.fsencode(project.root) + b"/" + name
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"x")
    (project.root / "other").write_text("must stay untracked", encoding="utf-8")
    violations = untracked.check(state_of(project))
    assert len(violations) == 2
    [found] = [one for one in violations if one.subject != "other"]
    assert found.remedy.isprintable()
    paste(project, found.remedy)
    assert [one.subject for one in untracked.check(state_of(project))] == ["other"]


def test_snapshot_keeps_them(project: Project) -> None:
    project.write("scratch.py", "x")
    state = state_of(project)
    assert [one.outcome for one in judge(state, guards_for("run")) if one.id == "untracked"] == [
        "failed"
    ]
    kept = judge(state, guards_for("run"), snapshot=True)
    assert [one.outcome for one in kept if one.id == "untracked"] == ["passed"]
