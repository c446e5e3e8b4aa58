"""Remove: what would be lost is told, the remote is asked about first, all of it can come back."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from tests import adversary
from tests.conftest import Project
from tests.sharing import clone, exp, hook, on_origin, ours, recorded

TAG = "refs/tags/experiment/"


def verdict(project: Project, name: str, number: int) -> str:
    """A tag where a verdict on the experiment would be."""
    ref = f"reproduction/{name}/{number}"
    project.git("tag", "-a", "-m", "x", ref, f"experiment/{name}^{{commit}}")
    return ours(project, f"refs/tags/{ref}")


def test_the_printed_command_brings_it_back(project: Project) -> None:
    recorded(project, "one")
    recorded(project, "two")
    before = project.git("for-each-ref")
    said = verdict(project, "one", 1)
    done = project.xgit("exp", "rm", "one")
    assert done.returncode == 0, done.stderr
    assert "it was on no remote" in done.stderr
    assert "its verdict reproduction/one/1" in done.stderr
    assert project.git("tag").split() == ["experiment/two"]
    for line in done.stderr.splitlines():
        if "to have it again: " in line:
            adversary.shell(project, line.partition("to have it again: ")[2])
    assert ours(project, "refs/tags/reproduction/one/1") == said
    project.git("tag", "-d", "reproduction/one/1")
    assert project.git("for-each-ref") == before


def test_whether_the_remote_has_it_is_told(project: Project) -> None:
    recorded(project, "one")
    exp(project, "push")
    assert "the remote has it" in project.xgit("exp", "rm", "one").stderr
    assert list(on_origin(project)) == [TAG + "one"]
    project.git("remote", "set-url", "origin", "/nowhere")
    recorded(project, "two")
    assert "no remote known" in project.xgit("exp", "rm", "two").stderr


def test_the_children_of_a_sweep_go_with_it(project: Project) -> None:
    for name in ("sweep", "sweep.0", "sweep.10", "sweep.2", "sweeping"):
        recorded(project, name)
    document = exp(project, "rm", "sweep")
    assert [one["id"] for one in document["removed"]] == ["sweep", "sweep.0", "sweep.2", "sweep.10"]
    assert document["removed"][0]["children"] == ["sweep.0", "sweep.2", "sweep.10"]
    assert project.git("tag") == "experiment/sweeping"


def test_one_that_is_not_there(project: Project) -> None:
    recorded(project, "one")
    done = adversary.xgit(project, "exp", "rm", "none", "one")
    adversary.assert_error(done, 2, "no experiment")
    assert project.git("tag") == "experiment/one"


def test_on_the_remote_it_is_asked_for(project: Project) -> None:
    recorded(project, "one")
    verdict(project, "one", 1)
    exp(project, "push")
    done = adversary.xgit(project, "exp", "rm", "one", "--remote")
    adversary.assert_error(done, 2, "no terminal to ask at", "--yes")
    assert len(on_origin(project)) == 2
    assert exp(project, "rm", "one", "--remote", "--yes")["remote"] == "origin"
    assert on_origin(project) == {}
    assert "experiment/one" in project.git("tag")


def answered(project: Project, answer: str, *args: str) -> tuple[int, str]:
    """Run xgit on a terminal and type an answer."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "xgit", *args],
        cwd=project.root, stdin=child, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(child)
    os.write(parent, f"{answer}\n".encode())
    said = process.communicate()[1]
    os.close(parent)
    return process.returncode, said


def test_no_is_no_and_yes_is_yes(project: Project) -> None:
    recorded(project, "one")
    exp(project, "push")
    code, said = answered(project, "n", "exp", "rm", "one", "--remote=origin")
    assert code == 1
    assert "is here as well" in said
    assert "for everyone?" in said
    assert len(on_origin(project)) == 1
    assert answered(project, "y", "exp", "rm", "one", "--remote=origin")[0] == 0
    assert on_origin(project) == {}


def test_what_is_not_here_any_more_can_go_there(project: Project) -> None:
    recorded(project, "one")
    exp(project, "push")
    project.xgit("exp", "rm", "one")
    done = project.xgit("exp", "rm", "one", "--remote", "--yes")
    assert done.returncode == 0, done.stderr
    assert "is NOT here" in done.stderr
    assert on_origin(project) == {}
    done = adversary.xgit(project, "exp", "rm", "one", "--remote", "--yes", fsck=False)
    adversary.assert_error(done, 2, "origin has no experiment 'one'")


def test_a_remote_that_does_not_delete(project: Project) -> None:
    recorded(project, "one")
    recorded(project, "two")
    exp(project, "push")
    hook(project, "update", 'case $1 in */two) echo "tags stay"; exit 1;; esac')
    done = adversary.xgit(project, "exp", "rm", "one", "two", "--remote", "--yes")
    adversary.assert_error(done, 2, "removed nothing")
    assert "tags stay" in done.stderr
    assert len(on_origin(project)) == 2


def test_only_what_was_looked_at_is_removed(project: Project) -> None:
    from xgit.errors import XgitError
    from xgit.git.plumbing import open_repo
    from xgit.share.nouns import Remote, unwatched
    from xgit.share.remove import doomed_there, remove_there

    recorded(project, "one")
    exp(project, "push")
    repo, origin = open_repo(project.root), Remote("origin", "x")
    doomed = doomed_there(repo, ["one"], origin)
    other = clone(project, "other")
    recorded(other, "two")
    other.git("push", "--quiet", "--force", "origin", "experiment/two:refs/tags/experiment/one")
    with pytest.raises(XgitError, match="removed nothing"):
        remove_there(repo, doomed, origin, unwatched)
    assert len(on_origin(project)) == 1
