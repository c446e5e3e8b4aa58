"""The jobs of GitLab, run by gitlab-ci-local in shells on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ci_project import DRAWN, FIXED, CiProject, machine, machine_path
from tests.conftest import BIN, make_project

RUNNER = BIN.parent / "npm/node_modules/.bin/gitlab-ci-local"
pytestmark = [
    pytest.mark.skipif(not RUNNER.exists(), reason="gitlab-ci-local is not installed"),
    pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed"),
    pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed"),
    pytest.mark.slow,
]
SERVER = "https://gitlab.com"


@pytest.fixture
def ci(tmp_path: Path) -> CiProject:
    """A project whose CI is laid down by `xgit init`."""
    ci = CiProject(make_project(tmp_path))
    done = ci.project.xgit("init", "--ci", "gitlab")
    assert done.returncode == 0, done.stderr
    ci.project.commit("ci")
    return ci


def pipeline(ci: CiProject, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it in a clone that knows its remote by the URL of the host."""
    clone = folder / "clone"
    ci.project.git("clone", "--quiet", str(ci.project.origin), str(clone))
    ci.project.git(
        "-C", str(clone), "remote", "set-url", "origin", "git@gitlab.com:team/digits.git"
    )
    own = machine(
        {
            f"{SERVER}/team/digits.git": ci.project.origin,
            f"{SERVER}/ada/digits.git": folder / "fork/origin.git",
        }
    )
    options = ["--force-shell-executor", "--shell-isolation", "--no-color", "--concurrency", "2"]
    variables["CI_JOB_TOKEN"] = "secret"
    for name, value in variables.items():
        options += ["--variable", f"{name}={value}"]
    return subprocess.run(
        [RUNNER, *options, "--ignore-predefined-vars", ",".join(variables)],
        cwd=clone, env={**os.environ, **own, "PATH": machine_path(folder)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip


def ended(output: str) -> dict[str, str]:
    """PASS or FAIL of each job, as they are listed at the end."""
    lines = (line.split(maxsplit=1) for line in output.splitlines())
    return {line[1].strip(): line[0] for line in lines if line and line[0] in ("PASS", "FAIL")}


def test_every_night(ci: CiProject, tmp_path: Path) -> None:
    ci.record(FIXED, DRAWN)
    done = pipeline(ci, tmp_path, CI_PIPELINE_SOURCE="schedule")
    assert done.returncode == 1
    assert ended(done.stdout) == {
        "xgit-check": "PASS",
        "xgit-find": "PASS",
        "xgit-reproduce: [1/4]": "FAIL",
        "xgit-reproduce: [2/4]": "PASS",
        "xgit-reproduce: [3/4]": "PASS",
        "xgit-reproduce: [4/4]": "PASS",
        "xgit-publish": "PASS",
    }, done.stdout
    assert ci.verdicts() == {f"{DRAWN}/1": "different", f"{FIXED}/1": "identical"}
    page = (tmp_path / "clone/verdicts" / f"{DRAWN}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {DRAWN}: different")
    assert "| randomness | nothing differs" in page
    assert f"]({SERVER}/team/digits/-/tree/experiment/{DRAWN})" in page


def test_by_hand(ci: CiProject, tmp_path: Path) -> None:
    ci.record(FIXED, DRAWN)
    done = pipeline(ci, tmp_path, CI_PIPELINE_SOURCE="web", XGIT_IDS=f"{FIXED}, nowhere")
    assert ended(done.stdout)["xgit-reproduce: [2/4]"] == "FAIL", done.stdout
    assert ended(done.stdout)["xgit-publish"] == "PASS"
    assert ci.verdicts() == {f"{FIXED}/1": "identical"}
    page = (tmp_path / "clone/verdicts/nowhere.md").read_text(encoding="utf-8")
    assert page.startswith("nowhere could not be tried")


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_merge_request_from_a_fork(ci: CiProject, tmp_path: Path) -> None:
    ci.record(DRAWN)
    fork = ci.fork(tmp_path / "fork")
    fork.project.git("checkout", "--quiet", "-b", "topic")
    fork.project.write("notes.txt", "mine\n")
    fork.project.commit("mine")
    fork.record(FIXED)
    before = ci.refs(), fork.refs()
    done = pipeline(
        ci,
        tmp_path,
        CI_PIPELINE_SOURCE="merge_request_event",
        CI_MERGE_REQUEST_IID="1",
        CI_MERGE_REQUEST_SOURCE_PROJECT_URL=f"{SERVER}/ada/digits",
        CI_MERGE_REQUEST_SOURCE_BRANCH_NAME="topic",
        CI_MERGE_REQUEST_PROJECT_URL=f"{SERVER}/team/digits",
        CI_MERGE_REQUEST_TARGET_BRANCH_NAME="main",
    )
    assert done.returncode == 0, done.stdout
    assert "xgit-publish" not in ended(done.stdout)
    assert [path.name for path in (tmp_path / "clone/verdicts").glob("*.md")] == [f"{FIXED}.md"]
    page = (tmp_path / "clone/verdicts" / f"{FIXED}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {FIXED}: identical")
    assert "- hermetic: no network, no home" in page
    assert (ci.refs(), fork.refs()) == before
