"""Runs a workflow of GitHub on this machine, from its YAML: as much of the language as ours uses.

What it does not know, it refuses, so that a test does not pass because something was left out.
Each job gets a home and a directory of its own. Actions are played by `ACTIONS`.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.workflow_expressions import Functions, evaluate, filled

STEP_KEYS = {"name", "id", "if", "uses", "with", "run", "env"}
JOB_KEYS = {
    "name", "needs", "if", "runs-on", "timeout-minutes", "permissions", "outputs", "strategy",
    "env", "steps",
}  # fmt: skip
KEYS = {"name", True, "permissions", "concurrency", "defaults", "env", "jobs"}  # True is `on`


@dataclass
class Ended:
    """How a job ended: `success`, `failure` or `skipped`.

    Attributes:
        log: what its steps printed.
        steps: the names of those that ran.
    """

    result: str
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    summary: str = ""
    steps: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Forge:
    """What lies around the workflow: the machine, and the contexts that its expressions read.

    Attributes:
        place: an empty directory for the jobs and the artifacts.
        path: PATH of the steps.
        github: the context of that name.
    """

    place: Path
    path: str
    github: Mapping[str, Any]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Job:
    """A job as it runs, once for each value of its matrix."""

    forge: Forge
    contexts: dict[str, Any]
    workspace: Path
    log: str = ""
    summary: str = ""
    failed: bool = False
    steps: list[str] = field(default_factory=list)

    @property
    def functions(self) -> Functions:
        return Functions(success=not self.failed, failure=self.failed)


def run_workflow(text: str, forge: Forge) -> dict[str, Ended]:
    """Run all jobs in the order they stand in; by name, with `NAME (VALUE)` for a matrix."""
    workflow = yaml.safe_load(text)
    assert set(workflow) <= KEYS
    assert workflow["defaults"] == {"run": {"shell": "bash"}}
    contexts: dict[str, Any] = {
        "github": forge.github, "inputs": forge.inputs, "needs": {}, "secrets": {},
    }  # fmt: skip
    contexts["env"] = _filled_env(workflow["env"], contexts)
    ended: dict[str, Ended] = {}
    for name, job in workflow["jobs"].items():
        assert set(job) <= JOB_KEYS, name
        runs = dict(_run_matrix(name, job, forge, contexts))
        ended |= runs
        contexts["needs"] |= {name: _as_needed(runs)}
    return ended


def _filled_env(env: Mapping[str, str], contexts: Mapping[str, Any]) -> dict[str, str]:
    return {name: filled(str(value), contexts) for name, value in env.items()}


def _as_needed(runs: Mapping[str, Ended]) -> dict[str, Any]:
    results = {one.result for one in runs.values()}
    worst = next((one for one in ("failure", "success") if one in results), "skipped")
    outputs = {key: value for one in runs.values() for key, value in one.outputs.items()}
    return {"result": worst, "outputs": outputs}


def _run_matrix(
    name: str, job: Mapping[str, Any], forge: Forge, contexts: Mapping[str, Any]
) -> Iterator[tuple[str, Ended]]:
    needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
    own = {**contexts, "needs": {one: contexts["needs"][one] for one in needed}}
    results = [one["result"] for one in own["needs"].values()]
    fine = all(result == "success" for result in results)
    if not _wanted(job.get("if"), own, Functions(success=fine, failure="failure" in results)):
        yield name, Ended("skipped")
        return
    matrix = job.get("strategy", {}).get("matrix")
    if matrix is None:
        yield name, _run_job(name, job, forge, own)
        return
    [(key, values)] = matrix.items()
    for value in evaluate(values.removeprefix("${{").removesuffix("}}"), own):
        of = f"{name} ({value})"
        yield of, _run_job(of, job, forge, {**own, "matrix": {key: value}})


def _wanted(condition: str | None, contexts: Mapping[str, Any], functions: Functions) -> bool:
    """A condition that asks for no status is only asked after success."""
    if condition is None:
        return functions.success
    asked = any(f"{name}()" in condition for name in ("always", "cancelled", "failure"))
    if not asked and not functions.success:
        return False
    return bool(evaluate(condition, contexts, functions))


def _run_job(name: str, job: Mapping[str, Any], forge: Forge, contexts: Mapping[str, Any]) -> Ended:
    folder = forge.place / "jobs" / name
    for part in ("workspace", "home", "temp"):
        (folder / part).mkdir(parents=True)
    own = {**contexts, "steps": {}}
    own["env"] = contexts["env"] | _filled_env(job.get("env", {}), own)
    running = _Job(forge, own, folder / "workspace")
    for step in job["steps"]:
        _run_step(running, step)
    outputs = {key: filled(value, own) for key, value in job.get("outputs", {}).items()}
    result = "failure" if running.failed else "success"
    return Ended(result, outputs, running.log, running.summary, running.steps)


def _run_step(job: _Job, step: Mapping[str, Any]) -> None:
    assert set(step) <= STEP_KEYS, step
    contexts = dict(job.contexts)
    contexts["env"] = contexts["env"] | _filled_env(step.get("env", {}), contexts)
    if not _wanted(step.get("if"), contexts, job.functions):
        return
    job.steps.append(step.get("name") or step["uses"].partition("@")[0])
    if "uses" in step:
        with_ = {key: filled(str(value), contexts) for key, value in step.get("with", {}).items()}
        ACTIONS[step["uses"].partition("@")[0]](job, with_)
        return
    assert "${{" not in step["run"], "a template in a script can be injected into"
    _run_script(job, step, contexts)


def _run_script(job: _Job, step: Mapping[str, Any], contexts: Mapping[str, Any]) -> None:
    folder = job.workspace.parent
    outputs, summary = folder / "temp/output", folder / "temp/summary"
    for file in (outputs, summary):
        file.write_text("")
    own = {
        "PATH": job.forge.path,
        "HOME": str(folder / "home"),
        "RUNNER_TEMP": str(folder / "temp"),
        "GITHUB_SERVER_URL": job.forge.github["server_url"],
        "GITHUB_OUTPUT": str(outputs),
        "GITHUB_STEP_SUMMARY": str(summary),
        **job.forge.machine,
    }
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=job.workspace, env={**own, **contexts["env"]}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    job.log += done.stdout
    job.summary += summary.read_text(encoding="utf-8")
    job.failed = job.failed or done.returncode != 0
    if "id" in step:
        lines = (line.partition("=") for line in outputs.read_text("utf-8").splitlines())
        job.contexts["steps"][step["id"]] = {"outputs": {key: value for key, _, value in lines}}


# ---------------------------------------------------------------- actions


def _checkout(job: _Job, with_: Mapping[str, str]) -> None:
    assert with_ == {"persist-credentials": "False"}
    github = job.forge.github
    url = f"{github['server_url']}/{github['repository']}.git"
    argv = ["git", "clone", "--quiet", "--depth", "1", url, str(job.workspace)]
    subprocess.run(argv, check=True, env={**os.environ, **job.forge.machine})


def _setup_uv(job: _Job, with_: Mapping[str, str]) -> None:
    assert with_ == {"enable-cache": "False"}, "what experiments leave must not reach other jobs"
    assert shutil.which("uv", path=job.forge.path)


def _upload(job: _Job, with_: Mapping[str, str]) -> None:
    assert with_["if-no-files-found"] == "ignore"
    source = job.workspace / with_["path"]
    if source.is_file():
        target = job.forge.place / "artifacts" / with_["name"]
        target.mkdir(parents=True)  # no two of one name
        shutil.copy(source, target)


def _download(job: _Job, with_: Mapping[str, str]) -> None:
    assert with_["merge-multiple"] == "True"
    target = job.workspace / with_["path"]
    target.mkdir()
    store = job.forge.place / "artifacts"
    for folder in sorted(os.listdir(store)) if store.is_dir() else ():
        if fnmatch.fnmatch(folder, with_["pattern"]):
            shutil.copytree(store / folder, target, dirs_exist_ok=True)


ACTIONS: dict[str, Callable[[_Job, Mapping[str, str]], None]] = {
    "actions/checkout": _checkout,
    "astral-sh/setup-uv": _setup_uv,
    "actions/upload-artifact": _upload,
    "actions/download-artifact": _download,
}
