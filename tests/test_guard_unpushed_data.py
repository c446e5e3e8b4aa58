"""Data on no DVC remote is refused, a directory and S3 alike, and the printed command mends it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.conftest import Project
from tests.dvc_project import copied, dvc, paste, pins_of, shared_template, state_of
from xgit.capture.cache import Cache
from xgit.capture.data import find as data
from xgit.capture.data.dvc_config import read_dvc_config
from xgit.capture.data.remotes import check_remotes
from xgit.git import plumbing
from xgit.guards import unpushed_data
from xgit.guards.checking import check_repo
from xgit.record.model import Violation


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return shared_template(tmp_path_factory.getbasetemp())


@pytest.fixture
def pinned(template: Project, tmp_path: Path) -> Project:
    return copied(template, tmp_path / "copy")


def store(project: Project) -> Path:
    return project.root.parent / "store"


def objects(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def subjects(project: Project) -> list[str]:
    return [violation.subject for violation in unpushed_data.check(state_of(project))]


# ---------------------------------------------------------------- a directory


def test_pushed_data_passes(pinned: Project) -> None:
    assert [pin.pushed for pin in pins_of(pinned).values()] == [True, True]
    assert subjects(pinned) == []


def test_new_data_is_refused_until_it_is_pushed(pinned: Project) -> None:
    pinned.write("data/it's new.csv", "new")
    dvc(pinned.root, "add", "--quiet", "data/it's new.csv")
    pinned.git("add", "--all")
    [found] = unpushed_data.check(state_of(pinned))
    assert found == Violation(
        "unpushed-data", "data/it's new.csv", "dvc push 'data/it'\"'\"'s new.csv.dvc'"
    )
    paste(pinned, found.remedy)
    assert subjects(pinned) == []


def test_one_lost_file_of_a_directory_is_noticed(pinned: Project) -> None:
    listed = [path for path in objects(store(pinned)) if path.suffix != ".dir"]
    digits = pins_of(pinned)["data/digits.csv"].hash.removeprefix("md5:")
    [lost, *_] = [path for path in listed if digits[2:] not in path.name]
    drop_cache(pinned)
    lost.unlink()
    assert subjects(pinned) == ["data/images"]


def test_truncated_object_and_damaged_listing_are_not_there(pinned: Project) -> None:
    for path in objects(store(pinned)):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1])
    assert subjects(pinned) == ["data/digits.csv", "data/images"]


def test_answers_are_remembered(pinned: Project) -> None:
    assert subjects(pinned) == []
    shutil.rmtree(store(pinned))
    assert subjects(pinned) == []
    drop_cache(pinned)
    assert subjects(pinned) == ["data/digits.csv", "data/images"]


def test_answers_are_asked_for_again(pinned: Project) -> None:
    """And what turns out to be false is not believed afterwards either."""
    repo = plumbing.open_repo(pinned.root)
    check_repo(repo, "run", ("unpushed-data",))
    shutil.rmtree(store(pinned))
    assert subjects(pinned) == []
    state, _ = check_repo(repo, "run", ("unpushed-data",), verify_remote=True)
    assert len(unpushed_data.check(state)) == 2
    assert len(subjects(pinned)) == 2
    dvc(pinned.root, "push", "--quiet")
    assert subjects(pinned) == []


def test_answers_are_asked_for_again_by_a_setting(pinned: Project) -> None:
    assert pinned.xgit("check", "unpushed-data").returncode == 0
    shutil.rmtree(store(pinned))
    assert pinned.xgit("check", "unpushed-data").returncode == 0
    pinned.write("xgit.toml", "[guards.unpushed-data]\nverify_remote = true\n")
    assert pinned.xgit("check", "unpushed-data").returncode == 1


def drop_cache(project: Project) -> None:
    shutil.rmtree(project.root / ".git/xgit", ignore_errors=True)


def test_any_remote_will_do(pinned: Project) -> None:
    dvc(pinned.root, "remote", "add", "--quiet", "--local", "other", str(pinned.root.parent / "o"))
    dvc(pinned.root, "push", "--quiet", "-r", "other", "data/digits.csv.dvc")
    shutil.rmtree(store(pinned))
    assert subjects(pinned) == ["data/images"]


def test_the_remote_that_a_pin_names_is_the_only_one(pinned: Project) -> None:
    text = (pinned.root / "data/digits.csv.dvc").read_text(encoding="utf-8")
    pinned.write("data/digits.csv.dvc", f"{text}  remote: vault\n")
    [found] = unpushed_data.check(state_of(pinned))
    assert found.subject.endswith(
        "data/digits.csv.dvc names the DVC remote vault, and there is none"
    )
    paste(pinned, found.remedy.replace("URL", "../vault"))
    assert subjects(pinned) == []


def test_no_remote(pinned: Project) -> None:
    dvc(pinned.root, "remote", "remove", "store")
    found = unpushed_data.check(state_of(pinned))
    assert [one.subject for one in found] == [
        "data/digits.csv: there is no DVC remote",
        "data/images: there is no DVC remote",
    ]
    assert found[0].remedy == "dvc remote add --default storage URL && dvc push"
    paste(pinned, found[0].remedy.replace("URL", "../another"))
    assert subjects(pinned) == []


def test_pin_that_is_held_back(pinned: Project) -> None:
    pinned.write("private.csv", "x")
    dvc(pinned.root, "add", "--quiet", "private.csv")
    file = pinned.root / "private.csv.dvc"
    file.write_text(file.read_text(encoding="utf-8") + "  push: false\n", encoding="utf-8")
    pinned.git("add", "--all")
    [found] = unpushed_data.check(state_of(pinned))
    assert found.subject == "private.csv: private.csv.dvc keeps it from being pushed"
    paste(pinned, found.remedy)
    pinned.git("add", "--all")
    assert subjects(pinned) == []


def test_import_is_kept_by_its_origin(pinned: Project, template: Project) -> None:
    dvc(pinned.root, "import", "--quiet", str(template.root), "data/digits.csv", "-o", "in.csv")
    pinned.git("add", "--all")
    pin = pins_of(pinned)["in.csv"]
    assert (pin.pushable, pin.pushed, pin.stale) == (False, None, None)
    assert subjects(pinned) == []


def test_legacy_layout(pinned: Project) -> None:
    pinned.write("old.csv", "a,b\n")
    dvc(pinned.root, "add", "--quiet", "old.csv")
    file = pinned.root / "old.csv.dvc"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "hash: md5" not in line), encoding="utf-8")
    pinned.git("add", "--all")
    [found] = unpushed_data.check(state_of(pinned))
    dvc(pinned.root, "commit", "--quiet", "--force", "old.csv.dvc")
    paste(pinned, found.remedy)
    assert subjects(pinned) == []


def test_only_what_is_used_is_asked(pinned: Project) -> None:
    shutil.rmtree(store(pinned))
    repo = plumbing.open_repo(pinned.root)
    for used, expected in (
        (["data/images/a b.txt"], [None, False]),
        (["data"], [False, False]),
        (["data/dig"], [None, None]),
    ):
        with Cache(repo.private_dir) as cache:
            pins, _ = check_remotes(repo, data.read_pins(repo), cache, used)
        assert [pin.pushed for pin in pins] == expected


def test_config_is_read_as_dvc_reads_it(
    pinned: Project, hermetic_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # dvc folds its lines at the width of the terminal
    folder = hermetic_home / ".config/dvc"
    folder.mkdir(parents=True)
    (folder / "config").write_text(
        "[core]\nremote = mine\n['remote \"mine\"']\nurl = ~/data # mine\n", encoding="utf-8"
    )
    (pinned.root / ".dvc/config.local").write_text(
        '[cache]\n    dir = "../big cache"\n'
        "['remote \"Deep\"']\n    url = remote://store/sub\n    # url = no\n"
        "['remote \"s3\"']\nurl = s3://bucket/x\nendpointurl = http://localhost:1\n",
        encoding="utf-8",
    )
    config = read_dvc_config(pinned.root)
    assert config.cache_dir == str(pinned.root / "big cache")
    found = {remote.name: remote.directory for remote in config.remotes}
    assert found == {
        "store": str(store(pinned)),
        "mine": str(hermetic_home / "data"),
        "deep": str(store(pinned) / "sub"),
        "s3": None,
    }
    assert config.remotes[0].name == "store"  # the project's core.remote outdoes the user's
    listed = dvc(pinned.root, "remote", "list").stdout.splitlines()
    assert {line.split()[0] for line in listed} - {"(default)"} == set(found)


# ---------------------------------------------------------------- S3


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def in_s3(pinned: Project, s3: str, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project with a bucket of its own in place of the store, nothing pushed to it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    bucket = f"bucket-{os.getpid()}-{pinned.root.parent.parent.name}".lower().replace("_", "-")
    with urlopen(Request(f"{s3}/{bucket[:60]}", method="PUT")):
        pass
    shutil.rmtree(store(pinned))
    dvc(pinned.root, "remote", "add", "--quiet", "--force", "store", f"s3://{bucket[:60]}/data")
    dvc(pinned.root, "remote", "modify", "--quiet", "store", "endpointurl", s3)
    return pinned


@pytest.fixture
def without_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH with git and without dvc."""
    (tmp_path / "bin").mkdir()
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin/git").symlink_to(git)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin/python"))


def test_s3(in_s3: Project) -> None:
    index = (in_s3.root / ".git/index").read_bytes()
    found = unpushed_data.check(state_of(in_s3))
    assert [one.subject for one in found] == ["data/digits.csv", "data/images"]
    assert (in_s3.root / ".git/index").read_bytes() == index
    paste(in_s3, found[0].remedy)
    assert subjects(in_s3) == ["data/images"]
    paste(in_s3, found[1].remedy)
    assert subjects(in_s3) == []


def test_s3_answers_are_remembered(in_s3: Project, request: pytest.FixtureRequest) -> None:
    dvc(in_s3.root, "push", "--quiet", "data/digits.csv.dvc")
    assert subjects(in_s3) == ["data/images"]
    request.getfixturevalue("without_dvc")
    [images] = unpushed_data.check(state_of(in_s3))
    assert images.subject.startswith("data/images: DVC remote store could not be asked")


def test_lost_file_of_a_directory_in_s3(in_s3: Project, s3: str) -> None:
    dvc(in_s3.root, "push", "--quiet")
    url = dvc(in_s3.root, "config", "remote.store.url").stdout.strip().removeprefix("s3://")
    digest = hashlib.md5(b"content of a b.txt").hexdigest()
    lost = f"{s3}/{url}/files/md5/{digest[:2]}/{digest[2:]}"
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=id/20260101/us-east-1/s3/aws4_request"}
    with urlopen(Request(lost, method="DELETE", headers=signed)):
        pass
    assert subjects(in_s3) == ["data/images"]


@pytest.mark.usefixtures("without_dvc")
def test_without_dvc_it_is_refused(in_s3: Project) -> None:
    state = state_of(in_s3)
    said = "DVC remote store could not be asked: dvc is not installed"
    assert state.notes == (said,)
    found = unpushed_data.check(state)
    assert [one.subject for one in found] == [f"data/digits.csv: {said}", f"data/images: {said}"]
    assert {one.remedy for one in found} == {"pip install dvc"}


def test_remote_that_does_not_answer_is_refused(in_s3: Project) -> None:
    dvc(in_s3.root, "remote", "modify", "--quiet", "store", "endpointurl", "http://127.0.0.1:9")
    [digits, _] = unpushed_data.check(state_of(in_s3))
    assert "DVC remote store could not be asked: " in digits.subject
    assert digits.remedy.startswith("dvc --cd ")


def test_missing_plugin_names_what_to_install(in_s3: Project) -> None:
    dvc(in_s3.root, "remote", "modify", "--quiet", "--unset", "store", "endpointurl")
    dvc(in_s3.root, "remote", "modify", "--quiet", "store", "url", "gs://bucket/x")
    [digits, _] = unpushed_data.check(state_of(in_s3))
    assert digits.remedy == "pip install 'dvc[gs]'"
