"""`.pre-commit-hooks.yaml` by real pre-commit and by prek: installed once, commit and push."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.conftest import BIN, Project, make_project
from tests.dvc_project import copied, dvc, shared_template
from tests.test_guard_secrets import GITHUB
from xgit.guards import registry

ROOT = Path(__file__).parent.parent
MANIFEST = ROOT / ".pre-commit-hooks.yaml"
HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
}
STAGES = {"commit": "pre-commit", "push": "pre-push"}
INSTALL_SECONDS = 60.0  # a package index may be slow; seconds here


# ---------------------------------------------------------------- what the manifest says


def test_each_guard_of_a_commit_or_a_push_has_its_id() -> None:
    expected = {
        f"xgit-{one.id}" for one in registry.GUARDS if not STAGES.keys().isdisjoint(one.stages)
    }
    assert set(HOOKS) == {"xgit-guard", *expected}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_of_the_manifest(name: str) -> None:
    hook = HOOKS[name]
    own = ("id", "name", "description", "entry", "stages", "additional_dependencies")
    scans = name in ("xgit-guard", "xgit-secrets")
    assert hook.get("additional_dependencies") == (["detect-secrets>=1.5"] if scans else None)
    assert {key: value for key, value in hook.items() if key not in own} == {
        "language": "python",
        "pass_filenames": False,
        "always_run": True,
        "require_serial": True,
        "minimum_pre_commit_version": "3.2.0",
    }
    assert hook["description"].endswith(".")
    if name == "xgit-guard":
        assert (hook["entry"], hook["stages"]) == (name, ["pre-commit", "pre-push", "manual"])
        return
    guard = registry.guard(name.removeprefix("xgit-"))
    [stage] = [stage for stage in STAGES if stage in guard.stages]
    assert hook["stages"] == [STAGES[stage], "manual"]
    assert hook["entry"] == f"xgit-guard {guard.id} --stage {stage}"
    assert hook["name"] == f"xgit {guard.id}"


# ---------------------------------------------------------------- by the runners


class Source(NamedTuple):
    """A repository with the work tree as it is, committed, and where environments are kept."""

    url: str
    rev: str
    caches: Path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    place = tmp_path_factory.mktemp("source")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    for name in {os.fsdecode(name) for name in names.split(b"\0") if name}:
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    for line in (("init", "-q"), ("add", "--all"), (*who, "commit", "-q", "-m", "all")):
        subprocess.run(["git", *line], cwd=place, check=True)
    head = ["git", "rev-parse", "HEAD"]
    rev = subprocess.run(head, cwd=place, capture_output=True, text=True, check=True).stdout
    yield Source(f"file://{place}", rev.strip(), tmp_path_factory.mktemp("caches"))
    shutil.rmtree(place)


class Runner(NamedTuple):
    """pre-commit, or prek, at work in a project."""

    program: str
    project: Project

    def __call__(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / self.program, *args], cwd=self.project.root, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture(params=["pre-commit", "prek"])
def runner(
    request: pytest.FixtureRequest, tmp_path: Path, source: Source, monkeypatch: pytest.MonkeyPatch
) -> Runner:
    """A project whose hooks are installed by the runner; the guards are easily made to refuse."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(source.caches / "pre-commit"))
    monkeypatch.setenv("PREK_HOME", str(source.caches / "prek"))
    project = make_project(tmp_path)
    project.write(
        ".pre-commit-config.yaml",
        "default_install_hook_types: [pre-commit, pre-push]\n"
        f"repos:\n  - repo: {source.url}\n    rev: {source.rev}\n    hooks: [{{id: xgit-guard}}]\n",
    )
    chosen = '[guards]\ncommit = ["untracked"]\npush = ["modified", "protected-tags"]\n'
    project.write("xgit.toml", chosen)
    project.commit()
    found = Runner(request.param, project)
    start = time.monotonic()
    done = found("install", "--install-hooks")
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - start < INSTALL_SECONDS
    return found


def said_by(project: Project, line: str) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", "-c", line], cwd=project.root, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_the_manifest_is_valid() -> None:
    for program, words in (("pre-commit", "validate-manifest"), ("prek", "validate-manifest")):
        done = subprocess.run(
            [BIN / program, words, MANIFEST], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_commit(runner: Runner) -> None:
    project = runner.project
    project.write("new.py", "x")
    code, said = said_by(project, "git commit --allow-empty -m two")
    assert code == 1
    assert "untracked  new.py  git add new.py  or ignore it" in said
    assert said_by(project, "git add new.py")[0] == 0
    assert said_by(project, "git commit -m two")[0] == 0


@pytest.mark.slow
def test_push(runner: Runner) -> None:
    project = runner.project
    project.git("commit", "--quiet", "--allow-empty", "-m", "two")
    project.write("train.py", "print(2)\n")
    project.git("add", "train.py")  # what is not staged, pre-commit sets aside for its hooks
    code, said = said_by(project, "git push origin main")
    assert code == 1
    assert "modified  train.py" in said
    project.git("commit", "--quiet", "-m", "three")
    assert said_by(project, "git push origin main")[0] == 0


@pytest.mark.slow
def test_moved_and_new_tags(runner: Runner) -> None:
    project = runner.project
    project.git("tag", "-a", "-m", "x", "experiment/one")
    project.git("commit", "--quiet", "--allow-empty", "-m", "two")
    project.git("tag", "-a", "-m", "x", "experiment/two")
    for name in ("one", "two"):
        assert said_by(project, f"git push origin tag experiment/{name}")[0] == 0
    project.git("commit", "--quiet", "--allow-empty", "-m", "three")
    project.git("tag", "-f", "-a", "-m", "x", "experiment/two")
    code, said = said_by(project, "git push --force origin tag experiment/two")
    assert code == 1
    assert "protected-tags  experiment/two would be moved  git tag experiment-two-mine" in said


@pytest.mark.slow
def test_by_hand(runner: Runner) -> None:
    assert runner("run", "--all-files").returncode == 0
    assert runner("run", "--all-files", "--hook-stage", "manual").returncode == 0
    runner.project.write("new.py", "x")
    for stage in ("pre-commit", "manual"):
        done = runner("run", "--all-files", "--hook-stage", stage)
        assert done.returncode == 1
        assert "git add new.py" in done.stdout


@pytest.mark.slow
def test_each_hook_is_tried(runner: Runner, source: Source) -> None:
    """All ids of the manifest, in a clean project where each of them passes."""
    for stage in STAGES.values():
        done = runner(
            "try-repo", source.url, "--ref", source.rev, "--all-files", "--hook-stage", stage
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for hook in HOOKS.values():
            assert (f"{hook['name']}..." in done.stdout) == (stage in hook["stages"]), done.stdout


@pytest.mark.slow
def test_the_environment_has_no_dvc_and_no_hydra(runner: Runner, source: Source) -> None:
    found = {path.name for path in source.caches.rglob("site-packages/*")}
    assert "click" in found
    assert found.isdisjoint({"dvc", "hydra", "omegaconf", "numpy", "torch"})
    native = list(source.caches.rglob("xgit/_templates/hooks/pre-push"))
    assert native
    assert all(os.access(path, os.X_OK) for path in native)


@pytest.mark.slow
def test_a_native_hook_works_beside_it(runner: Runner) -> None:
    """The runner keeps a hook that was there, which is told of deletions too."""
    project = runner.project
    runner("uninstall", "--hook-type", "pre-push")
    shutil.copy(ROOT / "hooks/pre-push", project.root / ".git/hooks/pre-push")
    assert runner("install", "--hook-type", "pre-push").returncode == 0
    project.git("tag", "-a", "-m", "x", "experiment/one")
    assert said_by(project, "git push --no-verify origin tag experiment/one")[0] == 0
    code, said = said_by(project, "git push origin :experiment/one")
    assert code == 1, said
    assert "experiment/one would be deleted" in said


# ---------------------------------------------------------------- every cell of commit and push


def _plant_secret(project: Project) -> None:
    project.write("conf.yaml", f"key: {GITHUB}\n")


def _plant_config(project: Project) -> None:
    project.write("conf/config.yaml", "defaults:\n  - model: no_such_model\n")


def _plant_variable(project: Project) -> None:
    project.write("conf/config.yaml", "root: ${oc.env:UNDECLARED_ROOT}\n")


def _plant_stale(project: Project) -> None:
    data = project.root / "data/digits.csv"
    data.unlink()
    data.write_text("9,9,9\n")
    project.write("note.txt", "something to commit")


CELLS: dict[str, Callable[[Project], object]] = {
    "unpinned": lambda it: (it.root / "new.csv").write_bytes(b"1" * 1_500_000),
    "large-file": lambda it: (it.root / "new.bin").write_bytes(b"1" * 6_000_000),
    "stale-pin": _plant_stale,
    "config": _plant_config,
    "variables": _plant_variable,
    "secrets": _plant_secret,
}


@pytest.fixture(params=["pre-commit", "prek"])
def data_runner(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    source: Source,
    monkeypatch: pytest.MonkeyPatch,
) -> Runner:
    """A project with pinned data and a Hydra config, whose hooks ask every guard of their stage."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(source.caches / "pre-commit"))
    monkeypatch.setenv("PREK_HOME", str(source.caches / "prek"))
    project = copied(shared_template(tmp_path_factory.getbasetemp()), tmp_path / "copy")
    project.write(
        ".pre-commit-config.yaml",
        "default_install_hook_types: [pre-commit, pre-push]\n"
        f"repos:\n  - repo: {source.url}\n    rev: {source.rev}\n    hooks: [{{id: xgit-guard}}]\n",
    )
    project.write(
        "train.py",
        "import hydra\n\n\n"
        "@hydra.main(version_base=None, config_path='conf', config_name='config')\n"
        "def main(cfg):\n    pass\n\n\nmain()\n",
    )
    project.write("conf/config.yaml", "lr: 1\n")
    project.commit()
    found = Runner(request.param, project)
    assert found("install").returncode == 0
    return found


def git(project: Project, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *args], cwd=project.root, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_every_guard_of_a_commit_refuses_one(data_runner: Runner) -> None:
    project = data_runner.project
    for guard, plant in CELLS.items():
        plant(project)
        project.git("add", "--all")
        done = git(project, "commit", "-m", guard)
        assert done.returncode == 1, (guard, done.stdout + done.stderr)
        assert re.search(rf"^ *{guard}  ", done.stdout + done.stderr, re.MULTILINE), guard
        project.git("reset", "--quiet", "--hard")
        project.git("clean", "--quiet", "-fd")
        dvc(project.root, "checkout", "--quiet", "--force")
    project.write("fine.txt", "fine")
    project.git("add", "--all")
    done = git(project, "commit", "-m", "fine")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_data_that_is_on_no_remote_refuses_a_push(data_runner: Runner) -> None:
    project = data_runner.project
    project.write("more.csv", "1,2\n")
    dvc(project.root, "add", "--quiet", "more.csv")
    project.git("add", "--all")
    done = git(project, "commit", "-m", "more")
    assert done.returncode == 0, done.stdout + done.stderr
    done = git(project, "push", "origin", "HEAD")
    assert done.returncode == 1
    assert "unpushed-data  more.csv" in done.stdout + done.stderr
    dvc(project.root, "push", "--quiet")
    assert git(project, "push", "origin", "HEAD").returncode == 0
