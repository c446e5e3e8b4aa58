"""Pinned data comes from its remote into a fresh checkout, and every byte of it is hashed there."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.dvc_project import HARD_NAMES, copied, dvc, shared_template
from tests.stored import make_experiment
from xgit.capture.data.find import read_pins
from xgit.git import fresh
from xgit.git.plumbing import Repo, open_repo
from xgit.record.model import Experiment, Pin
from xgit.reproduce import data
from xgit.reproduce.failure import CannotReproduce


@pytest.fixture
def pinned(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    return copied(shared_template(tmp_path_factory.getbasetemp()), tmp_path / "copy")


def store_of(project: Project) -> Path:
    return project.root.parent / "store"


def object_of(project: Project, content: bytes) -> Path:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return store_of(project) / "files/md5" / digest[:2] / digest[2:]


def checked_out(project: Project, at: Path) -> Repo:
    repo = open_repo(project.root)
    at.mkdir()
    made = fresh.make_fresh(at, repo, str(project.origin))
    project.git("tag", "now")
    fresh.fetch_ref(made, str(project.root), "refs/tags/now", repo)
    fresh.check_out(made, project.git("rev-parse", "HEAD"), repo)
    return made


def recorded(project: Project) -> Experiment:
    pins = read_pins(open_repo(project.root))
    return make_experiment(data=pins)


def lay(project: Project, tmp_path: Path, it: Experiment | None = None) -> Repo:
    """Everything, from the remotes into a fresh checkout."""
    checkout = checked_out(project, tmp_path / "fresh")
    pins = data.needed_pins(checkout, it or recorded(project))
    store = tmp_path / "data"
    data.fetch_data(open_repo(project.root), checkout, pins, store, shown=False)
    data.lay_data(checkout, pins, store, tmp_path / "hashes", last=True)
    return checkout


def test_all_of_it_from_a_directory(pinned: Project, tmp_path: Path) -> None:
    shutil.rmtree(pinned.root / ".dvc/cache")  # it does not come from here
    checkout = lay(pinned, tmp_path)
    assert (checkout.work_tree / "data/digits.csv").read_text() == "1,2,3\n" * 100
    for name in HARD_NAMES:
        assert (checkout.work_tree / "data/images" / name).read_text() == f"content of {name}"
    assert Project(checkout.work_tree, pinned.origin).git("status", "--porcelain") == ""


def test_again_and_again(pinned: Project, tmp_path: Path) -> None:
    """For each repetition of a run; a program may have written into its data."""
    checkout = checked_out(pinned, tmp_path / "fresh")
    commit = pinned.git("rev-parse", "HEAD")
    pins = data.needed_pins(checkout, recorded(pinned))
    repo, store = open_repo(pinned.root), tmp_path / "data"
    data.fetch_data(repo, checkout, pins, store, shown=False)
    for number in (1, 2, 3):
        fresh.wipe(checkout, commit, repo)
        hashes = tmp_path / f"hashes-{number}"
        data.lay_data(checkout, pins, store, hashes, last=number == 3)
        with (checkout.work_tree / "data/digits.csv").open("a") as file:
            file.write("changed")


def test_an_object_that_is_gone(pinned: Project, tmp_path: Path) -> None:
    object_of(pinned, b"1,2,3\n" * 100).unlink()
    with pytest.raises(
        CannotReproduce, match=r"data/digits\.csv: DVC remote store does not have it"
    ) as told:
        lay(pinned, tmp_path)
    assert (told.value.step, told.value.tells) == ("data", True)
    assert told.value.hint == "dvc push, where the data still is"


def test_a_file_of_a_directory_that_is_gone(pinned: Project, tmp_path: Path) -> None:
    object_of(pinned, f"content of {HARD_NAMES[0]}".encode()).unlink()
    with pytest.raises(CannotReproduce, match="data/images"):
        lay(pinned, tmp_path)


def test_a_flipped_byte_on_the_remote(pinned: Project, tmp_path: Path) -> None:
    """DVC pulls it with exit code 0."""
    place = object_of(pinned, b"1,2,3\n" * 100)
    place.chmod(0o644)
    place.write_bytes(b"1,2,4\n" * 100)
    place.chmod(0o444)
    with pytest.raises(CannotReproduce, match=r"data/digits\.csv .* is not what its pin says"):
        lay(pinned, tmp_path)


def test_the_second_remote_has_it(pinned: Project, tmp_path: Path) -> None:
    dvc(pinned.root, "remote", "add", "--quiet", "other", "../other")
    dvc(pinned.root, "push", "--quiet", "-r", "other")
    object_of(pinned, b"1,2,3\n" * 100).unlink()
    lay(pinned, tmp_path)


def test_without_a_remote(pinned: Project, tmp_path: Path) -> None:
    dvc(pinned.root, "remote", "remove", "store")
    with pytest.raises(CannotReproduce, match="there is no DVC remote"):
        lay(pinned, tmp_path)


def test_without_dvc(pinned: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xgit.capture.data.dvc_program.find_program", lambda: None)
    with pytest.raises(CannotReproduce, match="and dvc is not installed") as told:
        lay(pinned, tmp_path)
    assert (told.value.tells, told.value.hint) == (False, "pip install dvc")


def test_where_the_remote_is_now_is_for_the_user_to_say(pinned: Project, tmp_path: Path) -> None:
    """The commit names a place where the data was once."""
    store_of(pinned).rename(pinned.root.parent / "moved")
    dvc(pinned.root, "remote", "modify", "--local", "store", "url", "../moved")
    lay(pinned, tmp_path)


def test_other_data_than_the_record_says(pinned: Project, tmp_path: Path) -> None:
    it = recorded(pinned)
    forged = it._replace(data=(it.data[0]._replace(hash="md5:" + "0" * 32), *it.data[1:]))
    with pytest.raises(CannotReproduce, match="the record says md5:000000") as told:
        lay(pinned, tmp_path, forged)
    assert told.value.tells


def test_data_that_was_not_there_in_the_run_is_not_fetched(pinned: Project, tmp_path: Path) -> None:
    it = recorded(pinned)
    some = it._replace(data=(it.data[0]._replace(missing=True), *it.data[1:]))
    checkout = lay(pinned, tmp_path, some)
    assert not (checkout.work_tree / it.data[0].path).exists()
    assert (checkout.work_tree / it.data[1].path).exists()


def test_a_pin_that_leads_outside_is_refused(pinned: Project, tmp_path: Path) -> None:
    it = recorded(pinned)
    pin = pinned.root / "data/digits.csv.dvc"
    pin.write_text(pin.read_text().replace("path: digits.csv", "path: ../../../pwned"))
    pinned.commit()
    with pytest.raises(CannotReproduce, match="pwned"):
        lay(pinned, tmp_path, it)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("command", "made"),
    [
        (("dvc", "repro"), True),
        (("python", "-m", "dvc", "repro"), True),
        (("sh", "-c", "dvc repro"), True),
        (("python", "train.py"), True),
        (("python", "train.py", "lr=1"), False),
        (("python", "other.py"), False),
        ((), False),
    ],
)
def test_what_the_command_makes_itself_is_not_laid_out(
    command: tuple[str, ...], made: bool
) -> None:
    stage = Pin("model.pkl", "dvc", "md5:" + "0" * 32, command="python train.py")
    assert data.makes(command, stage) is made
    assert data.makes(command, stage._replace(command=None)) is False


def test_nothing_is_needed_where_nothing_is_pinned(project: Project, tmp_path: Path) -> None:
    checkout = checked_out(project, tmp_path / "fresh")
    assert data.needed_pins(checkout, make_experiment(data=())) == ()
