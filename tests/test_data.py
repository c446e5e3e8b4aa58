"""The pins are read as DVC means them, and compared with what is really there."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.dvc_project import HARD_NAMES, copied, dvc, pins_of, shared_template
from xgit.capture import documents
from xgit.capture.cache import Cache, Stamp
from xgit.capture.data import find as data
from xgit.capture.data import pins
from xgit.capture.data.content import check_pins
from xgit.capture.data.hashing import Algorithm, hash_file
from xgit.errors import XgitError
from xgit.git import plumbing
from xgit.record.model import Pin

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
LATER_NS = 3_600_000_000_000


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return shared_template(tmp_path_factory.getbasetemp())


@pytest.fixture
def pinned(template: Project, tmp_path: Path) -> Project:
    return copied(template, tmp_path / "copy")


def read(project: Project) -> tuple[Pin, ...]:
    return data.read_pins(plumbing.open_repo(project.root))


def track(project: Project, path: str, text: str) -> None:
    project.write(path, text)
    project.git("add", "--force", path)


def checked(project: Project, cache: Cache | None = None) -> dict[str, Pin]:
    repo = plumbing.open_repo(project.root)
    with cache or Cache(repo.private_dir) as opened:
        return {pin.path: pin for pin in check_pins(repo, data.read_pins(repo), opened)}


# ---------------------------------------------------------------- reading


def test_reads_what_dvc_wrote(pinned: Project) -> None:
    csv, images = read(pinned)
    content = (pinned.root / "data/digits.csv").read_bytes()
    digest = hashlib.md5(content).hexdigest()
    assert csv == Pin(
        path="data/digits.csv",
        kind="dvc",
        hash=f"md5:{digest}",
        size_bytes=len(content),
        files=1,
        name="data/digits.csv",
        version=digest[:7],
        source="data/digits.csv.dvc",
    )
    assert images.path == "data/images"
    assert images.hash.endswith(".dir")
    assert images.files == len(HARD_NAMES)


def test_directory_digest_is_that_of_dvc(pinned: Project) -> None:
    folder = pinned.root / "data/images"
    hashes = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in HARD_NAMES}
    assert f"md5:{pins.directory_digest(hashes)}" == read(pinned)[1].hash


def test_without_pins_git_is_asked_once_and_yaml_is_not_imported(project: Project) -> None:
    program = (
        "import sys, pathlib\n"
        "from xgit.git import plumbing\n"
        "from xgit.capture.data import find as data\n"
        "repo = plumbing.open_repo(pathlib.Path.cwd())\n"
        "calls = []\n"
        "run = plumbing._run\n"
        "plumbing._run = lambda argv, **more: calls.append(argv) or run(argv, **more)\n"
        "assert data.read_pins(repo) == ()\n"
        "print(len(calls), 'yaml' in sys.modules, 'sqlite3' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["1", "False", "False"], done.stderr


def test_name_and_version_are_those_of_the_pin(project: Project) -> None:
    track(
        project,
        "a.dvc",
        f"desc: top\nouts:\n- md5: {MD5}\n  hash: md5\n  path: a\n"
        f"  meta:\n    name: digits\n    version: 2\n",
    )
    track(
        project, "b.dvc", f"outs:\n- md5: {MD5}\n  hash: md5\n  path: b\n  desc: the\n    faces\n"
    )
    found = read(project)
    assert [pin.label for pin in found] == ["digits:2", f"the faces:{MD5[:7]}"]
    assert data.data_labels(found) == ("digits:2", f"the faces:{MD5[:7]}")
    assert data.data_labels(found[0]._replace(version=str(n)) for n in range(21)) == ()


def test_wdir_and_several_outputs(project: Project) -> None:
    track(
        project,
        "pins/a.dvc",
        f"wdir: ..\nouts:\n- md5: {MD5}\n  path: data/x\n- path: s3://bucket/y\n  etag: abc-2\n",
    )
    inside, external = read(project)
    assert (inside.path, inside.legacy, inside.kind) == ("data/x", True, "dvc")
    assert (external.path, external.kind, external.hash) == (
        "s3://bucket/y",
        "external",
        "etag:abc-2",
    )


def test_dvc_lock(pinned: Project) -> None:
    (pinned.root / "train").mkdir()
    pinned.write(
        "dvc.yaml",
        "stages:\n"
        "  train:\n"
        "    wdir: train\n"
        "    cmd:\n    - echo 1 > model\n    - echo 2 > ${kind}.secret\n"
        "    - echo 3 > scores.json\n"
        "    vars:\n    - kind: top\n"
        "    outs:\n    - model:\n        desc: the model\n"
        "    - ${kind}.secret:\n        push: false\n        remote: vault\n"
        "    metrics:\n    - scores.json:\n        cache: false\n",
    )
    pinned.write(".gitignore", "/train/model\n/train/top.secret\n")
    dvc(pinned.root, "repro", "--quiet")
    pinned.git("add", "--all")
    model, secret = [pin for pin in read(pinned) if pin.source == "dvc.lock"]
    assert (model.path, model.name, model.pushable) == ("train/model", "the model", True)
    assert model.command == "echo 1 > model && echo 2 > top.secret && echo 3 > scores.json"
    assert (secret.path, secret.pushable, secret.remote) == ("train/top.secret", False, "vault")
    answers = pins_of(pinned)
    assert (answers["train/model"].stale, answers["train/model"].pushed) == (None, False)


def test_lock_leaves_out_what_git_keeps_and_stages_that_are_gone(project: Project) -> None:
    out = f"    - path: {{}}\n      hash: md5\n      md5: {MD5}\n"
    track(
        project,
        "dvc.lock",
        "schema: '2.0'\nstages:\n"
        "  kept:\n    cmd: x\n    outs:\n"
        + out.format("in-git/plots")
        + out.format("model[1]")
        + "  gone:\n    cmd: x\n    outs:\n"
        + out.format("other"),
    )
    track(project, "dvc.yaml", "stages:\n  kept:\n    cmd: x\n    outs:\n    - model[1]\n")
    track(project, "in-git/plots/a.svg", "<svg/>")
    track(project, "model1", "not what the name of the output means")
    assert [pin.path for pin in read(project)] == ["model[1]"]


def test_lfs_pointers(project: Project) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 7\n"
    track(project, ".gitattributes", "*.bin filter=lfs diff=lfs merge=lfs -text\n")
    project.git("config", "filter.lfs.clean", "")  # git-lfs itself need not be there
    track(project, "new\nline.bin", pointer)
    track(project, "plain.bin", "no pointer")
    [pin] = read(project)
    assert (pin.path, pin.kind, pin.hash, pin.size_bytes) == (
        "new\nline.bin",
        "lfs",
        f"sha256:{digest}",
        7,
    )
    assert checked(project)[pin.path].missing
    project.write(pin.path, "weights")
    assert (checked(project)[pin.path].missing, checked(project)[pin.path].stale) == (False, None)
    project.write(pin.path, "weighty")
    assert checked(project)[pin.path].stale == "content differs"


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd",
        "/etc/passwd",
        ".git/hooks/post-checkout",
        "sub/.GIT/config",
        "a/../../x",
        ".",
        "link/passwd",
        '"nul\\0byte"',
    ],
)
@pytest.mark.parametrize("where", ["x.dvc", "dvc.lock"])
def test_hostile_paths_are_refused(project: Project, path: str, where: str) -> None:
    (project.root / "link").symlink_to("/etc")
    out = f"path: {path}\n"
    if where == "x.dvc":
        track(project, where, f"outs:\n- md5: {MD5}\n  {out}")
    else:
        track(
            project, where, f"stages:\n  s:\n    cmd: x\n    outs:\n    - md5: {MD5}\n      {out}"
        )
        track(project, "dvc.yaml", "stages:\n  s:\n    cmd: x\n")
    with pytest.raises(XgitError, match=where) as caught:
        read(project)
    assert caught.value.hint == f"git checkout -- {where}"


@pytest.mark.parametrize(
    "text",
    [
        "outs: [",
        "- a\n",
        "outs: 7\n",
        "outs:\n- text\n",
        f"outs:\n- md5: {MD5}\n",
        f"outs:\n- md5: {MD5}\n  path: [a]\n",
        "outs:\n- md5: ../../../etc/passwd\n  path: a\n",
        f"outs:\n- md5: {MD5}\n  path: a\n  size: many\n",
        f"outs:\n- md5: {MD5}\n  path: a\n  nfiles: -1\n",
        "<<<<<<< HEAD\nouts:\n=======\n",
        "a: &a [x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{c}: &{c} [{','.join([f'*{p}'] * 8)}]\n"
            for p, c in zip("abcdefgh", "bcdefghi", strict=True)
        )
        + "outs: *i\n",
        "outs: " + "[" * 100_000,
        "- " * 100_000,
        "\udcff",
    ],
    ids=lambda text: text[:12].encode("unicode_escape").decode(),
)
def test_broken_pins_name_the_file(project: Project, text: str) -> None:
    (project.root / "x.dvc").write_bytes(text.encode(errors="surrogateescape"))
    project.git("add", "x.dvc")
    started = time.monotonic()
    with pytest.raises(XgitError, match=r"x\.dvc: "):
        read(project)
    assert time.monotonic() - started < 5


def test_a_pin_that_is_a_link_or_gone(project: Project, tmp_path: Path) -> None:
    (tmp_path / "outside.dvc").write_text("outs: []\n", encoding="utf-8")
    (project.root / "x.dvc").symlink_to(tmp_path / "outside.dvc")
    project.git("add", "x.dvc")
    with pytest.raises(XgitError, match="symlink"):
        read(project)
    (project.root / "x.dvc").unlink()
    assert read(project) == ()


# ---------------------------------------------------------------- content


def test_clean_data_is_neither_stale_nor_missing(pinned: Project) -> None:
    found = checked(pinned)
    assert [(pin.stale, pin.missing) for pin in found.values()] == [(None, False)] * 2
    assert json.loads(dvc(pinned.root, "data", "status", "--json").stdout or "{}") == {}


def test_flipped_byte_with_the_time_put_back(pinned: Project) -> None:
    path = pinned.root / "data/digits.csv"
    repo = plumbing.open_repo(pinned.root)
    # As if hours had passed: the hash of the good file is kept.
    later = Cache(repo.private_dir, clock_ns=lambda: time.time_ns() + LATER_NS)
    assert checked(pinned, later)["data/digits.csv"].stale is None
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert checked(pinned)["data/digits.csv"].stale == "content differs"


def test_directory_says_what_differs(pinned: Project) -> None:
    images = pinned.root / "data/images"
    (images / "extra.csv").write_text("1", encoding="utf-8")
    assert checked(pinned)["data/images"].stale == "1 added: extra.csv"
    (images / "a b.txt").write_text("other", encoding="utf-8")
    (images / "ünï.txt").write_text("other", encoding="utf-8")
    (images / "sub/deep.txt").unlink()
    stale = checked(pinned)["data/images"].stale
    assert stale == "2 files differ, 1 added: extra.csv, 1 missing: sub/deep.txt"
    # Without the listing it is still noticed.
    subprocess.run(["rm", "-rf", pinned.root / ".dvc/cache"], check=True)
    assert checked(pinned)["data/images"].stale == "content differs"


def test_names_that_are_not_utf8_count(pinned: Project) -> None:
    odd = os.fsencode(pinned.root / "data/images") + b"/\xff\xfe"
    with open(odd, "wb") as file:
        file.write(b"x")
    stale = checked(pinned)["data/images"].stale
    assert stale == "1 added: \udcff\udcfe"


def test_links_and_fifos(pinned: Project) -> None:
    images = pinned.root / "data/images"
    (images / "folder").symlink_to("/etc")  # DVC does not follow it either
    assert checked(pinned)["data/images"].stale is None
    os.mkfifo(images / "pipe")
    (images / "dangling").symlink_to("nowhere")
    assert checked(pinned)["data/images"].stale == "2 added"


def test_not_pulled_is_missing_not_stale(pinned: Project) -> None:
    (pinned.root / "data/digits.csv").unlink()
    subprocess.run(["rm", "-rf", pinned.root / "data/images"], check=True)
    assert [(pin.stale, pin.missing) for pin in checked(pinned).values()] == [(None, True)] * 2


def test_file_where_a_directory_is_pinned(pinned: Project) -> None:
    subprocess.run(["rm", "-rf", pinned.root / "data/images"], check=True)
    pinned.write("data/images", "x")
    assert checked(pinned)["data/images"].stale == "a file where a directory is pinned"


def test_dvcignore(pinned: Project) -> None:
    pinned.write("data/images/skip.tmp", "x")
    pinned.write("data/images/sub/also.tmp", "x")
    assert checked(pinned)["data/images"].stale == "2 added"
    pinned.write(".dvcignore", "# comment\n*.tmp\n")
    assert checked(pinned)["data/images"].stale is None
    assert "modified" not in dvc(pinned.root, "data", "status").stdout
    pinned.write("data/images/real.csv", "x")
    assert checked(pinned)["data/images"].stale == "1 added: real.csv"


def test_legacy_pin_takes_text_with_any_line_end(pinned: Project) -> None:
    digest = hashlib.md5(b"a,b\nc,d\n").hexdigest()
    track(pinned, "old.csv.dvc", f"outs:\n- md5: {digest}\n  size: 10\n  path: old.csv\n")
    (pinned.root / "old.csv").write_bytes(b"a,b\r\nc,d\r\n")
    assert checked(pinned)["old.csv"].stale is None
    assert "modified" not in dvc(pinned.root, "status").stdout
    (pinned.root / "old.csv").write_bytes(b"a,b\r\nc,e\r\n")
    assert checked(pinned)["old.csv"].stale == "content differs"


def test_pin_without_a_hash(pinned: Project) -> None:
    track(pinned, "new.csv.dvc", "outs:\n- path: new.csv\n")
    assert checked(pinned)["new.csv"].missing
    pinned.write("new.csv", "x")
    assert checked(pinned)["new.csv"].stale == "the pin has no hash yet"


def test_second_time_nothing_is_read(pinned: Project) -> None:
    read_paths: list[str] = []

    def counting(path: str, algorithm: Algorithm) -> tuple[str, Stamp | None]:
        read_paths.append(path)
        return hash_file(path, algorithm)

    repo = plumbing.open_repo(pinned.root)
    counts = []
    for _ in range(2):
        with Cache(repo.private_dir, clock_ns=lambda: time.time_ns() + LATER_NS) as cache:
            check_pins(repo, data.read_pins(repo), cache, counting)
        counts.append(len(read_paths))
    assert counts == [1 + len(HARD_NAMES)] * 2


def test_a_file_of_pins_is_parsed_once(pinned: Project, tmp_path: Path) -> None:
    repo = plumbing.open_repo(pinned.root)
    with Cache(tmp_path, clock_ns=lambda: time.time_ns() + LATER_NS) as cache:
        first = data.read_pins(repo, None, cache)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(documents, "parse_yaml", lambda text: pytest.fail("parsed again"))
            assert data.read_pins(repo, None, cache) == first
        with (pinned.root / first[0].source).open("a", encoding="utf-8") as file:
            file.write("meta:\n  name: renamed\n")
        assert data.read_pins(repo, None, cache)[0].name == "renamed"
