"""Every test has a home, an identity and a clock of its own, and never sees the developer's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
# `.ci/run` installs every tool that a test may need: there, a skipped test is a failed one.
TOOLS_REQUIRED = os.environ.get("XGIT_TEST_REQUIRE_TOOLS") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where nothing may be missing."""
    report = yield
    if TOOLS_REQUIRED and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped where every tool is required: {report.longrepr}"
    return report


@pytest.fixture(autouse=True)
def hermetic_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """An empty HOME, no system git config, and a fixed author."""
    home = tmp_path_factory.mktemp("home")
    for name in list(os.environ):
        if name.startswith(("GIT_", "XGIT_", "DVC_", "HYDRA_")) or name == "PYTHONPATH":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / ".cache"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(home / ".config/dvc"))
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(home / ".config/dvc-system"))
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(home / ".cache/dvc-site"))
    monkeypatch.setenv("XGIT_UV", "")  # no uv in the background; test_pylock*.py ask one
    monkeypatch.setenv("PATH", f"{BIN}{os.pathsep}{os.environ['PATH']}")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada Lovelace\n\temail = ada@example.com\n"
        '[init]\n\tdefaultBranch = main\n[protocol "file"]\n\tallow = always\n',
        encoding="utf-8",
    )
    return home


@dataclass(frozen=True)
class Project:
    """A clone with a bare `origin` beside it, one commit, pushed."""

    root: Path
    origin: Path

    def git(self, *args: str, check: bool = True) -> str:
        """What git printed, stripped."""
        done = subprocess.run(
            ["git", *args], cwd=self.root, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, text: str) -> Path:
        """Write a file of the work tree, folders included."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def commit(self, message: str = "change", *, push: bool = True) -> str:
        """Commit everything; the new HEAD."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        if push:
            self.git("push", "--quiet", "origin", "HEAD")
        return self.git("rev-parse", "HEAD")

    def xgit(
        self, *args: str, cwd: Path | None = None, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run xgit as a user would, in a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "xgit", *args],
            cwd=cwd or self.root,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            env=os.environ | (env or {}),
            check=False,
        )


def make_project(folder: Path, *init: str) -> Project:
    """A fresh project under `folder`; `init` are further options of `git init`."""
    origin = folder / "origin.git"
    root = folder / "project"
    subprocess.run(["git", "init", "--quiet", "--bare", *init, origin], check=True)
    subprocess.run(["git", "init", "--quiet", *init, root], check=True)
    project = Project(root, origin)
    project.git("remote", "add", "origin", str(origin))
    project.write("train.py", "print('trained')\n")
    project.write(".gitignore", "__pycache__/\nignored/\n")
    project.commit("first")
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A clone with a bare `origin` and one pushed commit."""
    return make_project(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)
