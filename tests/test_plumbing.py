"""The door to git gives the same answers whatever the user's configuration says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Project, make_project
from xgit.errors import XgitError
from xgit.git import objects as git_objects
from xgit.git import plumbing
from xgit.git import status as git_status


def test_opening_from_anywhere_inside(project: Project) -> None:
    (project.root / "deep/er").mkdir(parents=True)
    for place in (project.root, project.root / "deep/er"):
        repo = plumbing.open_repo(place)
        assert repo.root == project.root
        assert repo.common_dir == repo.git_dir == project.root / ".git"


def test_a_path_with_every_odd_character(tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s a "path";\n$(touch x)'
    folder.mkdir()
    project = make_project(folder)
    repo = plumbing.open_repo(project.root)
    assert repo.root == project.root
    assert git_status.work_tree_status(repo).untracked == ()


def test_a_linked_work_tree_shares_the_private_directory(project: Project) -> None:
    project.git("worktree", "add", "--quiet", "../linked", "-b", "side")
    repo = plumbing.open_repo(project.root.parent / "linked")
    assert repo.root == project.root.parent / "linked"
    assert repo.common_dir == project.root / ".git"
    assert repo.git_dir == project.root / ".git/worktrees/linked"


def test_a_bare_repository_has_no_work_tree(project: Project) -> None:
    repo = plumbing.open_repo(project.origin)
    assert repo.root is None
    assert repo.common_dir == repo.git_dir == project.origin
    with pytest.raises(XgitError, match="bare repository"):
        _ = repo.work_tree


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(XgitError, match="not in a git repository") as caught:
        plumbing.open_repo(tmp_path)
    assert caught.value.hint == "git init"


def test_status_tells_branch_commit_untracked_and_modified(project: Project) -> None:
    project.write("train.py", "changed")
    project.write("a new\nfile", "x")
    project.write("dir/inside", "x")
    project.write("ignored/x", "x")
    project.write("staged", "x")
    project.git("add", "staged")
    status = git_status.work_tree_status(plumbing.open_repo(project.root))
    assert status.commit == project.git("rev-parse", "HEAD")
    assert status.branch == "main"
    assert set(status.untracked) == {"a new\nfile", "dir/"}
    assert set(status.modified) == {"train.py", "staged"}


def test_a_file_name_that_is_not_utf8(project: Project) -> None:
    with open(os.fsencode(project.root) + b"/caf\xe9", "w", encoding="utf-8"):
        pass
    status = git_status.work_tree_status(plumbing.open_repo(project.root))
    assert status.untracked == ("caf\udce9",)


def test_unborn_and_detached(project: Project, tmp_path: Path) -> None:
    project.git("checkout", "--quiet", "--detach")
    status = git_status.work_tree_status(plumbing.open_repo(project.root))
    assert (status.commit, status.branch) == (project.git("rev-parse", "HEAD"), None)
    project.git("checkout", "--quiet", "--orphan", "fresh")
    status = git_status.work_tree_status(plumbing.open_repo(project.root))
    assert (status.commit, status.branch) == (None, "fresh")


def test_pushed_is_what_a_remote_branch_holds(project: Project) -> None:
    repo = plumbing.open_repo(project.root)
    assert git_status.commits_on_no_remote(repo, "HEAD") == 0
    project.write("x", "x")
    project.commit(push=False)
    project.write("x", "y")
    project.commit(push=False)
    assert git_status.commits_on_no_remote(repo, "HEAD") == 2


def test_status_does_not_write_the_index(project: Project) -> None:
    os.utime(project.root / "train.py", (1, 1))  # git would refresh the stat data of this entry
    before = (project.root / ".git/index").read_bytes()
    assert git_status.work_tree_status(plumbing.open_repo(project.root)).modified == ()
    assert (project.root / ".git/index").read_bytes() == before


def test_hostile_config_runs_nothing(project: Project, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    touch = f"touch {trap}; cat"
    (project.root / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    project.commit()
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("reference-transaction", "post-index-change", "pre-auto-gc"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {trap}\n")
        (hooks / name).chmod(0o755)
    for key, value in {
        "core.fsmonitor": f"touch {trap}; false",
        "core.hooksPath": str(hooks),
        "diff.external": touch,
        "diff.evil.textconv": touch,
        "diff.evil.command": touch,
        "filter.evil.clean": touch,
        "filter.evil.required": "true",
        "core.pager": touch,
        "core.sshCommand": touch,
    }.items():
        project.git("config", key, value)
    trap.unlink(missing_ok=True)
    os.utime(project.root / "train.py", (1, 1))
    repo = plumbing.open_repo(project.root)
    assert repo.config.get("filter.evil.clean")
    assert git_status.work_tree_status(repo).modified == ()
    head = project.git("rev-parse", "HEAD", check=False)
    trap.unlink(missing_ok=True)
    git_status.code_change(repo, f"{head}~1", head)
    git_status.tracked_paths(repo, "*.py")
    git_objects.refs_with_messages(repo, "refs/heads/")
    assert not trap.exists()


def test_noprefix_and_the_like_change_nothing(project: Project) -> None:
    first = project.git("rev-parse", "HEAD")
    project.write("b.py", "1\n2\n")
    second = project.commit()
    for key, value in {
        "diff.noprefix": "true",
        "status.showUntrackedFiles": "no",
        "status.short": "true",
        "core.quotePath": "true",
        "color.ui": "always",
        "diff.renames": "copies",
    }.items():
        project.git("config", key, value)
    project.write("é", "x")
    repo = plumbing.open_repo(project.root)
    assert git_status.work_tree_status(repo).untracked == ("é",)
    change = git_status.code_change(repo, first, second)
    assert (change.behind, change.ahead, change.files) == (0, 1, ("b.py",))
    assert change.diffstat == "1 file changed, 2 insertions(+)"


def test_objects_are_read_by_name_and_bounded(project: Project) -> None:
    project.write("big", "x" * 5000)
    project.write("with space", "s")
    project.commit()
    repo = plumbing.open_repo(project.root)
    names = ["HEAD:train.py", "HEAD:absent", "HEAD:big", "HEAD:with space", "HEAD:train.py"]
    answers = git_objects.read_objects(repo, names, limit_bytes=100)
    train = b"print('trained')\n"
    assert answers == [train, None, 5000, b"s", train]
    oids = git_objects.object_names(repo, names[:2])
    assert oids == [project.git("rev-parse", "HEAD:train.py"), None]


def test_git_says_who_you_are_or_that_it_does_not_know(
    project: Project, hermetic_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = plumbing.open_repo(project.root)
    assert plumbing.identity_line(repo).startswith("Ada Lovelace <ada@example.com> ")
    (hermetic_home / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    with pytest.raises(XgitError, match="who you are") as caught:
        plumbing.identity_line(repo)
    assert "git config --global user.name" in (caught.value.hint or "")


def test_a_config_key_without_a_value_is_true(project: Project) -> None:
    with (project.root / ".git/config").open("a") as file:
        file.write("[tag]\n\tgpgSign\n")
    assert plumbing.open_repo(project.root).config.is_true("tag.gpgsign")


def test_a_failure_says_what_git_said(project: Project) -> None:
    with pytest.raises(plumbing.GitError, match="git rev-parse failed"):
        plumbing.git_line(plumbing.open_repo(project.root), "rev-parse", "--verify", "nowhere")


def test_inside_a_git_directory(project: Project) -> None:
    with pytest.raises(XgitError, match="inside a git directory"):
        plumbing.open_repo(project.root / ".git")
