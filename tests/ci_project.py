"""A project with experiments, and the machine on which the jobs of a CI run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import BIN, Project
from xgit.git.plumbing import open_repo
from xgit.record.verdict import VerdictSummary
from xgit.store.verdicts import list_verdicts

FIXED, DRAWN = "fixed", "drawn"
TOKENS = ("GITHUB_TOKEN", "CI_JOB_TOKEN", "XGIT_PUSH_TOKEN")
PROGRAM = f"""
import json, os, random, sys
assert not {set(TOKENS)!r} & os.environ.keys(), "the experiment has a token"
accuracy = 0.5 if sys.argv[1] == "fixed" else random.random()
json.dump({{"accuracy": accuracy}}, open("metrics.json", "w"))
"""
# `uv tool install` would build the xgit of another place; here it is the one under test.
_UV = """#!/bin/sh
if [ "$1 $2" = "tool install" ]; then
    for word; do last=$word; done
    case "$last" in "xgit @ git+"*) exit 0 ;; esac
    echo "not the address of xgit: $last"
    exit 1
fi
if [ "$1 $2" = "tool dir" ]; then echo "{bin}"; exit 0; fi
exec "{uv}" "$@"
"""


def machine_path(folder: Path) -> str:
    """A PATH on which uv installs nothing, and an administrator needs no password."""
    tools = folder / "tools"
    tools.mkdir(parents=True)
    uv = shutil.which("uv")
    assert uv is not None
    for name, text in (("uv", _UV.format(bin=BIN, uv=uv)), ("sudo", "#!/bin/sh\n")):
        (tools / name).write_text(text, encoding="utf-8")
        (tools / name).chmod(0o755)
    return f"{tools}{os.pathsep}{os.environ['PATH']}"


def machine(addresses: Mapping[str, Path]) -> dict[str, str]:
    """The variables of every job.

    Args:
        addresses: which repository git finds at a URL.
    """
    variables = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_COUNT": str(len(addresses)),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    for number, (url, path) in enumerate(addresses.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = f"url.file://{path}.insteadOf"
        variables[f"GIT_CONFIG_VALUE_{number}"] = url
    return variables


class CiProject:
    """A project and the experiments that are recorded in it, with Python and no packages."""

    def __init__(self, project: Project) -> None:
        self.project = project
        project.write(".gitignore", "metrics.json\n__pycache__/\n")
        project.write("train.py", PROGRAM)
        project.commit("train")

    def record(self, *names: str) -> None:
        """Run an experiment for each name and push its tag."""
        environment = self.project.root.parent / "environment"
        if not environment.exists():
            import venv

            venv.create(environment, with_pip=False)
        path = {"PATH": f"{environment}/bin{os.pathsep}{os.environ['PATH']}"}
        for name in names:
            argv = ("exp", "run", "--quiet", "--name", name, "--", "python", "train.py", name)
            done = self.project.xgit(*argv, env=path)
            assert done.returncode == 0, done.stderr
            self.project.git("push", "--quiet", "origin", f"refs/tags/experiment/{name}")

    def fork(self, folder: Path) -> CiProject:
        """A repository of somebody else, with everything of this one."""
        folder.mkdir()
        origin, root = folder / "origin.git", folder / "project"
        self.project.git("clone", "--quiet", "--bare", str(self.project.origin), str(origin))
        self.project.git("clone", "--quiet", str(origin), str(root))
        forked = object.__new__(CiProject)
        forked.project = Project(root, origin)
        return forked

    def refs(self) -> dict[str, str]:
        """What `origin` has."""
        lines = self.project.git("ls-remote", str(self.project.origin)).splitlines()
        return {name: oid for oid, name in (line.split("\t") for line in lines)}

    def verdicts(self) -> dict[str, str]:
        """The results that `origin` has, by id and number."""
        everything = "+refs/tags/reproduction/*:refs/tags/reproduction/*"
        self.project.git("fetch", "--quiet", "--prune", "--no-tags", "origin", everything)
        listed = list_verdicts(open_repo(self.project.root))
        rows = [row for found in listed.values() for row in found]
        assert all(isinstance(row, VerdictSummary) for row in rows)
        return {f"{row.of}/{row.number}": row.result for row in rows}  # type: ignore[union-attr]
