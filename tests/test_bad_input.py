"""`exp run` where the repository, the command or the options are not as they should be."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from dataclasses import replace
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
from tests.conftest import Project, make_project

# ---------------------------------------------------------------- the repository


@pytest.mark.parametrize(
    "args", [("run", "--", "true"), ("list",), ("show", "@"), ("log", "@"), ("compare", "a", "b"),
             ("recover",)],
)  # fmt: skip
def test_not_a_repository(project: Project, tmp_path: Path, args: tuple[str, ...]) -> None:
    place = tmp_path / "else where"
    place.mkdir()
    done = xgit(project, "exp", *args, cwd=place)
    assert_error(done, 125 if args[0] == "run" else 2, "is not in a git repository", "git init")
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("args", [("run", "--", "true"), ("list",), ("recover",)])
def test_a_directory_that_was_removed(project: Project, args: tuple[str, ...]) -> None:
    command = f"mkdir gone && cd gone && rmdir ../gone && exec {os.environ['XGIT']} exp "
    done = subprocess.run(
        ["sh", "-c", command + shlex.join(args)],
        cwd=project.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert_error(done, 125 if args[0] == "run" else 2, "the current directory is gone", "cd")


@pytest.fixture(autouse=True)
def xgit_on_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setenv("XGIT", shlex.join([sys.executable, "-m", "xgit"]))


def fresh(tmp_path: Path) -> Project:
    """A repository of which nothing was committed."""
    root = tmp_path / "fresh"
    subprocess.run(["git", "init", "--quiet", root], check=True)
    (root / "train.py").write_text("print('trained')\n", encoding="utf-8")
    return Project(root, root)


def test_no_commit_yet(tmp_path: Path) -> None:
    project = fresh(tmp_path)
    done = run(project, "--", "true")
    assert_error(done, 125, "there is no commit yet", 'git add -A && git commit -m "first"')
    assert nothing_left(project)
    assert xgit(project, "exp", "list").returncode == 0
    assert_error(xgit(project, "exp", "show", "@"), 2, "there are no experiments here", "exp run")
    shell(project, hint_of(done))
    again = run(project, "--allow", "unpushed", "--", "true")
    assert again.returncode == 0


def test_a_branch_without_a_commit(project: Project) -> None:
    project.git("checkout", "--quiet", "--orphan", "new")
    assert_error(run(project, "--", "true"), 125, "there is no commit yet", "git commit")
    assert nothing_left(project)


def test_a_detached_head_that_is_pushed(project: Project) -> None:
    project.git("checkout", "--quiet", "--detach")
    assert run(project, "--", "true").returncode == 0
    assert record(project)["code"]["branch"] is None
    assert record(project)["code"]["pushed"] is True


def test_a_detached_head_that_is_not_pushed(project: Project) -> None:
    project.git("checkout", "--quiet", "--detach")
    project.git("commit", "--quiet", "--allow-empty", "--message", "mine")
    done = run(project, "--", "true")
    assert_error(done, 125, "this run could not be repeated (1 violation)", "--allow unpushed")
    assert "the detached HEAD is 1 commit ahead" in done.stderr
    shell(project, remedies(project)[0].replace("NAME", "mine"))
    assert run(project, "--", "true").returncode == 0


def remedies(project: Project, *options: str) -> list[str]:
    """The commands of a refusal, as they are printed."""
    printed = run(project, *options, "--", "true").stderr
    document = json.loads(run(project, "--json", *options, "--", "true").stdout)
    found = [
        one["remedy"]
        for result in document["refused"]
        if result["outcome"] == "failed"
        for one in result["violations"]
    ]
    assert all(one in printed for one in found)
    return found


def test_no_remote(project: Project) -> None:
    project.git("remote", "remove", "origin")
    done = run(project, "--", "true")
    assert_error(done, 125, "1 violation", "--allow unpushed")
    assert "there is no remote" in done.stderr
    (remedy,) = remedies(project)
    shell(project, remedy.replace("URL", str(project.origin)))
    assert run(project, "--", "true").returncode == 0


def test_a_bare_repository(project: Project) -> None:
    bare = replace(project, root=project.origin)
    done = run(bare, "--", "true")
    assert_error(done, 125, "is a bare repository", f"git clone {project.origin}")
    assert nothing_left(bare)


def test_inside_the_git_directory(project: Project) -> None:
    for args in (["run", "--", "true"], ["list"]):
        done = xgit(project, "exp", *args, cwd=project.root / ".git/refs")
        assert_error(done, 125 if args[0] == "run" else 2, "inside a git directory", "cd ")


def test_a_linked_work_tree(project: Project, tmp_path: Path) -> None:
    project.git("worktree", "add", "--quiet", "-b", "side", "../linked tree")
    linked = replace(project, root=tmp_path / "linked tree")
    assert run(linked, "--", "python", "train.py").returncode == 0
    assert tags(linked) == tags(project)
    assert record(linked)["code"]["branch"] == "side"
    (linked.root / "new.py").write_text("x", encoding="utf-8")
    done = run(linked, "--snapshot", "--", "true")
    assert done.returncode == 0, done.stderr
    assert project.git("stash", "list") == ""


def test_a_sha256_repository(tmp_path: Path) -> None:
    project = make_project(tmp_path, "--object-format=sha256")
    project.write("new.py", "x")
    assert run(project, "--name", "a", "--snapshot", "--", "python", "train.py").returncode == 0
    assert run(project, "--name", "b", "--snapshot", "--", "python", "train.py").returncode == 0
    assert len(record(project, "experiment/a")["code"]["snapshot"]) == 64
    assert xgit(project, "exp", "compare", "a", "b").returncode == 0


def test_a_shallow_clone(project: Project, tmp_path: Path) -> None:
    project.git("commit", "--quiet", "--allow-empty", "--message", "second")
    project.git("push", "--quiet", "origin", "HEAD")
    root = tmp_path / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{project.origin}", root], check=True
    )
    shallow = replace(project, root=root)
    assert run(shallow, "--", "python", "train.py").returncode == 0
    assert xgit(shallow, "exp", "show", "@").returncode == 0


@pytest.mark.parametrize(
    "name", ["a b", "it's", 'say "hi"', "new\nline", "co:lon", "$(x);`y`", b"\xff\xfe"]
)
def test_where_the_repository_lies(tmp_path: Path, name: str | bytes) -> None:
    project = make_project(tmp_path / os.fsdecode(name))
    project.write("sub/params.yaml", "lr: 0.1\n")
    project.commit()
    project.write("new.py", "x")
    done = run(project, "--snapshot", "--", "python", "../train.py", cwd=project.root / "sub")
    assert (done.returncode, done.stdout) == (0, "trained\n"), done.stderr
    assert record(project)["command"]["cwd"] == "sub"
    assert record(project)["params"] == {"lr": 0.1}
    for command in (["list"], ["show", "@"], ["log", "@"], ["compare", "@", "@"]):
        assert xgit(project, "exp", *command, cwd=project.root / "sub").returncode == 0


# ---------------------------------------------------------------- the command


def test_command_not_found(project: Project) -> None:
    done = run(project, "--", "no-such-command", "--flag")
    assert_error(done, 127, "there is no command 'no-such-command'", "")
    assert nothing_left(project)


def test_a_script_that_is_not_executable(project: Project) -> None:
    project.write("my script.sh", "echo ran\n")
    project.commit()
    done = run(project, "--", "./my script.sh")
    assert_error(done, 126, "is not executable", "chmod +x './my script.sh'")
    assert nothing_left(project)
    shell(project, hint_of(done))
    project.git("commit", "--quiet", "--all", "--message", "executable")
    project.git("push", "--quiet", "origin", "HEAD")
    assert_error(
        run(project, "--", "./my script.sh"), 126, "Exec format error", "sh './my script.sh'"
    )
    shell(project, f"$XGIT{hint_of(run(project, '--', './my script.sh')).removeprefix('xgit')}")
    assert kept_log(project) == b"ran\n"


def test_a_script_whose_interpreter_is_not_there(project: Project) -> None:
    project.write("run", "#!/no/such/interpreter -x\necho ran\n").chmod(0o755)
    project.commit()
    done = run(project, "--", "./run")
    assert_error(done, 127, "names an interpreter that is not here", "head -n 1")
    shell(project, hint_of(done))
    assert nothing_left(project)


@pytest.mark.parametrize("argv", [(".",), ("./",), ("",), ("train.py",), ("/",)])
def test_what_is_no_program(project: Project, argv: tuple[str, ...]) -> None:
    done = run(project, "--", *argv)
    assert_error(done, done.returncode, "", "")
    assert done.returncode in (126, 127)
    assert nothing_left(project)


def test_nothing_behind_the_dashes(project: Project) -> None:
    done = run(project, "--")
    assert_error(done, 125, "no command", "xgit exp run -- ")
    project.write("pyproject.toml", '[tool.xgit]\ncommand = "python train.py"\n')
    project.commit()
    assert_error(run(project, "--"), 125, "no command", "xgit exp run")
    assert nothing_left(project)


def test_no_command_at_all(project: Project) -> None:
    assert_error(run(project), 125, "there is no command to run", "[tool.xgit]")


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "said", "hint"),
    [
        (["--expect", "accuracy >"], "", ""),
        (["--expect", "accuracy > 0.9 and"], "", ""),
        (["--expect", "__import__('os').system('touch ran')"], "", ""),
        (["--expect", ""], "", ""),
        (["--expect", "\udcff > é"], "", ""),
        (["--expect", "é\x1b\n"], "", ""),
        (["--expect", "(" * 5000 + "a" + ")" * 5000], "", ""),
        (["--allow", "untraked"], "there is no guard 'untraked'", "untracked"),
        (["--allow", ""], "there is no guard", None),
        (["--nmae", "x"], "--nmae", "--help"),
        (["--name"], "--name", "--help"),
        (["--timeout", "soon"], "soon", "--help"),
        (["--timeout", "-1"], "-1", "--help"),
        (["--name", "Upper"], "'Upper'", "--name"),
        (["--name", ""], "''", "--name"),
        (["--name", "../../../etc"], "cannot be the name", "--name"),
        (["--name", "a" * 64], "cannot be the name", "--name"),
        (["--name", "new\nline"], "cannot be the name", "--name"),
        (["--name", "-x"], "cannot be the name", "--name"),
        (["lr=0.1"], "'lr=0.1'", ""),
    ],
    ids=lambda value: str(value)[:30],
)
def test_bad_options(project: Project, options: list[str], said: str, hint: str | None) -> None:
    done = run(project, *options, "--", "touch", "ran")
    assert_error(done, 125, said, hint)
    assert nothing_left(project)
    assert not (project.root / ".git/xgit").exists()


def test_an_unknown_command(project: Project) -> None:
    assert_error(xgit(project, "exp", "rnu"), 2, "rnu", "xgit exp --help")
    assert_error(xgit(project, "export"), 2, "export", "xgit --help")


def test_a_name_that_is_taken(project: Project) -> None:
    assert run(project, "--name", "same", "--", "true").returncode == 0
    done = run(project, "--name", "same", "--", "touch", "ran")
    assert_error(done, 125, "experiment/same exists already", "--name")
    assert tags(project) == ["experiment/same"]


@pytest.mark.parametrize("ref", ["experiment/same", "experiment/same/below", "experiment"])
def test_a_name_that_git_could_not_give(project: Project, ref: str) -> None:
    """It is refused before the command, not after hours of it."""
    project.git("tag", ref)
    done = run(project, "--name", "same", "--", "touch", "ran")  # what it touched would be seen
    assert_error(done, 125, f"{ref} exists already", "")


@pytest.mark.parametrize(
    "why",
    ["", "   ", "line\n\nXgit-Summary: {\"id\": \"other\"}", "\x1b[2Jred\x07\r\x9b31m", "é −",
     "--why", "-----BEGIN PGP SIGNATURE-----\n", "<script>alert(1)</script>|`$(touch pwned)`"],
)  # fmt: skip
def test_a_strange_why(project: Project, why: str) -> None:
    done = run(project, "--name", "a", f"--why={why}", "--", "true")
    assert done.returncode == 0, done.stderr
    assert record(project)["why"] == why or not why.strip()
    for args in (["list"], ["list", "--json"], ["show", "a"], ["compare", "a", "a"]):
        shown = xgit(project, "exp", *args)
        assert shown.returncode == 0, shown.stderr
        assert not {"\x1b", "\x07", "\x9b"} & set(shown.stdout + shown.stderr)
    assert json.loads(xgit(project, "exp", "list", "--json").stdout)[0]["id"] == "a"
    assert "\x1b" not in project.git("tag", "-l", "-n99", "experiment/a")


def test_a_why_as_long_as_the_system_lets_it_be(project: Project) -> None:
    """Linux takes no argument of more than 128 KiB."""
    why = "because " * 15_000
    for name in ("a", "b"):
        assert run(project, "--name", name, "--why", why, "--", "true").returncode == 0
    assert record(project, "experiment/a")["why"] == why
    assert len(project.git("cat-file", "tag", "experiment/a")) < 200_000
    listed = xgit(project, "exp", "list")
    assert len(listed.stdout) < 2_000
    (row, _) = json.loads(xgit(project, "exp", "list", "--json").stdout)
    assert why.startswith(row["why"].removesuffix("…"))
    assert row["cut"] is True
    (row,) = json.loads(xgit(project, "exp", "list", "--json", "--where", "id == 'a'").stdout)
    assert row["why"] == why
