"""Packages are part of an experiment: rebuilt from the record, they give what they gave."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Project
from tests.test_locking import wait_for_the_answer
from tests.wheel_index import Index, serve
from xgit.reproduce import sandbox
from xgit.reproduce.place import base_directory

pytestmark = pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
needs_sandbox = pytest.mark.skipif(
    not sandbox.is_there(), reason="bubblewrap is not installed, or may not make a sandbox"
)
PROGRAM = """
import json, os, pathlib, socket, tiny

def answers():
    try:
        socket.create_connection(("127.0.0.1", int(os.environ.get("PORT", 1))), 1).close()
    except OSError:
        return 0
    return 1

home = int(pathlib.Path("~/key.txt").expanduser().exists())
found = dict(accuracy=tiny.x, home=home, net=answers())
json.dump(found, open("metrics.json", "w"))
"""


class Bench:
    """A project whose program imports `tiny` from an environment of its own."""

    def __init__(self, project: Project, index: Index, folder: Path) -> None:
        self.project = project
        self.index = index
        self.folder = folder
        self.env = folder / "venv"
        index.add_wheel("tiny", "1.0", body="x = 1\n")
        index.add_wheel("tiny", "2.0", body="x = 2\n")
        self.uv("venv", "--quiet", "--python", sys.executable, os.fspath(self.env))
        self.install("1.0")

    def uv(self, *args: str) -> None:
        subprocess.run(["uv", *args], check=True, cwd=self.folder)

    def install(self, version: str) -> None:
        python = ("--python", os.fspath(self.env))
        self.uv("pip", "install", "--quiet", *python, "--upgrade", f"tiny=={version}")

    def record(self, program: str = PROGRAM) -> None:
        self.project.write(".gitignore", "metrics.json\n")
        self.project.write("train.py", program)
        self.project.commit()
        for name in ("first", "one"):  # the second has the lock, however short the first was
            command = (os.fspath(self.env / "bin/python"), "train.py")
            done = self.project.xgit("exp", "run", "--name", name, "--", *command)
            assert done.returncode == 0, done.stderr
            wait_for_the_answer(self.project)
        self.project.git("push", "--quiet", "origin", "--tags")

    def reproduce(self, *options: str, **env: str) -> tuple[int, dict[str, Any], str]:
        command = ("exp", "reproduce", "one", "--json", "--trust", *options)
        done = self.project.xgit(*command, env=env)
        return done.returncode, json.loads(done.stdout), done.stderr


@pytest.fixture
def bench(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    with serve(tmp_path / "index") as index:
        monkeypatch.setenv("XGIT_UV", "uv")
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        monkeypatch.setenv("PORT", index.url.rstrip("/").rpartition(":")[2])
        yield Bench(project, index, tmp_path)


def test_another_version_is_no_obstacle_and_here_it_is_the_suspect(bench: Bench) -> None:
    bench.record()
    bench.install("2.0")
    code, verdict, told = bench.reproduce("--here")
    assert (code, verdict["result"]) == (1, "different"), told
    assert verdict["metrics"]["accuracy"]["reproduced"] == [2]
    [suspect] = [one for one in verdict["suspects"] if one["name"] == "tiny"]
    assert suspect == {
        "kind": "environment", "name": "tiny", "recorded": "1.0", "reproduced": "2.0",
    }  # fmt: skip
    shutil.rmtree(bench.env)
    shutil.rmtree(bench.folder / "cache")
    code, verdict, told = bench.reproduce()
    assert (code, verdict["result"]) == (0, "identical"), told
    assert verdict["manner"]["environment"] == "pylock"
    assert verdict["manner"]["missing_packages"] == []


def test_a_version_that_is_on_no_index_any_more(bench: Bench) -> None:
    bench.record()
    shutil.rmtree(bench.index.folder / "tiny")
    shutil.rmtree(bench.folder / "cache")
    code, verdict, told = bench.reproduce()
    assert (code, verdict["result"], verdict["step"]) == (1, "failed", "run")
    [missing] = verdict["manner"]["missing_packages"]
    assert missing.startswith("tiny 1.0: ")
    assert f"not installed: {missing}" in told


def test_another_wheel_under_the_same_version(bench: Bench) -> None:
    """What an index serves now is held against the hash of then."""
    bench.record()
    shutil.rmtree(bench.index.folder / "tiny")
    shutil.rmtree(bench.folder / "cache")
    bench.index.add_wheel("tiny", "1.0", body="x = 3\n")
    code, verdict, told = bench.reproduce()
    assert (code, verdict["result"], verdict["step"], verdict["runs"]) == (
        2, "failed", "environment", 0,
    ), told  # fmt: skip
    assert "hash" in verdict["reason"]


@needs_sandbox
def test_hermetic_it_has_neither_network_nor_home(bench: Bench) -> None:
    Path(os.environ["HOME"], "key.txt").write_text("secret")
    bench.record()
    code, verdict, told = bench.reproduce()
    assert (code, verdict["result"]) == (0, "identical"), told
    code, verdict, told = bench.reproduce("--hermetic")
    assert (code, verdict["result"]) == (1, "different"), told
    found = {name: one["reproduced"] for name, one in verdict["metrics"].items()}
    assert found == {"accuracy": [1], "home": [0], "net": [0]}
    assert verdict["manner"]["hermetic"]


@needs_sandbox
def test_what_a_hermetic_run_lacked_is_named(bench: Bench) -> None:
    key = Path(os.environ["HOME"], "key.txt")
    key.write_text("secret")
    bench.record(f"{PROGRAM}\nopen({os.fspath(key)!r})\nos.environ['PORT']\n")
    code, verdict, told = bench.reproduce("--hermetic")
    assert (code, verdict["result"], verdict["step"]) == (1, "failed", "run"), told
    assert f"it lacked the file {key}" in verdict["notes"]


def test_killed_while_the_environment_is_built(bench: Bench) -> None:
    bench.record()
    shutil.rmtree(bench.folder / "cache")
    process = subprocess.Popen(
        [sys.executable, "-m", "xgit", "exp", "reproduce", "one", "--trust"],
        cwd=bench.project.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    with process.stderr:
        while process.stderr.readline().decode().strip() != "· the environment":
            assert process.poll() is None
        process.kill()
        process.wait(30)
    assert len(list(base_directory().iterdir())) == 1
    code, verdict, told = bench.reproduce()
    assert (code, verdict["result"], verdict["ref"]) == (
        0, "identical", "refs/tags/reproduction/one/1",
    ), told  # fmt: skip
    assert list(base_directory().iterdir()) == []
