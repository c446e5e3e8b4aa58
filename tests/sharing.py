"""Experiments, clones and remotes for the tests of push and pull."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conftest import Project
from tests.stored import make_experiment, store
from xgit.record.model import Experiment


def recorded(project: Project, name: str, **changes: Any) -> Experiment:
    """An experiment on HEAD that uses no data."""
    return store(project, make_experiment(name, **{"data": (), "labels": (), **changes}))


def clone(project: Project, name: str) -> Project:
    """Another clone of the same origin, beside the first."""
    root = project.root.parent / name
    subprocess.run(
        ["git", "clone", "--quiet", "--no-local", "--no-tags", project.origin, root], check=True
    )
    return Project(root, project.origin)


def exp(project: Project, *args: str, code: int = 0, **env: str) -> dict[str, Any]:
    """`xgit exp … --json`, which must end with this code; the document that it prints."""
    done = project.xgit("exp", *args, "--json", env=env)
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


def states(document: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["state"] for one in document["experiments"]}


def on_origin(project: Project, prefix: str = "refs/tags/") -> dict[str, str]:
    """The refs of the origin, by its own word."""
    form = "--format=%(refname) %(objectname)"
    done = subprocess.run(
        ["git", "for-each-ref", form, prefix],
        cwd=project.origin, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return dict(line.split(" ") for line in done.stdout.splitlines())


def ours(project: Project, ref: str) -> str:
    return project.git("rev-parse", "--verify", ref)


def hook(project: Project, name: str, script: str) -> None:
    """Give the origin a hook."""
    path = project.origin / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def git_that(project: Project, when: str, do: str, real: str) -> dict[str, str]:
    """The PATH on which `git` does something else when its arguments have a word in them."""
    folder = project.root.parent / "wrapped"
    folder.mkdir(exist_ok=True)
    wrapper = folder / "git"
    wrapper.write_text(
        f'#!/bin/sh\ncase " $* " in *{when}*) {do} ;; esac\nexec {real} "$@"\n', encoding="utf-8"
    )
    wrapper.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def start(project: Project, *args: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "xgit", *args],
        cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL, env=os.environ | env,
    )  # fmt: skip


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def killing(what: str) -> str:
    """Shell lines that kill -9 the process above them whose arguments have these words."""
    return f"""pid=$$
while [ "$pid" -gt 1 ]; do
    pid=$(ps -o ppid= -p "$pid" | tr -d " ")
    case $(ps -o args= -p "$pid") in *"{what}"*) kill -9 "$pid"; break ;; esac
done"""
