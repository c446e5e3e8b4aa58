"""A push that deletes or moves the tag of an experiment is refused, and what to type instead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project
from xgit.capture import pushes
from xgit.git.plumbing import open_repo
from xgit.guards import protected_tags
from xgit.record.model import PushedRef, RepoState

ZERO = "0" * 40
TAG = "refs/tags/experiment/one"


def state(*pushed: PushedRef) -> RepoState:
    return RepoState("/x", "a" * 40, "main", pushed=True, pushes=pushed)


def push(local_id: str, remote_id: str, ref: str = TAG) -> PushedRef:
    return PushedRef(ref, local_id, ref, remote_id)


# ---------------------------------------------------------------- the pure check


def test_a_new_tag_and_everything_else_passes() -> None:
    assert protected_tags.check(state()) == ()
    fine = (
        push("a" * 40, ZERO),
        push("a" * 40, "a" * 40),
        push(ZERO, "b" * 40, "refs/tags/v1"),
        push("a" * 40, "b" * 40, "refs/heads/experiment/one"),
        push(ZERO, "b" * 40, "refs/tags/experiments/one"),
        push(ZERO, ZERO),
        push("a" * 64, "0" * 64),
    )
    assert protected_tags.check(state(*fine)) == ()


@pytest.mark.parametrize("kind", ["experiment/one", "reproduction/one/1"])
def test_deleted_and_moved(kind: str) -> None:
    ref = f"refs/tags/{kind}"
    deleted, moved = protected_tags.check(
        state(push(ZERO, "b" * 40, ref), push("a" * 40, "b" * 40, ref))
    )
    assert deleted.subject == f"{kind} would be deleted"
    assert deleted.remedy == f"git fetch origin {ref}:{ref}"
    assert moved.subject == f"{kind} would be moved"
    mine = kind.replace("/", "-") + "-mine"
    assert moved.remedy == f"git tag {mine} {'a' * 40} && git fetch origin +{ref}:{ref}"


def test_names_are_quoted() -> None:
    odd = PushedRef("HEAD", ZERO, "refs/tags/experiment/a;b", "b" * 40, "my remote")
    [found] = protected_tags.check(state(odd))
    assert found.remedy.startswith("git fetch 'my remote' 'refs/tags/experiment/a;b':'refs/tags")


# ---------------------------------------------------------------- real pushes


@pytest.fixture
def hooked(project: Project) -> Project:
    """A project whose pushes are guarded, with one experiment that is on the remote."""
    hook = project.root / ".git/hooks/pre-push"
    call = "from xgit.guards.main import main; main()"
    hook.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -c "{call}" protected-tags --pushing-to "$1"\n',
        encoding="utf-8",
    )
    hook.chmod(0o755)
    record(project, "one")
    project.git("push", "--quiet", "origin", "tag", "experiment/one")
    return project


def record(project: Project, name: str, *options: str) -> None:
    """An experiment as git sees it: a tag of a commit on top of the one that ran."""
    tree = project.git("rev-parse", "HEAD^{tree}")
    commit = project.git("commit-tree", tree, "-p", "HEAD", "-m", name)
    project.git("tag", "--annotate", *options, "-m", name, f"experiment/{name}", commit)


def git(project: Project, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], cwd=project.root, capture_output=True, text=True, check=False
    )


def remedy_of(said: str) -> str:
    [line] = [line for line in said.splitlines() if line.startswith("  protected-tags  ")]
    return line.split("  ")[3]


def on_remote(project: Project) -> str:
    return project.git("ls-remote", "origin", "refs/tags/experiment/*")


def test_a_moved_tag_is_refused_until_it_is_what_the_others_have(hooked: Project) -> None:
    before = on_remote(hooked)
    hooked.write("train.py", "print(2)\n")
    hooked.commit()
    record(hooked, "one", "--force")
    mine = hooked.git("rev-parse", "experiment/one")
    line = "git push --force --tags"
    done = git(hooked, line)
    assert done.returncode == 1
    assert "protected-tags  experiment/one would be moved" in done.stderr
    assert on_remote(hooked) == before
    assert git(hooked, remedy_of(done.stderr)).returncode == 0
    assert hooked.git("rev-parse", "experiment-one-mine") == mine
    assert git(hooked, line).returncode == 0
    assert on_remote(hooked) == before


def test_a_tag_that_is_not_here_is_not_deleted_there(hooked: Project) -> None:
    line = "git push --prune origin 'refs/tags/*'"
    before = on_remote(hooked)
    hooked.git("tag", "--delete", "experiment/one")
    done = git(hooked, line)
    assert done.returncode == 1
    assert "protected-tags  experiment/one would be deleted" in done.stderr
    assert "or, if it must go for everyone: git push --no-verify" in done.stderr
    assert on_remote(hooked) == before
    assert git(hooked, remedy_of(done.stderr)).returncode == 0
    assert git(hooked, line).returncode == 0
    assert on_remote(hooked) == before


def test_deleting_it_by_name(hooked: Project) -> None:
    done = git(hooked, "git push origin --delete experiment/one")
    assert done.returncode == 1
    [_, _, _, _, alternative] = done.stderr.splitlines()[0].split("  ")
    assert "experiment/one" in on_remote(hooked)
    assert git(hooked, alternative.partition(": ")[2]).returncode == 0
    assert on_remote(hooked) == ""


def test_a_new_experiment_and_other_tags_go_through(hooked: Project) -> None:
    record(hooked, "two")
    hooked.git("tag", "v1")
    assert git(hooked, "git push --tags").returncode == 0
    hooked.git("tag", "--force", "v1", "HEAD^{tree}")
    assert git(hooked, "git push --force --tags").returncode == 0
    assert git(hooked, "git push origin :v1").returncode == 0
    assert on_remote(hooked).count("^{}") == 2


# ---------------------------------------------------------------- what is told


def test_a_branch_that_is_rewritten_is_told_and_not_refused(hooked: Project) -> None:
    hooked.write("train.py", "print(2)\n")
    hooked.commit()
    record(hooked, "two")
    record(hooked, "three")
    hooked.git("commit", "--quiet", "--amend", "-m", "another")
    done = git(hooked, "git push --force origin main")
    assert done.returncode == 0, done.stderr
    told = "note: main is rewritten: what experiment/three, experiment/two ran is then kept by "
    assert told in done.stderr


@pytest.mark.parametrize("form", ["git push origin --delete side", "git push origin :side"])
def test_a_branch_that_is_deleted(hooked: Project, form: str) -> None:
    hooked.git("checkout", "--quiet", "-b", "side")
    hooked.write("train.py", "print(2)\n")
    hooked.commit()
    record(hooked, "two")
    assert "note: side is rewritten: what experiment/two ran" in git(hooked, form).stderr


@pytest.mark.parametrize(
    "change",
    [
        "git push --quiet origin side:kept; git push origin --delete side",  # on another branch
        "git push origin side:kept :side",  # renamed
        "git push -q origin side:main; git fetch -q; git push origin :side",  # on main
        "git checkout -q main; git push -q origin HEAD:new; git push -q origin :new",  # no record
    ],
)
def test_nothing_is_told_where_the_commit_stays(hooked: Project, change: str) -> None:
    hooked.git("checkout", "--quiet", "-b", "side")
    hooked.write("train.py", "print(2)\n")
    hooked.commit()
    record(hooked, "two")
    done = git(hooked, change)
    assert done.returncode == 0, done.stderr
    assert "note:" not in done.stderr


def test_what_is_not_here_is_said(hooked: Project, tmp_path: Path) -> None:
    other = Project(tmp_path / "other", hooked.origin)
    subprocess.run(["git", "clone", "--quiet", hooked.origin, other.root], check=True)
    other.write("train.py", "print('theirs')\n")
    other.commit()
    done = git(hooked, "git commit -q --amend -m mine && git push --force origin main")
    assert done.returncode == 0
    assert (
        "note: what the push takes off main is not here: git fetch origin shows it" in done.stderr
    )


# ---------------------------------------------------------------- how it is learnt


def test_lines_of_git() -> None:
    lines = f"refs/heads/a b {'1' * 40} refs/heads/c {ZERO}\n(delete) {ZERO} {TAG} {'2' * 40}\n"
    first, second = pushes.from_hook(lines.encode(), "https://me:secret@host/x.git")
    assert first == PushedRef(
        "refs/heads/a b", "1" * 40, "refs/heads/c", ZERO, "https://host/x.git"
    )
    assert (second.deletes, second.creates, second.remote_ref) == (True, False, TAG)
    assert pushes.from_hook(b"", "origin") == pushes.from_hook(b"\n", "origin") == ()


def test_variables_of_pre_commit(hooked: Project) -> None:
    repo = open_repo(hooked.root)
    old = hooked.git("rev-parse", "experiment/one")
    hooked.write("train.py", "print(2)\n")
    hooked.commit()
    record(hooked, "one", "--force")
    new = hooked.git("rev-parse", "experiment/one")
    names = {"PRE_COMMIT_LOCAL_BRANCH": TAG, "PRE_COMMIT_REMOTE_BRANCH": TAG,
             "PRE_COMMIT_REMOTE_NAME": "origin", "PRE_COMMIT_TO_REF": new}  # fmt: skip
    assert pushes.from_pre_commit(repo, {**names, "PRE_COMMIT_FROM_REF": old}) == (
        PushedRef(TAG, new, TAG, old),
    )
    # For a tag that is new there, it names a commit that the remote has.
    [created] = pushes.from_pre_commit(
        repo, {**names, "PRE_COMMIT_FROM_REF": hooked.git("rev-parse", "HEAD~1")}
    )
    assert created.creates
    names.pop("PRE_COMMIT_TO_REF")  # the whole history is pushed
    [created] = pushes.from_pre_commit(repo, names)
    assert (created.local_id, created.creates, created.deletes) == (new, True, False)


def test_sha256(tmp_path: Path) -> None:
    from tests.conftest import make_project

    project = make_project(tmp_path, "--object-format=sha256")
    record(project, "one")
    data = f"(delete) {'0' * 64} {TAG} {project.git('rev-parse', 'experiment/one')}\n"
    call = [sys.executable, "-c", "from xgit.guards.main import main; main()"]
    done = subprocess.run(
        [*call, "--pushing-to", "origin"], input=data, cwd=project.root, text=True,
        capture_output=True, env=os.environ, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "experiment/one would be deleted" in done.stderr
