"""Objects built in memory are the very objects git would have made, and durable refs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Project, make_project
from xgit.git import objects as git_objects
from xgit.git import pack, plumbing
from xgit.git.pack import Pack, RefExists

IDENTITY = "Ada Lovelace <ada@example.com> 1700000000 +0100"


@pytest.fixture(params=["sha1", "sha256"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    return make_project(tmp_path, f"--object-format={request.param}")


def build(repo: plumbing.Repo, head: str, files: dict[str, bytes]) -> tuple[Pack, str, str]:
    made = Pack(repo.object_format)
    tree = made.splice_tree(git_objects.tree_bytes(repo, head), ".xgit", made.add_tree(files))
    commit = made.add(
        "commit",
        pack.commit_text(
            tree=tree, parents=(head,), author=IDENTITY, committer=IDENTITY, message="it\n"
        ),
    )
    tag = made.add(
        "tag", pack.tag_text(target=commit, name="x/a", tagger=IDENTITY, message="told\n")
    )
    return made, commit, tag


def test_git_reads_what_was_built(anywhere: Project) -> None:
    anywhere.write("a dir/file", "1")
    anywhere.write("a", "2")
    anywhere.write("a.txt", "3")
    anywhere.write(".xgit.d/x", "sorts beside .xgit")
    head = anywhere.commit()
    repo = plumbing.open_repo(anywhere.root)
    big = os.urandom(300_000)
    files = {"record.json": b"{}\n", "plots/a.png": big, "plots/b/c": b"", "empty": b""}
    made, commit, tag = build(repo, head, files)
    pack.store(repo, made, "refs/tags/x/a", tag, owner="a")
    assert anywhere.git("rev-parse", "x/a^{commit}") == commit
    listed = anywhere.git("ls-tree", "-r", "--name-only", "x/a").splitlines()
    assert {f".xgit/{name}" for name in files} <= set(listed)
    assert anywhere.git("diff", "--stat", "HEAD", "x/a", "--", ".", ":!.xgit") == ""
    assert anywhere.git("fsck", "--strict", "--full") == ""
    content = subprocess.run(
        ["git", "cat-file", "blob", "x/a:.xgit/plots/a.png"],
        cwd=anywhere.root, capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert content == big


def test_a_record_in_the_parent_is_replaced_whole(project: Project) -> None:
    project.write(".xgit/record.json", "old")
    project.write(".xgit/old.txt", "old")
    head = project.commit()
    repo = plumbing.open_repo(project.root)
    made, _, tag = build(repo, head, {"record.json": b"new"})
    pack.store(repo, made, "refs/tags/x/a", tag, owner="a")
    assert project.git("ls-tree", "--name-only", "x/a:.xgit") == "record.json"
    assert project.git("show", "x/a:.xgit/record.json") == "new"


def test_a_ref_is_created_once(project: Project) -> None:
    repo = plumbing.open_repo(project.root)
    made, _, tag = build(repo, project.git("rev-parse", "HEAD"), {"record.json": b"1"})
    pack.store(repo, made, "refs/tags/x/a", tag, owner="a")
    other, _, second = build(repo, project.git("rev-parse", "HEAD"), {"record.json": b"2"})
    with pytest.raises(RefExists, match="x/a exists already"):
        pack.store(repo, other, "refs/tags/x/a", second, owner="b")
    assert project.git("rev-parse", "x/a") == tag
    assert list(pack.kept_packs(repo)) == []


def test_a_pack_survives_gc_while_its_ref_is_not_there_yet(project: Project) -> None:
    repo = plumbing.open_repo(project.root)
    made, _, tag = build(repo, project.git("rev-parse", "HEAD"), {"record.json": b"1"})
    keep = pack.store_pack(repo, made.stream(), owner="run-1")
    project.git("gc", "--prune=now", "--quiet")
    pack.create_ref(repo, "refs/tags/x/a", tag)
    assert [owner for _, owner in pack.kept_packs(repo)] == ["run-1"]
    keep.unlink()
    project.git("gc", "--prune=now", "--quiet")
    assert project.git("fsck", "--strict") == ""
    assert project.git("show", "x/a:.xgit/record.json") == "1"


def test_a_snapshot_keeps_the_tree_and_leaves_the_index_alone(anywhere: Project) -> None:
    project = anywhere
    project.write("train.py", "changed")
    project.write("new file.py", "new")
    project.write("ignored/secret", "not kept")
    project.write("staged.py", "staged")
    project.git("add", "staged.py")
    (project.root / ".gitignore").write_text("ignored/\n")
    index = (project.root / ".git/index").read_bytes()
    status = project.git("status", "--porcelain")
    repo = plumbing.open_repo(project.root)
    head = project.git("rev-parse", "HEAD")
    scratch = project.root / ".git/xgit/scratch"
    commit = pack.snapshot_work_tree(
        repo, scratch=scratch, head=head, identity=IDENTITY, owner="run-1"
    )
    assert (project.root / ".git/index").read_bytes() == index
    assert project.git("rev-parse", f"{commit}^") == head
    assert project.git("show", f"{commit}:train.py") == "changed"
    assert project.git("show", f"{commit}:new file.py") == "new"
    assert "ignored" not in project.git("ls-tree", "-r", "--name-only", commit)
    assert project.git("status", "--porcelain") == status
    project.git("gc", "--prune=now", "--quiet")
    assert project.git("cat-file", "-t", commit) == "commit"


def test_a_signed_tag_is_verified_by_git(project: Project, hermetic_home: Path) -> None:
    key = hermetic_home / "key"
    done = subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("ssh-keygen is not here")
    public = key.with_suffix(".pub").read_text().strip()
    (hermetic_home / "signers").write_text(f"ada@example.com {public}\n")
    for name, value in {
        "gpg.format": "ssh",
        "user.signingkey": str(key),
        "gpg.ssh.allowedSignersFile": str(hermetic_home / "signers"),
    }.items():
        project.git("config", name, value)
    repo = plumbing.open_repo(project.root)
    made, commit, _ = build(repo, project.git("rev-parse", "HEAD"), {"record.json": b"1"})
    data = pack.sign(repo, commit_pack=made, name="x/signed", target=commit, message="told\n")
    pack.store(repo, made, "refs/tags/x/signed", made.add("tag", data), owner="a")
    project.git("tag", "--verify", "x/signed")
    assert not list((project.root / ".git/xgit").glob("signing-*"))
