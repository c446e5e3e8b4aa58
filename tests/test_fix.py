"""`xgit check --fix` runs the remedies that only add, and nothing else."""

from __future__ import annotations

import pytest

from tests.conftest import Project
from xgit.cli.fix import safe_remedies
from xgit.record.model import GuardResult, Violation


@pytest.mark.parametrize(
    ("remedy", "safe"),
    [
        ("git add new.py", True),
        ("git add -- 'a b.py'", True),
        ("git push -u origin main", True),
        ("dvc add -- data/a.csv", True),
        ("dvc push data/a.csv.dvc", True),
        ("git add x && rm -rf y", False),
        ("git add $(touch pwned)", False),
        ("git add 'a;b'", False),
        ("git commit -m x", False),
        ("dvc commit --force -- a", False),
        ("git remote add origin URL && git push", False),
        ("rm -r x", False),
        ("git add 'unbalanced", False),
        ("git", False),
        ("", False),
    ],
)
def test_which_remedies_are_safe(remedy: str, safe: bool) -> None:
    result = GuardResult("g", "failed", (Violation("g", "x", remedy), Violation("g", "y", remedy)))
    assert safe_remedies([result]) == ([remedy] if safe else [])


def test_what_can_be_mended_is_mended(project: Project) -> None:
    project.write("new file.py", "x")
    project.git("commit", "--quiet", "--allow-empty", "--message", "not pushed")
    done = project.xgit("check", "untracked", "unpushed", "--fix", "--yes")
    assert done.returncode == 0, done.stderr
    assert project.git("diff", "--cached", "--name-only") == "new file.py"
    assert project.git("rev-list", "HEAD", "--not", "--remotes") == ""


def test_without_a_terminal_nothing_is_run_unasked(project: Project) -> None:
    project.write("new.py", "x")
    done = project.xgit("check", "--fix")
    assert done.returncode == 2
    assert "hint: xgit check --fix --yes" in done.stderr
    assert project.git("diff", "--cached", "--name-only") == ""


def test_what_is_left_is_told(project: Project) -> None:
    project.write("train.py", "changed")
    project.write("new.py", "x")
    done = project.xgit("check", "--fix", "--yes")
    assert done.returncode == 1
    assert "git commit" in done.stderr
    assert project.git("diff", "--cached", "--name-only") == "new.py"


def test_a_remedy_that_fails_is_named(project: Project) -> None:
    project.git("remote", "set-url", "origin", "/nowhere/at/all")
    project.git("commit", "--quiet", "--allow-empty", "--message", "not pushed")
    done = project.xgit("check", "unpushed", "--fix", "--yes")
    assert done.returncode == 2
    assert "ended with" in done.stderr
