"""Locked versions that no index has: a real uv asks an index on loopback, at the stage ci."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.package_index import PackageIndex, served
from xgit.capture.environment import uv_program

pytestmark = pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
PYPROJECT = """
[project]
name = "demo"
version = "0.1"
requires-python = ">=3.11"
dependencies = ["one", "two==2.0"]
"""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    """An index that uv is told of; nothing else is asked."""
    with served(PackageIndex()) as index:
        for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("XGIT_UV", "uv")
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        index.add_wheel("one", "1.0")
        index.add_wheel("two", "2.0")
        yield index


def said(project: Project, code: int) -> str:
    done = project.xgit("check", "environment", "--stage", "ci")
    assert done.returncode == code, done.stderr
    return done.stderr


def lacking(project: Project) -> dict[str, str]:
    """What is refused, and what mends it."""
    done = project.xgit("check", "environment", "--stage", "ci", "--json")
    [guard] = json.loads(done.stdout)
    assert "could be asked" not in done.stderr, done.stderr
    return {one["subject"]: one["remedy"] for one in guard["violations"]}


def paste(project: Project, command: str) -> None:
    done = subprocess.run(
        ["sh", "-c", command], cwd=project.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def forget(index: PackageIndex, name: str, uv_cache: Path) -> None:
    index.files = {file: it for file, it in index.files.items() if not file.startswith(name)}
    shutil.rmtree(uv_cache, ignore_errors=True)  # of minutes ago, as in a CI job


def test_what_a_lock_names_and_no_index_has(project: Project, index: PackageIndex) -> None:
    """Refused, each by name; the printed command mends it."""
    project.write("pyproject.toml", PYPROJECT)
    paste(project, "uv lock")
    assert lacking(project) == {}
    forget(index, "one", Path(os.environ["XDG_CACHE_HOME"]) / "uv")
    index.add_wheel("one", "1.1")
    [(subject, remedy)] = lacking(project).items()
    assert subject == "uv.lock says one 1.0, and no configured index has it"
    assert remedy == "uv lock --upgrade-package one"
    paste(project, remedy)
    assert said(project, 0).count("one") == 0


def test_of_requirements_all_that_are_gone(project: Project, index: PackageIndex) -> None:
    project.write(
        "requirements.txt", "one==1.0\none==9.0 ; python_version < '3'\nzwei==1\ntwo==3\n"
    )
    assert list(lacking(project)) == [
        f"requirements.txt says {name}, and no configured index has it"
        for name in ("one 9.0", "two 3", "zwei 1")
    ]
    [*_, zwei] = lacking(project).values()
    assert zwei == "uv pip install --upgrade zwei"


def test_what_is_there_for_others_is_there(project: Project, index: PackageIndex) -> None:
    """For another system, or only to be built; and neither is what comes from no index gone."""
    index.files["win-1.0-py3-none-win_amd64.whl"] = index.files["one-1.0-py3-none-any.whl"]
    index.add_sdist("src", "1.0", "raise SystemExit('was built')")
    project.write("requirements.txt", "win==1.0\nsrc==1.0\none==1.0\ntwo==3\n")
    assert [subject.split()[2] for subject in lacking(project)] == ["two"]
    (project.root / "requirements.txt").unlink()
    entry = '[[packages]]\nname = "{0}"\nversion = "7"\n{1}\n'
    vcs = 'vcs = {type = "git", url = "https://host/x", commit-id = "0"}'
    project.write(
        "pylock.toml", 'lock-version = "1.0"\n' + entry.format("x", vcs) + entry.format("y", "")
    )
    assert [subject.split()[2] for subject in lacking(project)] == ["y"]


def test_an_index_for_some_packages_alone(project: Project, index: PackageIndex) -> None:
    """uv would not ask it of itself; where all is configured is where it may be."""
    with served(PackageIndex()) as own:
        own.add_wheel("torch", "2.3.1+cu121")
        table = f'[[tool.uv.index]]\nname = "own"\nurl = "{own.url}"\nexplicit = true\n'
        project.write("pyproject.toml", PYPROJECT + table)
        project.write("pylock.toml", 'lock-version = "1.0"\n[[packages]]\nname = "torch"\n'
                      'version = "2.3.1+cu121"\n')  # fmt: skip
        assert lacking(project) == {}
        project.write("pyproject.toml", PYPROJECT)
        assert len(lacking(project)) == 1


def test_a_lock_gives_uv_no_options(project: Project, index: PackageIndex, tmp_path: Path) -> None:
    hostile = r"1.0\n--index-url http://127.0.0.1:9\n-r /etc/passwd"
    names = (("one", hostile), (r"--index-url=http://127.0.0.1:9\none", "1.0"), ("two", "3"))
    entries = "".join(f'[[packages]]\nname = "{name}"\nversion = "{it}"\n' for name, it in names)
    project.write("pylock.toml", f'lock-version = "1.0"\n{entries}')
    assert [subject.split()[2] for subject in lacking(project)] == ["two"]


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"UV_OFFLINE": "1"}, "uv was told to use no network"),
        ({"UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple"}, "uv could not ask the index"),
        ({"XGIT_UV": ""}, "XGIT_UV is empty, so that no uv was asked"),
        ({"XGIT_UV": "/nowhere/uv"}, "XGIT_UV names no program: /nowhere/uv"),
    ],
)
def test_an_index_that_cannot_be_asked_is_told(
    project: Project, index: PackageIndex, env: dict[str, str], why: str
) -> None:
    project.write("requirements.txt", "one==1.0\n")
    done = project.xgit("check", "environment", "--stage", "ci", env=env)
    assert done.returncode == 0
    told = "note: no index could be asked for what requirements.txt names: "
    assert f"{told}{why}" in done.stderr
    assert "one" not in project.xgit("check", "environment", "--stage", "run").stderr


def test_an_index_that_does_not_answer_is_given_up(
    project: Project, index: PackageIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xgit.git.plumbing import open_repo
    from xgit.guards.checking import check_repo

    project.write("requirements.txt", "one==1.0\n")
    index.open.clear()
    monkeypatch.setattr(uv_program, "LIMIT_SECONDS", 0.5)
    state, _ = check_repo(open_repo(project.root), "ci", ("environment",))
    assert any("uv gave no answer in 0.5 s" in note for note in state.notes)
