"""Untracked files are refused, and the printed command mends it whatever the file is called."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Project, make_project
from tests.dvc_project import paste
from xgit.git import plumbing
from xgit.guards import untracked
from xgit.guards.checking import check_repo
from xgit.guards.registry import guards_for, judge
from xgit.record.model import RepoState, Violation


def state_of(project: Project) -> RepoState:
    return check_repo(plumbing.open_repo(project.root), "run", ("untracked",))[0]


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


# ---------------------------------------------------------------- repositories among them

EMPTY = "or, if the run uses it, commit and push in it, and make it a submodule"


def nested(project: Project, path: str, tmp_path: Path) -> Project:
    """A clone of another project, where it was put by hand."""
    inner = make_project(tmp_path / "inner")
    shutil.move(inner.root, project.root / path)
    return replace(inner, root=project.root / path)


@pytest.mark.parametrize("name", ["nested", "a b", "it's", "deep/er/one"])
def test_a_repository_becomes_a_submodule(project: Project, name: str, tmp_path: Path) -> None:
    inner = nested(project, name, tmp_path)
    if "/" in name:
        project.write("deep/x", "")
        project.git("add", "deep/x")
    inner.git("remote", "set-url", "origin", f"file://ada:secret@localhost{inner.origin}")
    [found] = untracked.check(state_of(project))
    assert found.subject == f"{name}/: a repository of its own"
    assert "secret" not in found.remedy
    assert found.alternative == "or ignore it"
    paste(project, found.remedy)
    assert untracked.check(state_of(project)) == ()
    assert project.git("config", "-f", ".gitmodules", f"submodule.{name}.path") == name


@pytest.mark.parametrize(
    "name", ["nested", "a b", "[a]*?", "#x", "!x", " y ", "back\\slash", "new\nline"]
)
@pytest.mark.parametrize("ending", ["ignored/\n", "ignored/", None])
def test_a_repository_without_a_commit_is_ignored(
    project: Project, name: str, ending: str | None
) -> None:
    if ending is None:
        (project.root / ".gitignore").unlink()
    else:
        project.write(".gitignore", ending)
    project.write(f"{name}/file", "x")
    project.write("other/file", "x")
    project.git("init", "--quiet", name)
    [found, other] = untracked.check(state_of(project))
    assert (other.subject, found.alternative) == ("other/", EMPTY)
    assert found.remedy.isprintable()
    paste(project, found.remedy)
    assert untracked.check(state_of(project)) == (other,)
    project.write("ignored/new", "x")
    assert len(untracked.check(state_of(project))) == (2 if ending is None else 1)


def test_a_repository_without_a_remote_or_with_a_relative_one(
    project: Project, tmp_path: Path
) -> None:
    inner = nested(project, "nested", tmp_path)
    for line in (("set-url", "origin", "../elsewhere"), ("remove", "origin")):
        inner.git("remote", *line)
        [found] = untracked.check(state_of(project))
        assert found.remedy.startswith("printf")
    paste(project, found.remedy)
    assert untracked.check(state_of(project)) == ()


def test_a_linked_work_tree_is_ignored(project: Project) -> None:
    project.git("worktree", "add", "--quiet", "side")
    [found] = untracked.check(state_of(project))
    paste(project, found.remedy)
    assert untracked.check(state_of(project)) == ()


def test_a_repository_in_an_untracked_directory(project: Project, tmp_path: Path) -> None:
    """Both are named: `git add` of the directory would take one id of what is inside."""
    project.write("notes/a.md", "x")
    project.write("notes/.gitignore", "skipped/\n")
    nested(project, "notes/lib", tmp_path)
    project.git("init", "--quiet", "notes/skipped")
    (project.root / "notes/loop").symlink_to("..")
    violations = untracked.check(state_of(project))
    assert [one.subject for one in violations] == ["notes/lib/: a repository of its own", "notes/"]
    for violation in violations:
        paste(project, violation.remedy)
    assert untracked.check(state_of(project)) == ()
    assert project.git("ls-files", "--stage", "notes/lib").startswith("160000 ")


def test_a_broken_repository(project: Project) -> None:
    project.write("nested/.git", "gitdir: /nowhere")
    project.write("nested/file", "x")
    for one in untracked.check(state_of(project)):
        paste(project, one.remedy)
    assert untracked.check(state_of(project)) == ()


def test_a_snapshot_keeps_no_repository(project: Project) -> None:
    project.git("init", "--quiet", "nested")
    project.write("nested/file", "x")
    kept = judge(state_of(project), guards_for("run"), snapshot=True)
    assert [one.outcome for one in kept if one.id == "untracked"] == ["failed"]


def test_a_repository_from_within_a_hook(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested(project, "nested", tmp_path)
    monkeypatch.chdir(project.root)
    monkeypatch.setenv("GIT_DIR", ".git")
    [found] = untracked.check(state_of(project))
    assert found.remedy.startswith("git submodule add -- ")


def test_programs_of_its_config_are_not_run(project: Project, tmp_path: Path) -> None:
    inner = nested(project, "nested", tmp_path)
    inner.git("config", "core.fsmonitor", f"touch {project.root}/pwned; false")
    state_of(project)
    assert not (project.root / "pwned").exists()
    subprocess.run(["git", "status"], cwd=inner.root, capture_output=True, check=True)
    assert (project.root / "pwned").exists(), "git itself would not run it: nothing is tested"


def test_an_environment_is_ignored_and_not_added(project: Project) -> None:
    project.write(".venv/pyvenv.cfg", "home = /usr/bin\n")
    project.write("tools/venv/pyvenv.cfg", "home = /usr/bin\n")
    project.write("tools/a.py", "")
    project.git("add", "tools/a.py")
    for _ in range(2):
        _, [result] = check_repo(plumbing.open_repo(project.root), "run", ["untracked"])
        paste(project, result.violations[0].remedy)
    _, [result] = check_repo(plumbing.open_repo(project.root), "run", ["untracked"])
    assert result.outcome == "passed"
    assert ".venv/pyvenv.cfg" not in project.git("ls-files")
