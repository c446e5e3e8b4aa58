"""Files that nobody expects: by their names, by their content, or in xgit's own place."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.adversary import (
    assert_error,
    hint_of,
    kept_log,
    nothing_left,
    record,
    run,
    shell,
    tags,
    xgit,
)
from tests.conftest import Project

NAMES = [
    b"a b", b"new\nline", b"it's", b'say "hi"', b"-dash", b"\xff\xfe", b"back\\slash", b"st*r?[x]",
    b":colon", b":(top)x", b"$(touch pwned)", b"`touch pwned`;x", b"\x1b[31mred", b"%s%n", b"!bang",
    b"~", b"#x", b" lead and trail ", "ünï".encode(), b"mix'\n\\\xff$x", b"--", b"fold er/-f",
]  # fmt: skip


def remedies(project: Project) -> list[str]:
    """The commands of a refusal, which name no more than ten for each guard."""
    printed = run(project, "--", "true")
    assert printed.returncode == 125
    assert all(line.isprintable() for line in printed.stderr.splitlines())
    found = json.loads(run(project, "--json", "--", "true").stdout)["refused"]
    commands = [
        one["remedy"]
        for result in found
        if result["outcome"] == "failed"
        for one in result["violations"]
    ]
    assert commands[0] in printed.stderr
    return commands


def test_the_remedies_can_be_pasted_whatever_a_file_is_called(project: Project) -> None:
    paths = [Path(os.fsdecode(os.fsencode(project.root) + b"/" + name)) for name in NAMES]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text("x", encoding="utf-8")
    assert run(project, "--name", "kept", "--snapshot", "--", "true").returncode == 0
    commands = remedies(project)
    assert len(commands) == len(NAMES)
    for command in commands:
        shell(project, command)
    project.git("commit", "--quiet", "--message", "all of them")
    project.git("push", "--quiet", "origin", "HEAD")
    assert run(project, "--name", "added", "--", "true").returncode == 0
    for path in paths:
        path.write_text("changed", encoding="utf-8")
    for command in remedies(project):
        shell(project, command)
    project.git("push", "--quiet", "origin", "HEAD")
    assert run(project, "--name", "changed", "--", "true").returncode == 0
    assert not (project.root / "pwned").exists()
    for words in (["show", "kept"], ["compare", "kept", "changed"]):
        shown = xgit(project, "exp", *words).stdout
        assert all(line.isprintable() for line in shown.splitlines())


def test_what_is_allowed_is_told_harmlessly(project: Project) -> None:
    project.write("\x1b[31mred\x07", "x")
    done = run(project, "--allow", "untracked", "--", "true")
    assert done.returncode == 0
    assert "\\x1b[31mred" in done.stderr
    assert all(line.isprintable() for line in done.stderr.splitlines())


# ---------------------------------------------------------------- the project's own files

SETTINGS = {
    "not TOML": ("[tool.xgit\ncommand = 1", "is not valid TOML"),
    "not UTF-8": ("a = '\udcff'", "is not valid TOML"),
    "deep": ("a = " + "[" * 100_000, "is not valid TOML"),
    "unknown key": ("[tool.xgit]\ncomand = 'x'", "unknown setting 'comand'"),
    "a list": ("[[tool.xgit]]\ncommand = 'x'", "is not a table"),
    "quotes": ('[tool.xgit]\ncommand = "python \'x"', "command in pyproject.toml"),
    "a number": ("[tool.xgit]\ncommand = 3", "command in pyproject.toml"),
    "infinite": ("[tool.xgit]\nlog_bytes = inf", "log_bytes in pyproject.toml"),
    "NaN": ("[tool.xgit]\ngrace_seconds = nan", "grace_seconds in pyproject.toml"),
    "negative": ("[tool.xgit]\ngrace_seconds = -1", "grace_seconds in pyproject.toml"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_cannot_be(project: Project, case: str) -> None:
    content, said = SETTINGS[case]
    path = project.root / "pyproject.toml"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    project.commit()
    assert_error(run(project, "--", "true"), 125, said)
    assert nothing_left(project)
    assert xgit(project, "exp", "list").returncode == 0


def test_a_pyproject_of_another_kind(project: Project) -> None:
    project.write("pyproject.toml", "tool = 3\n")
    project.commit()
    assert run(project, "--", "true").returncode == 0
    (project.root / "xgit.toml").mkdir()
    assert_error(run(project, "--", "true"), 125, "xgit.toml cannot be read", "ls -ld xgit.toml")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a: [1", "params.yaml"), (b"- 1\n- 2\n", "params.yaml"), (b"a: \xff", "params.yaml"),
     (b"a: &a [*a]\n", "params.yaml"), (b"[" * 50_000, "params.yaml"), (b"{a: 1}: 2", None),
     (b"a: !!python/object/apply:os.system ['touch ran']", None), (b"", None), (b"# none\n", None)],
)  # fmt: skip
def test_params_yaml(project: Project, content: bytes, said: str | None) -> None:
    (project.root / "params.yaml").write_bytes(content)
    project.commit()
    done = run(project, "--", "true")
    if said is None:
        assert done.returncode == 0, done.stderr
    else:
        assert_error(done, 125, said)
        assert nothing_left(project)


@pytest.mark.parametrize(
    "content",
    [b"outs: [", b"outs: 3", b"outs:\n- md5: x\n  path: a\n", b"\xff", b"[]", b"[" * 50_000,
     b"outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  path: ../../etc/passwd\n",
     b"outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  path: /etc/passwd\n",
     b"outs:\n- md5: d41d8cd98f00b204e9800998ecf8427e\n  path: .git/config\n"],
)  # fmt: skip
def test_a_corrupt_pin(project: Project, content: bytes) -> None:
    (project.root / "my data.dvc").write_bytes(content)
    project.commit()
    done = run(project, "--", "true")
    assert_error(done, 125, "my data.dvc", "git checkout -- 'my data.dvc'")
    assert nothing_left(project)


# ---------------------------------------------------------------- xgit's own place


@pytest.mark.parametrize("place", ["xgit", "xgit/runs"])
def test_a_file_where_its_directory_belongs(project: Project, place: str) -> None:
    path = project.root / ".git" / place
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine", encoding="utf-8")
    assert xgit(project, "exp", "list").returncode == 0
    done = run(project, "--", "true")
    assert_error(done, 125, "is in the way", "mv ")
    assert path.read_text(encoding="utf-8") == "mine"
    shell(project, hint_of(done))
    assert run(project, "--", "true").returncode == 0


def make_runs(project: Project) -> Path:
    runs = project.root / ".git/xgit/runs"
    for name, content in {"garbage": b"\0\xff{", "list": b"[]", "old": b'{"schema": "x"}'}.items():
        (runs / name / "spool").mkdir(parents=True)
        (runs / name / "lock").touch()
        (runs / name / "record.json").write_bytes(content)
    (runs / "foreign/notes").mkdir(parents=True)
    (runs / "UPPER CASE").mkdir()
    (runs / "file").write_text("x", encoding="utf-8")
    (runs / "odd/lock").mkdir(parents=True)
    return runs


def test_a_corrupt_journal_stops_nothing(project: Project) -> None:
    runs = make_runs(project)
    done = xgit(project, "exp", "list")
    assert done.returncode == 0
    warnings = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 4, done.stderr
    assert run(project, "--name", "fine", "--", "true").returncode == 0
    assert xgit(project, "exp", "recover").returncode == 1
    again = run(project, "--name", "garbage", "--", "true")
    assert_error(again, 125, "a run named garbage", "xgit exp recover")
    for line in done.stderr.splitlines():
        if "rm -r " in line:
            shell(project, line[line.index("rm -r ") :])
    assert sorted(path.name for path in runs.iterdir()) == ["UPPER CASE", "file", "foreign", "odd"]
    assert (runs / "foreign/notes").is_dir()


def test_a_run_whose_record_was_tampered_with(project: Project) -> None:
    """What is valid and still makes no sense."""
    assert run(project, "--name", "model", "--", "true").returncode == 0
    document = record(project)
    changes: dict[str, dict[str, object]] = {
        "a": {"id": "../../x"},
        "b": {"started": "9999-99-99T99:99:99.999999Z"},
        "c": {"code": {**document["code"], "commit": "0" * 40}},
        "d": {"id": "model"},
    }
    for name, change in changes.items():
        place = project.root / ".git/xgit/runs" / name
        (place / "spool").mkdir(parents=True)
        (place / "lock").touch()
        (place / "record.json").write_text(json.dumps({**document, "id": name, **change}))
        os.utime(place / "lock", (1e11, 1e11))
    done = xgit(project, "exp", "recover")
    assert done.returncode == 1
    assert tags(project) == ["experiment/model"]
    assert kept_log(project) == b""
    assert len(os.listdir(project.root / ".git/xgit/runs")) == len(changes)


@pytest.mark.parametrize("with_a_commit", [True, False])
def test_a_repository_among_the_untracked(project: Project, with_a_commit: bool) -> None:
    """Git would keep the name of its commit alone, or nothing."""
    project.git("init", "--quiet", "inner/nested one")
    project.write("inner/nested one/data", "x")
    if with_a_commit:
        for words in (["add", "--all"], ["commit", "--quiet", "--message", "x"]):
            project.git("-C", "inner/nested one", *words)
    assert_error(run(project, "--", "true"), 125, "1 violation")
    done = run(project, "--snapshot", "--", "true")
    assert_error(done, 125, "1 violation")
    assert "inner/nested one/: a repository of its own" in done.stderr
    done = run(project, "--snapshot", "--allow", "untracked", "--", "true")
    assert_error(done, 125, "inner/nested one")
    assert nothing_left(project)
    if with_a_commit:
        shell(project, hint_of(done))
        assert run(project, "--snapshot", "--", "true").returncode == 0


def test_what_is_neither_a_file_nor_a_directory(project: Project) -> None:
    os.symlink("/etc/passwd", project.root / "outside")
    os.symlink("nowhere", project.root / "dangling")
    os.mkfifo(project.root.parent / "fifo")
    os.symlink("../fifo", project.root / "to a fifo")
    (project.root / "empty").mkdir()
    assert_error(run(project, "--", "true"), 125, "3 violations")
    assert run(project, "--snapshot", "--", "true").returncode == 0
    assert project.git("show", f"{tags(project)[0]}:outside") == "/etc/passwd"
