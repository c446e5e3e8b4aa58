"""The main job, whole: the demo, its experiments in a fresh clone, and DVC reading them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("demo")]


def run(cwd: Path, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def xgit(cwd: Path, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return run(cwd, sys.executable, "-m", "xgit", *args, check=check)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The directory of a demo that was played through, and what it printed."""
    home = tmp_path_factory.mktemp("demo") / "place"
    bare = tmp_path_factory.mktemp("home")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"HOME": str(bare), "XDG_CONFIG_HOME": str(bare / ".config"), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "xgit", "demo", "--json", str(home)],
        env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["project"] == str(home / "digits")
    assert len(document["experiments"]) == 2
    return home, done.stderr


@pytest.fixture(scope="module")
def project(told: tuple[Path, str]) -> Path:
    return told[0] / "digits"


def test_the_story_is_told(told: tuple[Path, str]) -> None:
    home, text = told
    for line in (
        "$ dvc push --quiet",
        '$ xgit exp run --why "a baseline"',
        "$ xgit exp compare @~1 @",
        "error: this run could not be repeated (1 violation)",
        "expectation met",
        f"Made in {home}",
    ):
        assert line in text, line
    assert text.count("✓ experiment/") == 2


def test_the_experiments_hold_what_happened(project: Path) -> None:
    rows = json.loads(xgit(project, "exp", "list", "--json").stdout)
    assert [row["why"] for row in rows] == ["is a kernel better?", "a baseline"]
    assert all(row["reproducible"] for row in rows)
    assert rows[0]["metrics"]["accuracy"] > 0.97
    doc = json.loads(xgit(project, "exp", "show", "@", "--json").stdout)
    assert doc["hydra"]["overrides"] == ["model=svm", "model.C=10"]
    assert doc["hydra"]["choices"]["model"] == "svm"
    assert [pin["path"] for pin in doc["data"]] == ["data/digits.csv"]
    assert doc["data"][0]["hash"].startswith("md5:")
    assert {"hydra-core", "scikit-learn", "numpy"} <= set(doc["environment"]["packages"])


def test_nothing_is_left_behind(project: Path) -> None:
    assert run(project, "git", "status", "--porcelain").stdout == ""
    assert run(project, "git", "fsck", "--strict", "--no-dangling").stdout == ""
    assert os.listdir(project / ".git/xgit/runs") == []


def test_in_a_fresh_clone_of_the_pushed_tags(told: tuple[Path, str], tmp_path: Path) -> None:
    home, _ = told
    run(home / "digits", "git", "push", "--quiet", "origin", "--tags")
    run(tmp_path, "git", "clone", "--quiet", str(home / "origin.git"), "clone")
    clone = tmp_path / "clone"
    here = json.loads(xgit(clone, "exp", "list", "--json").stdout)
    there = json.loads(xgit(home / "digits", "exp", "list", "--json").stdout)
    for row in (*here, *there):
        row.pop("age_seconds", None)
    assert here == there
    assert "model.kernel" in xgit(clone, "exp", "compare", "@~1", "@").stdout
    assert "is a kernel better?" in xgit(clone, "exp", "show", "@").stdout
    assert "accuracy 0.98" in xgit(clone, "exp", "log", "@").stdout
    assert xgit(home / "origin.git", "exp", "list").stdout != ""


@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed")
def test_the_experiments_come_out_again_elsewhere(told: tuple[Path, str], tmp_path: Path) -> None:
    """A second clone in another home directory, with an empty cache and no environment."""
    home, _ = told
    run(home / "digits", "git", "push", "--quiet", "origin", "--tags")
    run(tmp_path, "git", "clone", "--quiet", str(home / "origin.git"), "clone")
    clone = tmp_path / "clone"
    storage = str(home / "storage")
    run(clone, "dvc", "remote", "modify", "--quiet", "--local", "storage", "url", storage)
    ids = [row["id"] for row in json.loads(xgit(clone, "exp", "list", "--json").stdout)]
    assert len(ids) >= 2
    assert xgit(clone, "exp", "status", "--ids").stdout.split() != []
    for one in ids[-2:]:
        done = xgit(clone, "exp", "reproduce", one, "--trust", "--json", check=False)
        verdict = json.loads(done.stdout)
        assert (done.returncode, verdict["result"]) == (0, "identical"), done.stderr
        assert verdict["manner"]["code"] == "remote"
        agreements = {name: it["agreement"] for name, it in verdict["metrics"].items()}
        assert agreements == dict.fromkeys(("accuracy", "errors", "macro_f1"), "identical")
        assert verdict["outputs"]["artifacts/confusion.csv"]["agreement"] == "identical"
    assert not set(ids[-2:]) & set(xgit(clone, "exp", "status", "--ids").stdout.split())
    assert run(clone, "git", "status", "--porcelain").stdout == ""
    assert run(clone, "git", "fsck", "--strict", "--no-dangling").stdout == ""


def test_dvc_reads_the_same_numbers(project: Path) -> None:
    new, old = (row["id"] for row in json.loads(xgit(project, "exp", "list", "--json").stdout))
    tags = (f"experiment/{old}", f"experiment/{new}")
    said = json.loads(run(project, "dvc", "metrics", "diff", "--json", *tags).stdout)
    by_dvc = said[".xgit/metrics.json"]
    ours = json.loads(xgit(project, "exp", "compare", old, new, "--json").stdout)
    rows: dict[str, Any] = {
        row["name"]: row["values"] for row in ours["sections"]["metrics"]["rows"]
    }
    assert {name: {old: pair["old"], new: pair["new"]} for name, pair in by_dvc.items()} == rows
    assert set(rows) == {"accuracy", "errors", "macro_f1"}


def test_plain_git_compares_two_experiments(project: Path) -> None:
    new, old = (row["id"] for row in json.loads(xgit(project, "exp", "list", "--json").stdout))
    out = run(project, "git", "diff", f"experiment/{old}", f"experiment/{new}").stdout
    assert '+    "model.kernel": "rbf",' in out
    assert "-  name: logistic" in out


def test_the_same_run_again_gives_the_same_numbers(project: Path) -> None:
    xgit(project, "exp", "run", "-q", "--name", "again")
    first = json.loads(xgit(project, "exp", "list", "--json").stdout)[-1]
    again = json.loads(xgit(project, "exp", "show", "again", "--json").stdout)
    assert again["metrics"] == first["metrics"]


def test_a_changed_pinned_file_is_refused(project: Path) -> None:
    data = project / "data/digits.csv"
    before = data.read_bytes()
    data.chmod(0o644)
    try:
        data.write_bytes(before[:-2] + bytes([before[-2] ^ 1]) + before[-1:])
        done = xgit(project, "exp", "run", check=False)
        assert done.returncode == 125
        assert "stale-pin" in done.stderr
    finally:
        data.write_bytes(before)


def test_a_place_that_is_taken(told: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = xgit(tmp_path, "demo", str(tmp_path), check=False)
    assert done.returncode == 2
    assert "is there already" in done.stderr
