"""`xgit exp verify` against those who would have their numbers believed."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import samples
from tests.adversary import xgit
from tests.conftest import Project, make_project
from tests.dvc_project import copied, dvc, shared_template
from tests.signing import (
    ADA,
    allow,
    gpg_key,
    keyring,
    put_tag,
    sign_with_gpg,
    sign_with_ssh,
    ssh_key,
    tag_content,
    user_config,
)
from xgit.git.plumbing import git_line, open_repo
from xgit.verify.nouns import CHECKS

REF = "refs/tags/experiment/it"
PROGRAM = """
import xgit
for step in range(3):
    xgit.log({"accuracy": 0.5, "loss": 1 / (step + 1)}, step=step)
xgit.summary(best=0.5)
open("note.txt", "w").write("kept")
xgit.log_artifact("note.txt")
"""


def make(project: Project, name: str = "it", *flags: str, push: bool = True) -> None:
    """A real run, recorded and pushed."""
    argv = ("exp", "run", "--quiet", "--name", name, "--why", "is it so?", *flags)
    done = project.xgit(*argv, "--", "python", "train.py")
    assert done.returncode == 0, done.stderr
    if push:
        project.git("push", "--quiet", "origin", f"experiment/{name}")


@pytest.fixture
def made(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with the experiment `it`, pushed: made once, and copied for each test."""
    folder = tmp_path_factory.getbasetemp() / "verify-template"
    template = Project(folder / "project", folder / "origin.git")
    if not folder.exists():
        template = make_project(folder)
        template.write("train.py", PROGRAM)
        template.write("params.yaml", "lr: 0.1\n")
        template.write(".gitignore", "note.txt\n__pycache__/\n")
        template.commit("train")
        make(template)
    return copied(template, tmp_path / "copy")


def verify(project: Project, *args: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and for the first tag what each check came to."""
    done = xgit(project, "exp", "verify", "--json", *(args or ("it",)))
    found = json.loads(done.stdout)[0]
    assert found["verified"] == all(one["outcome"] != "failed" for one in found["checks"])
    return done.returncode, {one["name"]: one for one in found["checks"]}


def outcomes(checks: dict[str, Any], wanted: str) -> list[str]:
    return [name for name, check in checks.items() if check["outcome"] == wanted]


def assert_only(project: Project, name: str, told: str, *args: str) -> None:
    """This one check fails, and says so."""
    code, checks = verify(project, *args)
    assert (code, outcomes(checks, "failed")) == (1, [name]), checks
    assert told in checks[name]["told"]


def assert_fails(project: Project, name: str, told: str, *args: str) -> dict[str, Any]:
    """This check fails and says so, whatever others come to."""
    code, checks = verify(project, *args)
    assert code == 1
    assert checks[name]["outcome"] == "failed", checks
    assert told in checks[name]["told"]
    return checks


# ---------------------------------------------------------------- what is well


def test_an_honest_experiment(made: Project) -> None:
    code, checks = verify(made)
    assert code == 0
    assert outcomes(checks, "unknown") == ["signature"]
    assert list(checks) == [name for name in CHECKS if name != "verdict"]
    done = xgit(made, "exp", "verify", "it")
    assert done.stdout.startswith("✓ experiment/it   verified, 1 check could not be made\n")
    assert "  ? signature  not signed" in done.stdout
    assert xgit(made, "exp", "verify", "--quiet", "it").stdout == ""


@pytest.mark.parametrize("flag", ["--snapshot", "--allow=untracked"])
def test_an_honest_experiment_with_uncommitted_files(made: Project, flag: str) -> None:
    made.write("more.py", "x = 1\n")
    make(made, "more", flag)
    assert verify(made, "more")[0] == 0


@pytest.mark.parametrize("odd", ["full", "bare clone", "sha256 and no remote"])
def test_honest_experiments_of_odd_kinds(project: Project, tmp_path: Path, odd: str) -> None:
    if odd.startswith("sha256"):
        project = make_project(tmp_path / "other", "--object-format=sha256")
        project.git("remote", "remove", "origin")
    repo = open_repo(project.root)
    head = samples.head(repo)
    kind = samples.full if odd == "full" else samples.experiment
    it = kind("it", head)._replace(data=(), why="-----BEGIN PGP MESSAGE-----")
    digest = f"sha256:{hashlib.sha256(b'{}' + bytes([10])).hexdigest()}"
    it = it._replace(artifacts=tuple(one._replace(hash=digest) for one in it.artifacts))
    it = it._replace(metrics=it.metrics._replace(sources={}))  # none was logged step by step
    save(project, it)
    if odd == "bare clone":
        bare = tmp_path / "bare.git"
        subprocess.run(["git", "clone", "-q", "--mirror", project.root, bare], check=True)
        project = Project(bare, project.origin)
        done = project.xgit("exp", "verify", "it")
        assert done.returncode == 0, done.stdout + done.stderr
        return
    code, checks = verify(project)
    assert (code, outcomes(checks, "failed")) == (0, []), checks


CONFIG = """
lr: 1e-3
word: "1e-3"
octal: 010
when: 2026-01-01
list: [1, 2.5, x, null, "yes"]
nested: {a: 1.0, b: "${lr}"}
nan: .nan
low: -.inf
several: |
  two
  lines
password: ${oc.env:DB_PW}
"""
APP = """
import hydra, xgit
@hydra.main(config_path="conf", config_name="config", version_base="1.3")
def main(cfg):
    xgit.log({"loss": float("nan"), "accuracy": 1}, step=0)
    return 0.5
main()
"""


@pytest.mark.parametrize("sweep", [(), ("-m", "lr=0.1,1e-5")], ids=["one job", "two jobs"])
def test_an_honest_hydra_app(project: Project, sweep: tuple[str, ...]) -> None:
    project.write("conf/config.yaml", CONFIG)
    project.write("train.py", APP)
    project.write(".gitignore", "outputs/\nmultirun/\n")
    project.commit("train")
    argv = ("exp", "run", "--quiet", "--name", "it", "--", "python", "train.py", *sweep, "octal=7")
    done = project.xgit(*argv, env={"DB_PW": "geheimnis"})
    assert done.returncode == 0, done.stderr
    code, checks = verify(project)
    assert (code, outcomes(checks, "failed")) == (0, []), checks


def save(project: Project, it: Any) -> None:
    from xgit.git.plumbing import identity_line
    from xgit.store import experiments

    repo = open_repo(project.root)
    experiments.save(repo, it, identity=identity_line(repo))


def test_usage(made: Project) -> None:
    assert xgit(made, "exp", "verify").returncode == 2
    assert xgit(made, "exp", "verify", "--all", "it").returncode == 2
    assert xgit(made, "exp", "verify", "nobody").returncode == 2
    assert xgit(made, "exp", "verify", "--all").returncode == 0


def test_many_at_once_are_each_told(made: Project) -> None:
    content = tag_content(made, REF)
    for name in ("copy", "lie"):
        oid = put_tag(made, content.replace(b"accuracy 0.5 ", b"accuracy 0.9 ", name == "lie"))
        made.git("update-ref", f"refs/tags/experiment/{name}", oid)
    made.git("update-ref", "refs/tags/experiment/Not-An-Id", "HEAD")
    made.git("update-ref", "refs/tags/experiment/light", "HEAD")
    done = xgit(made, "exp", "verify", "--all", "--json")
    found = {one["id"]: one["verified"] for one in json.loads(done.stdout)}
    others = dict.fromkeys(("copy", "lie", "light", "Not-An-Id"), False)
    assert (done.returncode, found) == (1, {"it": True, **others})


# ---------------------------------------------------------------- signatures


@pytest.fixture
def signed(project: Project, hermetic_home: Path) -> Project:
    """As `made`, signed with SSH by a key that the user allows."""
    key = ssh_key(hermetic_home)
    sign_with_ssh(project, key)
    signers = allow(hermetic_home / "signers", key)
    user_config(project, gpg__ssh__allowedSignersFile=str(signers))
    project.write("train.py", PROGRAM)
    project.write(".gitignore", "note.txt\n__pycache__/\n")
    project.commit("train")
    make(project)
    return project


def test_a_signed_experiment(signed: Project) -> None:
    code, checks = verify(signed, "--require-signature", "it")
    assert (code, outcomes(checks, "unknown")) == (0, [])
    assert f"good ssh signature of {ADA}" in checks["signature"]["told"]


def test_an_experiment_signed_with_gpg(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with keyring(monkeypatch):
        sign_with_gpg(made, gpg_key(f"Ada <{ADA}>"))
        make(made, "with-gpg")
        code, checks = verify(made, "--require-signature", "with-gpg")
        assert (code, checks["signature"]["outcome"]) == (0, "passed")


def test_an_unsigned_experiment_where_a_signature_is_required(made: Project) -> None:
    assert_only(made, "signature", "not signed", "--require-signature", "it")


def test_a_stripped_signature(signed: Project) -> None:
    content = tag_content(signed, REF).partition(b"-----BEGIN")[0]
    replace_tag(signed, content)
    assert_only(signed, "remote", "origin has another tag")
    assert_fails(signed, "signature", "not signed", "--require-signature", "it")


def test_a_signature_by_an_unknown_key(signed: Project, hermetic_home: Path) -> None:
    sign_with_ssh(signed, ssh_key(hermetic_home, "eve"))
    make(signed, "eves")
    assert_only(signed, "signature", "its key is not in", "eves")


def test_a_changed_message_under_a_signature(signed: Project) -> None:
    replace_tag(signed, tag_content(signed, REF).replace(b"is it so?", b"it is so."), push=True)
    assert_fails(signed, "signature", "it is not the signature of what the tag says")


def test_words_behind_a_signature_are_not_believed(signed: Project) -> None:
    content = tag_content(signed, REF)
    summary = content[content.index(b"Xgit-Summary: ") :].split(b"\n")[0]
    lie = summary.replace(b'"accuracy":0.5', b'"accuracy":0.99')
    assert lie != summary
    replace_tag(signed, content + b"\n" + lie + b"\n", push=True)
    assert_only(signed, "signature", "something that nobody signed follows")
    listed = json.loads(signed.xgit("exp", "list", "--json").stdout)
    assert listed[0]["metrics"]["accuracy"] == 0.5


def test_a_good_signature_of_another_person(signed: Project, hermetic_home: Path) -> None:
    eve = ssh_key(hermetic_home, "eve")
    allow(hermetic_home / "signers", eve, "eve@example.com")
    sign_with_ssh(signed, eve)
    make(signed, "eves")
    code, checks = verify(signed, "eves")
    assert (code, checks["signature"]["outcome"]) == (0, "unknown")
    assert "eve@example.com" in checks["signature"]["told"]
    assert f"the tag itself names {ADA}" in checks["signature"]["told"]


def test_the_repository_does_not_say_whom_to_trust(signed: Project, hermetic_home: Path) -> None:
    eve = ssh_key(hermetic_home, "eve")
    sign_with_ssh(signed, eve)
    make(signed, "eves")
    mark = hermetic_home / "mark"
    evil = hermetic_home / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {mark}\necho 'Good \"git\" signature for {ADA} with X Y'\n")
    evil.chmod(0o755)
    signed.git(
        "config", "gpg.ssh.allowedSignersFile", str(allow(signed.root / ".git/signers", eve))
    )
    for key in ("gpg.program", "gpg.ssh.program", "gpg.openpgp.program", "gpg.x509.program"):
        signed.git("config", key, str(evil))
    checks = assert_fails(signed, "signature", "its key is not in", "eves")
    assert "not used" in checks["signature"]["told"]
    assert "gpg.ssh.allowedsignersfile" in checks["signature"]["told"]
    assert not mark.exists()


# ---------------------------------------------------------------- tags moved and forged


def replace_tag(project: Project, content: bytes, *, push: bool = False) -> None:
    """Put another tag object under the ref."""
    project.git("update-ref", REF, put_tag(project, content))
    if push:
        project.git("push", "--quiet", "--force", "origin", REF)


def test_a_tag_under_another_name(signed: Project) -> None:
    other = "refs/tags/experiment/better"
    signed.git("update-ref", other, signed.git("rev-parse", REF))
    checks = assert_fails(signed, "tag", "is called experiment/it", "better")
    assert checks["signature"]["outcome"] == "passed"
    assert "that of experiment it" in checks["record"]["told"]


def test_a_tag_moved_to_another_commit_with_the_message_copied(made: Project) -> None:
    made.write("train.py", PROGRAM.replace('"accuracy": 0.5', '"accuracy": 0.25'))
    made.commit("worse")
    make(made, "worse")
    other = made.git("rev-parse", "experiment/worse^{commit}")
    old = made.git("rev-parse", "experiment/it^{commit}")
    replace_tag(made, tag_content(made, REF).replace(old.encode(), other.encode()), push=True)
    checks = assert_fails(made, "summary", "metrics.accuracy 0.5, recorded 0.25")
    assert checks["record"]["outcome"] == "failed"


def test_a_tag_that_is_another_one_on_the_remote(made: Project) -> None:
    replace_tag(made, tag_content(made, REF).replace(b" +0000\n", b" +0100\n"))
    checks = assert_fails(made, "remote", "origin has another tag")
    assert outcomes(checks, "failed") == ["remote"]


@pytest.mark.parametrize("kind", ["lightweight", "of a tree", "of a tag"])
def test_what_is_no_tag_of_a_commit(made: Project, kind: str) -> None:
    target = {
        "lightweight": f"{REF}^{{commit}}",
        "of a tree": f"{REF}^{{tree}}",
        "of a tag": REF,
    }[kind]
    oid = made.git("rev-parse", target)
    if kind != "lightweight":
        form = kind.removeprefix("of a ")
        made.git("tag", "-a", "-m", "x", "nested", oid)
        oid = made.git("rev-parse", "nested")
        assert form in made.git("cat-file", "tag", "nested")
    made.git("update-ref", REF, oid)
    assert_only(made, "tag", "of a" if kind != "lightweight" else "not an annotated tag")


def test_a_replacement_is_not_believed(made: Project) -> None:
    content = tag_content(made, REF)
    lie = put_tag(made, content.replace(b"accuracy 0.5", b"accuracy 0.9"))
    made.git("replace", made.git("rev-parse", REF), lie)
    assert "0.9" in made.git("cat-file", "tag", REF)
    assert verify(made)[0] == 0


def test_bytes_that_are_not_those_of_their_id(made: Project) -> None:
    import zlib

    blob = made.git("rev-parse", f"{REF}^{{commit}}:.xgit/record.json")
    made.git("config", "core.looseCompression", "0")
    for pack in list((made.root / ".git/objects/pack").glob("*.pack")):
        aside = made.root.parent / pack.name
        pack.rename(aside)
        pack.with_suffix(".idx").unlink()
        with aside.open("rb") as stream:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=made.root, stdin=stream, check=True)
    path = made.root / ".git/objects" / blob[:2] / blob[2:]
    content = zlib.decompress(path.read_bytes()).replace(b'"best": 0.5', b'"best": 0.9')
    path.chmod(0o644)
    path.write_bytes(zlib.compress(content))
    done = made.xgit("exp", "verify", "--json", "it")
    checks = {one["name"]: one for one in json.loads(done.stdout)[0]["checks"]}
    assert done.returncode == 1
    assert checks["objects"]["outcome"] == "failed"
    assert blob[:7] in checks["objects"]["told"]


# ---------------------------------------------------------------- commits and records forged


def forged(
    project: Project,
    change: Callable[[dict[str, bytes]], None] | None = None,
    *,
    parents: list[str] | None = None,
    beside: dict[str, str] | None = None,
    message: Callable[[bytes], bytes] = bytes,
) -> None:
    """Make the tag again, as one would who wants to be believed: all ids fit, and it is pushed."""
    repo = open_repo(project.root)
    entries = git_line(repo, "ls-tree", "-r", f"{REF}^{{commit}}:.xgit").splitlines()
    files = {}
    for entry in entries:
        head, _, name = entry.partition("\t")
        files[name] = subprocess.run(
            ["git", "cat-file", "blob", head.split(" ")[2]],
            cwd=project.root, capture_output=True, check=True,
        ).stdout  # fmt: skip
    if change is not None:
        change(files)
    index = {"GIT_INDEX_FILE": str(project.root / ".git/forging")}
    ran = project.git("rev-parse", f"{REF}^{{commit}}^1")
    git_line(repo, "read-tree", ran, env=index)
    for name, content in {f".xgit/{n}": c for n, c in files.items()}.items():
        add(repo, index, name, content)
    for name, text in (beside or {}).items():
        add(repo, index, name, text.encode())
    tree = git_line(repo, "write-tree", env=index)
    chosen = [ran] if parents is None else parents
    argv = [word for parent in chosen for word in ("-p", parent)]
    commit = git_line(repo, "commit-tree", *argv, "-m", "it", tree)
    old = project.git("rev-parse", f"{REF}^{{commit}}")
    content = tag_content(project, REF).replace(old.encode(), commit.encode())
    (project.root / ".git/forging").unlink()
    replace_tag(project, message(content), push=True)


def add(repo: Any, index: dict[str, str], name: str, content: bytes) -> None:
    blob = git_line(repo, "hash-object", "-w", "--stdin", data=content)
    git_line(repo, "update-index", "--add", "--cacheinfo", f"100644,{blob},{name}", env=index)


def edit(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new)

    return change


def test_the_forger_forges_well(made: Project) -> None:
    forged(made)
    assert verify(made)[0] == 0


def test_a_file_smuggled_in_beside_the_record(made: Project) -> None:
    forged(made, beside={"backdoor.py": "import os\n"})
    assert_only(made, "tree", "backdoor.py")


def test_code_changed_in_the_record_commit(made: Project) -> None:
    forged(made, beside={"train.py": "print('other')\n"})
    assert_only(made, "tree", "train.py")


def test_a_file_smuggled_into_the_record(made: Project) -> None:
    forged(made, lambda files: files.update({"run.sh": b"rm -rf /"}))
    assert_only(made, "files", "no record has such files: run.sh")


def test_a_record_that_unfolds_without_end(made: Project) -> None:
    repo = open_repo(made.root)
    tree = git_line(repo, "mktree", data=b"")
    for _ in range(40):
        lines = "".join(f"040000 tree {tree}\t{name}\n" for name in "ab")
        tree = git_line(repo, "mktree", data=lines.encode())
    root = git_line(repo, "mktree", data=f"040000 tree {tree}\t.xgit\n".encode())
    commit = git_line(repo, "commit-tree", "-p", "HEAD", "-m", "it", root)
    old = made.git("rev-parse", f"{REF}^{{commit}}")
    replace_tag(made, tag_content(made, REF).replace(old.encode(), commit.encode()), push=True)
    code, checks = verify(made)
    assert (code, list(checks)) == (1, ["files"])
    assert "larger than any" in checks["files"]["told"]


def test_another_parent(made: Project) -> None:
    first = made.git("rev-list", "--max-parents=0", "HEAD")
    forged(made, parents=[first])
    assert_fails(made, "parent", f"its parent is {first[:7]}")


def test_a_second_parent(made: Project) -> None:
    parents = made.git("rev-list", "--first-parent", "HEAD").splitlines()
    forged(made, parents=parents[:2])
    assert_fails(made, "parent", "2 parents")


def test_another_commit_in_record_and_parent(made: Project) -> None:
    """The tree then is not that of the parent."""
    head, first = made.git("rev-list", "HEAD").splitlines()
    forged(made, edit("record.json", head.encode(), first.encode()), parents=[first])
    assert "tree" in outcomes(verify(made)[1], "failed")


def test_a_tampered_record(made: Project) -> None:
    forged(made, edit("record.json", b'"accuracy": 0.5', b'"accuracy": 0.99'))
    checks = assert_fails(made, "files", "metrics.json")
    assert "accuracy 0.99 was never logged" in checks["values"]["told"]
    assert "accuracy 0.5, recorded 0.99" in checks["summary"]["told"]


def test_a_tampered_metrics_json(made: Project) -> None:
    forged(made, edit("metrics.json", b'"accuracy": 0.5', b'"accuracy": 0.99'))
    assert_only(made, "files", "metrics.json")


def test_a_tampered_page(made: Project) -> None:
    forged(made, edit("README.md", b"0.5", b"0.99"))
    assert_only(made, "files", "README.md")


def test_a_tampered_series(made: Project) -> None:
    forged(made, edit("metrics.jsonl", b'"accuracy","value":0.5', b'"accuracy","value":0.4'))
    assert_fails(made, "values", "accuracy 0.5 was never logged")


def test_tampered_params(made: Project) -> None:
    forged(made, edit("params.yaml", b"lr: 0.1", b"lr: 0.3"))
    assert_only(made, "values", "lr is 0.1 in the record and 0.3 in params.yaml")


def test_a_key_that_stands_twice(made: Project) -> None:
    forged(made, edit("record.json", b'{\n  "art', b'{\n  "status": "failed",\n  "art'))
    assert_fails(made, "record", "not written as xgit writes it")


def test_a_record_that_does_not_fit_the_schema(made: Project) -> None:
    forged(made, edit("record.json", b'"status": "completed"', b'"status": "splendid"'))
    assert_fails(made, "record", "not valid at status")


def test_a_tampered_artifact(made: Project) -> None:
    forged(made, edit("artifacts/note.txt", b"kept", b"swap"))
    assert_only(made, "artifacts", "other content than recorded: artifacts/note.txt")


def test_a_smuggled_artifact(made: Project) -> None:
    forged(made, lambda files: files.update({"artifacts/x.bin": b"x"}))
    assert_only(made, "artifacts", "artifacts/x.bin")


def test_a_missing_artifact(made: Project) -> None:
    def drop(files: dict[str, bytes]) -> None:
        del files["artifacts/note.txt"]

    forged(made, drop)
    assert_only(made, "artifacts", "artifacts/note.txt")


def test_a_summary_that_lies(made: Project) -> None:
    forged(made, message=lambda tag: tag.replace(b'"accuracy":0.5', b'"accuracy":0.99'))
    assert_only(made, "summary", "metrics.accuracy 0.99, recorded 0.5")


def test_a_subject_that_lies(made: Project) -> None:
    forged(made, message=lambda tag: tag.replace(b"accuracy 0.5 ", b"accuracy 0.99 "))
    assert_only(made, "summary", "first lines")


def test_a_record_of_another_author(made: Project) -> None:
    forged(made, message=lambda tag: tag.replace(b"tagger Ada Lovelace", b"tagger Eve"))
    assert_only(made, "people", "the tagger is Eve <ada@example.com>")


def test_a_record_that_names_another_as_its_author(made: Project) -> None:
    made.git("config", "user.name", "Eve")
    forged(made, message=lambda tag: tag.replace(b"tagger Ada Lovelace", b"tagger Eve"))
    code, checks = verify(made)
    assert (code, checks["people"]["outcome"]) == (0, "unknown"), checks["people"]
    assert checks["people"]["told"].startswith("Eve <ada@example.com> recorded it")


def test_a_tag_that_was_made_much_later(made: Project) -> None:
    when = tag_content(made, REF).split(b"\n")[3].split(b" ")[-2]
    later = b"%d" % (int(when) + 30 * 86400)
    forged(made, message=lambda tag: tag.replace(when + b" ", later + b" "))
    assert_only(made, "people", "days apart")


# ---------------------------------------------------------------- code and data


def test_a_branch_that_was_forced_away(made: Project) -> None:
    made.git("push", "--quiet", "--force", "origin", "HEAD^:main")
    code, checks = verify(made)
    assert (code, checks["code"]["outcome"]) == (0, "unknown")
    assert "forced away" in checks["code"]["told"]


def test_a_remote_that_does_not_answer(made: Project, tmp_path: Path) -> None:
    made.git("remote", "set-url", "origin", str(tmp_path / "nothing"))
    code, checks = verify(made)
    assert code == 0
    assert {"code", "remote"} <= {*outcomes(checks, "unknown")}
    assert "did not answer" in checks["remote"]["told"]


def test_a_shallow_clone_says_what_it_cannot_check(made: Project, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    source = f"file://{made.origin}"
    subprocess.run(["git", "init", "-q", clone], check=True)
    shallow = Project(clone, made.origin)
    shallow.git("remote", "add", "origin", source)
    shallow.git("fetch", "-q", "--depth=1", "origin", f"{REF}:{REF}")
    code, checks = verify(shallow)
    assert code == 0
    assert {"tree", "pins", "data"} <= {*outcomes(checks, "unknown")}
    assert "is not here" in checks["tree"]["told"]


def test_a_partial_clone_fetches_nothing(made: Project, tmp_path: Path) -> None:
    made.git("config", "--file", str(made.origin / "config"), "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    argv = ["git", "clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{made.origin}"]
    subprocess.run([*argv, clone], check=True, capture_output=True)
    partial = Project(clone, made.origin)
    packs = sorted(path.name for path in (clone / ".git/objects").rglob("*.*"))
    done = partial.xgit("exp", "verify", "--json", "it")
    checks = {one["name"]: one for one in json.loads(done.stdout)[0]["checks"]}
    assert done.returncode == 0
    assert {"objects", "record", "files"} <= {*outcomes(checks, "unknown")}
    assert sorted(path.name for path in (clone / ".git/objects").rglob("*.*")) == packs


@pytest.fixture
def with_data(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """An experiment whose data DVC pins."""
    project = copied(shared_template(tmp_path_factory.getbasetemp()), tmp_path / "copy")
    project.write(
        "train.py", "import xgit\nxgit.log({'size': len(open('data/digits.csv').read())})"
    )
    project.commit("train")
    make(project)
    return project


def test_pinned_data_that_is_there(with_data: Project) -> None:
    code, checks = verify(with_data)
    assert (code, checks["pins"]["outcome"], checks["data"]["outcome"]) == (0, "passed", "passed")


def test_pins_are_those_of_the_commit_that_ran(with_data: Project) -> None:
    with_data.write("data/digits.csv", "9,9,9\n")
    dvc(with_data.root, "add", "--quiet", "data/digits.csv")
    with_data.commit("other data")
    assert verify(with_data)[0] == 0
    with_data.git("rm", "-r", "-q", "--cached", ".dvc", "data")
    assert verify(with_data)[0] == 0


def test_a_deleted_object_on_the_dvc_remote(with_data: Project) -> None:
    assert verify(with_data)[0] == 0  # a yes is not remembered
    pin = json.loads(with_data.git("show", "experiment/it:.xgit/record.json"))["data"][0]
    digest = pin["hash"].removeprefix("md5:")
    (with_data.root.parent / "store/files/md5" / digest[:2] / digest[2:]).unlink()
    assert_only(with_data, "data", pin["path"])


def test_a_dvc_remote_that_cannot_be_read(with_data: Project) -> None:
    config = with_data.root / ".dvc/config"
    config.write_text("[core]\n  remote = store\n['remote \"store\"']\n  url = oss://bucket/x\n")
    code, checks = verify(with_data)
    assert (code, checks["data"]["outcome"]) == (0, "unknown"), checks["data"]


def test_a_record_with_other_pins_than_its_commit(with_data: Project) -> None:
    record = json.loads(with_data.git("show", "experiment/it:.xgit/record.json"))
    old = record["data"][0]["hash"].encode()
    forged(with_data, edit("record.json", old, b"md5:" + b"0" * 32))
    assert_fails(with_data, "pins", "pinned md5:")


# ---------------------------------------------------------------- verdicts


def verdict_of(project: Project, **changes: Any) -> str:
    """A verdict on `it`, as another person would store it."""
    from datetime import UTC, datetime

    from xgit.git.plumbing import identity_line
    from xgit.record.model import Person
    from xgit.record.verdict import MetricVerdict, Verdict
    from xgit.store import experiments, verdicts

    repo = open_repo(project.root)
    now = datetime.now(UTC)
    it = experiments.load(repo, "it")
    plain = Verdict(
        "it", project.git("rev-parse", REF), "identical", now, now,
        Person("Ada Lovelace", ADA), "0.1.0", runs=1,
        metrics=(MetricVerdict("accuracy", "identical", 0.5, (0.5,)),),
    )  # fmt: skip
    rerun = it._replace(log=b"again\n", artifacts=())
    saved = verdicts.save(repo, plain._replace(**changes), rerun, identity=identity_line(repo))
    return saved.ref


def verdict_checks(project: Project) -> tuple[int, dict[str, Any]]:
    done = xgit_verdicts(project)
    found = next(one for one in json.loads(done.stdout) if "reproduction" in one["ref"])
    return done.returncode, {one["name"]: one for one in found["checks"]}


def xgit_verdicts(project: Project) -> subprocess.CompletedProcess[str]:
    return xgit(project, "exp", "verify", "--json", "it")


def test_an_honest_verdict(made: Project) -> None:
    verdict_of(made)
    code, checks = verdict_checks(made)
    assert (code, outcomes(checks, "failed")) == (0, []), checks
    assert checks["verdict"]["outcome"] == "passed"
    assert xgit(made, "exp", "verify", "--all").returncode == 0


def test_a_verdict_under_the_name_of_another(made: Project) -> None:
    ref = verdict_of(made)
    made.git("update-ref", "refs/tags/reproduction/it/7", made.git("rev-parse", ref))
    made.git("update-ref", "-d", ref)
    code, checks = verdict_checks(made)
    assert (code, checks["tag"]["outcome"], checks["summary"]["outcome"]) == (1, "failed", "failed")


def test_a_verdict_on_a_tag_that_was_moved(made: Project) -> None:
    verdict_of(made)
    forged(made)
    code, checks = verdict_checks(made)
    assert (code, checks["verdict"]["outcome"]) == (1, "failed")


def test_a_verdict_whose_tag_lies(made: Project) -> None:
    ref = verdict_of(made, result="different")
    content = tag_content(made, ref).replace(b'"result":"different"', b'"result":"identical"')
    made.git("update-ref", ref, put_tag(made, content))
    code, checks = verdict_checks(made)
    assert (code, outcomes(checks, "failed")) == (1, ["summary"])


# ---------------------------------------------------------------- what is shown


def test_nothing_that_a_terminal_obeys_is_shown(made: Project) -> None:
    forged(made, lambda files: files.update({"x\x1b]0;owned\x07.sh": b""}))
    done = xgit(made, "exp", "verify", "it")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "\\x1b]0;owned\\x07.sh" in done.stdout
