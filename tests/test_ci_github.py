"""The workflow of GitHub, run from its own YAML against a bare `origin`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.ci_project import DRAWN, FIXED, CiProject, machine, machine_path
from tests.conftest import make_project
from tests.workflow import Ended, Forge, run_workflow
from xgit.setup.ci_jobs import jobs

pytestmark = [
    pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed"),
    pytest.mark.slow,
]


@pytest.fixture
def ci(tmp_path: Path) -> CiProject:
    return CiProject(make_project(tmp_path))


SERVER = "https://github.example"
URL, FORK = f"{SERVER}/team/digits.git", f"{SERVER}/ada/digits.git"


def workflow(
    ci: CiProject, folder: Path, event: Mapping[str, Any], inputs: Mapping[str, Any] | None = None
) -> dict[str, Ended]:
    github = {
        "server_url": SERVER,
        "repository": "team/digits",
        "token": "secret",
        "run_id": "1",
        "ref": "refs/heads/main",
        "event": {},
        **event,
    }
    there = machine({URL: ci.project.origin, FORK: folder / "fork/origin.git"})
    forge = Forge(folder / "forge", machine_path(folder), github, inputs or {}, there)
    return run_workflow(jobs("github"), forge)


def results(ended: Mapping[str, Ended]) -> dict[str, str]:
    return {name: one.result for name, one in ended.items()}


def told(ended: Mapping[str, Ended]) -> str:
    return "\n".join(f"== {name}\n{one.log}" for name, one in ended.items())


def test_every_night(ci: CiProject, tmp_path: Path) -> None:
    ci.record(FIXED, DRAWN)
    ended = workflow(ci, tmp_path, {"event_name": "schedule"})
    assert results(ended) == {
        "check": "success",
        "find": "success",
        f"reproduce ({DRAWN})": "failure",
        f"reproduce ({FIXED})": "success",
        "publish": "success",
    }, told(ended)
    assert ci.verdicts() == {f"{DRAWN}/1": "different", f"{FIXED}/1": "identical"}
    good, bad = (ended[f"reproduce ({one})"].summary for one in (FIXED, DRAWN))
    assert f"# {FIXED}: identical" in good
    assert f"[experiment/{FIXED}]({SERVER}/team/digits/tree/experiment/{FIXED})" in good
    assert f"# {DRAWN}: different" in bad
    assert "| randomness | nothing differs" in bad

    (tmp_path / "again").mkdir()
    again = workflow(ci, tmp_path / "again", {"event_name": "schedule"})
    assert results(again) == {
        "check": "success", "find": "success", "reproduce": "skipped", "publish": "skipped",
    }, told(again)  # fmt: skip
    assert "To reproduce: nothing" in again["find"].summary


def test_by_hand(ci: CiProject, tmp_path: Path) -> None:
    ci.record(FIXED, DRAWN)
    ci.project.xgit("exp", "reproduce", FIXED, "--here", "--trust")
    ci.project.git("push", "--quiet", "origin", f"refs/tags/reproduction/{FIXED}/1")
    event = {"event_name": "workflow_dispatch"}
    ended = workflow(ci, tmp_path, event, {"ids": f" {FIXED}, nowhere", "limit": "2"})
    assert results(ended) == {
        "check": "success",
        "find": "success",
        f"reproduce ({FIXED})": "success",
        "reproduce (nowhere)": "failure",
        "publish": "success",
    }, told(ended)
    assert ci.verdicts() == {f"{FIXED}/1": "identical", f"{FIXED}/2": "identical"}
    assert "nowhere could not be tried" in ended["reproduce (nowhere)"].summary


def test_a_name_that_is_none_is_told(ci: CiProject, tmp_path: Path) -> None:
    event = {"event_name": "workflow_dispatch"}
    ended = workflow(ci, tmp_path, event, {"ids": "$(touch pwned)"})
    assert results(ended) == {
        "check": "success", "find": "failure", "reproduce": "skipped", "publish": "skipped",
    }  # fmt: skip
    assert "$(touch" in ended["find"].log
    assert not list(tmp_path.rglob("pwned"))


def test_a_tag_that_is_pushed(ci: CiProject, tmp_path: Path) -> None:
    ci.record(FIXED)
    event = {"event_name": "push", "ref": f"refs/tags/experiment/{FIXED}"}
    ended = workflow(ci, tmp_path, event)
    assert results(ended) == {
        "check": "skipped", "find": "success", f"reproduce ({FIXED})": "success",
        "publish": "success",
    }, told(ended)  # fmt: skip
    assert ci.verdicts() == {f"{FIXED}/1": "identical"}


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_pull_request_from_a_fork(ci: CiProject, tmp_path: Path) -> None:
    ci.record(DRAWN)
    fork = ci.fork(tmp_path / "fork")
    fork.project.git("checkout", "--quiet", "-b", "topic")
    fork.project.write("notes.txt", "mine\n")
    fork.project.commit("mine")
    fork.record(FIXED)
    repos = {name: {"repo": {"clone_url": url}} for name, url in (("head", FORK), ("base", URL))}
    event = {
        "event_name": "pull_request",
        "ref": "refs/pull/1/merge",
        "head_ref": "topic",
        "base_ref": "main",
        "event": {"pull_request": repos},
    }
    before = ci.refs(), fork.refs()
    ended = workflow(ci, tmp_path, event)
    assert results(ended) == {
        "check": "success", "find": "success", f"reproduce ({FIXED})": "success",
        "publish": "skipped",
    }, told(ended)  # fmt: skip
    ran = ended[f"reproduce ({FIXED})"]
    assert "- hermetic: no network, no home" in ran.summary
    assert "Install the sandbox" in ran.steps
    assert (ci.refs(), fork.refs()) == before


def test_the_token_is_for_its_server_alone(ci: CiProject, tmp_path: Path) -> None:
    """A submodule of an experiment may lie on a server of anybody."""
    workflow(ci, tmp_path, {"event_name": "schedule"})
    said = {}
    [home] = (tmp_path / "forge/jobs/find").glob("**/home")
    for host in ("github.example", "evil.example"):
        done = subprocess.run(
            ["git", "credential", "fill"], cwd=tmp_path / "forge/jobs/find/workspace",
            input=f"protocol=https\nhost={host}\n\n", capture_output=True, text=True, check=False,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "HOME": str(home)},
        )  # fmt: skip
        said[host] = done.stdout
    assert "password=secret" in said["github.example"]
    assert said["evil.example"] == ""


def test_a_bundle_brings_verdicts_on_its_experiment_and_nothing_else(
    ci: CiProject, tmp_path: Path
) -> None:
    """The code of an experiment may make what it likes of the bundle."""
    ci.record(FIXED, DRAWN)
    evil = ci.fork(tmp_path / "evil").project
    evil.git("commit", "--quiet", "--allow-empty", "--message", "evil")
    evil.git("tag", "-am", "x", f"reproduction/{DRAWN}/9")
    evil.git("tag", "-fam", "x", f"experiment/{FIXED}")
    names = ("main", f"refs/tags/reproduction/{DRAWN}/9", f"refs/tags/experiment/{FIXED}")
    bundle = tmp_path / "forge/artifacts/verdict-of-evil" / f"{FIXED}.bundle"
    bundle.parent.mkdir(parents=True)
    evil.git("bundle", "create", "--quiet", str(bundle), *names)
    before = ci.refs()
    ids = {"ids": f"{DRAWN} {FIXED}"}
    ended = workflow(ci, tmp_path, {"event_name": "workflow_dispatch"}, ids)
    assert results(ended)[f"reproduce ({FIXED})"] == "success", told(ended)
    given = tmp_path / "forge/jobs/publish/workspace/bundles" / bundle.name
    assert given.read_bytes() == bundle.read_bytes()  # and not the one of the job
    after = ci.refs()
    new = f"refs/tags/reproduction/{DRAWN}/1"
    assert after.keys() - before.keys() == {new, f"{new}^{{}}"}
    assert {ref: after[ref] for ref in before} == before
