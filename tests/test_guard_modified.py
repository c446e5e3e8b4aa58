"""Files and submodules that differ from HEAD are refused, and the printed command mends it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Project, make_project
from tests.dvc_project import paste
from xgit.capture import index
from xgit.capture.cache import Cache
from xgit.git import index as git_index
from xgit.git import plumbing
from xgit.guards import modified
from xgit.guards.checking import check_repo
from xgit.guards.registry import guards_for, judge
from xgit.record.model import RepoState, Violation


def state_of(project: Project) -> RepoState:
    return check_repo(plumbing.open_repo(project.root), "run", ("modified",))[0]


def test_clean_passes(project: Project) -> None:
    assert modified.check(state_of(project)) == ()


def test_changed_file(project: Project) -> None:
    project.write("train.py", "other")
    found = modified.check(state_of(project))
    remedy = "git commit -m 'Change train.py' train.py"
    assert found == (Violation("modified", "train.py", remedy, "or --snapshot"),)
    paste(project, remedy)
    assert modified.check(state_of(project)) == ()


@pytest.mark.parametrize("name", ['it\'s a "file"', "new\nline", "-x", ":x", "[a]*"])
def test_staged_deleted_and_oddly_named(project: Project, name: str) -> None:
    project.write(name, "x")
    project.git("--literal-pathspecs", "add", "--", name)
    (project.root / "train.py").unlink()
    violations = modified.check(state_of(project))
    assert {one.subject for one in violations} == {name, "train.py"}
    for violation in violations:
        assert violation.remedy.isprintable()
        paste(project, violation.remedy)
    assert modified.check(state_of(project)) == ()


@pytest.fixture
def parent(project: Project, tmp_path: Path) -> Project:
    inner = make_project(tmp_path / "inner")
    project.git("submodule", "--quiet", "add", str(inner.origin), "the lib")
    project.commit("with a submodule")
    return project


@pytest.mark.parametrize("change", ["untracked", "modified", "moved"])
def test_submodule(parent: Project, change: str) -> None:
    assert modified.check(state_of(parent)) == ()
    if change == "untracked":
        parent.write("the lib/new.py", "x")
    else:
        parent.write("the lib/train.py", "x")
    if change == "moved":
        subprocess.run(
            ["git", "commit", "--quiet", "-am", "inside"], cwd=parent.root / "the lib", check=True
        )
    state = state_of(parent)
    [found] = modified.check(state)
    assert found.subject == "the lib"
    kept = judge(state, guards_for("run"), snapshot=True)
    assert [one.outcome for one in kept if one.id == "modified"] == ["failed"]
    paste(parent, found.remedy)
    assert modified.check(state_of(parent)) == ()


def test_snapshot_keeps_files(project: Project) -> None:
    project.write("train.py", "other")
    kept = judge(state_of(project), guards_for("run"), snapshot=True)
    assert [one.outcome for one in kept if one.id == "modified"] == ["passed"]


def test_a_repository_inside_that_gitmodules_does_not_name(project: Project) -> None:
    """What `git add nested/` makes of a repository, and what changes in it."""
    project.git("init", "--quiet", "nested")
    for number in range(2):
        project.write("nested/file", f"{number}")
        project.git("-C", "nested", "add", "file")
        project.git("-C", "nested", "commit", "--quiet", "--message", "inside")
        project.git("add", "nested")
        project.git("commit", "--quiet", "--message", "outside")
    assert modified.check(state_of(project)) == ()
    for path in ("nested/file", "nested/new"):
        project.write(path, "changed")
        [found] = modified.check(state_of(project))
        assert found.remedy.startswith("git -C nested add --all && git -C nested commit")
        paste(project, found.remedy)
        assert modified.check(state_of(project)) == ()


# ---------------------------------------------------------------- hidden changes


def hide(project: Project, *flags: str, path: str = "train.py") -> None:
    for flag in flags:
        project.git("update-index", f"--{flag}", "--", path)


@pytest.mark.parametrize(
    "flags", [("assume-unchanged",), ("skip-worktree",), ("assume-unchanged", "skip-worktree")]
)
@pytest.mark.parametrize(
    "path", ["train.py", 'it\'s a "file"', "new\nline", "-x", ":x", "[a]*", "ünï"]
)
def test_a_hidden_change(project: Project, flags: tuple[str, ...], path: str) -> None:
    project.write(path, "first")
    project.commit()
    hide(project, *flags, path=path)
    assert modified.check(state_of(project)) == ()
    project.write(path, "changed")
    assert project.git("status", "--porcelain") == ""
    [found] = modified.check(state_of(project))
    assert found.subject == f"{path}: changed, and hidden by {' and '.join(flags)}"
    assert found.remedy.isprintable()
    paste(project, found.remedy)
    assert modified.check(state_of(project)) == ()
    assert project.git("show", f"HEAD:{path}") == "changed"
    assert project.git("ls-files", "-v", "--", "train.py").startswith("H")


def test_a_hidden_file_that_is_gone(project: Project) -> None:
    """Skip-worktree says that it may be; assume-unchanged says that it is there."""
    (project.root / "train.py").unlink()
    hide(project, "skip-worktree")
    assert modified.check(state_of(project)) == ()
    hide(project, "no-skip-worktree")
    hide(project, "assume-unchanged")
    [found] = modified.check(state_of(project))
    paste(project, found.remedy)
    assert modified.check(state_of(project)) == ()


def test_a_hidden_file_that_became_something_else(project: Project) -> None:
    hide(project, "assume-unchanged")
    (project.root / "train.py").rename(project.root / "ignored")
    for make in ("symlink", "directory"):
        if make == "symlink":
            (project.root / "train.py").symlink_to("ignored")
        else:
            (project.root / "train.py").unlink()
            (project.root / "train.py").mkdir()
        assert len(modified.check(state_of(project))) == 1


def test_a_hidden_link(project: Project) -> None:
    (project.root / "link").symlink_to("train.py")
    project.commit()
    hide(project, "assume-unchanged", path="link")
    assert modified.check(state_of(project)) == ()
    (project.root / "link").unlink()
    (project.root / "link").symlink_to(".gitignore")
    [found] = modified.check(state_of(project))
    paste(project, found.remedy)
    assert modified.check(state_of(project)) == ()


def test_a_hidden_file_with_other_line_ends_is_no_change(project: Project) -> None:
    project.write(".gitattributes", "*.py text eol=crlf\n")
    project.commit()
    (project.root / "train.py").write_bytes(b"print('trained')\r\n")
    hide(project, "assume-unchanged")
    assert modified.check(state_of(project)) == ()


def test_a_sparse_checkout_is_no_change(project: Project) -> None:
    for folder in ("a", "b"):
        project.write(f"{folder}/deep/file.py", "x")
    project.commit()
    for cone in ("--cone", "--no-cone"):
        project.git("sparse-checkout", "set", cone, "a")
        assert not (project.root / "b").exists()
        assert modified.check(state_of(project)) == ()
    project.write("b/deep/file.py", "changed")
    assert [one.subject.split(":")[0] for one in modified.check(state_of(project))] == [
        "b/deep/file.py"
    ]


def test_a_snapshot_keeps_no_hidden_change(project: Project) -> None:
    hide(project, "assume-unchanged")
    project.write("train.py", "changed")
    kept = judge(state_of(project), guards_for("run"), snapshot=True)
    assert [one.outcome for one in kept if one.id == "modified"] == ["failed"]


def test_a_large_index_is_remembered_as_long_as_it_is_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_WORTH_KEEPING_BYTES", 0)
    project.write("train.py", "changed")
    project.git("commit", "--quiet", "--all", "--message", "x")
    hide(project, "assume-unchanged")
    project.write("train.py", "hidden")
    long_ago = 1_000_000_000
    os.utime(project.root / ".git/index", (long_ago, long_ago))
    with Cache(project.root / ".git/xgit", lambda: 2_000_000_000 * 10**9) as cache:
        repo = plumbing.open_repo(project.root)
        first = index.special_entries(repo, cache)
        assert [one.path for one in first] == ["train.py"]
        with monkeypatch.context() as patch:
            patch.setattr(git_index, "special_entries", None)
            assert index.special_entries(repo, cache) == first
        assert len(index.hidden_changes(repo, first, cache)) == 1
        hide(project, "no-assume-unchanged")
        assert index.special_entries(repo, cache) == ()


def test_content_filters_of_a_hostile_config_are_not_run(project: Project) -> None:
    project.write(".gitattributes", "*.py filter=evil\n")
    project.commit()
    hide(project, "assume-unchanged")
    project.write("train.py", "changed")
    project.git("config", "filter.evil.clean", f"touch {project.root}/ignored-pwned; cat")
    assert len(modified.check(state_of(project))) == 1
    assert not (project.root / "ignored-pwned").exists()
