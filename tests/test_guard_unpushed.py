"""A HEAD that is on no remote is refused, and the printed command mends it."""

from __future__ import annotations

import pytest

from tests.conftest import Project
from tests.dvc_project import paste
from xgit.git import plumbing
from xgit.git import status as git_status
from xgit.guards import unpushed
from xgit.record.model import RepoState, Violation


def state_of(project: Project) -> RepoState:
    repo = plumbing.open_repo(project.root)
    status = git_status.work_tree_status(repo)
    assert status.commit is not None
    return RepoState(
        str(project.root),
        status.commit,
        status.branch,
        pushed=git_status.is_on_a_remote(repo, status.commit),
        ahead=git_status.commits_on_no_remote(repo, status.commit),
        remotes=repo.config.remotes,
        upstream=status.upstream,
    )


def commit(project: Project, count: int = 1) -> None:
    for number in range(count):
        project.write("train.py", f"{number}")
        project.commit("change", push=False)


def mended(project: Project, subject: str, remedy: str, **placeholders: str) -> None:
    """Check what is said, run it as printed with the placeholders filled in, and check again."""
    assert unpushed.check(state_of(project)) == (Violation("unpushed", subject, remedy),)
    for placeholder, value in placeholders.items():
        remedy = remedy.replace(placeholder, value)
    paste(project, remedy)
    assert unpushed.check(state_of(project)) == ()


def test_pushed_passes(project: Project) -> None:
    assert unpushed.check(state_of(project)) == ()


def test_nothing_committed_is_refused_elsewhere() -> None:
    assert unpushed.check(RepoState("/x", None, "main", pushed=False)) == ()


def test_branch_with_an_upstream(project: Project) -> None:
    project.git("push", "--quiet", "-u", "origin", "main")
    commit(project, 3)
    mended(project, "main is 3 commits ahead", "git push")


def test_branch_without_an_upstream(project: Project) -> None:
    commit(project)
    mended(project, "main is 1 commit ahead", "git push -u origin main")


def test_upstream_of_another_name(project: Project) -> None:
    project.git("push", "--quiet", "origin", "HEAD:refs/heads/there")
    project.git("fetch", "--quiet")
    project.git("branch", "--set-upstream-to", "origin/there")
    commit(project)
    mended(project, "main is 1 commit ahead", "git push origin HEAD:there")


@pytest.mark.parametrize("branch", ["it's", "$(touch${IFS}x)", "a;b", "ünï"])
def test_branch_names_are_quoted(project: Project, branch: str) -> None:
    project.git("checkout", "--quiet", "-b", branch)
    commit(project)
    [found] = unpushed.check(state_of(project))
    paste(project, found.remedy)
    assert unpushed.check(state_of(project)) == ()
    assert not (project.root / "x").exists()


def test_no_remote(project: Project) -> None:
    project.git("remote", "remove", "origin")
    mended(
        project,
        "there is no remote",
        "git remote add origin URL && git push -u origin main",
        URL=str(project.origin),
    )


def test_detached(project: Project) -> None:
    project.git("checkout", "--quiet", "--detach")
    commit(project, 2)
    mended(
        project,
        "the detached HEAD is 2 commits ahead",
        "git push origin HEAD:refs/heads/NAME",
        NAME="saved",
    )


def test_remote_of_another_name(project: Project) -> None:
    project.git("remote", "rename", "origin", "the/hub")
    project.git("push", "--quiet", "-u", "the/hub", "main:other/one")
    commit(project)
    mended(project, "main is 1 commit ahead", "git push the/hub HEAD:other/one")
