"""Large files are refused before they are committed, and the printed command mends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project, make_project
from tests.dvc_project import copied, paste, shared_template
from xgit.capture.staged import staged_files
from xgit.git.plumbing import open_repo
from xgit.guards import large_file
from xgit.guards.checking import check_repo
from xgit.record.model import RepoState, StagedFile, Violation

LARGE = b"\0" * 5_000_001


def found(project: Project, cwd: Path | None = None) -> tuple[Violation, ...]:
    _, [result] = check_repo(open_repo(cwd or project.root), "commit", ["large-file"])
    return result.violations


def stage(project: Project, path: str, content: bytes = LARGE) -> Path:
    target = project.root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    project.git("add", "--force", "--", f":(literal){path}")
    return target


@pytest.fixture
def with_dvc(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copied(shared_template(tmp_path_factory.getbasetemp()), tmp_path / "copy")


# ---------------------------------------------------------------- refusal and remedy


def test_it_goes_into_dvc(with_dvc: Project) -> None:
    target = stage(with_dvc, "data/it's a file.bin")
    [refused] = found(with_dvc)
    assert refused.subject == "data/it's a file.bin: 5 MB"
    assert "&& dvc add" in refused.remedy
    paste(with_dvc, refused.remedy)
    assert found(with_dvc) == ()
    assert target.read_bytes() == LARGE
    staged = with_dvc.git("diff", "--cached", "--name-only")
    assert staged == "data/it's a file.bin.dvc"


def test_in_a_dvc_repository_of_a_subdirectory(project: Project) -> None:
    stage(project, "ml work/x.bin")
    subprocess.run(["dvc", "init", "--quiet", "--subdir"], cwd=project.root / "ml work", check=True)
    [refused] = found(project)
    assert "dvc --cd 'ml work' add x.bin" in refused.remedy
    paste(project, refused.remedy)
    assert found(project) == ()


@pytest.mark.parametrize(
    "name", [b"a b", b"new\nline", b"-rf", b"\xff\xfe", b":x", b"[a]*", b"$(x)"]
)
def test_without_dvc_it_is_left_out(project: Project, name: bytes) -> None:
    target = stage(project, os.fsdecode(name))
    stage(project, "train.py", b"print(2)\n")
    target.write_bytes(b"changed since")
    [refused] = found(project)
    assert refused.remedy.isprintable()
    assert refused.alternative is not None
    assert refused.alternative.startswith("then ignore it, or pin it with dvc init && dvc add")
    paste(project, refused.remedy)
    assert found(project) == ()
    assert target.read_bytes() == b"changed since"
    assert project.git("diff", "--cached", "--name-only") == "train.py"


def test_where_git_lfs_is_at_work() -> None:
    file = StagedFile("a b.bin", "100644", "0" * 40, 6_000_000)
    state = RepoState("/x", None, "main", pushed=False, staged=(file,), lfs=True)
    [refused] = large_file.check(state)
    assert refused.remedy == (
        "git lfs track --filename 'a b.bin' && git rm --cached --force --quiet -- 'a b.bin'"
        " && git add -- .gitattributes 'a b.bin'"
    )


def test_the_limit_can_be_set(project: Project) -> None:
    stage(project, "small.bin", b"\0" * 2000)
    assert found(project) == ()
    project.write("xgit.toml", "[guards.large-file]\nlimit_bytes = 1999\n")
    assert [one.subject for one in found(project)] == ["small.bin: 2 kB"]


# ---------------------------------------------------------------- what is fine


def test_what_git_has_already_is_not_asked_about(project: Project) -> None:
    target = stage(project, "old.bin")
    project.git("commit", "--quiet", "--message", "as it was")
    target.chmod(0o755)
    project.git("add", "old.bin")
    assert [(one.mode, one.known) for one in staged_files(open_repo(project.root))] == [
        ("100755", True)
    ]
    assert found(project) == ()
    project.git("mv", "old.bin", "moved.bin")
    assert found(project) == ()
    stage(project, "moved.bin", LARGE + b"1")
    assert [one.subject for one in found(project)] == ["moved.bin: 5 MB"]


def test_a_merge_brings_what_the_other_branch_has(project: Project) -> None:
    project.git("checkout", "--quiet", "-b", "other")
    stage(project, "theirs.bin")
    project.git("commit", "--quiet", "--message", "theirs")
    project.git("checkout", "--quiet", "main")
    project.write("ours.py", "x")
    project.commit()
    project.git("merge", "--quiet", "--no-commit", "other")
    assert found(project) == ()
    stage(project, "own.bin", LARGE + b"own")
    assert [one.subject for one in found(project)] == ["own.bin: 5 MB"]


def test_links_submodules_and_pointers(project: Project, tmp_path: Path) -> None:
    inner = make_project(tmp_path / "inner")
    project.git(
        "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(inner.root), "sub"
    )
    (project.root / "link").symlink_to("x" * 200)
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 99999999\n"
    stage(project, "p.bin", pointer.encode())
    project.git("add", "--all")
    project.write("xgit.toml", "[guards.large-file]\nlimit_bytes = 150\n")
    assert found(project) == ()
    files = {one.path: one for one in staged_files(open_repo(project.root))}
    assert (files["sub"].mode, files["link"].mode) == ("160000", "120000")
    assert (files["p.bin"].lfs, files["p.bin"].size_bytes) == (True, len(pointer))
    assert not files[".gitmodules"].lfs


def test_elsewhere_nothing_is_read(project: Project) -> None:
    stage(project, "x.bin")
    state, _ = check_repo(open_repo(project.root), "run", ["large-file"])
    assert state.staged == ()


# ---------------------------------------------------------------- every shape of repository


@pytest.mark.parametrize("init", [(), ("--object-format=sha256",)])
def test_before_the_first_commit(tmp_path: Path, init: tuple[str, ...]) -> None:
    root = tmp_path / "fresh"
    subprocess.run(["git", "init", "--quiet", *init, root], check=True)
    project = Project(root, root)
    assert found(project) == ()
    stage(project, "x.bin")
    [refused] = found(project)
    paste(project, refused.remedy)
    assert found(project) == ()


def test_sha256_and_a_linked_work_tree(tmp_path: Path) -> None:
    project = make_project(tmp_path, "--object-format=sha256")
    project.git("worktree", "add", "--quiet", "../linked", "-b", "side")
    linked = Project(tmp_path / "linked", project.origin)
    stage(linked, "x.bin")
    assert [one.subject for one in found(linked)] == ["x.bin: 5 MB"]
    assert found(project) == ()


def test_config_that_would_change_the_answer(project: Project) -> None:
    for key, value in (
        ("diff.relative", "true"), ("diff.noprefix", "true"), ("diff.external", "touch pwned"),
        ("diff.ignoreSubmodules", "all"), ("core.abbrev", "4"), ("diff.renames", "copies"),
        ("diff.orderFile", "nowhere"),
    ):  # fmt: skip
        project.git("config", key, value)
    project.git("config", "--unset", "diff.orderFile")
    stage(project, "deep/x.bin")
    assert [one.subject for one in found(project, project.root / "deep")] == ["deep/x.bin: 5 MB"]
    assert not (project.root / "pwned").exists()


def test_a_commit_of_one_file_has_an_index_of_its_own(project: Project) -> None:
    hook = project.root / ".git/hooks/pre-commit"
    call = "from xgit.guards.main import main; main()"
    hook.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{call}" large-file --stage commit\n')
    hook.chmod(0o755)
    stage(project, "x.bin")
    project.write("train.py", "print(2)\n")
    done = subprocess.run(
        ["git", "commit", "-q", "-m", "x", "train.py"], cwd=project.root, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    done = subprocess.run(
        ["git", "commit", "-q", "-m", "x"], cwd=project.root, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "large-file  x.bin: 5 MB" in done.stderr
