"""Experiments are saved as tags, read anywhere, and what is damaged is named and passed over."""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import samples
from tests.conftest import Project, make_project
from tests.forge import BAD_RECORDS, forge
from xgit.errors import Unreadable, Unsupported, XgitError
from xgit.git import plumbing
from xgit.git.pack import RefExists
from xgit.git.plumbing import Repo
from xgit.record import codec, json_form
from xgit.record.model import Broken, Summary
from xgit.store import experiments
from xgit.store.experiments import list_summaries, load, load_log, resolve, save


@pytest.fixture
def repo(project: Project) -> Repo:
    return plumbing.open_repo(project.root)


def add(repo: Repo, experiment_id: str, minute: int = 0, **changes: object) -> None:
    it = samples.experiment(experiment_id, samples.head(repo), minute, **changes)
    save(repo, it, identity=samples.identity(minute))


def ids(repo: Repo, **how: object) -> list[str]:
    return [row.id for row in list_summaries(repo, **how)]  # type: ignore[arg-type]


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_saved_and_loaded(tmp_path: Path, form: str) -> None:
    project = make_project(tmp_path, f"--object-format={form}")
    repo = plumbing.open_repo(project.root)
    it = samples.full("full", samples.head(repo))
    saved = save(repo, it, identity=samples.IDENTITY)
    loaded = load(repo, "full")
    assert loaded.params.text == it.params.text
    assert str(loaded.metrics.series) == str(it.metrics.series)
    assert loaded.data == it.data
    assert load_log(repo, "full") == b"trained\n"
    assert project.git("rev-parse", "experiment/full^{commit}") == saved.commit
    assert project.git("rev-parse", f"{saved.commit}^") == samples.head(repo)
    assert project.git("show", "experiment/full:.xgit/artifacts/m.json") == "{}"
    assert project.git("fsck", "--strict") == ""


def test_the_files_of_a_record(project: Project, repo: Repo) -> None:
    add(repo, "a")
    names = project.git("ls-tree", "--name-only", "experiment/a:.xgit").splitlines()
    assert names == ["README.md", "log.txt", "metrics.json", "params.yaml", "record.json"]
    assert json.loads(project.git("show", "experiment/a:.xgit/metrics.json")) == {
        "accuracy": 0.9,
        "loss": 0.25,
    }
    assert "accuracy" in project.git("show", "experiment/a:.xgit/README.md")


def test_a_name_is_given_once_also_to_fifty_at_a_time(project: Project, repo: Repo) -> None:
    it = samples.experiment("same", samples.head(repo))

    def one(_: int) -> bool:
        try:
            save(repo, it, identity=samples.IDENTITY)
        except RefExists:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(50))) == 1
    assert project.git("fsck", "--strict") == ""
    assert not list((project.root / ".git/objects/pack").glob("*.keep"))


def test_order_is_by_the_end_and_to_the_microsecond(repo: Repo) -> None:
    for minute, name in [(3, "c"), (1, "a"), (2, "b")]:
        add(repo, name, minute)
    assert ids(repo) == ["c", "b", "a"]
    assert ids(repo, newest=2) == ["c", "b"]


def test_newest_is_right_when_very_many_end_in_one_second(repo: Repo, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(experiments, "_SAME_SECOND", 2)
    base = samples.outcome()
    for i in [5, 2, 8, 1, 9, 3, 7]:
        moment = base.finished.replace(microsecond=i * 1000)
        it = samples.experiment(
            f"e{i}", samples.head(repo), outcome=samples.outcome(finished=moment)
        )
        save(repo, it, identity=samples.identity())
    assert ids(repo, newest=2) == ["e9", "e8"]


def test_read_in_a_bare_clone_and_a_linked_work_tree(project: Project, repo: Repo) -> None:
    add(repo, "a")
    project.git("push", "--quiet", "origin", "experiment/a")
    bare = plumbing.open_repo(project.origin)
    assert ids(bare) == ["a"]
    assert load(bare, "a").id == "a"
    project.git("worktree", "add", "--quiet", "../linked")
    linked = plumbing.open_repo(project.root.parent / "linked")
    assert ids(linked) == ["a"]
    add(linked, "b", 1)
    assert ids(repo) == ["b", "a"]


def test_names_are_resolved(project: Project, repo: Repo) -> None:
    for minute, name in enumerate(["alpha-1", "alpha-2", "beta", "alpha"]):
        add(repo, name, minute)
    found = {
        "alpha-1": "alpha-1",
        "experiment/beta": "beta",
        "refs/tags/experiment/beta": "beta",
        "be": "beta",
        "alpha": "alpha",
        "@": "alpha",
        "@~0": "alpha",
        "@~1": "beta",
        "@~3": "alpha-1",
    }
    assert {text: resolve(repo, text) for text in found} == found


@pytest.mark.parametrize(
    ("text", "told"),
    [("alpha-", "could be any of 2"), ("gamma", "there is no experiment 'gamma'"),
     ("@~9", "goes back too far: there are 3"), ("@x", "is not the name"), ("@~", "is not"),
     ("--help", "is not the name"), ("a/../b", "is not"), ("", "is not"), ("*", "is not")],
)  # fmt: skip
def test_names_that_are_none(repo: Repo, text: str, told: str) -> None:
    for minute, name in enumerate(["alpha-1", "alpha-2", "beta"]):
        add(repo, name, minute)
    with pytest.raises(XgitError, match=told):
        resolve(repo, text)


def test_a_typo_is_answered_with_the_closest(repo: Repo) -> None:
    add(repo, "wider-net")
    with pytest.raises(XgitError) as caught:
        resolve(repo, "wider-nte")
    assert caught.value.hint == "did you mean wider-net?"


# ---------------------------------------------------------------- what a stranger may have pushed


def test_a_list_names_what_it_cannot_read_and_goes_on(project: Project, repo: Repo) -> None:
    add(repo, "good")
    project.git("tag", "experiment/light")
    project.git("tag", "-a", "-m", "hello", "experiment/plain")
    project.git("tag", "-a", "-m", "x\n\nXgit-Summary: {", "experiment/cut")
    project.git("tag", "-a", "-m", "x\n\nXgit-Summary: " + "[" * 90_000, "experiment/nested")
    project.git("tag", "-a", "-m", "hello", "experiment/Upper/case")
    project.git("tag", "experiment/renamed", "experiment/good")
    for name, record in BAD_RECORDS.items():
        forge(project, name, record)
    rows = list_summaries(repo)
    assert [row.id for row in rows if isinstance(row, Summary)] == ["good"]
    reasons = {row.id: row.reason for row in rows if isinstance(row, Broken)}
    assert set(reasons) == {
        "light", "plain", "cut", "nested", "Upper/case", "renamed", *BAD_RECORDS
    }  # fmt: skip
    assert reasons["light"] == "it is not an annotated tag"
    assert reasons["renamed"] == "it holds experiment 'good'"
    assert "no .xgit/record.json" in reasons["absent"]
    assert "more than the 32 MiB" in reasons["huge"]


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_bad_record_is_a_clear_error(project: Project, repo: Repo, name: str) -> None:
    forge(project, name, BAD_RECORDS[name])
    before = time.monotonic()
    with pytest.raises(Unreadable):
        load(repo, name)
    assert time.monotonic() - before < 10


def test_a_tag_under_another_name_is_refused(project: Project, repo: Repo) -> None:
    add(repo, "good")
    project.git("tag", "experiment/other", "experiment/good")
    with pytest.raises(Unreadable, match="holds a tag that is named 'experiment/good'"):
        load(repo, "other")


def test_a_lightweight_tag_is_refused(project: Project, repo: Repo) -> None:
    project.git("tag", "experiment/light")
    with pytest.raises(Unreadable, match="not an annotated tag"):
        load(repo, "light")


def test_a_newer_record_is_refused_with_the_way_out(project: Project, repo: Repo) -> None:
    document = codec.to_record(samples.experiment("newer", samples.head(repo)))
    forge(project, "newer", json_form.encode({**document, "schema": "xgit/record/v2"}))
    with pytest.raises(Unsupported, match="version 2"):
        load(repo, "newer")


def test_a_record_is_held_against_the_schema_once(
    project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = codec.to_record(samples.experiment("fetched", samples.head(repo)))
    forge(project, "fetched", json_form.encode(document))
    load(repo, "fetched")
    monkeypatch.setattr(codec, "check", lambda _: pytest.fail("checked again"))
    load(repo, "fetched")


def test_without_a_place_for_the_cache_reading_works(
    project: Project, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(repo, "a")
    (project.root / ".git/xgit/valid-records").unlink()
    (project.root / ".git/xgit/valid-records").mkdir()
    assert load(repo, "a").id == "a"


def test_a_signed_experiment(project: Project, repo: Repo, hermetic_home: Path) -> None:
    key = hermetic_home / "key"
    made = subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("ssh-keygen is not here")
    signers = hermetic_home / "signers"
    signers.write_text(f"ada@example.com {key.with_suffix('.pub').read_text()}")
    for name, value in {
        "gpg.format": "ssh",
        "user.signingkey": str(key),
        "gpg.ssh.allowedSignersFile": str(signers),
        "tag.gpgSign": "true",
    }.items():
        project.git("config", name, value)
    fresh = plumbing.open_repo(project.root)
    add(fresh, "signed")
    project.git("tag", "--verify", "experiment/signed")
    assert load(fresh, "signed").id == "signed"
    assert ids(fresh) == ["signed"]


def test_the_users_files_are_as_before(project: Project, repo: Repo) -> None:
    project.write("scratch", "x")
    before = {
        path: path.read_bytes()
        for path in [
            project.root / ".git/index",
            project.root / ".git/HEAD",
            project.root / ".git/config",
        ]
    }
    status = project.git("status", "--porcelain")
    add(repo, "a")
    assert {path: path.read_bytes() for path in before} == before
    assert project.git("status", "--porcelain") == status
    assert project.git("stash", "list") == ""
