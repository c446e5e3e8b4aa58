"""Data that differs from its pin is refused, and the printed command mends it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Project
from tests.dvc_project import copied, dvc, paste, shared_template, state_of
from xgit.guards import stale_pin
from xgit.record.model import Pin, RepoState, Violation


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return shared_template(tmp_path_factory.getbasetemp())


@pytest.fixture
def pinned(template: Project, tmp_path: Path) -> Project:
    return copied(template, tmp_path / "copy")


def test_changed_data_is_added_again(pinned: Project) -> None:
    assert stale_pin.check(state_of(pinned)) == ()
    pinned.write("data/digits.csv", "changed")
    [found] = stale_pin.check(state_of(pinned))
    assert found == Violation(
        "stale-pin",
        "data/digits.csv: content differs",
        "dvc add data/digits.csv",
        "or dvc checkout --force data/digits.csv, which undoes the change",
    )
    paste(pinned, found.remedy)
    assert stale_pin.check(state_of(pinned)) == ()
    assert (pinned.root / "data/digits.csv").read_text(encoding="utf-8") == "changed"


def test_or_the_change_is_undone(pinned: Project) -> None:
    pinned.write("data/images/a b.txt", "changed")
    pinned.write("data/images/more", "added")
    [found] = stale_pin.check(state_of(pinned))
    assert found.alternative is not None
    paste(pinned, found.alternative.removeprefix("or ").partition(",")[0])
    assert stale_pin.check(state_of(pinned)) == ()


def test_lost_file_of_a_directory_is_pulled(pinned: Project) -> None:
    (pinned.root / "data/images/a b.txt").unlink()
    [found] = stale_pin.check(state_of(pinned))
    assert (found.subject, found.remedy) == (
        "data/images: 1 missing: a b.txt",
        "dvc pull data/images",
    )
    paste(pinned, found.remedy)
    assert stale_pin.check(state_of(pinned)) == ()


@pytest.mark.parametrize("name", ["it's a file", 'say "hi"', "$(touch pwned)", "ünï"])
def test_names_are_quoted(pinned: Project, name: str) -> None:
    pinned.write(name, "data")
    dvc(pinned.root, "add", "--quiet", name)
    pinned.git("add", "--all")
    assert stale_pin.check(state_of(pinned)) == ()
    pinned.write(name, "other data")
    [found] = stale_pin.check(state_of(pinned))
    paste(pinned, found.remedy)
    assert stale_pin.check(state_of(pinned)) == ()
    assert not (pinned.root / "pwned").exists()


def test_output_of_a_stage(pinned: Project) -> None:
    dvc(pinned.root, "stage", "add", "--quiet", "--run", "-n", "s", "-o", "out", "echo 1 > out")
    pinned.git("add", "--all")
    assert stale_pin.check(state_of(pinned)) == ()
    pinned.write("out", "by hand")
    [found] = stale_pin.check(state_of(pinned))
    assert found.remedy == "dvc commit --force out"
    paste(pinned, found.remedy)
    assert stale_pin.check(state_of(pinned)) == ()


def test_dvc_repository_in_a_subdirectory(project: Project) -> None:
    project.write("ml work/x.csv", "data")
    dvc(project.root / "ml work", "init", "--quiet", "--subdir")
    dvc(project.root / "ml work", "add", "--quiet", "x.csv")
    project.git("add", "--all")
    assert stale_pin.check(state_of(project)) == ()
    project.write("ml work/x.csv", "other")
    [found] = stale_pin.check(state_of(project))
    assert found.remedy == "dvc --cd 'ml work' add x.csv"
    paste(project, found.remedy)
    assert stale_pin.check(state_of(project)) == ()


def test_lfs_file_is_named_once() -> None:
    pin = Pin("a.bin", "lfs", "sha256:00", stale="content differs")
    state = RepoState("/x", "0", "main", pushed=True, pins=(pin,))
    assert [one.remedy for one in stale_pin.check(state)] == ["git add a.bin"]
    state = RepoState("/x", "0", "main", pushed=True, pins=(pin,), modified=("a.bin",))
    assert stale_pin.check(state) == ()


def test_missing_data_is_not_stale(pinned: Project) -> None:
    (pinned.root / "data/digits.csv").unlink()
    assert stale_pin.check(state_of(pinned)) == ()
