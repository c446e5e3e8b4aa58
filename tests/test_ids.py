"""The shell completes experiments: as a real shell asks for it, in a process of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.samples import experiment, identity
from xgit.git import plumbing
from xgit.store import experiments as store


@pytest.fixture
def recorded(project: Project) -> Project:
    """A project with three experiments."""
    repo = plumbing.open_repo(project.root)
    commit = project.git("rev-parse", "HEAD")
    for name in ("20261123-201502-k3f9", "20261124-081500-q7ma", "wide-net"):
        store.save(repo, experiment(name, commit), identity=identity())
    return project


def completed(project: Project, line: str, cwd: Path | None = None) -> list[str]:
    """What is offered at the end of the line."""
    words = line.split(" ")
    done = project.xgit(
        cwd=cwd,
        env={
            "_XGIT_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        },
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [item.partition(",")[2] for item in done.stdout.split()]


@pytest.mark.parametrize("command", ["show", "log", "compare", "compare @"])
def test_ids_are_completed_the_newest_first(recorded: Project, command: str) -> None:
    assert completed(recorded, f"xgit exp {command} 2026") == [
        "20261124-081500-q7ma",
        "20261123-201502-k3f9",
    ]


def test_all_are_offered_where_nothing_was_typed(recorded: Project) -> None:
    assert len(completed(recorded, "xgit exp show ")) == 3


def test_tags_are_completed_as_tags(recorded: Project) -> None:
    assert completed(recorded, "xgit exp log experiment/w") == ["experiment/wide-net"]
    assert completed(recorded, "xgit exp log refs/tags/experiment/w") == [
        "refs/tags/experiment/wide-net"
    ]


def test_a_tag_that_xgit_did_not_name_is_not_offered(recorded: Project) -> None:
    recorded.git("tag", "experiment/Wrong")
    recorded.git("tag", "experiment/20261123/x")
    assert completed(recorded, "xgit exp show W") == []
    assert len(completed(recorded, "xgit exp show ")) == 3


@pytest.mark.parametrize("typed", ["@", "*", "[a", "x", "../", "-", "20261123-201502-k3f9x"])
def test_there_is_nothing_to_offer(recorded: Project, typed: str) -> None:
    assert all(item.startswith("-") for item in completed(recorded, f"xgit exp show {typed}"))


def test_outside_a_repository_nothing_is_said(recorded: Project, tmp_path: Path) -> None:
    assert completed(recorded, "xgit exp show 2", cwd=tmp_path) == []


def test_commands_and_flags_are_completed(recorded: Project) -> None:
    assert completed(recorded, "xgit exp l") == ["list", "log", "label"]
    assert "--snapshot" in completed(recorded, "xgit exp run --")


def test_bash_takes_the_script(recorded: Project) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    script = (
        'eval "$(_XGIT_COMPLETE=bash_source xgit)"; COMP_WORDS=(xgit exp show w); COMP_CWORD=3; '
        '_xgit_completion xgit; echo "${COMPREPLY[@]}"; complete -p xgit'
    )
    done = subprocess.run(
        [bash, "--norc", "-c", script],
        cwd=recorded.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == [
        "wide-net",
        "complete -o nosort -F _xgit_completion xgit",
    ], done.stderr
