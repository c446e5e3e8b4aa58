"""Push and fetch through GitPython: progress, what a server says, and what is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.sharing import clone, hook, on_origin, ours, recorded, start
from xgit.git import transport
from xgit.git.plumbing import GitError, open_repo
from xgit.git.references import RefChange, change_refs, ref_ids
from xgit.share.nouns import unwatched

TAG = "refs/tags/experiment/"


def tags(project: Project, *names: str) -> dict[str, str]:
    for name in names:
        recorded(project, name)
    return {TAG + name: ours(project, TAG + name) for name in names}


def test_progress_is_told(project: Project) -> None:
    seen: list[tuple[str, int, int | None]] = []
    wanted = tags(project, *(f"exp-{number}" for number in range(20)))
    repo = open_repo(project.root)
    answer = transport.push_new(repo, "origin", wanted, lambda *told: seen.append(told))
    assert answer.code == 0
    assert {"counting", "sending"} <= {what for what, _, _ in seen}
    assert any(done == of for _, done, of in seen)
    seen.clear()
    other = open_repo(clone(project, "other").root)
    refspecs = [f"{ref}:refs/tags/copy/{number}" for number, ref in enumerate(wanted)]
    transport.fetch_refs(other, "origin", refspecs, lambda *told: seen.append(told))
    assert "receiving" in {what for what, _, _ in seen}


def test_all_or_none(project: Project) -> None:
    wanted = tags(project, "a", "b")
    repo = open_repo(project.root)
    assert transport.push_new(repo, "origin", {TAG + "a": wanted[TAG + "b"]}, unwatched).code == 0
    answer = transport.push_new(repo, "origin", wanted, unwatched)
    assert answer.code == 1
    assert "already exists" in answer.refused[TAG + "a"]
    assert on_origin(project) == {TAG + "a": wanted[TAG + "b"]}


def test_a_branch_is_not_forced(project: Project) -> None:
    other = clone(project, "other")
    other.write("theirs", "1")
    theirs = other.commit("theirs")
    project.write("ours", "1")
    commit = project.commit("ours", push=False)
    answer = transport.push_branch(open_repo(project.root), "origin", commit, "main", unwatched)
    assert "refs/heads/main" in answer.refused
    assert on_origin(project, "refs/heads/") == {"refs/heads/main": theirs}


@pytest.mark.parametrize(
    "said", ["printf '\\377\\376 no text\\n'", "printf 'a\\rb\\rc'", "yes long | head -c 3000000"]
)
def test_whatever_a_server_says_is_read(project: Project, said: str) -> None:
    hook(project, "pre-receive", f"{said} >&2")
    answer = transport.push_new(open_repo(project.root), "origin", tags(project, "one"), unwatched)
    assert answer.code == 0
    assert len(answer.said) < 100_000
    assert on_origin(project)


def test_a_remote_that_looks_like_an_option(project: Project) -> None:
    repo = open_repo(project.root)
    marker = project.root.parent / "ran"
    name = f"--upload-pack=touch {marker}"
    with pytest.raises(GitError):
        transport.remote_ids(repo, name, "refs/")
    assert transport.fetch_refs(repo, name, ["a:b"], unwatched).code
    assert transport.push_new(repo, name, tags(project, "one"), unwatched).code
    assert not marker.exists()


def test_what_a_killed_push_left_is_swept_and_what_lives_is_not(project: Project) -> None:
    recorded(project, "one")
    started = project.root.parent / "started"
    hook(project, "pre-receive", f"touch {started}; exec sleep 60")
    running = start(project, "exp", "push")
    until(started.exists)
    place = project.root / ".git/xgit/outgoing"
    [left] = os.listdir(place)
    (project.origin / "hooks/pre-receive").unlink()
    repo = open_repo(project.root)
    assert transport.push_new(repo, "origin", tags(project, "two"), unwatched).code == 0
    assert os.listdir(place) == [left]
    running.kill()
    running.communicate()
    assert transport.push_new(repo, "origin", tags(project, "three"), unwatched).code == 0
    assert os.listdir(place) == []


def until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def test_ctrl_c_ends_git_as_well(project: Project) -> None:
    recorded(project, "one")
    started = project.root.parent / "started"
    hook(project, "pre-receive", f"touch {started}; exec sleep 60")
    running = start(project, "exp", "push")
    until(started.exists)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=10)
    assert running.returncode == 130
    assert on_origin(project) == {}


# ---------------------------------------------------------------- refs


def test_changes_are_made_all_or_none(project: Project) -> None:
    wanted = tags(project, "a", "b")
    repo = open_repo(project.root)
    a, b = wanted[TAG + "a"], wanted[TAG + "b"]
    assert not change_refs(repo, [RefChange(TAG + "a", a, None), RefChange(TAG + "b", a, None)])
    assert ref_ids(repo, TAG) == wanted
    assert not change_refs(repo, [RefChange(TAG + "a", None, b)])
    assert change_refs(repo, [RefChange(TAG + "a", a, b), RefChange(TAG + "c", None, a)])
    assert ref_ids(repo, TAG) == {TAG + "a": b, TAG + "b": b, TAG + "c": a}
    assert change_refs(repo, [])


def test_a_ref_that_cannot_be_written_is_an_error(project: Project) -> None:
    wanted = tags(project, "a")
    repo = open_repo(project.root)
    with pytest.raises(GitError):
        change_refs(repo, [RefChange(TAG + "a/b", None, wanted[TAG + "a"])])


def test_sha256(tmp_path: Path) -> None:
    from tests.conftest import make_project

    project = make_project(tmp_path, "--object-format=sha256")
    repo = open_repo(project.root)
    assert transport.push_new(repo, "origin", tags(project, "one"), unwatched).code == 0
    assert len(next(iter(on_origin(project).values()))) == 64


def test_a_submodule_can_push(project: Project) -> None:
    outer = project.root.parent / "outer"
    subprocess.run(["git", "init", "--quiet", outer], check=True)
    subprocess.run(
        ["git", "submodule", "--quiet", "add", project.origin, "inner"], cwd=outer, check=True
    )
    inner = Project(outer / "inner", project.origin)
    repo = open_repo(inner.root)
    assert transport.push_new(repo, "origin", tags(inner, "one"), unwatched).code == 0
    assert list(on_origin(project)) == [TAG + "one"]
