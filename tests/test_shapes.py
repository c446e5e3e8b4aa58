"""Every shape of repository, looked at by all guards of each stage."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import BIN, Project, make_project
from tests.dvc_project import copied, shared_template
from xgit.errors import XgitError
from xgit.git import plumbing
from xgit.guards.checking import check_repo
from xgit.guards.registry import GUARDS, STAGES

TOKEN = "ghp" + "_" + "0123456789abcdefghijABCDEFGHIJ456789"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 7\n"
APP = """import hydra

@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    pass

main()
"""


def told(project: Project) -> list[str]:
    """`stage guard subject` of each violation that all guards of all stages find."""
    repo = plumbing.open_repo(project.root)
    return [
        f"{stage} {one.guard} {one.subject}"
        for stage in STAGES
        for result in check_repo(repo, stage)[1]
        for one in result.violations
    ]


def subjects(project: Project, *guards: str) -> set[tuple[str, str]]:
    """Guard and subject of what these find, whatever their stage is."""
    repo = plumbing.open_repo(project.root)
    return {
        (one.guard, one.subject)
        for stage in ("commit", "run")
        for result in check_repo(repo, stage, guards)[1]
        for one in result.violations
    }


def guard(project: Project, *args: str) -> subprocess.CompletedProcess[str]:
    """The console script, as it is installed."""
    return subprocess.run(
        [BIN / "xgit-guard", *args], cwd=project.root, capture_output=True, text=True,
        errors="surrogateescape", stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


def clone_of(project: Project, *options: str) -> Project:
    """A clone beside the project, through a transport, which shares no objects."""
    root = project.root.parent / "clone"
    origin = f"file://{project.origin}"
    subprocess.run(["git", "clone", "--quiet", *options, origin, root], check=True)
    return replace(project, root=root)


@pytest.fixture
def pinned(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with data that DVC pins."""
    project = copied(shared_template(tmp_path_factory.getbasetemp()), tmp_path / "copy")
    assert told(project) == []
    return project


# ---------------------------------------------------------------- checkouts


def test_a_linked_work_tree(pinned: Project) -> None:
    pinned.git("worktree", "add", "--quiet", "../linked", "-b", "side")
    linked = replace(pinned, root=pinned.root.parent / "linked")
    assert told(linked) == []  # the data is not here, and nothing is wrong
    linked.write("data/digits.csv", "other")
    linked.write("notes.md", f"{TOKEN}\n")
    linked.git("add", "notes.md")
    stale, secret = "data/digits.csv: content differs", "notes.md:1: GitHub Token"
    assert told(linked) == [
        f"commit stale-pin {stale}", f"commit secrets {secret}",
        "run modified notes.md", f"run stale-pin {stale}", "ci modified notes.md",
    ]  # fmt: skip
    assert told(pinned) == []


def test_a_shallow_clone(pinned: Project) -> None:
    pinned.write("train.py", "print('again')\n")
    pinned.commit()
    branch = pinned.git("branch", "--show-current")
    shallow = clone_of(pinned, "--depth=1")
    assert shallow.git("rev-list", "--count", "HEAD") == "1"
    assert told(shallow) == []
    shallow.write("train.py", "print('once more')\n")
    shallow.commit(push=False)
    assert told(shallow) == [f"run unpushed {branch} is 1 commit ahead"]


def missing_objects(project: Project) -> set[str]:
    """The objects that a partial clone has not fetched, found out without fetching them."""
    listed = project.git("rev-list", "--objects", "--all", "--missing=print")
    return {line for line in listed.splitlines() if line.startswith("?")}


def test_no_guard_fetches_what_a_partial_clone_left_out(pinned: Project) -> None:
    pinned.write("conf/config.yaml", "lr: 1\n")
    pinned.write(".gitattributes", "*.weights filter=lfs diff=lfs merge=lfs -text\n")
    for number in range(20):
        pinned.write(f"far/{number}.py", f"print({number})\n")
        pinned.write(f"far/{number}.weights", f"old weights {number}\n")
    pinned.commit()
    for number in range(20):
        pinned.write(f"far/{number}.py", f"print({number} + 1)\n")
    pinned.commit()
    subprocess.run(
        ["git", "config", "uploadpack.allowFilter", "true"], cwd=pinned.origin, check=True
    )
    partial = clone_of(pinned, "--filter=blob:none", "--sparse")
    partial.git("sparse-checkout", "set", "data", "conf", ".dvc")
    branch = partial.git("branch", "--show-current")
    missing = missing_objects(partial)
    assert len(missing) == 60
    assert told(partial) == []
    partial.write("train.py", "import hydra.main\n")
    partial.write("conf/config.yaml", "lr: 2\n")
    partial.git("add", "--all")
    partial.git("commit", "--quiet", "-m", "two")
    partial.write("data/new.py", "x = 1\n")
    partial.git("add", "--all")
    assert told(partial) == [
        "run modified data/new.py", f"run unpushed {branch} is 1 commit ahead",
        "ci modified data/new.py",
    ]  # fmt: skip
    assert missing_objects(partial) == missing


@pytest.mark.parametrize(
    "patterns", [("--cone", "src"), ("--no-cone", "/*", "!/data/", "!/far/*.md")]
)
def test_what_a_sparse_checkout_leaves_out_is_not_modified(
    pinned: Project, patterns: tuple[str, ...]
) -> None:
    for path in ("src/a.py", "far/b.py", "far/c.md"):
        pinned.write(path, "x = 1\n")
    pinned.commit()
    pinned.git("sparse-checkout", "set", *patterns)
    assert not (pinned.root / "far/c.md").exists()
    assert not (pinned.root / "data/digits.csv.dvc").exists()
    assert told(pinned) == []
    pinned.write("src/a.py", "x = 2\n")
    assert told(pinned) == ["run modified src/a.py", "ci modified src/a.py"]


# ---------------------------------------------------------------- kinds of repositories


def test_sha256(tmp_path: Path) -> None:
    project = make_project(tmp_path, "--object-format=sha256")
    assert told(project) == []
    project.write("notes.md", f"{TOKEN}\n")
    project.write("data.csv", "1\n" * 600_000)
    project.write("made.bin", "1\n" * 3_000_000)
    project.git("add", "--all")
    assert told(project)[:3] == [
        "commit unpinned data.csv: 1.2 MB",
        "commit secrets notes.md:1: GitHub Token",
        "commit large-file made.bin: 6 MB",
    ]
    project.git("commit", "--quiet", "-m", "two")
    assert told(project) == ["run unpushed main is 1 commit ahead"]


def test_a_repository_inside_a_repository(project: Project) -> None:
    inner = make_project(project.root / "ignored")
    inner.write("new.py", "x")
    assert told(project) == []
    assert told(inner) == ["run untracked new.py", "ci untracked new.py"]
    make_project(project.root / "seen")
    found = told(project)
    assert {line.split(" ")[0] for line in found} == {"run", "ci"}
    assert all(line.partition(" ")[2].startswith("untracked seen/") for line in found)


def test_a_virtual_environment_that_nothing_ignores_is_one_line(project: Project) -> None:
    project.write(".gitignore", "__pycache__/\n")
    project.commit()
    for number in range(2000):
        project.write(f".venv/lib/package{number % 50}/{number}.py", "x = 1\n")
    assert told(project) == ["run untracked .venv/", "ci untracked .venv/"]
    done = guard(project, "--stage", "run")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    project.write(".venv/.gitignore", "*\n")  # as uv and Python 3.13 write it
    assert told(project) == []


# ---------------------------------------------------------------- files


def test_line_ends_that_git_changes(pinned: Project) -> None:
    windows = clone_of(pinned, "--config", "core.autocrlf=true")
    for name in ("train.py", "data/digits.csv.dvc", ".dvc/config"):
        assert b"\r\n" in (windows.root / name).read_bytes()
        os.utime(windows.root / name, (1, 1))  # so that git has to look at the content
    assert told(windows) == []
    (pinned.root / "notes.md").write_bytes(f"one\r\n{TOKEN}\r\n".encode())
    (pinned.root / "keys.yaml").write_bytes(b"hf_token: " + TOKEN[4:].encode() + b"\r\n")
    pinned.git("add", "notes.md", "keys.yaml")
    assert {line for line in told(pinned) if line.startswith("commit")} == {
        "commit secrets notes.md:2: GitHub Token",
        "commit secrets keys.yaml:1: random value of hf_token",
    }


def test_names_that_differ_in_case_only(project: Project) -> None:
    names = ("Model.py", "model.py", "MODEL.py")
    for name in names:
        project.write(name, "x = 1\n")
    if len(os.listdir(project.root)) < 5:
        pytest.skip("the file system takes them for one")
    project.commit()
    for value in ("true", "false"):
        project.git("config", "core.ignorecase", value)
        assert told(project) == []
    for name in names:
        project.write(name, f"key = '{TOKEN}'\n")
    project.git("add", "--all")
    project.git("config", "core.ignorecase", "true")
    found = subjects(project, "modified", "secrets")
    assert found == {
        *(("modified", name) for name in names),
        *(("secrets", f"{name}:1: GitHub Token") for name in names),
    }


def test_names_that_are_no_utf8(pinned: Project) -> None:
    def put(name: bytes, text: str) -> str:
        path = os.fsdecode(os.fsencode(pinned.root) + b"/" + name)
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(text, encoding="utf-8")
        return os.fsdecode(name)

    old = put(b"old\xff.py", "x = 1\n")
    pinned.commit()
    put(b"old\xff.py", "x = 2\n")
    key = put(b"conf\xfe/a.yaml", f"a: {TOKEN}\n")
    data, large = put(b"\xff.csv", "1\n" * 600_000), put(b"\xff.bin", "1\n" * 3_000_000)
    pinned.git("add", "--all")
    new = put(b"new\xff", "x")
    ignored = put(b"ignored/\xff.npy", "x")
    found = told(pinned)
    for line in (
        f"commit secrets {key}:1: GitHub Token", f"commit unpinned {data}: 1.2 MB",
        f"commit large-file {large}: 6 MB", f"run untracked {new}", f"run modified {old}",
    ):  # fmt: skip
        assert line in found
    repo = plumbing.open_repo(pinned.root)
    assert repo.root is not None
    for stage in STAGES:
        done = guard(pinned, "--stage", stage)
        assert done.returncode == (0 if stage == "push" else 1), done.stderr
        assert done.stderr.isascii() or "…" in done.stderr
    assert ignored not in "".join(found)


# ---------------------------------------------------------------- whom it belongs to


def test_a_repository_of_somebody_else(pinned: Project) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give a directory away")
    for path in (pinned.root, pinned.root / ".git"):
        os.chown(path, 65534, 65534)
    with pytest.raises(XgitError, match="belongs to another user"):
        told(pinned)
    for stage in STAGES:
        done = guard(pinned, "--stage", stage)
        assert done.returncode == 2
        assert "belongs to another user" in done.stderr
    hint = done.stderr.splitlines()[-1].removeprefix("hint: ")
    subprocess.run(["sh", "-c", hint], cwd=pinned.root, check=True)
    assert told(pinned) == []


# ---------------------------------------------------------------- hostile configuration


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """A directory in which each trap that is sprung leaves a file of its name."""
    place = tmp_path / "traps"
    place.mkdir()
    return place


HOOKS = (
    "fsmonitor-watchman", "post-checkout", "post-index-change", "pre-auto-gc", "pre-commit",
    "pre-push", "reference-transaction",
)  # fmt: skip
COMMANDS = (
    "core.alternateRefsCommand", "core.askPass", "core.editor", "core.fsmonitor", "core.gitProxy",
    "core.pager", "core.sshCommand", "credential.helper", "diff.evil.command",
    "diff.evil.textconv", "diff.external", "filter.evil.clean", "filter.evil.process",
    "filter.evil.smudge", "gpg.program", "gpg.ssh.program", "interactive.diffFilter",
    "filter.lfs.clean", "filter.lfs.process", "filter.worse.clean", "merge.evil.driver",
    "pager.diff", "pager.ls-files", "pager.status", "remote.origin.uploadpack",
    "remote.origin.receivepack", "sequence.editor", "uploadpack.packObjectsHook",
)  # fmt: skip
SHELL_COMMANDS = (
    "alias.cat-file", "alias.config", "alias.diff", "alias.ls-files", "alias.rev-list",
    "alias.rev-parse", "alias.status", "submodule.evil.update",
)  # fmt: skip


def set_traps(project: Project, traps: Path) -> None:
    config = project.root / ".git/config"
    own = project.root / ".git/evil"
    own.mkdir()
    for name in HOOKS:
        (own / name).write_text(f"#!/bin/sh\ntouch '{traps}/hook-{name}'\n", encoding="utf-8")
        (own / name).chmod(0o755)
    lines = {f"core.hooksPath={own}", "diff.noprefix=true", "diff.mnemonicPrefix=true",
             "status.showUntrackedFiles=no", "status.relativePaths=false", "core.quotePath=true",
             "core.untrackedCache=true", "color.ui=always", "diff.ignoreSubmodules=all",
             "filter.evil.required=true", "log.showSignature=true"}  # fmt: skip
    lines |= {f"{name}=touch '{traps}/{name}'; false" for name in COMMANDS}
    lines |= {f"{name}=!touch '{traps}/{name}'; false" for name in SHELL_COMMANDS}
    for line in lines:
        name, _, value = line.partition("=")
        subprocess.run(["git", "config", "--file", config, name, value], check=True)


def springs(project: Project, traps: Path) -> Iterator[str]:
    """The traps that git itself springs, which shows that they work."""
    for name in ("train.py", "README.md"):
        (project.root / name).touch()
    for command in ("status", "diff", "add train.py", "add README.md"):
        subprocess.run(
            ["git", *command.split()], cwd=project.root, capture_output=True, check=False
        )
    for trap in list(traps.iterdir()):
        yield trap.name
        trap.unlink()


def test_a_hostile_configuration_runs_nothing(pinned: Project, traps: Path) -> None:
    pinned.write("train.py", APP)
    pinned.write("conf/config.yaml", "lr: ${oc.env:RATE}\n")
    pinned.write(
        ".gitattributes", "*.py filter=evil diff=evil\n*.md filter=worse\n*.bin filter=lfs\n"
    )
    pinned.write("README.md", "x")
    pinned.write("weights.bin", POINTER)
    pinned.commit()
    pinned.write("conf/config.yaml", "lr: ${oc.env:RATE}\nsize: 1\n")
    pinned.write("notes.md", f"{TOKEN}\n")
    pinned.git("add", "--all")
    pinned.write("new.py", "x")
    pinned.write("weights.bin", "x" * len(POINTER))  # only its content tells that it differs
    set_traps(pinned, traps)
    assert {"core.fsmonitor", "filter.evil.process", "filter.worse.clean"} <= set(
        springs(pinned, traps)
    )
    for name in ("train.py", "README.md", "data/digits.csv", "weights.bin"):
        os.utime(pinned.root / name, (1, 1))  # git has to read it to know whether it is the same
    refused = set()
    for one in GUARDS:
        for stage in one.stages:
            done = guard(pinned, one.id, "--stage", stage)
            assert done.returncode in (0, 1), (one.id, stage, done.stderr)
            assert list(traps.iterdir()) == [], (one.id, stage)
            if done.returncode:
                refused.add(f"{one.id} {stage}")
    assert {"untracked run", "untracked ci", "modified run", "secrets commit"} <= refused
    assert "stale-pin commit" not in refused
