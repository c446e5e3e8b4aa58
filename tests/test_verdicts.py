"""Verdicts are kept beside experiments, numbered without races, and believed as little."""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import samples
from tests.conftest import Project, make_project
from tests.test_store import repo as repo  # noqa: PLC0414 - the fixture
from tests.verdict_samples import TAG, full_verdict, object_of, verdict
from xgit.errors import Unreadable, Unsupported, XgitError
from xgit.git import plumbing
from xgit.git.plumbing import Repo
from xgit.record import json_form, refs, verdict_codec
from xgit.record.model import Broken
from xgit.record.verdict import Verdict, VerdictSummary
from xgit.record.verdict_message import verdict_message
from xgit.store import experiments
from xgit.store.figures import with_figures
from xgit.store.tags import Saved
from xgit.store.verdicts import is_stale, list_verdicts, load, newest, renumber, save


def add(repo: Repo, experiment_id: str = "a") -> str:
    """An experiment; the id of its tag object."""
    it = samples.experiment(experiment_id, samples.head(repo))
    return experiments.save(repo, it, identity=samples.IDENTITY).tag


def keep(repo: Repo, it: Verdict, rerun: bool = False) -> Saved:
    again = samples.experiment("again", samples.head(repo)) if rerun else None
    return save(repo, it, again, identity=samples.IDENTITY)


def numbers(repo: Repo, experiment_id: str = "a") -> list[int]:
    rows = list_verdicts(repo).get(experiment_id, ())
    return [row.number for row in rows if isinstance(row, VerdictSummary)]


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_saved_and_loaded(tmp_path: Path, form: str) -> None:
    project = make_project(tmp_path, f"--object-format={form}")
    repo = plumbing.open_repo(project.root)
    tag = add(repo)
    it = full_verdict(tag=tag)
    saved = keep(repo, it, rerun=True)
    assert saved.ref == "refs/tags/reproduction/a/1"
    assert str(load(repo, "a", 1)) == str(it)  # NaN is not equal to itself
    assert project.git("rev-parse", f"{saved.commit}^") == samples.head(repo)
    assert project.git("fsck", "--strict") == ""
    assert not list((project.root / ".git/objects/pack").glob("*.keep"))


def test_the_files_beside_a_verdict(project: Project, repo: Repo) -> None:
    tag = add(repo)
    keep(repo, verdict(tag=tag), rerun=True)
    names = project.git("ls-tree", "--name-only", "reproduction/a/1:.xgit").splitlines()
    assert names == [
        "README.md", "log.txt", "metrics.json", "params.yaml", "record.json", "verdict.json"
    ]  # fmt: skip
    assert "# a: identical" in project.git("show", "reproduction/a/1:.xgit/README.md")
    record = json.loads(project.git("show", "reproduction/a/1:.xgit/record.json"))
    assert record["id"] == "again"
    assert project.git("show", "reproduction/a/1:train.py")
    keep(repo, verdict(tag=tag, result="failed", step="data", reason="gone"))
    names = project.git("ls-tree", "--name-only", "reproduction/a/2:.xgit").splitlines()
    assert names == ["README.md", "verdict.json"]


def test_numbers_follow_each_other_also_between_racers(project: Project, repo: Repo) -> None:
    tag = add(repo)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda n: keep(repo, verdict(tag=tag, minute=n)).ref, range(24)))
    assert len(set(made)) == 24
    assert sorted(numbers(repo)) == list(range(1, 25))
    assert project.git("fsck", "--strict", "--no-dangling") == ""


def test_the_highest_number_is_not_the_end(project: Project, repo: Repo) -> None:
    tag = add(repo)
    keep(repo, verdict(tag=tag))
    last = refs.format_verdict_ref("a", refs.LAST_NUMBER)
    project.git("update-ref", last, "refs/tags/reproduction/a/1")
    assert keep(repo, verdict(tag=tag)).ref.endswith("/2")


def test_the_newest_is_the_one_that_ended_last(repo: Repo) -> None:
    tag = add(repo)
    for minute in (2, 9, 4):
        keep(repo, verdict(tag=tag, minute=minute))
    assert numbers(repo) == [1, 3, 2]
    found = newest(list_verdicts(repo)["a"])
    assert found is not None
    assert (found.number, found.by, found.environment) == (2, "Bea Byron", "pylock")
    assert newest([Broken("a/1", "x")]) is None


def test_only_those_that_matter_are_listed(repo: Repo) -> None:
    for name in ("a", "ab", "b"):
        keep(repo, verdict(of=name, tag=add(repo, name)))
    assert set(list_verdicts(repo)) == {"a", "ab", "b"}
    assert set(list_verdicts(repo, ["a", "x"])) == {"a"}
    assert set(list_verdicts(repo, ["a", *(f"x{i}" for i in range(300))])) == {"a"}
    assert list_verdicts(repo, []) == {}


def test_a_moved_tag_makes_it_stale(project: Project, repo: Repo) -> None:
    tag = add(repo)
    keep(repo, verdict(tag=tag))
    summary = newest(list_verdicts(repo)["a"])
    assert summary is not None
    assert not is_stale(summary, object_of(repo, "a"))
    project.git("tag", "-d", "experiment/a")
    assert is_stale(summary, None)
    it = samples.experiment("a", samples.head(repo), why="another")
    experiments.save(repo, it, identity=samples.IDENTITY)
    assert is_stale(summary, object_of(repo, "a"))
    assert is_stale(load(repo, "a", 1), object_of(repo, "a"))


def test_without_the_code_it_is_kept_all_the_same(project: Project, repo: Repo) -> None:
    saved = keep(repo, verdict(tag=TAG, result="failed", step="fetch", reason="gone"))
    assert project.git("rev-list", "--count", saved.commit) == "1"
    assert load(repo, "a", 1).reason == "gone"
    assert project.git("fsck", "--strict") == ""


def test_a_tag_in_the_way_is_named(project: Project, repo: Repo) -> None:
    tag = add(repo)
    project.git("tag", "reproduction/a")
    with pytest.raises(XgitError, match="the tag reproduction/a stands where") as caught:
        keep(repo, verdict(tag=tag))
    assert caught.value.hint == "git tag -d reproduction/a"


def test_the_users_files_are_as_before(project: Project, repo: Repo) -> None:
    tag = add(repo)
    project.write("scratch", "x")
    paths = [project.root / ".git" / name for name in ("index", "HEAD", "config")]
    before = {path: path.read_bytes() for path in paths}
    keep(repo, verdict(tag=tag), rerun=True)
    assert {path: path.read_bytes() for path in before} == before
    assert project.git("status", "--porcelain") == "?? scratch"


# ---------------------------------------------------------------- renumber


def test_renumber_keeps_the_commit_and_frees_the_number(project: Project, repo: Repo) -> None:
    tag = add(repo)
    saved = keep(repo, full_verdict(tag=tag))
    keep(repo, verdict(tag=tag))
    assert renumber(repo, "a", 1) == 3
    assert project.git("rev-parse", "reproduction/a/3^{commit}") == saved.commit
    assert str(load(repo, "a", 3)) == str(full_verdict(tag=tag))
    assert sorted(numbers(repo)) == [2, 3]
    assert not git_has(project, "reproduction/a/1")
    about = project.git("for-each-ref", "--format=%(taggeremail) %(taggerdate:unix)",
                        "refs/tags/reproduction/a/3")  # fmt: skip
    assert about == "<ada@example.com> 1795464902"


def git_has(project: Project, tag: str) -> bool:
    return bool(project.git("tag", "--list", tag))


def test_renumber_that_was_killed_half_way_is_finished(project: Project, repo: Repo) -> None:
    tag = add(repo)
    keep(repo, verdict(tag=tag))
    before = project.git("rev-parse", "reproduction/a/1")
    assert renumber(repo, "a", 1) == 2
    project.git("update-ref", "refs/tags/reproduction/a/1", before)
    assert renumber(repo, "a", 1) == 2
    assert numbers(repo) == [2]


def test_what_is_no_verdict_is_not_renumbered(project: Project, repo: Repo) -> None:
    project.git("tag", "-a", "-m", "x", "reproduction/a/1")
    with pytest.raises(Unreadable):
        renumber(repo, "a", 1)
    with pytest.raises(Unreadable):
        renumber(repo, "a", 7)
    assert git_has(project, "reproduction/a/1")


# ---------------------------------------------------------------- what a stranger may have pushed


def forge(project: Project, repo: Repo, number: int, content: bytes, it: Verdict) -> None:
    """A verdict whose verdict.json has these bytes."""
    name = refs.format_verdict_tag(it.of, number)
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"],
        cwd=project.root, input=content, capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    inner = plumbing.git_line(repo, "mktree", data=f"100644 blob {blob}\tverdict.json\n".encode())
    outer = plumbing.git_line(repo, "mktree", data=f"040000 tree {inner}\t.xgit\n".encode())
    commit = plumbing.git_line(repo, "commit-tree", "-m", "x", outer)
    message = verdict_message(it, number).encode()
    args = ("tag", "-a", "-F", "-", "--cleanup=verbatim", name, commit)
    plumbing.git_bytes(repo, *args, data=message)


def test_what_cannot_be_read_is_named(project: Project, repo: Repo) -> None:
    tag = add(repo)
    keep(repo, verdict(tag=tag))
    project.git("tag", "reproduction/a/2")
    project.git("tag", "-a", "-m", "hello", "reproduction/a/3")
    project.git("tag", "-a", "-m", "x\n\nXgit-Verdict: " + "[" * 90_000, "reproduction/a/4")
    project.git("tag", "reproduction/a/5", "reproduction/a/1")
    project.git("tag", "reproduction/b/1", "reproduction/a/1")
    project.git("tag", "reproduction/a/007", "reproduction/a/1")
    project.git("tag", "reproduction/Upper/case/x")
    found = list_verdicts(repo)
    assert numbers(repo) == [1]
    told = {row.id: row.reason for rows in found.values() for row in rows
            if isinstance(row, Broken)}  # fmt: skip
    assert told == {
        "a/2": "it is not an annotated tag",
        "a/3": "the tag message has no Xgit-Verdict line",
        "a/4": told["a/4"],
        "a/5": "it holds verdict 'a/1'",
        "b/1": "it holds verdict 'a/1'",
        "a/007": "its name is not one that xgit gives",
        "Upper/case/x": "its name is not one that xgit gives",
    }
    assert "damaged" in told["a/4"]
    for name in ("a/5", "b/1"):
        one, _, number = name.partition("/")
        with pytest.raises(Unreadable, match="holds a tag that is named 'reproduction/a/1'"):
            load(repo, one, int(number))
    with pytest.raises(Unreadable, match="not an annotated tag"):
        load(repo, "a", 2)


BAD = {
    "empty": b"",
    "broken": b'{"schema": "xgit/verdict/v1",',
    "list": b"[]",
    "deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "binary": bytes(range(256)),
    "huge": b'{"a": "' + b"x" * 40_000_000 + b'"}',
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_a_bad_document_is_a_clear_error(project: Project, repo: Repo, content: bytes) -> None:
    forge(project, repo, 1, content, verdict())
    with pytest.raises(Unreadable, match=r"verdict\.json"):
        load(repo, "a", 1)


def test_a_verdict_on_another_experiment_is_refused(project: Project, repo: Repo) -> None:
    document = verdict_codec.to_document(verdict(of="other"))
    forge(project, repo, 1, json_form.encode(document), verdict())
    with pytest.raises(Unreadable, match="holds a verdict on 'other'"):
        load(repo, "a", 1)


def test_a_newer_verdict_is_refused_with_the_way_out(project: Project, repo: Repo) -> None:
    document = {**verdict_codec.to_document(verdict()), "schema": "xgit/verdict/v2"}
    forge(project, repo, 1, json_form.encode(document), verdict())
    with pytest.raises(Unsupported, match="version 2"):
        load(repo, "a", 1)


# ---------------------------------------------------------------- signed


def test_a_signed_verdict_also_when_renumbered(
    project: Project, repo: Repo, hermetic_home: Path
) -> None:
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
    tag = add(fresh)
    keep(fresh, verdict(tag=tag), rerun=True)
    project.git("tag", "--verify", "reproduction/a/1")
    assert renumber(fresh, "a", 1) == 2
    project.git("tag", "--verify", "reproduction/a/2")
    assert load(fresh, "a", 2).of == "a"
    assert numbers(fresh) == [2]


# ---------------------------------------------------------------- figures


def test_figures_of_a_record_are_read_for_comparing(repo: Repo) -> None:
    files = {"plots/a b.png": b"png", "plots/x/y.png": b"other", "artifacts/m": b"m"}
    it = samples.experiment("f", samples.head(repo), files=files)
    experiments.save(repo, it, identity=samples.IDENTITY)
    found = with_figures(repo, experiments.load(repo, "f")).files
    assert dict(found) == {"plots/a b.png": b"png", "plots/x/y.png": b"other"}
    add(repo, "none")
    assert dict(with_figures(repo, experiments.load(repo, "none")).files) == {}
